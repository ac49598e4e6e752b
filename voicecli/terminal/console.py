"""The one place where words reach the user: results on stdout, everything else on stderr.

Belongs here: cleaning, masking and colouring what is written, wrapping what is told. Does not belong here: what to say
(commands know), which row of the terminal it takes (rows.py), what an error means (errors).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from voicecli.errors import UsageError
from voicecli.terminal.language import sayer
from voicecli.terminal.masking import Masker
from voicecli.terminal.rows import Rows
from voicecli.terminal.stdin import StandardInput
from voicecli.terminal.streams import OutputClosedError, Streams, means_closed
from voicecli.text.clean import clean

WARNING = "warning:"
ERROR = "error:"
RED, YELLOW, DIM, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Console(Streams, StandardInput):
    """Words to the user. `quiet`, `verbose` and `json` are set by the flags, once, before a command runs."""

    def __init__(self, env: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        super().__init__(env, out, err)
        self.verbose = self.json = False
        self.say = sayer(env)
        self.secrets = Masker()
        self.hide, self.masked = self.secrets.hide, self.secrets.masked
        self.rows = Rows(lambda: self.size()[0])

    # -- results: stdout -----------------------------------------------------------------------

    def result(self, text: str) -> None:
        """One result, ended by exactly one newline."""
        self.write(text.rstrip("\n") + "\n")

    def write(self, text: str) -> None:
        """A piece of a result as it arrives, without a newline of its own."""
        if text := clean(text):
            self.drawn(text)

    def end_line(self) -> None:
        """Ends a line that `write` left open, if any."""
        if self.rows.is_open(self.out):
            self.drawn("\n")

    def json_line(self, value: object) -> None:
        """One JSON document on one line."""
        from voicecli.text.jsonline import dump_json

        self.drawn(dump_json(value) + "\n")

    def write_bytes(self, data: bytes) -> None:
        """Bytes of a result. Raises UsageError on a terminal: sound or a picture would be rubbish there."""
        if self.out_is_terminal:
            cure = "Name a file (-o FILE), or send it to another program: … -o - | PROGRAM"
            raise UsageError("sound and pictures are no text for a terminal", who="stdout", cure=cure)
        if self.out is not None:
            with self._written():
                self.out.flush()
                self.out.buffer.write(data)
                self.out.buffer.flush()

    def styled(self, parts: Sequence[tuple[str, str]]) -> None:
        """Pieces of one result, each with a style ("" for none); plain where colour is not allowed."""
        coloured = self.colour(self.out)
        self.drawn(
            "".join(f"{style}{clean(text)}{PLAIN}" if coloured and style else clean(text) for text, style in parts)
        )

    def drawn(self, text: str) -> None:
        """Text that was cleaned before: its sequences are our own."""
        if self.out is not None:
            with self._written():
                self.rows.write(self.out, text)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]], marked: Sequence[str] = ()) -> None:
        """Columns for a person on a terminal, tab-separated lines for a pipe. Words that are `marked` stand out."""
        rows = [[clean(cell).replace("\t", " ").replace("\n", " ") for cell in row] for row in rows]
        if not self.out_is_terminal:
            self.drawn("".join("\t".join(row) + "\n" for row in [headers, *rows]))
            return
        from voicecli.terminal.tables import standing_out, table

        coloured = self.colour(self.out)
        style = (BOLD, PLAIN) if coloured else ("", "")
        text = table([*map(self.say, headers)], rows, self.size()[0] - 1, *style)
        self.drawn(standing_out(text, marked) if coloured and marked else text)

    @contextmanager
    def _written(self) -> Iterator[None]:
        """A closed pipe is OutputClosedError, anything else that stands in the way UsageError."""
        try:
            yield
        except (OSError, ValueError) as exc:
            if means_closed(exc, self.out):
                raise OutputClosedError from exc
            if isinstance(exc, OSError):
                raise UsageError(f"can't be written: {exc.strerror or exc}", who="stdout") from exc
            raise

    # -- everything else: stderr ---------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something worth knowing; `--quiet` silences it."""
        if not self.quiet:
            self._tell(self.say(text), DIM)

    def detail(self, text: str) -> None:
        """Requests and timings: only with `--verbose`."""
        if self.verbose and not self.quiet:
            self._tell(text, DIM)

    def warn(self, text: str) -> None:
        """Something is not as asked; said in `--quiet` too."""
        self._tell(self.say(text), "", self._label(WARNING), YELLOW)

    def error(self, text: str, cure: str = "") -> None:
        """Why the command failed, and on a line of its own what cures it."""
        self._tell(self.say(text), "", self._label(ERROR), RED)
        if cure:
            self._tell(f"  → {self.say(cure)}", DIM, indent="    ")

    def _label(self, word: str) -> str:
        said = self.say(word)
        return said if said.endswith("：") else f"{said} "

    def usage(self, text: str) -> None:
        """A figure that was asked for by a flag of its own, or a traceback: said in `--quiet` too."""
        self._tell(text, DIM)

    def aside(self, text: str) -> None:
        """A piece of a model's reasoning, dim, while it arrives; only for a person who watches."""
        if self.animated and self.out_is_terminal and self.err and (text := clean(text)):
            style, plain = (DIM, PLAIN) if self.colour(self.err) else ("", "")
            with suppress(OSError, ValueError):
                self.rows.write(self.err, style + text.removesuffix("\n") + plain + "\n" * text.endswith("\n"))

    def _tell(self, text: str, style: str, label: str = "", label_style: str = "", indent: str = "  ") -> None:
        """Whole lines, wrapped at words where a person reads them."""
        if self.err is None:
            return
        text = label + self.masked(clean(self.masked(text))).rstrip("\n")
        if self.err_is_terminal:
            from voicecli.text.width import wrapped

            text = wrapped(text, self.size()[0] - 1, indent)
        if self.colour(self.err):
            text = text.removeprefix(label)
            label = f"{label_style}{BOLD}{label}{PLAIN}" if label else ""
            text = label + (f"{style}{text}{PLAIN}" if style else text)
        with suppress(OSError, ValueError):
            if self.rows.is_open(self.err):
                text = "\n" + text
            self.rows.write(self.err, f"{text}\n")

    @contextmanager
    def progress(
        self, label: str, total: float | None = None, unit: str = "", after: float = 0.0
    ) -> Iterator[Callable[[float], None]]:
        """Yields `set(done)`; draws a line with the time left on a watched terminal, nothing elsewhere.

        `unit` is "s" where `total` is seconds of sound. `after` so many seconds it begins to be drawn.
        """
        if not self.animated or self.err is None:
            yield lambda done: None
            return
        from voicecli.terminal.beckoning import Taskbar
        from voicecli.terminal.progress import Progress, Ticker

        stream, state = self.err, Progress(clean(self.say(label)), total, unit)
        taskbar = Taskbar(stream, self.env)

        def draw(since: float) -> None:
            self.rows.show(stream, [state.row(self.size()[0] - 1, since)])
            taskbar.shows(state.share)

        ticker = Ticker(draw, after)

        def move(done: float) -> None:
            state.done = done

        try:
            with ticker:
                yield move
        finally:
            self.rows.clear()
            taskbar.over(ticker.since)

    # -- leaving -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Everything written is out; raises OutputClosedError when nobody wants it."""
        if self.out is not None:
            with self._written():
                self.out.flush()
