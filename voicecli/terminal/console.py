"""The one place where words reach the user: results on stdout, everything else on stderr.

Belongs here: writing, cleaning, masking and colouring text, tables, progress, and the decision whether a
stream is a terminal. Does not belong here: what to say (commands know), or what an error means (errors).
Rich is imported only where a table or a progress bar is drawn.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn, TextIO

from voicecli.errors import UsageError
from voicecli.text.clean import clean
from voicecli.text.decoding import as_text

RED, YELLOW, DIM, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
MASK = "****"
SHORTEST_SECRET = 6
"""Shorter values are not masked: they would blot out ordinary words."""


class OutputClosedError(Exception):
    """Nobody reads stdout any more (`voice … | head`): the program ends quietly."""


class _Table(dict[int, str]):
    """For str.translate: controls become what `shown` makes of them, everything else stays."""

    def __init__(self, shown: Callable[[int], str], *controls: range) -> None:
        super().__init__((code, shown(code)) for each in controls for code in each)
        self._half = shown

    def __missing__(self, code: int) -> str:
        if 0xD800 <= code <= 0xDFFF:  # half of a surrogate pair: no encoding can write it
            return self._half(code) or "\N{REPLACEMENT CHARACTER}"
        raise LookupError(code)


_SHOWN = _Table(lambda code: f"\\u{code:04x}", range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A))


def dump_json(value: Any) -> str:
    """`value` as one line of JSON that a terminal can show: controls are escaped, nothing is lost."""
    import json

    return json.dumps(value, ensure_ascii=False, default=_plain).translate(_SHOWN)


def _plain(value: Any) -> Any:
    """Frozen dataclasses as objects, anything else that JSON lacks as text."""
    from dataclasses import fields, is_dataclass

    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)


def _is_terminal(stream: IO[Any] | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


class Console:
    """Words to the user. `quiet`, `verbose` and `json` are set by the flags, once, before a command runs."""

    def __init__(self, env: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out if out is not None else sys.stdout
        self.err = err if err is not None else sys.stderr
        self.env = env
        self.quiet = self.verbose = self.json = False
        self._secrets: set[str] = set()
        self._mid_line = self._mid_aside = False
        self._bar: Any = None

    # -- what the streams can do ---------------------------------------------------------------

    @property
    def out_is_terminal(self) -> bool:
        return _is_terminal(self.out)

    @property
    def err_is_terminal(self) -> bool:
        return _is_terminal(self.err)

    def colour(self, stream: IO[Any] | None) -> bool:
        """Whether `stream` may be coloured: NO_COLOR beats FORCE_COLOR beats what the stream is."""
        if self.env.get("NO_COLOR") or self.env.get("TERM") == "dumb":
            return False
        if self.env.get("FORCE_COLOR") not in (None, "", "0"):
            return True
        old_windows = sys.platform == "win32" and not (self.env.get("WT_SESSION") or self.env.get("TERM"))
        return _is_terminal(stream) and not old_windows

    @property
    def animated(self) -> bool:
        """Whether stderr may be redrawn: a real terminal that somebody looks at."""
        watched = self.err_is_terminal and self.env.get("TERM") != "dumb" and not self.env.get("CI")
        return watched and not self.quiet

    # -- results: stdout -----------------------------------------------------------------------

    def result(self, text: str) -> None:
        """One result, ended by exactly one newline."""
        self.write(text.rstrip("\n") + "\n")

    def write(self, text: str) -> None:
        """A piece of a result as it arrives, without a newline of its own."""
        if text := clean(text):
            self._put(lambda out: out.write(text))
            self._mid_line = not text.endswith("\n")

    def end_line(self) -> None:
        """Ends a line that `write` left open, if any."""
        if self._mid_line:
            self.write("\n")

    def json_line(self, value: Any) -> None:
        """One JSON document on one line."""
        line = dump_json(value) + "\n"
        self._put(lambda out: out.write(line))

    def write_bytes(self, data: bytes) -> None:
        """Binary results (`-o -`)."""
        self._put(lambda out: out.buffer.write(data))

    def _put(self, write: Callable[[TextIO], object]) -> None:
        if self._mid_aside:
            self._end_aside()
        if self.out is None:
            return
        try:
            with self._bar_lifted(self.out):
                write(self.out)
                self.out.flush()
        except (OSError, ValueError) as exc:
            if _means_closed(exc, self.out):
                raise OutputClosedError from exc
            if isinstance(exc, OSError):
                raise UsageError(f"can't be written: {exc.strerror or exc}", who="stdout") from exc
            raise

    def styled(self, parts: Sequence[tuple[str, str]]) -> None:
        """Pieces of one result, each with a style ("" for none); plain where colour is not allowed."""
        coloured = self.colour(self.out)
        text = "".join(f"{style}{clean(part)}{PLAIN}" if coloured and style else clean(part) for part, style in parts)
        self._put(lambda out: out.write(text))
        self._mid_line = not text.endswith("\n")

    def drawn(self, text: str) -> None:
        """What Rich made of text that was cleaned before: its sequences are its own."""
        self._put(lambda out: out.write(text))
        self._mid_line = not text.endswith("\n")

    # -- input: stdin --------------------------------------------------------------------------

    @property
    def in_is_terminal(self) -> bool:
        return _is_terminal(sys.stdin)

    def piped_bytes(self) -> bytes:
        """All of stdin when something was piped or redirected into it, else nothing."""
        if sys.stdin is None or self.in_is_terminal:
            return b""
        return sys.stdin.buffer.read()

    def is_piped_to(self) -> bool:
        """Whether something comes out of stdin that is no terminal; waits until that is known."""
        if sys.stdin is None or self.in_is_terminal:
            return False
        stream: Any = sys.stdin.buffer
        return bool(stream.peek(1))

    def piped_text(self) -> str:
        """All of stdin as text. Raises InputError when it is no text."""
        return as_text(self.piped_bytes(), "stdin")

    async def ask(self, question: str) -> str:
        """What a person at the terminal types; "" for the end of the input."""
        _forget_typed(sys.stdin.fileno())
        self._prompt(f"{question} ")
        line = ""
        try:
            line = await _typed(sys.stdin)
        finally:
            if not line.endswith("\n") and self.err is not None:
                self._tell("", "")
        return line.strip()

    def _prompt(self, text: str) -> None:
        with suppress(OSError, ValueError):
            if self._mid_aside:
                self._end_aside()
            if self._mid_line and self.out_is_terminal:
                self.err.write("\n")
                self._mid_line = False
            self.err.write(self.masked(clean(text).replace("\n", " ")))
            self.err.flush()

    # -- everything else: stderr ---------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something worth knowing; `--quiet` silences it."""
        if not self.quiet:
            self._tell(text, DIM)

    def detail(self, text: str) -> None:
        """Requests and timings: only with `--verbose`."""
        if self.verbose and not self.quiet:
            self._tell(text, DIM)

    def warn(self, text: str) -> None:
        """Something is not as asked; said in `--quiet` too."""
        self._tell(text, "", label="warning: ", label_style=YELLOW)

    def error(self, text: str) -> None:
        """Why the command failed."""
        self._tell(text, "", label="error: ", label_style=RED)

    def crash(self, text: str) -> None:
        """A traceback, masked but otherwise as it is."""
        self._tell(text, "")

    def usage(self, text: str) -> None:
        """A figure that was asked for by a flag of its own: said in `--quiet` too."""
        self._tell(text, DIM)

    def aside(self, text: str) -> None:
        """A piece of a model's reasoning, dim, while it arrives; only for a person who watches."""
        if self.animated and self.out_is_terminal and (text := clean(text)):
            style, plain = (DIM, PLAIN) if self.colour(self.err) else ("", "")
            with suppress(OSError, ValueError):
                self.err.write(f"{style}{text}{plain}")
                self.err.flush()
            self._mid_aside = not text.endswith("\n")

    def _end_aside(self) -> None:
        """What follows the reasoning begins on a line of its own."""
        self._mid_aside = False
        with suppress(OSError, ValueError):
            self.err.write("\n")
            self.err.flush()

    def hide(self, secret: object) -> None:
        """From now on `secret` (a Secret, or text) is shown as stars in whatever goes to stderr."""
        reveal = getattr(secret, "reveal", None)
        value = reveal() if reveal else str(secret or "")
        self._secrets.update(part for part in (value, value.strip()) if len(part) >= SHORTEST_SECRET)

    def listen(self) -> None:
        """Shows what our rooms log: each request, and when, since the start of listening."""
        import logging
        import time

        tell, began = self.detail, time.monotonic()

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                tell(f"{time.monotonic() - began:6.2f} s  {record.getMessage()}")

        # Not the HTTP client's own log: it would show what stands in an address behind the question mark.
        logger = logging.getLogger("voicecli")
        logger.setLevel(logging.INFO)
        logger.addHandler(Handler())

    def masked(self, text: str) -> str:
        """`text` with every known secret replaced by stars."""
        from voicecli.types import without

        for secret in sorted(self._secrets, key=len, reverse=True):
            text = without(secret, text, MASK)
        return text

    def _tell(self, text: str, style: str, label: str = "", label_style: str = "") -> None:
        if self.err is None:
            return
        text = self.masked(clean(self.masked(text))).rstrip("\n")
        if self.colour(self.err):
            label = f"{label_style}{BOLD}{label}{PLAIN}" if label else ""
            text = f"{style}{text}{PLAIN}" if style else text
        with suppress(OSError, ValueError), self._bar_lifted(self.err):
            if self._mid_aside:
                self._end_aside()
            if self._mid_line and self.out_is_terminal and self.err_is_terminal:
                self.err.write("\n")
                self._mid_line = False
            self.err.write(f"{label}{text}\n")
            self.err.flush()

    # -- tables and progress -------------------------------------------------------------------

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns for a person on a terminal, tab-separated lines for a pipe."""
        rows = [[clean(cell).replace("\t", " ").replace("\n", " ") for cell in row] for row in rows]
        if not self.out_is_terminal:
            for row in [headers, *rows]:
                self.write("\t".join(row) + "\n")
            return
        self._draw_table(headers, rows)

    def _draw_table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for header in headers:
            table.add_column(header, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        with self._closing():
            self.rich().print(table)

    def rich(self, *, stderr: bool = False) -> Any:
        """A rich Console on stdout or stderr that obeys the same rules of colour."""
        from rich.console import Console as Rich

        stream = self.err if stderr else self.out
        colour = self.colour(stream)
        return Rich(
            file=stream,
            color_system="auto" if colour else None,
            force_terminal=True if colour else None,
            _environ=dict(self.env),
            highlight=False,
            markup=False,
            emoji=False,
        )

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Rich leaves by SystemExit when its pipe is closed; ours is OutputClosedError."""
        try:
            yield
        except (SystemExit, OSError) as exc:
            raise OutputClosedError from exc

    @contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
        """Yields `set(done)`; draws a bar with the time left on a watched terminal, nothing elsewhere."""
        if not self.animated:
            yield lambda done: None
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
        if total is not None:
            columns += (BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.rich(stderr=True), transient=True) as bar:
            task = bar.add_task(clean(label), total=total)
            self._bar = bar
            try:
                yield lambda done: bar.update(task, completed=done)
            finally:
                self._bar = None

    @contextmanager
    def _bar_lifted(self, stream: IO[Any]) -> Iterator[None]:
        """What is written to a terminal meanwhile takes the place of the progress bar, which follows below it."""
        bar = self._bar
        if bar is None or not _is_terminal(stream):
            yield
            return
        bar.stop()
        try:
            yield
        finally:
            if not self._mid_line:
                bar.start()

    # -- leaving -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Everything written is out; raises OutputClosedError when nobody wants it."""
        self._put(lambda out: None)

    def silence(self) -> None:
        """From now on nothing goes to stderr: what a shell asks for while somebody types must not disturb them."""
        self.quiet = True
        self.err = None

    def leave_at_once(self) -> NoReturn:
        """Ends the program, whatever its threads wait for; nothing may be left to write."""
        import os

        os._exit(0)

    def abandon_output(self) -> None:
        """Points stdout at nothing, so that the interpreter's last flush cannot fail."""
        import os

        with suppress(OSError, ValueError, AttributeError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.out.fileno())
            os.close(nothing)


