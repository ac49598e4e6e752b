"""Makes the pictures of `voice talk` and `voice transcribe` at work: real runs, on this machine alone, as SVG.

    .venv/bin/python scripts/make_pictures.py [FOLDER] [--fast]

The program runs on a pseudo-terminal; an emulator follows what it draws there. talk.svg moves as the run did, and shows
its end where nothing moves; transcribe.svg is one moment. --fast, for a test: one question, one sentence, and no time
passes between.
FOLDER is docs/pictures.

Belongs here: the moments, the picture. Does not belong here: any word that the program shows.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path

from platformdirs import user_data_path
from pyte.screens import Char

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from join_questions import main as join  # noqa: E402

from tests.emulator import Emulator  # noqa: E402

COLUMNS, ROWS = 88, 40
QUESTIONS = ("What is twelve times seven?", "Convert five miles to kilometers.", "What can you do?")
SENTENCES = ("We will meet at the station tomorrow morning.", "Please bring the blue folder with you.")

# -- what is seen ----------------------------------------------------------------------------------

Style = tuple[str, bool, bool]
"""Colour, bold, italic."""
Row = tuple[tuple[int, str, Style], ...]
"""Runs of one style: the column where each begins, and its text."""


@dataclass
class Film:
    """A terminal, and what was to be seen on it from which second on."""

    terminal: Emulator = field(default_factory=lambda: Emulator(COLUMNS, ROWS))
    frames: list[tuple[float, list[Row]]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def feed(self, text: str) -> None:
        """Draws what the program wrote. The emulator knows no dim: it is grey."""
        self.terminal.feed(text.replace("\x1b[2m", "\x1b[90m"))
        self.frames.append((time.monotonic() - self.began, self.now()))

    def now(self) -> list[Row]:
        """What is to be seen."""
        screen = self.terminal.screen
        rows = [_row([screen.buffer[y][x] for x in range(COLUMNS)]) for y in range(ROWS)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def text(self) -> str:
        return self.terminal.text


def _row(cells: Sequence[Char]) -> Row:
    runs = []
    for style, group in groupby(enumerate(cells), lambda each: (each[1].fg, each[1].bold, each[1].italics)):
        found = list(group)
        if text := "".join(cell.data for _, cell in found).rstrip():
            runs.append((found[0][0], text, style))
    return tuple(runs)


# -- a run -----------------------------------------------------------------------------------------


def watched(film: Film, command: Sequence[str], folder: Path) -> Iterator[str]:
    """Runs `voice` on a terminal; yields what is to be seen, after each thing that it drew."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    with subprocess.Popen(
        program(*command), stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=here(folder)
    ) as process:
        os.close(theirs)
        for data in iter(lambda: _read(ours), b""):
            film.feed(data.decode(errors="replace"))
            if b"\x1b[6n" in data:  # where is the cursor?
                cursor = film.terminal.screen.cursor
                os.write(ours, f"\x1b[{cursor.y + 1};{cursor.x + 1}R".encode())
            yield film.text
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"voice {' '.join(command)} ended with {process.returncode}:\n{film.text}")


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
WIDE, HIGH, EDGE, TOP = 8.4, 19, 14, 40
"""Pixels: of a cell, around all, and of the title."""
STEP_S, PAUSE_S = 0.2, 4.0
"""Frames nearer to each other are one; the end stands so long."""
COLOURS = {
    "default": "#d8dee9",
    "brightblack": "#7b8496",
    "black": "#7b8496",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "yellow": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
}


def played(film: Film, command: Sequence[str], folder: Path, moment: Moment = lambda shown: False) -> list[Row]:
    """Types the command, runs it, and returns the last moment that is wanted, else the end."""
    film.feed(f"\x1b[1;32m$\x1b[0m voice {' '.join(command)}\r\n")
    chosen: list[Row] = []
    for shown in watched(film, command, folder):
        chosen = film.now() if moment(shown) else chosen
    return chosen or film.now()


def still(rows: list[Row], title: str) -> str:
    """One moment, as SVG."""
    return drawn([(0.0, rows)], title)


def moving(film: Film, title: str) -> str:
    """The whole run, again and again."""
    chosen: list[tuple[float, list[Row]]] = []
    for at, rows in film.frames:
        if chosen and at - chosen[-1][0] < STEP_S:
            chosen[-1] = (chosen[-1][0], rows)
        elif not chosen or rows != chosen[-1][1]:
            chosen.append((at, rows))
    return drawn(chosen, title)


