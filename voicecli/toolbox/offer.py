"""Which tools a conversation is offered, and all of them opened as one toolbox.

Belongs here: names, what the configuration serves, refusing what cannot be. Does not belong here: any tool.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from voicecli import wiring
from voicecli.backends.registry import FAMILIES
from voicecli.errors import ConfigError, UsageError
from voicecli.text.nearest import nearest
from voicecli.types import Backend, ChatOptions, ToolSpec, Verb
from voicecli.types.hosts import is_loopback
from voicecli.verbs import VERBS, ability_of

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.ports import Reporter, Toolbox
    from voicecli.toolbox.abilities import Served
    from voicecli.toolbox.places import Places
    from voicecli.toolbox.together import Together

MODELS: Mapping[Verb, str] = {"image_make": "image_model", "similar": "embed_model", "rerank": "embed_model"}
"""The setting without which a service that has many models cannot serve a verb."""


@dataclass(frozen=True, slots=True)
class ToolWish:
    """What the flags of a command say: `only` are the names after --tool, `none` is --no-tools.

    `rings`: somebody waits for timers. `answering`: the backend that answers, where a flag names it.
    """

    only: tuple[str, ...] = ()
    none: bool = False
    rings: bool = False
    answering: str | None = None


def known() -> dict[str, str]:
    """Every tool of ours and what it does, in the order in which models are told of them."""
    from voicecli.toolbox.abilities import TOOLS
    from voicecli.toolbox.skills import BY_NAME

    return {group.name: group.meaning for group in BY_NAME.values()} | {
        verb: ability_of(verb).meaning for verb in TOOLS
    }


def chosen(cfg: Config, family: Capabilities, wish: ToolWish) -> tuple[str, ...]:
    """The tools that a conversation with `family` is offered. Raises UsageError and ConfigError for what cannot be."""
    names = known()
    if wish.none and wish.only:
        raise UsageError("--tool and --no-tools contradict each other", cure="Leave one of them out.")
    if wish.none:
        return ()
    if wish.only:
        _refuse_unknown(wish.only, names, cfg, UsageError, "--tool")
        asked = tuple(ToolSpec(name, "", {}) for name in wish.only)
        wiring.check_options(family, "chat", ChatOptions(tools=asked))
        for name in wish.only:
            if name in names and (why := _lacking(name, cfg, wish)):
                raise UsageError(f"--tool {name}: {why}", cure=f"There are: {', '.join(_offered(names, cfg, wish))}.")
        return tuple(sorted(set(wish.only), key=[*names, *wish.only].index))
    enabled = cfg.tools.enabled
    if enabled is not None:
        _refuse_unknown(enabled, names, cfg, ConfigError, "[tools] enabled")
    if "tools" not in wiring.takes(family, "chat"):
        return ()
    if enabled is None:
        return (*_offered(names, cfg, wish), *cfg.mcp)
    return tuple(name for name in _offered([*names, *enabled], cfg, wish) if name in enabled)


def _offered(names: Iterable[str], cfg: Config, wish: ToolWish) -> list[str]:
    return [name for name in dict.fromkeys(names) if not _lacking(name, cfg, wish)]


def _lacking(name: str, cfg: Config, wish: ToolWish) -> str:
    """Why a tool that is known cannot be offered; "" when it can."""
    from voicecli.toolbox.skills import BY_NAME

    if server_named(name, cfg):
        return ""
    if name in BY_NAME:
        return "timers ring only in voice talk" if BY_NAME[name].rings and not wish.rings else ""
    return "" if server_of(cast(Verb, name), cfg, wish.answering) else "no backend serves it as they are configured"


def server_named(name: str, cfg: Config) -> str:
    """The server of `[mcp]` that a name stands for, or whose tool it is; "" for none, and for a tool of ours."""
    if name in known():
        return ""
    return next((each for each in cfg.mcp if name == each or name.startswith(f"{each}_")), "")


def _refuse_unknown(
    given: Iterable[str], names: Iterable[str], cfg: Config, error: type[UsageError], where: str
) -> None:
    names = [*names, *cfg.mcp]
    for name in given:
        if name not in names and not server_named(name, cfg):
            meant = nearest(name, names)
            cure = f"Did you mean {meant}?" if meant else f"There are: {', '.join(names)}."
            raise error(f"{where}: there is no tool '{name[:80]}'", cure=cure)


def server_of(verb: Verb, cfg: Config, answering: str | None = None) -> str:
    """The backend that serves `verb`: [use]'s, else the one that answers, else one that is used; "" for none."""
    named = getattr(cfg.use, VERBS[verb].use)
    for name in (named,) if named else (answering, wiring.used_for(verb, cfg)):
        if name and _can(verb, wiring.backend_named(cfg, name)):
            return str(name)
    return ""


def _can(verb: Verb, backend: Backend) -> bool:
    """Whether a backend serves `verb` as it is configured: nobody will name a model when a tool is called."""
    if backend.family not in FAMILIES:  # told of where it is used, and by the doctor
        return False
    family = wiring.family_of(backend)
    wants_model = verb in MODELS and "model" in wiring.takes(family, verb)
    return wiring.able(family, verb) and not (wants_model and not getattr(backend, MODELS[verb]))


def served(verb: Verb, cfg: Config, answering: str | None) -> Served:
    """Who serves a verb, as the toolbox has to know it."""
    from voicecli.toolbox.abilities import Served

    name = server_of(verb, cfg, answering)
    family, backend = wiring.choose(verb, cfg, name)
    abroad = [host for host in wiring.hosts(verb, backend) if not is_loopback(host)]
    model = getattr(backend, MODELS[verb]) if verb in MODELS else ""
    return Served(verb, name, next(iter(abroad), ""), wiring.takes(family, verb), family.limits.documents, model)


@asynccontextmanager
async def open_toolbox(
    names: Sequence[str],
    cfg: Config,
    wish: ToolWish,
    places: Places,
    env: Mapping[str, str],
    report: Reporter,
) -> AsyncIterator[Together]:
    """The tools of `names` (which `chosen` made); adapters are opened when they are needed, and closed at the end."""
    from voicecli.toolbox.abilities import TOOLS, Abilities
    from voicecli.toolbox.skills import BY_NAME, Skills
    from voicecli.toolbox.together import Together

    verbs = [verb for verb in TOOLS if verb in names]

    async with AsyncExitStack() as stack:

        def opening(verb: Verb) -> AbstractAsyncContextManager[Any]:
            return wiring.open_adapter(verb, cfg, server_of(verb, cfg, wish.answering), env=env, report=report)

        abilities = Abilities([served(verb, cfg, wish.answering) for verb in verbs], places, opening, stack)
        ours: dict[str, Toolbox] = {"skill": Skills([name for name in names if name in BY_NAME]), "voice": abilities}
        yield Together({**ours, **await _served_elsewhere(stack, names, cfg, env, report)})


async def _served_elsewhere(
    stack: AsyncExitStack, names: Sequence[str], cfg: Config, env: Mapping[str, str], report: Reporter
) -> dict[str, Toolbox]:
    """The tools of the servers of `[mcp]`, as far as `names` has them, or their server."""
    wanted = {found: cfg.mcp[found] for name in names if (found := server_named(name, cfg))}
    if not wanted:
        return {}
    from voicecli.toolbox.servers.running import Surroundings, open_servers
    from voicecli.toolbox.together import Only

    around = Surroundings(env, cfg.state_dir, report)
    running = await stack.enter_async_context(open_servers(list(wanted.values()), around))
    return {name: tools if name in names else Only(tools, names) for name, tools in running.items()}
