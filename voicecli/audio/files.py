"""Sound files: what they are, their samples, writing them, and writing any file whole or not at all.

Belongs here: soundfile's door, containers by their first bytes, raw 16-bit PCM, atomic writing.
Does not belong here: devices, services' streams (codec), deciding which container a service gets.

Files without a header (.raw, .pcm, .s16le) and streams such as stdin are s16le, 16 kHz, mono.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from voicecli.audio import pcm
from voicecli.audio.quiet import hushed
from voicecli.errors import InputError, UsageError
from voicecli.storage.atomic import Part, is_same
from voicecli.types import MIC, AudioClip, PcmFormat

Source = Path | BinaryIO

RAW = frozenset({".raw", ".pcm", ".s16le", ".s16"})
"""Extensions of files that are samples and nothing else."""

READ_BYTES = 65_536

UNKNOWN_FRAMES = 1 << 48
"""libsndfile gives more than this where a file does not tell its length."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sound file is, told by its header. `container` is an extension without the dot."""

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
    """Reads the header only. InputError: it cannot be read, or is no sound that libsndfile knows."""
    if path.suffix.lower() in RAW:
        return Probe("raw", _size(path) / (2 * MIC.rate), MIC.rate, MIC.channels)
    with _binary(path) as file:
        container = container_of(file.read(16))
        file.seek(0)
        with _sound(file, str(path)) as sound:
            return Probe(container, sound.frames / sound.samplerate, sound.samplerate, sound.channels)


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
    container = container_of(data[:16])
    if container == "webm" and b"matroska" in data[:64]:
        container = "mkv"  # the same container, and more in it than services take
    data = pcm.repair_wav(data) if container == "wav" else data
    try:
        with _sound(io.BytesIO(data), who or name) as sound:
            seconds = sound.frames / sound.samplerate if 0 <= sound.frames < UNKNOWN_FRAMES else None
            container = container or sound.format.lower()
    except InputError:
        if not container:
            raise
        seconds = None  # a service may know it all the same
    if seconds == 0:
        raise InputError("holds no sound", who=who or name, cure="Record it again.")
    return AudioClip(data, container, seconds, name)


# -------------------------------------------------------------------------------- its samples


def read_pcm(source: Source, rate: int = MIC.rate) -> bytes:
    """The whole recording as s16le mono at `rate`. InputError."""
    pieces = list(_pieces(source))
    return pcm.resample(b"".join(samples for samples, _ in pieces), pieces[0][1], rate) if pieces else b""


def blocks(source: Source, rate: int = MIC.rate, ms: float = 20, *, live: bool = True) -> Iterator[bytes]:
    """The recording as s16le mono at `rate` in blocks of `ms`, as it is read; the last may be shorter. InputError.

    Where it is not `live`, sound may be held back for a while, and changing its rate is ten times as fast.
    """
    size = PcmFormat(rate).bytes_for(ms)
    resampler: pcm.Resampler | pcm.FileResampler | None = None
    rest = b""
    for samples, rate_in in _pieces(source):
        resampler = resampler or (pcm.Resampler if live else pcm.FileResampler)(rate_in, rate)
        rest += resampler.feed(samples)
        whole = len(rest) - len(rest) % size
        yield from (rest[at : at + size] for at in range(0, whole, size))
        rest = rest[whole:]
    rest += resampler.flush() if resampler else b""
    yield from (rest[at : at + size] for at in range(0, len(rest), size))


def decode(data: bytes, who: str) -> tuple[bytes, int]:
    """Encoded bytes, whole, as s16le mono and its rate. InputError: libsndfile cannot read them."""
    pieces = list(_sound_pieces(io.BytesIO(data), who))
    return b"".join(samples for samples, _ in pieces), pieces[0][1] if pieces else MIC.rate


def _pieces(source: Source) -> Iterator[tuple[bytes, int]]:
    """Pieces of s16le mono, each with its rate."""
    if not isinstance(source, Path):
        yield from _streamed(source)
        return
    with _binary(source) as file:
        if source.suffix.lower() in RAW or _is_streamed_wav(file):
            yield from _streamed(file)
        else:
            yield from _sound_pieces(file, str(source))


def _streamed(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
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


def _is_streamed_wav(file: BinaryIO) -> bool:
    """Whether it is a WAV whose header does not tell its length: libsndfile would find nothing in it."""
    try:
        found = pcm.parse_wav_header(file.read(READ_BYTES))
    except ValueError:
        found = None
    file.seek(0)
    return found is not None and found[2] == pcm.ENDLESS


def _sound_pieces(file: BinaryIO, who: str) -> Iterator[tuple[bytes, int]]:
    """Whatever libsndfile reads. Through floats, since it does not scale float files to integers."""
    import numpy as np

    with _sound(file, who) as sound:
        while True:
            with _sound_errors(who), hushed():
                block = sound.read(READ_BYTES, dtype="float32", always_2d=True)
            if not len(block):
                return
            mono = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
            yield np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16).tobytes(), sound.samplerate