def drawn(frames: list[tuple[float, list[Row]]], title: str) -> str:
    """Frames that follow each other; each different row is drawn once, and used wherever it stands."""
    known = {row: f"r{at}" for at, row in enumerate(dict.fromkeys(row for _, rows in frames for row in rows))}
    begin, over = frames[0][0], frames[-1][0] + PAUSE_S
    high = TOP + HIGH * max(len(rows) for _, rows in frames) + EDGE
    wide = round(COLUMNS * WIDE) + 2 * EDGE
    shown = []
    for at, (start, rows) in enumerate(frames):
        uses = "".join(f'<use href="#{known[row]}" y="{TOP + HIGH * y}"/>' for y, row in enumerate(rows) if row)
        last = at == len(frames) - 1
        if len(frames) > 1:
            end = over if last else frames[at + 1][0]
            uses += _turn((start - begin) / (over - begin), (end - begin) / (over - begin), over - begin)
        shown.append(f'<g visibility="{"visible" if last else "hidden"}">{uses}</g>')
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}">',
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        "white-space:pre}</style>",
        f'<rect width="{wide}" height="{high}" rx="8" fill="#1e222a"/>',
        *(f'<circle cx="{20 + 18 * at}" cy="18" r="5" fill="{colour}"/>' for at, colour in enumerate(LIGHTS)),
        f'<text x="{wide // 2}" y="22" fill="#7b8496" text-anchor="middle">{escape(title)}</text>',
        "<defs>",
        *(f'<g id="{name}">{"".join(map(_run, row))}</g>' for row, name in known.items() if row),
        "</defs>",
        *shown,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


LIGHTS = ("#e06c75", "#e5c07b", "#98c379")


def _turn(start: float, end: float, dur: float) -> str:
    """Seen from one share of `dur` seconds to another."""
    values = [("hidden", 0.0), ("visible", start), ("hidden", end)]
    values = [each for each in values if each[1] < 1.0][0 if start else 1 :]
    names, times = ";".join(name for name, _ in values), ";".join(f"{time:.4f}" for _, time in values)
    return (
        f'<animate attributeName="visibility" values="{names}" keyTimes="{times}" calcMode="discrete" '
        f'dur="{dur:.2f}s" repeatCount="indefinite"/>'
    )


def _run(run: tuple[int, str, Style]) -> str:
    column, text, (colour, bold, italic) = run
    fill = COLOURS.get(colour.removeprefix("bright") if colour != "brightblack" else colour)
    look = (' font-weight="bold"' if bold else "") + (' font-style="italic"' if italic else "")
    fill = fill or (f"#{colour}" if len(colour) == 6 else COLOURS["default"])
    return f'<text x="{EDGE + column * WIDE:.1f}" fill="{fill}"{look}>{escape(text)}</text>'


def talk(folder: Path, *, fast: bool) -> Film:
    """Three questions and their answers."""
    said(folder, "questions.wav", QUESTIONS[:1] if fast else QUESTIONS)
    command = ["talk", "--private", "--input", "questions.wav", "--output", "answers.wav"]
    film = Film()
    played(film, command + ["--fast"] * fast, folder)
    return film


def transcribe(folder: Path, *, fast: bool) -> list[Row]:
    """One recording as subtitles; of several, the last ones are still to be done."""
    said(folder, "meeting.wav", SENTENCES[:1] if fast else SENTENCES)
    (folder / "calls").mkdir()
    for number in range(1, 5):
        (folder / "calls" / f"call{number}.wav").write_bytes((folder / "meeting.wav").read_bytes())
    film = Film()
    played(film, ["transcribe", "meeting.wav", "-f", "srt"], folder)
    film.feed("\r\n")

    def busy(shown: str) -> bool:
        return shown.count("wrote ") == 2 and "━" in shown.splitlines()[-1]

    return played(film, ["transcribe", "-r", "calls", "-o", "texts", "-f", "srt"], folder, busy)


def main() -> None:
    """Both pictures."""
    names = [each for each in sys.argv[1:] if not each.startswith("-")]
    target = Path(names[0]) if names else ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder, fast = Path(name), "--fast" in sys.argv
        (target / "talk.svg").write_text(moving(talk(folder, fast=fast), "voice talk"), encoding="utf-8")
        (target / "transcribe.svg").write_text(
            still(transcribe(folder, fast=fast), "voice transcribe"), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
