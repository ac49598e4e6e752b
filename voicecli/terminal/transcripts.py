"""What came of recordings: on stdout, in files, on the clipboard; and a table of what would be sent.

Belongs here: what a person gets and is told. Does not belong here: what a result looks like
(usecases.transcribing.results), which recordings there are (plan).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import UsageError, VoiceError
from voicecli.usecases.inputs import STD, read_bytes
from voicecli.usecases.transcribing.plan import Inputs, Job, inputs_of, names_in

if TYPE_CHECKING:
    from voicecli.terminal.console import Console
    from voicecli.terminal.desktop import Clipboard
    from voicecli.text.subtitles import Layout
    from voicecli.types import Transcript
    from voicecli.usecases.transcribing.cutting import ResultRow

UNSURE = "\x1b[4;33m"


def given(console: Console, arguments: list[str], files_from: str | None, recursive: bool) -> Inputs:
    """The recordings that are meant. Raises UsageError and InputError."""
    listed: list[str] = []
    if files_from == STD:
        if STD in arguments:
            raise UsageError("stdin can be read once", cure="Give - once.")
        listed = names_in(console.piped_bytes())
    elif files_from is not None:
        listed = names_in(read_bytes(Path(files_from)))
    if not arguments and files_from is None and not console.in_is_terminal:
        arguments = [STD]
    if STD in arguments and console.in_is_terminal:
        raise UsageError("stdin is this terminal", cure="Name a recording, or pipe one in.")
    return inputs_of(arguments, listed, recursive)


@dataclass(slots=True)
class Results:
    """Puts each transcript where it belongs: files, stdout, the clipboard. `task` is what verbose_json calls it.

    Raises UsageError at once where `copy` is wanted and there is no clipboard.
    """

    console: Console
    layout: Layout
    task: str
    copy: bool
    texts: dict[str, str] = field(default_factory=dict)
    alone: bool = True
    _clipboard: Clipboard | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        from voicecli.terminal.desktop import clipboard

        if self.copy:
            self._clipboard = clipboard(self.console.env, self.console.out, self.console.err)

    def give(self, job: Job, transcript: Transcript, *, shown: bool = False) -> None:
        """Each format to its file, or to stdout unless it was `shown`; with --json a line there for each file."""
        from voicecli.usecases.transcribing.results import guessed_times, render, save, text_of

        console = self.console
        self.texts[job.source.name] = text_of(transcript)
        if warning := guessed_times(job, transcript, self.layout):
            console.warn(warning)
        for kind, target in job.targets.items():
            if target is not None:
                save(target, render(job.source.shown, transcript, kind, self.layout, self.task), console)
                if console.json:
                    console.json_line({"source": job.source.shown, "output": target, "format": kind})
            elif kind == "text" and not shown:
                self._show(transcript)
            elif not shown:
                console.write(render(job.source.shown, transcript, kind, self.layout, self.task))

    def _show(self, transcript: Transcript) -> None:
        """The text on stdout; words that the recogniser was not sure of stand out on a terminal."""
        from voicecli.usecases.transcribing.results import text_of

        words = transcript.words
        if self.console.colour(self.console.out) and any(word.unsure for word in words):
            pieces = ([(word.text, UNSURE if word.unsure else ""), (" ", "")] for word in words)
            self.console.styled([each for piece in pieces for each in piece])
            self.console.end_line()
        else:
            self.console.result(text_of(transcript))

    def fail(self, job: Job, exc: VoiceError) -> None:
        """Told at once where there are others; a single failure is the program's."""
        if self.alone:
            raise exc
        named = str(exc).startswith(job.source.shown)
        self.console.error(str(exc) if named else f"{job.source.shown}: {exc}")

    def put_on_clipboard(self, names: Sequence[str]) -> None:
        """The texts of those recordings, in their order, where it was asked for."""
        if self._clipboard and (texts := [self.texts[name] for name in names if name in self.texts]):
            who = self._clipboard.copy("\n".join(texts))
            self.console.note(f"copied to the clipboard by {who}")


def show_plan(console: Console, rows: Sequence[ResultRow]) -> None:
    """What would be sent, as a table, or a line of JSON each."""
    if console.json:
        for row in rows:
            console.json_line(row)
        return
    console.table(("recording", "piece", "start", "seconds", "bytes", "as"), list(map(_cells, rows)))
    total, seconds = sum(each.bytes for each in rows), sum(each.seconds for each in rows)
    known = sum(each.known for each in rows)
    console.note(f"requests: {len(rows)}; {total:,} bytes, {seconds:.1f} s of sound")
    if known:
        console.note(f"of these {known} would not be sent: known already")


def _cells(row: ResultRow) -> list[str]:
    return [row.source, str(row.piece), f"{row.start:.2f}", f"{row.seconds:.2f}", str(row.bytes), row.container]
