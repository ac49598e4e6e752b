"""Containers that libsndfile does not know (m4a, mp4, webm, aac, video), through PyAV or an ffmpeg on the PATH.

Belongs here: finding either, their samples as a stream. Does not belong here: what libsndfile reads (files).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from voicecli.errors import InputError
from voicecli.types import MIC

READ_BYTES = 65_536

CURE = "Install what reads it: ffmpeg, or PyAV beside voicecli (pip install av); or convert it to wav, flac or mp3"


def are_readable(search: str | None = None) -> bool:
    """Whether there is anything here that reads them."""
    return bool(find_spec("av") or shutil.which("ffmpeg", path=search))


def blocks(path: Path, search: str | None = None) -> Iterator[bytes]:
    """The first sound in the file as s16le mono at 16 kHz, in pieces of any length, as it is read.

    `search` is the PATH on which ffmpeg is looked for. InputError: neither is there, or it holds no sound.
    """
    if find_spec("av"):
        return _by_pyav(path)
    ffmpeg = shutil.which("ffmpeg", path=search)
    if ffmpeg:
        return _by_ffmpeg(ffmpeg, path)
    raise InputError("is no sound that can be read here", who=str(path), cure=CURE)


def _by_pyav(path: Path) -> Iterator[bytes]:
    import av

    try:
        with av.open(str(path)) as box:
            stream = next((each for each in box.streams if each.type == "audio"), None)
            if stream is None:
                raise InputError("holds no sound", who=str(path), cure="Give it a recording.")
            resampler: Any = av.AudioResampler(format="s16", layout="mono", rate=MIC.rate)
            for frame in box.decode(stream):
                yield from (bytes(each.to_ndarray().tobytes()) for each in resampler.resample(frame))
            yield from (bytes(each.to_ndarray().tobytes()) for each in resampler.resample(None))
    except (av.FFmpegError, ValueError) as exc:
        raise InputError("is no sound that can be read here", who=str(path), cure="Convert it to wav.") from exc


def _by_ffmpeg(program: str, path: Path) -> Iterator[bytes]:
    # file: keeps a name that begins with a dash or holds a colon from meaning something else.
    command = [program, "-nostdin", "-v", "error", "-i", f"file:{path}", "-vn", "-f", "s16le", "-ac", "1"]
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            [*command, "-ar", str(MIC.rate), "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words
        ) as process:
            assert process.stdout is not None
            whole = False
            try:
                while data := process.stdout.read(READ_BYTES):
                    yield data
                whole = True
            finally:
                if not whole:
                    process.kill()
        if process.returncode:
            words.seek(0)
            said = words.read(2000).decode("utf-8", "replace").strip().splitlines() or [""]
            raise InputError(f"ffmpeg can't read it: {said[-1][:200]}", who=str(path), cure="Convert it to wav.")
