"""What kind of sound a body is, by its first bytes, since services' content types lie.

Belongs here: pure functions on the bytes of speech. Does not belong here: decoding it, or requests.
"""

from __future__ import annotations

import re

from voicecli.types import PcmFormat

SNIFFED = 16
"""Bytes that are enough to tell; speech shorter than that is judged by what there is."""

PCM = PcmFormat(24_000, 1)
"""What OpenAI's `pcm` is."""

_MAGIC = ((b"RIFF", "wav"), (b"ID3", "mp3"), (b"OggS", "ogg"), (b"fLaC", "flac"), (b"\x1aE\xdf\xa3", "webm"))
_BY_TYPE = {
    "audio/aac": "aac",
    "audio/aacp": "aac",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
    "audio/flac": "flac",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/vnd.wave": "wav",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-flac": "flac",
    "audio/x-wav": "wav",
}
_SAMPLES = re.compile(r"^audio/(?:pcm|x-pcm|l16|raw|x-raw)\b")
_NUMBER = {name: re.compile(rf";\s*{name}\s*=\s*\"?(\d{{1,6}})") for name in ("rate", "channels")}
_KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ((0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)),
)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def encoding_of(head: bytes, content_type: str, asked: str) -> PcmFormat | str:
    """The encoding of sound that begins with `head`: by its bytes, its type, then by what was asked for."""
    found = "m4a" if head[4:8] == b"ftyp" else next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    kind = content_type.lower()
    samples = _SAMPLES.match(kind)
    if found is None and not samples:
        found = _framed(head) or _BY_TYPE.get(kind.partition(";")[0].strip())
    if found is None and not samples and asked == "aac":
        found = "aac"
    return found or _pcm(kind)


def _pcm(kind: str) -> PcmFormat:
    values = {name: int(match[1]) for name, form in _NUMBER.items() if (match := form.search(kind))}
    rate, channels = values.get("rate", PCM.rate), values.get("channels", PCM.channels)
    return PcmFormat(rate, channels) if 8000 <= rate <= 192_000 and channels in (1, 2) else PCM


def _framed(head: bytes) -> str | None:
    """mp3 by its frame headers: samples may look like one header, hardly like two at the right distance."""
    size = _mp3_frame(head)
    if not size:
        return None
    return "mp3" if len(head) < size + 4 or _mp3_frame(head[size:]) else None


def _mp3_frame(data: bytes) -> int:
    """The bytes of the MPEG layer III frame that begins here; 0 when none does."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = data[1] >> 3 & 3, data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    kbits = _KBITS[0 if version == 3 else 1][bitrate]
    return (144 if version == 3 else 72) * kbits * 1000 // _RATES[version][rate] + (data[2] >> 1 & 1)


class WithoutPings:
    """Takes server-sent comments out of raw sound: some servers put one into any stream after ten minutes."""

    _PING = re.compile(rb": ping[ -~]{0,60}\r\n\r\n")
    _OPEN = re.compile(rb": ping[ -~]{0,60}(?:\r(?:\n\r?)?)?$")

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """`data` without comments; one that may go on in the next piece is held back."""
        data, self._held = self._held + data, b""
        if b": ping" not in data:
            return data
        data = self._PING.sub(b"", data)
        if unended := self._OPEN.search(data):
            data, self._held = data[: unended.start()], unended.group()
        return data

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return held
