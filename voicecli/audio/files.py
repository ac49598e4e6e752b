"""The door to recordings: what a sound file is, how long, and its samples, whatever its header claims.

A file may hold several recordings one behind the other, or a WAV whose writer died: `audio.parts` finds them, and all
of them are read. What libsndfile does not know goes to another program (audio.foreign), where `door` may ask one.

Belongs here: soundfile's reading end, containers by their first bytes, raw 16-bit PCM.
Does not belong here: devices, services' streams (codec), writing (encoder), deciding which container a service gets.

Files without a header (.raw, .pcm, .s16le) and streams such as stdin are s16le, 16 kHz, mono.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from voicecli.audio import pcm
from voicecli.audio.parts import Part, Window, parts_of
from voicecli.audio.quiet import hushed
from voicecli.errors import InputError, unreadable
from voicecli.resampling import Resampler
from voicecli.types import MIC, AudioClip, PcmFormat

if TYPE_CHECKING:
    from soundfile import SoundFile

    from voicecli.audio.pcm import Floats

Source = Path | BinaryIO

RAW = frozenset({".raw", ".pcm", ".s16le", ".s16"})
"""Extensions of files that are samples and nothing else."""

READ_BYTES = 65_536
READ_SAMPLES = 16_384
LAST_SAMPLES = 256
"""Samples of all channels together that are read at once, and so many near a place that cannot be read."""

UNKNOWN_FRAMES = 1 << 48
"""libsndfile gives more than this where a file does not tell its length."""

SLOWEST, FASTEST = 1000, 1_000_000
"""Rates in Hz that sound may have; a second of one at 1 Hz would become 16,000 samples for each of its own."""

MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sound file is, told by its headers. `container` is an extension without the dot."""

    container: str
    seconds: float
    rate: int
    channels: int


# ---------------------------------------------------------------------------------- what it is


