"""What already runs on this machine: a model offered to who has configured nothing, and a server as a backend.

Belongs here: when it is offered, and the configuration that follows from a yes. Does not belong here: knocking at ports
(backends.nearby), writing configurations (config).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.backends.registry import FAMILIES
from voicecli.usecases.leave import Ask, agreed

if TYPE_CHECKING:
    from voicecli.backends.family import Server
    from voicecli.config import Config
    from voicecli.config.edit import FoundBackend


async def offered(config: Config, ask: Ask | None, ports: tuple[int, ...] = ()) -> Config:
    """`config` with the chat server that runs here, if there is one and the person wants it for this conversation.

    Nobody is asked who has named a backend for chat. `ports` are knocked at besides the usual ones.
    """
    if ask is None or config.use.chat != "local" or config.sources.get("use.chat", "default") != "default":
        return config
    from voicecli.backends import nearby

    for server in await nearby.look(FAMILIES["openai"].nearby(ports)):
        if model := _chats(server):
            yes = await agreed(ask, f"{server.name} runs here with the model {model}: shall it answer? [Y/n]")
            return _with(config, server, model) if yes else config
    return config


def _chats(server: Server) -> str:
    """The first model of a server that answers; "" where it has none."""
    from voicecli.wiring.guessing import is_for

    kinds = server.models.items()
    return next((name for name, kind in kinds if kind == "chat" or (not kind and is_for(name, "chat"))), "")


def _with(config: Config, server: Server, model: str) -> Config:
    family = FAMILIES[server.family]
    backend = replace(family.plain(server.name), chat_model=model, base_url=server.settings["base_url"])
    return replace(
        config,
        backends={**config.backends, server.name: backend},
        use=replace(config.use, chat=server.name),
    )


def as_found(server: Server) -> FoundBackend | None:
    """What a server has something for, and with which models; None where it lists nothing of use."""
    from voicecli.config import BASIC_VERBS
    from voicecli.config.edit import FoundBackend

    if server.uses:
        return FoundBackend(server.name, {"family": server.family, **server.settings}, server.uses)
    fitting = {verb: [m for m, kind in server.models.items() if (kind or _guess(m)) == verb] for verb in BASIC_VERBS}
    models = {verb: names[0] for verb, names in fitting.items() if names}
    table = {"family": server.family, **server.settings} | {f"{verb}_model": name for verb, name in models.items()}
    return FoundBackend(server.name, table, tuple(models)) if models else None


def _guess(model: str) -> str:
    """The verb that a model's name sounds like; "" for none."""
    from voicecli.config import BASIC_VERBS
    from voicecli.wiring import is_for

    return next((verb for verb in BASIC_VERBS if is_for(model, verb)), "")
