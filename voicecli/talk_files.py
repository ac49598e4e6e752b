"""What a conversation leaves on disk: `--save FOLDER`, and the recordings of turns that were lost.

Belongs here: files of one conversation, bounded in number. Does not belong here: the tape that stands in
for a loudspeaker (audio.tape), the history of messages.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from voicecli.audio.pcm import wav_bytes
from voicecli.audio.tape import WavTape
from voicecli.dialogue.events import Event, to_json
from voicecli.errors import InputError
from voicecli.types import MIC, AudioFrame

MAX_KEPT = 20
"""Recordings of lost turns kept in one folder; a turn is at most a minute, so under 40 MB."""


class KeptTurns:
    """Stores the recording of a turn that could not be answered; the oldest make room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, turn: int, pcm: bytes) -> str:
        """Where the recording is; "" when it could not be stored (the turn is lost either way)."""
        if not pcm:
            return ""
        path = self._folder / f"lost-{time.strftime('%Y%m%d-%H%M%S')}-{turn}.wav"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wav_bytes(pcm, MIC))
            path.chmod(0o600)
            for old in sorted(self._folder.glob("lost-*.wav"))[:-MAX_KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return ""
        return str(path)


class Recording:
    """`--save FOLDER`: user.wav, assistant.wav and transcript.jsonl of one conversation, in a folder of its own."""

    def __init__(self, folder: Path, rate: int) -> None:
        self._folder = folder / time.strftime("%Y%m%d-%H%M%S")
        self._rate = rate
        self._sounded: deque[bytes] = deque()
        self._open: list[Any] = []
        self._began = time.monotonic()

    def __enter__(self) -> Recording:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._user = self._tape("user.wav", MIC.rate)
            self._assistant = self._tape("assistant.wav", self._rate)
            self._transcript = (self._folder / "transcript.jsonl").open("a", encoding="utf-8")
            self._open.append(self._transcript)
        except OSError as exc:
            raise InputError(f"cannot be written ({exc.strerror})", who=f"--save {self._folder}") from exc
        return self

    def _tape(self, name: str, rate: int) -> WavTape:
        file = (self._folder / name).open("wb")
        tape = WavTape(file, rate)
        self._open += [tape, file]
        return tape

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        for each in self._open:
            each.close()

    def heard(self, frame: AudioFrame) -> None:
        """A frame of the microphone; the assistant's side is written on the same beat."""
        self._user.write(frame.pcm)
        self._flush()

    def note(self, event: Event, turn: int) -> None:
        line = to_json(event, turn, round((time.monotonic() - self._began) * 1000))
        if line is not None:
            self._transcript.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._transcript.flush()

    def tee(self, playout: Any) -> Any:
        """A playout that also remembers what it rendered."""
        return Overheard(playout, lambda pcm, _at: self._sounded.append(pcm))

    def _flush(self) -> None:
        while self._sounded:
            self._assistant.write(self._sounded.popleft())


class Overheard:
    """A playout that also tells what it rendered, and when it sounds; called on the sound card's thread."""

    def __init__(self, playout: Any, tell: Callable[[bytes, float], object]) -> None:
        self._playout, self._tell = playout, tell
        self.rate: int = playout.rate
        self.notices = playout.notices

    def render(self, count: int, at: float) -> bytes:
        pcm: bytes = self._playout.render(count, at)
        self._tell(pcm, at)
        return pcm