def container_of(head: bytes) -> str:
    """The container that the first bytes (16 are enough) tell of; "" if they tell of none."""
    if head[:4] in (b"RIFF", b"FORM"):
        return {b"WAVE": "wav", b"AIFF": "aiff", b"AIFC": "aiff"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0:
        return {0x02: "mp3", 0x00: "aac"}.get(head[1] & 0x06, "")
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


MAGIC = {
    b"RF64": "wav",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"\x1a\x45\xdf\xa3": "webm",
    b"caff": "caf",
    b".snd": "au",
    b"#!AMR": "amr",
}


def probe(path: Path) -> Probe:
    """Reads headers only. InputError: it cannot be read, or is no sound that libsndfile knows."""
    if path.suffix.lower() in RAW:
        with _readable(path):
            return Probe("raw", path.stat().st_size / (2 * MIC.rate), MIC.rate, MIC.channels)
    with _binary(path) as file:
        container, parts = _parts(file, str(path))
        told = [_told(file, part, str(path)) for part in parts]
    return Probe(container, sum(seconds for seconds, _, _ in told), *told[0][1:])


def _parts(file: BinaryIO, who: str) -> tuple[str, list[Part]]:
    file.seek(0)
    container = container_of(file.read(16))
    parts = parts_of(file, container)
    if len(parts) > MOST_PARTS:
        raise InputError(f"holds more than {MOST_PARTS:,} recordings", who=who, cure="Take it apart.")
    return container, parts


def _told(file: BinaryIO, part: Part, who: str) -> tuple[float, int, int]:
    """Seconds, rate and channels of a recording in a file."""
    with _sound(Window(file, part), who) as sound:
        return _seconds(sound, part) or 0.0, sound.samplerate, sound.channels


def _seconds(sound: SoundFile, part: Part) -> float | None:
    if part.seconds is not None:
        return part.seconds
    return sound.frames / sound.samplerate if 0 <= sound.frames < UNKNOWN_FRAMES else None


def is_as_it_says(path: Path) -> bool:
    """Whether any reader of the file gets all that is in it: one recording, whose channels don't cancel each other."""
    with _binary(path) as file:
        if path.suffix.lower() in RAW:
            return True
        container, parts = _parts(file, str(path))
        file.seek(parts[0].start)
        tagged = not parts[0].head and container_of(file.read(16)) != container
        return len(parts) == 1 and not tagged and not (container != "" and _cancels(file, parts[0], str(path)))


LOOKED_AT_S = 120


def _cancels(file: BinaryIO, part: Part, who: str) -> bool:
    """Whether the mean of the channels is not what `pcm.mixed` makes of them, somewhere in the first two minutes."""
    try:
        with _sound(Window(file, part), who) as sound:
            if sound.channels < 2:
                return False
            count = LOOKED_AT_S * sound.samplerate * sound.channels // READ_SAMPLES + 1
            blocks = (block for block, _ in zip(_frames(sound, who), range(count), strict=False))
            return any(pcm.cancel(block) for block in blocks)
    except InputError:
        return False


def read_clip(path: Path) -> AudioClip:
    """The file as it is, to be sent to a service; `seconds` where we can read it ourselves.

    InputError: it cannot be read, is empty, or is no sound at all. Samples without a header get one.
    """
    with _binary(path) as file:
        data = file.read()
    if path.suffix.lower() in RAW:
        data = pcm.wav_bytes(data, MIC)
    return clip_of(data, path.name, str(path))


def clip_of(data: bytes, name: str, who: str = "") -> AudioClip:
    """Encoded bytes as a clip called `name`. A WAV that was streamed gets its true length. InputError."""
    if not data:
        raise InputError("is empty", who=who or name, cure="Give it a recording.")
    container, parts = _parts(io.BytesIO(data), who or name)
    if container == "wav" and len(parts) == 1 and parts[0].head:
        data, parts = _mended(data, parts[0]), [Part(0, len(data))]
    if container == "webm" and b"matroska" in data[:64]:
        container = "mkv"  # the same container, and more in it than services take
    seconds: float | None = 0.0
    try:
        for part in parts:
            with _sound(Window(io.BytesIO(data), part), who or name) as sound:
                found = _seconds(sound, part)
                seconds = None if seconds is None or found is None else seconds + found
                container = container or sound.format.lower()
    except InputError:
        if not container:
            raise
        seconds = None  # a service may know it all the same
    if seconds == 0:
        raise InputError("holds no sound", who=who or name, cure="Record it again.")
    return AudioClip(data, container, seconds, name)


def _mended(data: bytes, part: Part) -> bytes:
    """A WAV with its true lengths."""
    samples = data[part.start : part.end]
    whole = len(part.head) + len(samples) - 8
    if whole > pcm.UNKNOWN_LENGTH:
        return data
    lengths = whole.to_bytes(4, "little"), len(samples).to_bytes(4, "little")
    return part.head[:4] + lengths[0] + part.head[8:-4] + lengths[1] + samples


# -------------------------------------------------------------------------------- its samples


def read_pcm(source: Source, rate: int = MIC.rate) -> bytes:
    """The whole recording as s16le mono at `rate`. InputError."""
    return _whole(_pieces(source), rate)


def decode(data: bytes, who: str) -> tuple[bytes, int]:
    """Encoded bytes, whole, as s16le mono and the rate of the first recording in it. InputError: nothing reads them."""
    pieces = list(_sound_pieces(io.BytesIO(data), who))
    rate = pieces[0][1] if pieces else MIC.rate
    return _whole(iter(pieces), rate), rate


def _whole(pieces: Iterator[tuple[bytes, int]], rate: int) -> bytes:
    """Pieces of samples, each at its own rate, as one sound."""
    runs: list[tuple[int, list[bytes]]] = []
    for samples, rate_in in pieces:
        if not runs or runs[-1][0] != rate_in:
            runs.append((rate_in, []))
        runs[-1][1].append(samples)
    return b"".join(pcm.resample(b"".join(each), rate_in, rate) for rate_in, each in runs)


def blocks(source: Source, rate: int = MIC.rate, ms: float = 20, *, live: bool = True) -> Iterator[bytes]:
    """The recording as s16le mono at `rate` in blocks of `ms`, as it is read; the last may be shorter. InputError.

    Where it is not `live`, sound may be held back for a while, and changing its rate is ten times as fast.
    """
    size = PcmFormat(rate).bytes_for(ms)
    rest = b""
    for samples in _at_rate(_pieces(source), rate, Resampler if live else pcm.FileResampler):
        rest += samples
        whole = len(rest) - len(rest) % size
        yield from (rest[at : at + size] for at in range(0, whole, size))
        rest = rest[whole:]
    if rest:
        yield rest


def _at_rate(
    pieces: Iterator[tuple[bytes, int]], rate: int, make: type[Resampler] | type[pcm.FileResampler]
) -> Iterator[bytes]:
    resampler: Resampler | pcm.FileResampler | None = None
    rate_now = 0
    for samples, rate_in in pieces:
        if rate_in != rate_now:
            if resampler:
                yield resampler.flush()
            resampler, rate_now = make(rate_in, rate), rate_in
        assert resampler is not None
        yield resampler.feed(samples)
    if resampler:
        yield resampler.flush()


def _pieces(source: Source) -> Iterator[tuple[bytes, int]]:
    """Pieces of s16le mono, each with its rate."""
    if not isinstance(source, Path):
        yield from streamed(source)
        return
    with _binary(source) as file:
        yield from streamed(file) if source.suffix.lower() in RAW else _sound_pieces(file, str(source))


def streamed(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Raw samples, or a WAV of them, as they arrive."""
    read = getattr(file, "read1", file.read)
    head = b""
    while len(head) < 4 and (data := read(READ_BYTES)):
        head += data
    wav = pcm.WavStream() if head.startswith(b"RIFF") else None
    carry = b""
    while head:
        data = carry + (_unwrapped(wav, head) if wav else head)
        format = wav.format or MIC if wav else MIC
        whole = len(data) - len(data) % format.frame_bytes
        carry = data[whole:]
        if whole:
            yield pcm.to_mono(data[:whole], format.channels), format.rate
        head = read(READ_BYTES)


def _unwrapped(wav: pcm.WavStream, data: bytes) -> bytes:
    try:
        return wav.feed(data)
    except ValueError as exc:
        raise InputError(str(exc), who="stdin", cure="Send 16-bit samples: s16le, 16 kHz, mono.") from None


def _sound_pieces(file: BinaryIO, who: str) -> Iterator[tuple[bytes, int]]:
    """Whatever libsndfile reads, each recording in it."""
    for part in _parts(file, who)[1]:
        rate, done = 0, 0
        try:
            with _sound(Window(file, part), who) as sound:
                rate = sound.samplerate
                for block in _frames(sound, who):
                    done += len(block)
                    yield pcm.s16(pcm.mixed(block)), rate
        except InputError:
            with _sound(Window(file, part), who) as sound:
                rate, before = sound.samplerate, done
                for block in _last_frames(sound, who, before):
                    done += len(block)
                    yield pcm.s16(pcm.mixed(block)), rate
            if not done:
                raise


def _frames(sound: SoundFile, who: str, count: int = READ_SAMPLES) -> Iterator[Floats]:
    """The frames, a row each, as floats: libsndfile does not scale float files to integers."""
    while True:
        with _sound_errors(who), hushed():
            block = sound.read(max(1, count // sound.channels), dtype="float32", always_2d=True)
        if not len(block):
            return
        yield pcm.finite(block)


def _last_frames(sound: SoundFile, who: str, done: int) -> Iterator[Floats]:
    """The frames behind the first `done` of a recording that was cut off, as far as they go."""
    with suppress(InputError):
        for block in _frames(sound, who) if done else ():
            done -= len(block)
            if done <= 0:
                break
        yield from _frames(sound, who, LAST_SAMPLES)


@contextmanager
def _sound(file: io.RawIOBase, who: str) -> Iterator[SoundFile]:
    import soundfile

    with _sound_errors(who), hushed():
        sound = soundfile.SoundFile(file)
    with sound:
        check_rate(sound.samplerate, who)
        yield sound


class RateError(InputError):
    """A recording says that it has a rate that no sound has."""


def check_rate(rate: int, who: str) -> None:
    """Raises RateError where a rate is out of range."""
    if not SLOWEST <= rate <= FASTEST:
        what = f"says that it has {rate:,} samples a second, which no sound has"
        raise RateError(what, who=who, cure="Give its true rate, for instance with sox -r.")


def _named(who: str) -> str:
    """A file as a person would name it; what is piped in has no name."""
    name = Path(who).name
    return name if name not in ("", "stdin") else "FILE"


@contextmanager
def _sound_errors(who: str) -> Iterator[None]:
    import soundfile

    try:
        yield
    except (soundfile.SoundFileError, ValueError) as exc:
        raise InputError(
            "holds no sound that can be read here",
            who=who,
            cure=f"Convert it, for instance: ffmpeg -i {_named(who)} -ac 1 -ar 16000 recording.wav",
        ) from exc


# -------------------------------------------------------------------------------- reading bytes


@contextmanager
def _binary(path: Path) -> Iterator[BinaryIO]:
    with _readable(path):
        file = path.open("rb")
    with file:
        if os.name != "nt" and stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
            raise InputError("is a folder", who=str(path), cure="Give it a file.")
        yield cast(BinaryIO, file) if file.seekable() else io.BytesIO(file.read())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise unreadable(path, exc) from None