@contextmanager
def _sound(file: BinaryIO, who: str) -> Iterator[Any]:
    import soundfile

    with _sound_errors(who), hushed():
        sound = soundfile.SoundFile(file)
    with sound:
        yield sound


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
            "is no sound that can be read here",
            who=who,
            cure=f"Convert it, for instance: ffmpeg -i {_named(who)} -ac 1 -ar 16000 recording.wav",
        ) from exc


# -------------------------------------------------------------------------------- reading bytes

CANNOT_READ = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "is a folder",
    PermissionError: "may not be read",
}


@contextmanager
def _binary(path: Path) -> Iterator[BinaryIO]:
    with _readable(path):
        file = path.open("rb")
    with file:
        if os.name != "nt" and stat.S_ISDIR(os.fstat(file.fileno()).st_mode):
            raise InputError("is a folder", who=str(path), cure="Give it a file.")
        yield file if file.seekable() else io.BytesIO(file.read())


def _size(path: Path) -> int:
    with _readable(path):
        return path.stat().st_size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        what = next((text for kind, text in CANNOT_READ.items() if isinstance(exc, kind)), exc.strerror or str(exc))
        raise InputError(what, who=str(path), cure="Check the path.") from None


# ------------------------------------------------------------------------------------- writing

FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
}
"""What libsndfile writes, by extension: its format and subtype."""

RATES = {
    "opus": (8000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
"""The only rates that a format knows."""

WRITABLE = ("wav", "pcm", *FORMATS)


def encode(samples: bytes, rate: int, container: str) -> bytes:
    """s16le mono as a file of that container (one of `WRITABLE`). UsageError: another one."""
    if container == "wav":
        return pcm.wav_bytes(samples, PcmFormat(rate))
    if container in ("pcm", "raw"):
        return samples
    if container not in FORMATS:
        raise UsageError(f"sound cannot be written as {container!r}", cure=f"Choose one of: {', '.join(WRITABLE)}.")
    fitting = min((each for each in RATES.get(container, (rate,)) if each >= rate), default=48_000)
    return _encoded(pcm.resample(samples, rate, fitting), fitting, *FORMATS[container])


def _encoded(samples: bytes, rate: int, format: str, subtype: str) -> bytes:
    """In pieces: libsndfile's Vorbis encoder overflows its stack when it is given minutes at once."""
    import numpy as np
    import soundfile

    out = io.BytesIO()
    with hushed(), soundfile.SoundFile(out, "w", rate, 1, subtype, format=format) as file:
        for at in range(0, len(samples), READ_BYTES):
            file.write(np.frombuffer(samples[at : at + READ_BYTES], np.int16))
    return out.getvalue()


FULL = {
    errno.ENOSPC: ("the disk is full", "Make room, or choose another place."),
    errno.EDQUOT: ("your share of the disk is full", "Make room, or choose another place."),
    errno.EFBIG: ("is too large for this disk", "Choose another place."),
}
"""What can go wrong while a file is written, in words; other errors there are not about the file."""

CANNOT_OPEN = FULL | {
    errno.ENOENT: ("the folder does not exist", "Create it first."),
    errno.ENOTDIR: ("the folder does not exist", "Create it first."),
    errno.EACCES: ("may not be written", "Choose another place."),
    errno.EPERM: ("may not be written", "Choose another place."),
    errno.EROFS: ("may not be written", "Choose another place."),
    errno.EISDIR: ("is a folder", "Give it the name of a file."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter one."),
}


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file (it may be sought in) that appears whole under its name, or not at all.

    It is written under a name beside its own, and renamed when the block ends; when the block raises it
    vanishes and what was there stays. Pipes and devices are written directly. UsageError: it cannot be written.
    """
    with _writable(path, CANNOT_OPEN):
        part = None if _is_odd(path) else Part(_target(path))
    if part is None:
        with _direct(path) as file:
            yield file
        return
    try:
        with _writable(path, FULL):
            yield part.file
            part.file.flush()
        with _writable(path, CANNOT_OPEN):
            part.finish()
    except BaseException:
        part.discard()
        raise


@contextmanager
def _direct(path: Path) -> Iterator[BinaryIO]:
    """A pipe or a device: what is written is gone."""
    with _writable(path, CANNOT_OPEN):
        file = path.open("wb")
    with _writable(path, FULL), file:
        yield file
        file.flush()


def _target(path: Path) -> Path:
    """The file that `path` leads to. OSError: a folder, or a file that is read-only, which is meant so."""
    target = path.resolve()
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only")
    return target


def refuse_input(path: Path, *inputs: Path | str | None) -> None:
    """UsageError when writing to `path` would be writing over one of the inputs (None: is none)."""
    for each in inputs:
        if each is not None and is_same(path, Path(each)) and not _is_odd(path):
            raise UsageError(f"{path} is the input", cure="Choose another name to write to.")


def _is_odd(path: Path) -> bool:
    """A device or a pipe, which may well be both: a terminal, /dev/null."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _writable(path: Path, words: Mapping[int, tuple[str, str]]) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno is None or exc.errno not in words:
            raise
        what, cure = words[exc.errno]
        raise UsageError(what, who=str(path), cure=cure) from exc
