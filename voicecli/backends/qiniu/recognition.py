"""One recognition session over Qiniu's protocol: which frame comes next, and when it is over.

Belongs here: the order of frames, the held-back piece, the meaning of what comes back, and the rules
of the end. Does not belong here: sockets, asyncio, clocks: the caller says what time it is and carries
the bytes. Errors raised here have no `who`; the caller knows the host.

    start() ──► feed() … feed() ──► finish()         what to send: the config, then sound, then the last piece
    receive() … receive()  closed()  quiet()         what came: each may set `final`, which ends the session

After the last frame the service may end as it likes, and what is known is the result, but for one thing:
where it says (`audio_info.duration`) that it had less of the sound than it was sent, words may be missing.
Then whatever ended the session is raised.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from voicecli.backends.qiniu.frames import Frame, FrameKind, decode, encode
from voicecli.backends.qiniu.recognised import (
    EMPTY_AUDIO,
    OK_CODES,
    complaint_error,
    error_for,
    result_in,
    transcript_of,
)
from voicecli.backends.transport.wording import clean, json_in
from voicecli.errors import DroppedError, ProtocolError, ServiceError, UnreachableError, VoiceError
from voicecli.types import MIC, Transcript
from voicecli.types.jsonvalue import laid_over

PIECE = MIC.bytes_for(100)
"""Sound goes out in pieces of 100 ms, so that interim text is quick …"""

BIG_PIECE = MIC.bytes_for(200)
"""… and in pieces of 200 ms, the largest that the protocol likes, when there is more of it waiting."""

CONFIG_S = 10.0
"""How long the config's answer may take."""

QUIET_S = 5.0
"""How long a server may be quiet after the last frame before that counts as the end."""

LONGEST_END_S = 120.0
"""How much longer than the sound itself a server may go on after the last frame, quiet or not."""

COUNTED_S = 0.1
"""By how much a service may count less than it was sent and have had all of it: it counts in pieces."""


def config(uid: str, model: str = "asr", extra: Mapping[str, object] | None = None) -> dict[str, object]:
    """The session's first message. `extra` is laid over it, table by table."""
    base = {
        "user": {"uid": uid},
        # The gateway's page says sample_rate, the recogniser behind it says rate.
        "audio": {"format": "pcm", "sample_rate": 16000, "rate": 16000, "bits": 16, "channel": 1, "codec": "raw"},
        "request": {"model_name": model, "enable_punc": True, "show_utterances": True},
    }
    return laid_over(base, extra or {})


class _Outgoing:
    """What is sent: frames in sequence. Of the sound something is always held back for the last one."""

    def __init__(self) -> None:
        self._sequence = 0
        self._held = bytearray()

    def frame(self, kind: FrameKind, payload: bytes, last: bool = False) -> bytes:
        self._sequence += 1
        return encode(Frame(kind, payload, -self._sequence if last else self._sequence, last))

    def sound(self, pcm: bytes) -> list[bytes]:
        """The frames that `pcm` completes."""
        self._held += pcm
        frames = []
        # A whole sample stays behind: half of one would leave the last frame without sound.
        while (spare := len(self._held) - MIC.frame_bytes) >= PIECE:
            size = BIG_PIECE if spare >= BIG_PIECE else PIECE
            frames.append(self.frame(FrameKind.AUDIO, bytes(self._held[:size])))
            del self._held[:size]
        return frames

    def last(self) -> bytes:
        """The last frame: what was held back, in whole samples."""
        whole = len(self._held) - len(self._held) % MIC.frame_bytes
        return self.frame(FrameKind.AUDIO, bytes(self._held[:whole]), last=True)


class _Understood:
    """What the service has told of the sound so far. `known`: it has begun to answer to what was said."""

    def __init__(self) -> None:
        self.known = False
        self._results, self._counted_s = 0, -1.0
        self._so_far = Transcript("", final=False)
        self._last: tuple[object, Mapping[str, Any]] | None = None

    def take(self, data: object) -> Transcript | None:
        """The text so far, when a decoded message changed it. Raises the error that the message reports."""
        error, result = complaint_error(data), result_in(data)
        if result is None:
            if error:
                raise error
            return None
        before, self._last = self._so_far, (data, result)
        self._so_far = transcript_of(data, result, final=False)
        # The config's answer also looks like a result, but knows nothing yet.
        self.known |= bool(self._so_far.text) or self._results > 0
        self._results += 1
        if self._so_far.duration is not None:
            self._counted_s = max(self._counted_s, self._so_far.duration)
        changed = (self._so_far.text, self._so_far.segments) != (before.text, before.segments)
        return self._so_far if changed else None

    def missing(self, sent_s: float) -> str:
        """How much of the sound the service counted, when that is less than it was sent; "" when it does not count."""
        # A service that has words, and a duration of 0, measures no duration.
        counts = self._counted_s > 0 or (self._counted_s == 0 and not self._so_far.text)
        if not counts or round(sent_s - self._counted_s, 3) <= COUNTED_S:
            return ""
        return f"until then it had heard {self._counted_s:.1f} of {sent_s:.1f} s"

    def whole(self) -> Transcript:
        """The last transcript, as the final one."""
        return transcript_of(*self._last, final=True) if self._last else Transcript("")


