"""Notes of one run: read as far as they are new, then told to the model that answers.

Belongs here: what is said while they are read, which were used. Does not belong here: what is done with notes (notes),
who embeds and ranks them (wiring.notes).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import RefusedError, UsageError, VoiceError

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.notes.choosing import Cited
    from voicecli.notes.finding import WithNotes
    from voicecli.notes.index import Done
    from voicecli.ports import ChatModel, Reporter
    from voicecli.wiring.services import Services


class Noting:
    """The notes below `paths`: `refresh` them, then `told(opening)` opens a model that is told of them.

    `can` is who answers. Raises UsageError where it could make no use of them, ConfigError where nobody embeds.
    """

    def __init__(
        self,
        services: Services,
        can: Capabilities,
        paths: Sequence[Path],
        *,
        private: bool,
        cited: Cited = "written",
    ) -> None:
        from voicecli.text.decoding import as_text
        from voicecli.wiring.notes import Notes, embedding

        embedding(services.config, services.backend)
        if can.offline:
            cure = "--with needs a chat model: choose it with -b or [use] chat."
            raise UsageError("does not read notes", who=can.name, cure=cure)
        self._report, self._private, self._cited = services.report, private, cited
        self._notes = Notes(
            services.config,
            list(paths),
            services.env,
            services.report,
            as_text,
            answering=services.backend,
            private=private,
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
        report = self._report
        try:
            with _bar(report) as show:
                done = await self._notes.refresh(show, self._waiting)
        except (UsageError, RefusedError):
            raise
        except VoiceError as exc:
            report.warn(f"the notes are not all read: {exc}")
            return
        for line in told_of(done, private=self._private):
            (report.note if done.embedded else report.detail)(line)

    def _waiting(self) -> None:
        self._report.note("another process is reading notes; waiting for it.")

    @asynccontextmanager
    async def told(self, opening: AbstractAsyncContextManager[ChatModel]) -> AsyncIterator[WithNotes]:
        """What `opening` opens, told of the notes."""
        async with opening as model, self.over(model) as self._model:
            yield self._model

    def over(self, model: ChatModel) -> AbstractAsyncContextManager[WithNotes]:
        """An opened model, told of the notes."""
        return self._notes.told(model, self._cited)

    @property
    def trouble(self) -> str:
        """Why none could be found for the last answer; "" where they could."""
        return self._model.trouble if self._model else ""

    def used(self) -> list[dict[str, object]]:
        """The files that the last answer was given, for scripts."""
        from voicecli.notes.choosing import files_of

        found = files_of(self._model.used) if self._model else {}
        return [{"file": file, "score": round(score, 6)} for file, score in found.items()]


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


@contextmanager
def _bar(report: Reporter) -> Iterator[Callable[[int, int], None]]:
    """Yields `show(done, total)`; the bar is drawn once there is something to do."""
    with ExitStack() as stack:
        drawn: list[Callable[[float], object]] = []

        def show(done: int, total: int) -> None:
            if not drawn:
                drawn.append(stack.enter_context(report.progress("reading notes", total)))
            drawn[0](done)

        yield show
