"""`[use] talk` to a responder: one service that hears, thinks and speaks.

Belongs here: whether there is one, what it is asked, opening it. Does not belong here: the cascade (wiring.adapters),
the conversation (wiring.talk).
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from voicecli.dialogue.direct import Direct, SpokenModel
from voicecli.dialogue.drafting import Drafts
from voicecli.errors import UsageError
from voicecli.types import TalkOptions
from voicecli.wiring.choosing import backend_named, family_of
from voicecli.wiring.refusing import check_options, takes

if TYPE_CHECKING:
    from voicecli.config import Config
    from voicecli.dialogue.history import History
    from voicecli.ports import Toolbox
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.devices import Devices
    from voicecli.wiring.services import Services


def hears_and_speaks(cfg: Config, name: str | None) -> bool:
    """Whether one service is to do it all: `[use] talk` names it, or --backend one that can. Raises ConfigError."""
    if name is None:
        return bool(cfg.use.talk)
    return family_of(backend_named(cfg, name)).can("converse")


async def open_direct(
    services: Services,
    request: TalkRequest,
    stack: AsyncExitStack,
    history: History,
    toolbox: Toolbox | None,
    devices: Devices,
) -> Direct:
    """The service, opened on `stack`; it connects when somebody speaks. Raises ConfigError and UsageError."""
    can, _ = services.choose("converse")
    talk = services.config.talk
    tools = toolbox.specs if toolbox is not None and "tools" in takes(can, "converse") else ()
    if request.notes is not None and talk.turns == "service":
        what = "begins to answer before notes can be looked up"
        raise UsageError(what, who=can.backend.name, cure='Set [talk] turns = "client", or leave --with out.')
    options = TalkOptions(request.model, request.voice, request.language, tools=tuple(tools), turns=talk.turns)
    check_options(can, "converse", options)
    converser = await stack.enter_async_context(services.open("converse"))
    colloquy = await stack.enter_async_context(converser.converse(options, devices.playout.rate, history.request))
    depth = "speak" if talk.draft == "auto" else talk.draft
    drafts, model = Drafts(depth, talk.draft_budget), SpokenModel()
    noted = None if request.notes is None else await stack.enter_async_context(request.notes(model))
    by_service = talk.turns == "service"
    return Direct(colloquy, devices.clock, drafts, toolbox if tools else None, by_service, model, noted)
