"""Questions to the person at the terminal, and what is typed to them.

Belongs here: one line shown and read without a thread, a set-up's words for the way back, a key typed unseen. Does not
belong here: what is asked (setting_up, sound_check), the line editor of `voice chat` (prompt).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import VoiceError
from voicecli.terminal.picking import BackError, SkipError
from voicecli.terminal.stdin import forget_typed, typed
from voicecli.text.clean import clean
from voicecli.text.width import wrapped

if TYPE_CHECKING:
    from voicecli.terminal.console import Console


async def ask(console: Console, question: str) -> str:
    """What a person at the terminal types; "" for the end of the input."""
    forget_typed(sys.stdin)
    text = console.masked(clean(console.say(question)).replace("\n", " "))
    console.rows.finish()
    _write(console, wrapped(text, console.size()[0] - 1) + " ")
    line = ""
    try:
        line = await typed(sys.stdin)
    finally:
        _write(console, "" if line.endswith("\n") else "\n", closed=True)
    return line.strip()


def _write(console: Console, text: str, *, closed: bool = False) -> None:
    with suppress(OSError, ValueError):
        if console.err is not None:
            console.rows.write(console.err, text, closed=closed)


@dataclass(frozen=True, slots=True)
class Prompter:
    """Asks and tells at `console`."""

    console: Console

    async def line(self, question: str) -> str:
        """A typed line. Raises BackError, SkipError."""
        answer = await ask(self.console, question)
        if answer.lower() in ("b", "back"):
            raise BackError
        if answer.lower() in ("s", "skip"):
            raise SkipError
        return answer

    async def secret(self, name: str) -> str:
        """A key, typed unseen."""
        with unseen():
            key = await self.line(f"Key for {name} (it is not shown; Enter: later):")
        if key:
            self.console.hide(key)
        return key

    def say(self, *lines: str) -> None:
        """Lines of a question, wrapped behind the marks of a list."""
        if self.console.err is not None:
            width = self.console.size()[0] - 1
            text = "".join(wrapped(clean(self.console.say(line)), width, "      ") + "\n" for line in lines)
            self.console.rows.write(self.console.err, text)

    def tell(self, exc: VoiceError) -> None:
        self.console.warn(f"{exc.who}: {exc.what}" if exc.who else exc.what)
        if exc.cure:
            self.console.note(f"  → {exc.cure}")


@contextmanager
def unseen() -> Iterator[None]:
    """What is typed is not shown."""
    try:
        import termios
    except ImportError:  # Windows shows it
        yield
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    hidden = [*before]
    hidden[3] = before[3] & ~termios.ECHO | termios.ECHONL  # the Enter is shown: a row ends there
    termios.tcsetattr(number, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)
