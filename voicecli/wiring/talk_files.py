"""What a conversation leaves on disk: `--save FOLDER`, and the recordings of turns that were lost.

Belongs here: files of one conversation, bounded in number. Does not belong here: the tape that stands in
for a loudspeaker (audio.tape), the history of messages.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from voicecli.audio.pcm import wav_bytes
from voicecli.audio.tape import WavTape
from voicecli.dialogue.events import AssistantSaid, Event, TurnLost, UserSaid, to_json
from voicecli.errors import InputError
from voicecli.storage.atomic import private_folder, replace_file
from voicecli.types import MIC, AudioFrame

WAV_HEADER = 44
MAX_KEPT = 20
MAX_BYTES = 64_000_000
"""Recordings of lost turns kept in one folder, and their bytes; a turn is a minute at most, about 2 MB."""


LOST_TURNS, LOST_SENTENCES = "lost-turns", "lost-dictation"
"""Folders in the state folder: of conversations, and of dictation."""


def forget_lost(state_dir: Path) -> None:
    """Removes every recording that is kept of a lost turn or sentence."""
    for name in (LOST_TURNS, LOST_SENTENCES):
        shutil.rmtree(state_dir / name, ignore_errors=True)


class KeptTurns:
    """Stores the recordings of turns that could not be answered; the oldest make room.

    Any number of processes share the folder. `lost` are those of this conversation that were not sent again:
    once a turn is answered they are offered, and at the start of the next conversation they are told of.
    """

    def __init__(self, folder: Path, most: int = MAX_KEPT, most_bytes: int = MAX_BYTES) -> None:
        self._folder, self._most, self._most_bytes = folder, most, most_bytes
        self.lost: list[Path] = []
        self._sent: Path | None = None
        self._offered = False

    def keep(self, turn: int, pcm: bytes) -> str:
        """Where the recording is; "" when it could not be stored (the turn is lost either way)."""
        if not pcm:
            return ""
        name = f"lost-{time.strftime('%Y%m%d-%H%M%S')}-{turn:03}-{secrets.token_hex(3)}.wav"
        try:
            private_folder(self._folder)
            replace_file(self._folder / name, wav_bytes(pcm, MIC))
        except OSError:
            return ""
        self._make_room()
        self.lost.append(self._folder / name)
        return str(self._folder / name)

    def take(self) -> bytes:
        """The oldest lost turn of this conversation, s16le 16 kHz, to be sent again; b"" when there is none left.

        `after` removes its file once the turn is answered, or kept anew.
        """
        while self.lost:
            self._sent = self.lost.pop(0)
            with suppress(OSError):
                return self._sent.read_bytes()[WAV_HEADER:]
        return b""

    def after(self, event: Event) -> str:
        """Is given every event. Returns a notice when turns that were lost could be sent again now, else ""."""
        if isinstance(event, TurnLost):
            self._offered = False
            if event.recording:
                self._forget_sent()  # it was kept anew
        elif isinstance(event, AssistantSaid):
            self._forget_sent()
            if self.lost and not self._offered:
                self._offered = True
                return self._offer()
        return ""

    def _forget_sent(self) -> None:
        if self._sent is not None:
            with suppress(OSError):
                self._sent.unlink()
            self._sent, self._offered = None, False

    def _offer(self) -> str:
        one = len(self.lost) == 1
        what = "a turn was lost and is" if one else f"{len(self.lost)} turns were lost and are"
        by_hand = self.lost[0] if one else f"-r {self._folder}"
        return f"{what} kept: Ctrl-R or /again sends it again; later: voice transcribe {by_hand}"

    def earlier(self) -> str:
        """A word on turns that earlier conversations lost, once; "" when there are none."""
        mark = self._folder / ".told"
        try:
            told = mark.stat().st_mtime if mark.exists() else 0.0
            new = [path for path in self._folder.glob("lost-*.wav") if path.stat().st_mtime > told]
            if new:
                mark.touch(0o600)
        except OSError:
            return ""
        number = f"{len(new)} turns" if len(new) > 1 else "a turn"
        return f"{number} of earlier conversations got no answer: voice transcribe -r {self._folder}" if new else ""

    def _make_room(self) -> None:
        """The newest stay, as many as may."""
        room = self._most_bytes
        kept = sorted(self._folder.glob("lost-*.wav"), key=_age)
        for number, path in enumerate(kept):
            with suppress(OSError):
                room -= path.stat().st_size
                if number >= self._most or (room < 0 and number):
                    path.unlink()


def _age(path: Path) -> tuple[float, str]:
    """Sorts the newest first, and files that are gone meanwhile last."""
    try:
        return -path.stat().st_mtime, path.name
    except OSError:
        return math.inf, path.name


class Recording:
    """`--save FOLDER`: both sides as WAV, a transcript to read and one to parse, in a `folder` of their own.

    A disk that is full ends the recording and not the conversation: `tell` gets a word on it, once.
    """

    def __init__(self, folder: Path, rate: int) -> None:
        self.folder = folder / time.strftime("%Y%m%d-%H%M%S")
        self._rate = rate
        self.tell: Callable[[str], object] = lambda text: None
        self._failed = False
        self._sounded: deque[bytes] = deque()
        self._open: list[WavTape | IO[bytes] | IO[str]] = []
        self._began = time.monotonic()

    def __enter__(self) -> Recording:
        try:
            self.folder = _made(self.folder)
            self._user = self._tape("user.wav", MIC.rate)
            self._assistant = self._tape("assistant.wav", self._rate)
            self._transcript, self._readable = map(self._text, ("transcript.jsonl", "transcript.md"))
            self._readable.write(time.strftime("# Conversation of %Y-%m-%d %H:%M\n"))
        except OSError as exc:
            raise InputError(f"cannot be written ({exc.strerror})", who=f"--save {self.folder}") from exc
        return self

    def _tape(self, name: str, rate: int) -> WavTape:
        file = (self.folder / name).open("wb")
        tape = WavTape(file, rate)
        self._open += [tape, file]
        return tape

    def _text(self, name: str) -> IO[str]:
        file = (self.folder / name).open("a", encoding="utf-8")
        self._open.append(file)
        return file

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._honest():
            self._flush()
        for each in self._open:
            with self._honest():
                each.close()

    def heard(self, frame: AudioFrame) -> None:
        """A frame of the microphone; the assistant's side is written on the same beat."""
        with self._honest():
            self._user.write(frame.pcm)
            self._flush()

    @contextmanager
    def _honest(self) -> Iterator[None]:
        """Tells of the first failure only. What can still be written is written."""
        try:
            yield
        except OSError as exc:
            if not self._failed:
                self.tell(f"the recording in {self.folder} is not whole: {(exc.strerror or str(exc)).lower()}")
            self._failed = True

    def note(self, event: Event, turn: int) -> None:
        line = to_json(event, turn, round((time.monotonic() - self._began) * 1000))
        with self._honest():
            self._readable.write(readable(event))
        if line is not None:
            with self._honest():
                self._transcript.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._transcript.flush()

    def sounded(self, pcm: bytes, _at: float) -> None:
        """The assistant's side, on the sound card's thread."""
        self._sounded.append(pcm)

    def _flush(self) -> None:
        while self._sounded:
            self._assistant.write(self._sounded.popleft())


def readable(event: Event) -> str:
    """What a person reads of it later, as Markdown; "" for all but words."""
    if isinstance(event, UserSaid):
        return f"\n**you:** {event.text}\n"
    if isinstance(event, AssistantSaid) and event.text:
        return f"\n**voice:** {event.text}{' — interrupted' if event.interrupted else ''}\n"
    return ""


def _made(folder: Path) -> Path:
    """A new folder of that name, with a number behind it where another conversation began in the same second."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 100):
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
