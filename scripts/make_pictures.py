"""Makes the pictures of `voice talk` and `voice transcribe` at work: real runs, on this machine alone, as SVG.

    .venv/bin/python scripts/make_pictures.py [FOLDER] [--fast]

The program runs on a pseudo-terminal; what it draws there is followed, and one moment of it is exported by Rich.
--fast lets no time pass between what is asked, for a test. FOLDER is docs/pictures.

Belongs here: the terminal, the moment, the picture. Does not belong here: any word that the program shows.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from platformdirs import user_data_path
from rich.console import Console
from rich.text import Text
from wcwidth import wcwidth

sys.path.insert(0, str(Path(__file__).parent))

from join_questions import main as join

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 88, 40
QUESTIONS = ("What is twelve times seven?", "Convert five miles to kilometers.", "What can you do?")
SENTENCES = ("We will meet at the station tomorrow morning.", "There are four people in the room.")
TRIES = 3
"""A moment may pass unseen on a busy machine."""

# -- a terminal ------------------------------------------------------------------------------------

SEQUENCE = re.compile(r"\x1b\[([0-9;?<>]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b[=>78()][0B]?|([\x00-\x1f])|(.)", re.DOTALL)


class Screen:
    """The lines of a terminal that is never full, as the sequences of rich and prompt_toolkit leave them."""

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._style = ""

    def feed(self, text: str) -> None:
        """Draws what the program wrote."""
        for found in SEQUENCE.finditer(text):
            numbers, command, control, letter = found.groups()
            if command:
                self._command(command, numbers)
            elif control:
                self._control(control)
            elif letter:
                self._put(letter)

    def _put(self, letter: str) -> None:
        width = wcwidth(letter)
        if width <= 0:
            return
        if self._column + width > COLUMNS:
            self._control("\n")
            self._column = 0
        line = self._line()
        line += [(" ", "")] * (self._column + width - len(line))
        line[self._column : self._column + width] = [(letter, self._style), ("", "")][:width]
        self._column += width

    def _control(self, control: str) -> None:
        if control == "\n":
            self._row += 1
            self._line()
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)

    def _command(self, command: str, numbers: str) -> None:
        if command == "m":
            self._style = "" if numbers in ("", "0") else f"{self._style}\x1b[{numbers}m"
        elif command in "ABCD":
            self._move(command, int(numbers or 1))
        elif command == "K":
            self.lines[self._row] = self._line()[: 0 if numbers == "2" else self._column]
        elif command == "J":
            self.lines[self._row] = self._line()[: self._column]
            del self.lines[self._row + 1 :]

    def _move(self, command: str, count: int) -> None:
        if command in "AB":
            self._row = max(0, self._row + (count if command == "B" else -count))
            self._line()
        else:
            self._column = min(COLUMNS, max(0, self._column + (count if command == "C" else -count)))

    def _line(self) -> list[tuple[str, str]]:
        self.lines += [[] for _ in range(self._row + 1 - len(self.lines))]
        return self.lines[self._row]

    def shown(self) -> str:
        """What is to be seen now, with its colours."""
        return "\n".join("".join(f"{style}{cell}\x1b[0m" for cell, style in line) for line in self.lines).rstrip()


# -- a run -----------------------------------------------------------------------------------------


def watched(screen: Screen, command: Sequence[str], folder: Path) -> Iterator[str]:
    """Runs `voice` on a terminal; yields what is to be seen, after each thing that it drew."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    with subprocess.Popen(
        program(*command), stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=here(folder)
    ) as process:
        os.close(theirs)
        for data in iter(lambda: _read(ours), b""):
            if b"\x1b[6n" in data:  # where is the cursor? At the top: there is room
                os.write(ours, b"\x1b[1;1R")
            screen.feed(data.decode(errors="replace"))
            yield screen.shown()
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"voice {' '.join(command)} ended with {process.returncode}:\n{screen.shown()}")


def _read(terminal: int) -> bytes:
    """What the terminal shows next; nothing when its last user has left."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def program(*command: str) -> list[str]:
    return [sys.executable, "-m", "voicecli", *command]


def here(folder: Path) -> dict[str, str]:
    """Nobody's configuration, no key, no network: the local backend."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    models = {
        "VOICE_MODELS_FOLDER": os.environ.get("VOICE_MODELS_FOLDER") or str(user_data_path("voicecli") / "models")
    }
    return kept | models | {"HOME": str(folder), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}


def said(folder: Path, name: str, sentences: Sequence[str]) -> None:
    """A recording of sentences with pauses between them."""
    parts = []
    for number, sentence in enumerate(sentences):
        parts.append(f"{name}.{number}.wav")
        speak = program("speak", "-q", sentence, "-o", parts[-1])
        subprocess.run(speak, cwd=folder, env=here(folder), check=True)
    join(*(str(folder / part) for part in parts), str(folder / name))
    for part in parts:
        (folder / part).unlink()


# -- pictures --------------------------------------------------------------------------------------

Moment = Callable[[str], bool]


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def played(screen: Screen, command: Sequence[str], folder: Path, moment: Moment) -> str:
    """Types the command, runs it, and returns the last moment that is wanted, else the end."""
    screen.feed(f"\x1b[1;32m$\x1b[0m voice {' '.join(command)}\r\n")
    chosen = ""
    for shown in watched(screen, command, folder):
        chosen = shown if moment(plain(shown)) else chosen
    return chosen or screen.shown()


def export(shown: str, title: str, target: Path) -> None:
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    console.print(Text.from_ansi(shown))
    target.write_text(console.export_svg(title=title), encoding="utf-8")


def talk(folder: Path, *, fast: bool) -> str:
    """The third answer is being spoken."""
    said(folder, "questions.wav", QUESTIONS)
    command = ["talk", "--private", "--input", "questions.wav", "--output", "answers.wav"]

    def speaking(shown: str) -> bool:
        return shown.count("you: ") == len(QUESTIONS) and " speaking" in shown.splitlines()[-1]

    for _ in range(1 if fast else TRIES):
        shown = played(Screen(), command + ["--fast"] * fast, folder, speaking)
        if speaking(plain(shown)):
            break
    return shown


def transcribe(folder: Path) -> str:
    """One recording as subtitles; of several, the last ones are still to be done."""
    said(folder, "meeting.wav", SENTENCES)
    (folder / "calls").mkdir()
    for number in range(1, 5):
        (folder / "calls" / f"call{number}.wav").write_bytes((folder / "meeting.wav").read_bytes())
    screen = Screen()
    played(screen, ["transcribe", "meeting.wav", "-f", "srt"], folder, lambda shown: False)
    screen.feed("\r\n")

    def busy(shown: str) -> bool:
        return shown.count("wrote ") == 2 and "━" in shown.splitlines()[-1]

    return played(screen, ["transcribe", "-r", "calls", "-o", "texts", "-f", "srt"], folder, busy)


def main() -> None:
    """Both pictures."""
    names = [each for each in sys.argv[1:] if not each.startswith("-")]
    target = Path(names[0]) if names else ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        export(talk(folder, fast="--fast" in sys.argv), "voice talk", target / "talk.svg")
        export(transcribe(folder), "voice transcribe", target / "transcribe.svg")


if __name__ == "__main__":
    main()