class Recognition:
    """The client's side of one session. Times are seconds on any clock that the caller keeps to.

    `final` is the last transcript, None while the session goes on. `deadline` is when `quiet()` must
    be called if nothing has come until then; None: no need to hurry.
    """

    def __init__(self, settings: Mapping[str, object], *, config_s: float = CONFIG_S, quiet_s: float = QUIET_S) -> None:
        self._settings, self._config_s, self._quiet_s = settings, config_s, quiet_s
        self.final: Transcript | None = None
        self.deadline: float | None = None
        self.answered = False
        self._outgoing = _Outgoing()
        self._finished = False
        self._sent_bytes, self._over_at = 0, math.inf
        self._understood = _Understood()
        self._note = ""

    # What to send.

    def start(self, now: float) -> bytes:
        """The config frame, sequence 1."""
        self.deadline = now + self._config_s
        return self._outgoing.frame(FrameKind.CONFIG, json.dumps(self._settings, ensure_ascii=False).encode())

    def feed(self, pcm: bytes) -> list[bytes]:
        """The frames that `pcm` (16 kHz mono) completes. Something is always held back for the last one."""
        self._sent_bytes += len(pcm)
        return self._outgoing.sound(pcm)

    def finish(self, now: float) -> bytes:
        """The last frame. It carries sound, unless there was none at all."""
        self._finished = True
        self._over_at = now + self._sent_bytes / (MIC.rate * MIC.frame_bytes) + LONGEST_END_S
        self._await_end(now)
        return self._outgoing.last()

    # What came back.

    def receive(self, message: bytes | str, now: float) -> Transcript | None:
        """What a message adds: the text so far, when it changed and the session goes on.

        Raises the service's error, or ProtocolError for nonsense. Once the last frame is sent, an
        error ends the session with what is known instead, unless sound is missing from it.
        """
        try:
            return self._received(message, now)
        except VoiceError as exc:
            self._end_early(exc)
            return None

    def closed(self, reason: VoiceError | None = None) -> None:
        """The peer closed the connection, or it broke for `reason`. Ends the session, or raises."""
        note = f": {self._note}" if self._note else ""
        self._end_early(reason or DroppedError(f"closed the connection before its result{note}", cure="Try again"))

    def quiet(self) -> None:
        """The deadline has passed and nothing came. Ends the session, or raises.

        UnreachableError: the sound was never answered; DroppedError: only some of it was.
        """
        waited = self._quiet_s if self.answered else self._config_s
        note = f"; its last words were: {self._note}" if self._note else ""
        error = DroppedError if self._understood.known else UnreachableError
        self._end_early(error(f"did not answer within {waited:g} s{note}", cure="Try again"))

    def _received(self, message: bytes | str, now: float) -> Transcript | None:
        if isinstance(message, str):
            self._alive(now)
            return self._text(message)
        frame = decode(message)
        if frame is None:
            return None
        self._alive(now)
        if frame.kind is FrameKind.ERROR and frame.code not in OK_CODES:
            self._failed(frame)
            return None
        told = frame.kind is FrameKind.RESULT and frame.payload
        changed = self._understood.take(json_in(frame.payload)) if told else None
        if frame.last and not self._finished:
            raise ServiceError("ended the session before the speech did", cure="Try again")
        if frame.last:
            self._end()
        return changed if self.final is None else None

    def _text(self, message: str) -> Transcript | None:
        """A text frame: JSON as a result would hold, or words that are kept for an error's sake."""
        try:
            data = json_in(message)
        except ProtocolError:
            self._note = clean(message)
            return None
        return self._understood.take(data)

    def _failed(self, frame: Frame) -> None:
        if not (frame.code == EMPTY_AUDIO and self._finished):
            raise error_for(frame.code or 0, frame.payload)
        self._end()

    def _alive(self, now: float) -> None:
        self.answered = True
        self.deadline = None
        if self._finished:
            self._await_end(now)

    def _await_end(self, now: float) -> None:
        quiet_at = now + self._quiet_s
        config_at = 0.0 if self.answered else self.deadline or 0.0
        self.deadline = min(max(quiet_at, config_at), self._over_at)

    def _end_early(self, error: VoiceError) -> None:
        if not (self._finished and self._understood.known):
            raise error
        if missing := self._understood.missing(self._sent_bytes / (MIC.rate * MIC.frame_bytes)):
            error.what = f"{error.what}; {missing}"
            error.args = (error.what,)
            raise error
        self._end()

    def _end(self) -> None:
        self.deadline = None
        self.final = self._understood.whole()
