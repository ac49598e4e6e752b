"""The tools of a conversation at the command line: their flags, who is asked before one is used, what is shown of them.

Belongs here: from flags to a model with tools. Does not belong here: any tool (toolbox), the conversation itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.errors import ConfigError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.commands.session import Session
    from voicecli.config import Config
    from voicecli.dialogue.tools import Ask
    from voicecli.ports import Reporter, Toolbox
    from voicecli.toolbox.offer import Wish
    from voicecli.types import ToolCall, ToolNews

Tool = Annotated[
    list[str] | None,
    typer.Option(
        "--tool",
        metavar="NAME",
        help="Let the model use this tool, and only those named so; repeatable.",
        autocompletion=completing.tools,
    ),
]
NoTools = Annotated[bool, typer.Option("--no-tools", help="Let the model use no tools.")]
Yes = Annotated[bool, typer.Option("--yes", help="Allow every tool beforehand what it would ask for.")]


class Tools:
    """What a conversation is offered: `names`; none where the model cannot call functions or nobody wants it to."""

    def __init__(self, session: Session, cfg: Config, names: Sequence[str], wish: Wish, *, yes: bool) -> None:
        self.session, self.names, self.yes = session, tuple(names), yes
        self._cfg, self._wish = cfg, wish
        self.asked_for = bool(wish.only or cfg.tools.enabled)
        """Whether somebody wanted them, and is told where the service takes none."""
        self._places: Any = None

    def give(self, paths: Sequence[Path]) -> None:
        """Files that the person sent along may be used."""
        if self.names:
            for path in filter(Path.is_file, paths):  # what came through a pipe is none
                self._placed().give(path)

    def _placed(self) -> Any:
        if self._places is None:
            from voicecli.toolbox.places import Places

            self._places = Places(_here(), _folder(self._cfg.tools.folder))
        return self._places

    @asynccontextmanager
    async def opened(self, report: Reporter | None = None) -> AsyncIterator[Toolbox | None]:
        """The toolbox; none where nothing is offered. With --yes nobody is asked."""
        if not self.names:
            yield None
            return
        from voicecli.toolbox.offer import open_toolbox
        from voicecli.toolbox.together import Allowed

        report = report or self.session.console
        async with open_toolbox(self.names, self._cfg, self._wish, self._placed(), self.session.env, report) as toolbox:
            yield Allowed(toolbox) if self.yes else toolbox

    def at_the_terminal(self, model: Any, toolbox: Toolbox, ask: Ask) -> Any:
        """`model` with the tools; `ask` gets a person's yes, where there is a person at a terminal."""
        from voicecli.dialogue.tools import ToolUser
        from voicecli.toolbox.together import Unattended

        console = self.session.console
        if self.yes or (console.in_is_terminal and console.err_is_terminal):
            return ToolUser(model, toolbox, ask)
        return ToolUser(model, Unattended(toolbox, self._tell_nobody), ask)

    def _tell_nobody(self, question: str) -> None:
        self.session.console.warn(f"nobody can be asked: {question} It was not done; --yes allows it.")


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


def settled(
    session: Session,
    cfg: Config,
    family: Capabilities,
    only: Sequence[str] | None,
    *,
    none: bool,
    yes: bool,
    rings: bool = False,
) -> Tools:
    """What the flags and `[tools]` say. Raises UsageError and ConfigError for tools that cannot be offered."""
    from voicecli.toolbox.offer import Wish, chosen

    wish = Wish(tuple(only or ()), none, rings, session.backend)
    return Tools(session, cfg, chosen(cfg, family, wish), wish, yes=yes)


def shown(session: Session, news: ToolNews) -> None:
    """How a tool is doing, for a person who reads. What a wrong call was told is between the model and the tool."""
    if session.json or news.state == "asked" or (news.quick and news.state == "working"):
        return
    if news.state in ("done", "failed") and not news.text:
        return
    how = {"working": "…", "failed": " failed", "declined": " was not allowed"}.get(news.state, "")
    what = f": {news.text}" if news.text else ""
    session.console.note(f"{news.name}{how}{what}" if news.name else news.text)


def noted(news: ToolNews) -> dict[str, str]:
    """A tool that was used, or not, for scripts."""
    return {"name": news.name, "state": news.state, "text": news.text}


async def agreed(session: Session, question: str, calls: Sequence[ToolCall]) -> bool:
    """Whether the person at the terminal says yes, in whatever words; anything else is a no.

    What the question cannot hold of the calls stands above it, whole.
    """
    from voicecli.dialogue.courtesy import Verdict, verdict
    from voicecli.terminal.asking import ask
    from voicecli.toolbox.arguments import written_out

    for line in (line for call in calls for line in written_out(call)):
        session.console.usage(line)
    said = await ask(session.console, f"{question} [y/N]")
    return said.casefold() == "y" or verdict(said, question, typed=True) is Verdict.YES


ENDED = ("done", "failed", "declined")
