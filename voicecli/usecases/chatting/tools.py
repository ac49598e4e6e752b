"""The tools of a conversation: which it is offered, the files they may use, opened beside its model.

Belongs here: from what was asked for to a model with tools. Does not belong here: any tool (toolbox), asking a person
and showing what tools do (the terminal).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.dialogue.tools import Ask, ToolUser
    from voicecli.ports import ChatModel, Reporter, Toolbox
    from voicecli.toolbox.places import Places
    from voicecli.wiring.services import Services


class Tools:
    """What a conversation with `can` is offered: `names`; none where the model cannot call functions.

    `only` are the tools asked for by name, `none` says that there shall be none, `yes` that everything is allowed
    beforehand; `rings`: somebody waits for timers. Raises UsageError and ConfigError for what cannot be offered.
    """

    def __init__(
        self,
        services: Services,
        can: Capabilities,
        only: Sequence[str] = (),
        *,
        none: bool = False,
        yes: bool = False,
        rings: bool = False,
    ) -> None:
        from voicecli.toolbox.offer import ToolWish, chosen

        self._services, self.yes = services, yes
        self._wish = ToolWish(tuple(only), none, rings, services.backend)
        self.names = tuple(chosen(services.config, can, self._wish))
        self.asked_for = bool(only or services.config.tools.enabled)
        """Whether somebody wanted them, and is told where the service takes none."""
        self._places: Places | None = None

    def give(self, paths: Sequence[Path]) -> None:
        """Files that the person sent along may be used."""
        if self.names:
            for path in filter(Path.is_file, paths):  # what came through a pipe is none
                self._placed().give(path)

    def _placed(self) -> Places:
        if self._places is None:
            from voicecli.toolbox.places import Places

            self._places = Places(_here(), _folder(self._services.config.tools.folder))
        return self._places

    @asynccontextmanager
    async def opened(self, report: Reporter | None = None) -> AsyncIterator[Toolbox | None]:
        """The toolbox; none where nothing is offered. With `yes` nobody is asked."""
        if not self.names:
            yield None
            return
        from voicecli.toolbox.offer import open_toolbox
        from voicecli.toolbox.together import Allowed

        services = self._services
        opening = open_toolbox(
            self.names, services.config, self._wish, self._placed(), services.env, report or services.report
        )
        async with opening as toolbox:
            yield Allowed(toolbox) if self.yes else toolbox

    def beside(self, model: ChatModel, toolbox: Toolbox, ask: Ask | None) -> ToolUser:
        """`model` with the tools. `ask` gets a person's yes; where there is nobody, what needs one is not done."""
        from voicecli.dialogue.tools import ToolUser
        from voicecli.toolbox.together import Unattended

        if ask is None and not self.yes:
            toolbox = Unattended(toolbox, self._tell_nobody)
        return ToolUser(model, toolbox, ask or _allowed)

    def _tell_nobody(self, question: str) -> None:
        self._services.report.warn(f"nobody can be asked: {question} It was not done; --yes allows it.")


async def _allowed(_question: str, _calls: object) -> bool:
    """Says yes: --yes allows everything, and without it Unattended has refused what needs a yes."""
    return True


def _here() -> Path:
    """The current folder; a place where nothing is, and nothing can be written, where somebody has removed it."""
    import os

    try:
        return Path.cwd()
    except OSError:
        return Path(os.devnull, "gone")


def _folder(text: str) -> Path | None:
    """Where results go, if not here. Raises ConfigError for a home that nobody has."""
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as exc:
        raise ConfigError(f"{exc}", who="[tools] folder", cure="Name a folder that there is.") from exc