async def _typed(terminal: Any) -> str:
    """A line of the terminal, without a thread: one that waits for a line could not be left."""
    import asyncio
    import os

    loop, found = asyncio.get_running_loop(), asyncio.Event()
    number = terminal.fileno()
    try:
        loop.add_reader(number, found.set)
    except NotImplementedError:  # Windows
        return str(await asyncio.to_thread(terminal.readline))
    try:
        await found.wait()
    finally:
        loop.remove_reader(number)
    return os.read(number, 4096).decode("utf-8", "replace")


def _forget_typed(number: int) -> None:
    """What was typed before a question is no answer to it."""
    try:
        import termios
    except ImportError:  # Windows
        return
    with suppress(termios.error, OSError):
        termios.tcflush(number, termios.TCIFLUSH)


def _means_closed(exc: BaseException, stream: TextIO) -> bool:
    """EPIPE, Windows' EINVAL for a closed pipe, or a stream that was closed before."""
    if isinstance(exc, OSError):
        return exc.errno == errno.EPIPE or (sys.platform == "win32" and exc.errno == errno.EINVAL)
    return stream.closed


def prepare_streams() -> None:
    """UTF-8 on Windows, and on every system no crash over a character that the stream cannot show."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", **({"encoding": "utf-8"} if sys.platform == "win32" else {}))
