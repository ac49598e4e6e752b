"""Notes at the command line: the flag of chat and talk, what is said while they are read, which were used.

Belongs here: words and progress. Does not belong here: what is done with notes (notes), who does it (wiring_notes).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.errors import RefusedError, UsageError, VoiceError

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.commands.session import Session
    from voicecli.config import Config
    from voicecli.notes.choosing import Cited
    from voicecli.notes.finding import WithNotes
    from voicecli.notes.index import Done

With = Annotated[
    list[Path] | None,
    typer.Option("--with", metavar="FOLDER", help="Answer from the texts in FOLDER, or from a file; repeatable."),
]


class Noting:
    """The notes of one run: `refresh` them, then `told(opening)` opens a model that is told of them."""

    def __init__(
        self, session: Session, cfg: Config, paths: Sequence[Path], *, private: bool, cited: Cited = "written"
    ) -> None:
        from voicecli.text.decoding import as_text
        from voicecli.wiring.notes import Notes

        self._console, self._private, self._cited = session.console, private, cited
        self._notes = Notes(
            cfg, list(paths), session.env, session.console, as_text, answering=session.backend, private=private
        )
        self._model: WithNotes | None = None

    def __enter__(self) -> Noting:
        return self

    def __exit__(self, *exc: object) -> None:
        self._notes.close()

    async def refresh(self) -> None:
        """Reads what is new. A service that fails costs only that: the answer does without.

        Raises UsageError (settings, no notes) and RefusedError (a key that is not taken).
        """
        console = self._console
        try:
            with _Bar(console) as bar:
                done = await self._notes.refresh(bar.show, self._waiting)
        except (UsageError, RefusedError):
            raise
        except VoiceError as exc:
            console.warn(f"the notes are not all read: {exc}")
            return
        tell = console.note if done.embedded else console.detail
        for line in told_of(done, private=self._private):
            tell(line)

    def _waiting(self) -> None:
        self._console.note("another process is reading notes; waiting for it.")

    @asynccontextmanager
    async def told(self, opening: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        """What `opening` opens, told of the notes."""
        async with opening as model, self.over(model) as self._model:
            yield self._model

    def over(self, model: Any) -> AbstractAsyncContextManager[WithNotes]:
        """An opened model, told of the notes."""
        return self._notes.told(model, self._cited)

    def used(self) -> list[dict[str, Any]]:
        """The files that the last answer was given, for scripts; they are warned where none could be found."""
        from voicecli.notes.choosing import files_of

        if self._console.json and self._model and self._model.trouble:
            self._console.warn(self._model.trouble)
        found = files_of(self._model.used) if self._model else {}
        return [{"file": file, "score": round(score, 6)} for file, score in found.items()]


def settled(
    session: Session, cfg: Config, family: Capabilities, paths: Sequence[Path] | None, *, private: bool, cited: Cited
) -> Noting | None:
    """The notes that were asked for. `family` answers. Raises UsageError where it could make no use of them."""
    if not paths:
        return None
    from voicecli.wiring.notes import embedding

    embedding(cfg, session.backend)
    if family.offline:
        raise UsageError(
            "does not read notes", who=family.name, cure="--with needs a chat model: choose it with -b or [use] chat."
        )
    return Noting(session, cfg, paths, private=private, cited=cited)


def told_of(done: Done, *, private: bool) -> list[str]:
    """What is worth saying after notes were read."""
    lines = []
    if done.embedded:
        kept = "in memory, for this run" if private else "and kept"
        what = "note was" if done.embedded == 1 else "notes were"
        lines.append(f"{done.embedded:,} {what} read {kept} ({done.notes:,} in all).")
    if left_out := str(done.left_out):
        lines.append(f"{left_out}.")
    return lines


class _Bar:
    """A bar that is drawn once there is something to do."""

    def __init__(self, console: Any) -> None:
        self._console = console
        self._open: Any = None
        self._set: Any = None

    def __enter__(self) -> _Bar:
        return self

    def show(self, done: int, total: int) -> None:
        if self._open is None:
            self._open = self._console.progress("reading notes", total)
            self._set = self._open.__enter__()
        self._set(done)

    def __exit__(self, *exc: Any) -> None:
        if self._open is not None:
            self._open.__exit__(*exc)
