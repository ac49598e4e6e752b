"""Containers that libsndfile does not know (m4a, mp4, webm, aac, video), through PyAV or an ffmpeg; AAC to be written.

A playlist makes either read other files, so formats are taken from a list, and nothing but the file is opened. The
program gets no variable of ours but those that it needs to be found and to start.

Belongs here: finding either, samples as a stream. Does not belong here: what libsndfile reads (files).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from voicecli.audio import pcm
from voicecli.audio.files import check_rate, container_of, streamed
from voicecli.audio.parts import Window, parts_of
from voicecli.errors import InputError
from voicecli.types import MIC

if TYPE_CHECKING:
    from av import AudioFrame

CURE = "Install what reads it: ffmpeg, or PyAV beside voicecli (pip install av); or convert it to wav, flac or mp3"

FORMATS = (
    "aa,aac,ac3,ac4,acm,act,adf,adp,adx,aea,afc,aiff,aix,amr,amrnb,amrwb,ape,apm,aptx,asf,asf_o,ast,au,avi,avr,bfstm,"
    "binka,bit,boa,brstm,caf,codec2,codec2raw,daud,dhav,dsf,dss,dts,dtshd,dv,dvd,ea,eac3,epaf,"
    "flac,flv,fsb,fwse,g722,g723_1,g726,g726le,g729,gsm,gxf,hca,hcom,iff,ifv,ilbc,ircam,iss,ivf,kvag,kux,laf,live_flv,"
    "lmlm4,loas,lvf,lxf,matroska,webm,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegtsraw,mpegvideo,msf,"
    "mtaf,mtv,musx,mxf,nistsphere,nsv,nut,nuv,ogg,oma,osq,pva,pvf,qcp,r3d,redspark,rka,rm,rsd,rso,sbc,sds,sdx,shn,"
    "smjpeg,sol,sox,spdif,svag,swf,tak,truehd,tta,tty,ty,usm,vag,voc,vpk,vqf,w64,wav,wsd,wsvqa,wtv,wv,wve,xa,xmv,xvag,"
    "xwma,yop"
)
"""Formats that hold sound. What names other files (hls, concat, dash, imf, sdp …) is not among them."""

PROTOCOLS = "file,pipe"
NEEDED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")
"""The variables that ffmpeg gets."""


def are_readable(env: Mapping[str, str] | None = None) -> bool:
    """Whether PyAV or ffmpeg is here to read such containers."""
    return bool(find_spec("av") or _ffmpeg(env))


def _ffmpeg(env: Mapping[str, str] | None) -> str | None:
    return shutil.which("ffmpeg", path=None if env is None else env.get("PATH"))


def blocks(path: Path, env: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """The sound in the file as s16le mono at 16 kHz, in pieces of any length, as it is read.

    `env` are the variables of this run: where ffmpeg is looked for, and what it needs; left out, this process' own.
    InputError: there is nothing here that reads it, or it holds no sound.
    """
    env = os.environ if env is None else env
    ffmpeg = _ffmpeg(env)
    if not find_spec("av") and not ffmpeg:
        raise InputError("holds no sound that can be read here", who=str(path), cure=CURE)
    with path.open("rb") as file:
        parts = parts_of(file, container_of(file.read(16)))
        for part in parts:
            with _apart(path, Window(file, part), alone=len(parts) == 1) as one:
                yield from _by_pyav(one, str(path)) if find_spec("av") else _by_ffmpeg(str(ffmpeg), one, path, env)


@contextmanager
def _apart(path: Path, window: Window, *, alone: bool) -> Iterator[Path]:
    """A recording in a file as a file of its own, for the time of the block."""
    if alone:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        one = Path(folder) / f"part{path.suffix}"
        with one.open("wb") as file:
            shutil.copyfileobj(window, file, 1 << 20)
        yield one


def _by_pyav(path: Path, who: str) -> Iterator[bytes]:
    import av

    options = {"format_whitelist": FORMATS, "protocol_whitelist": PROTOCOLS}
    try:
        with av.open(f"file:{path}", options=options) as box:
            stream = next((each for each in box.streams if each.type == "audio"), None)
            if stream is None:
                raise InputError("holds no sound", who=who, cure="Give it a recording.")
            yield from _resampled(_frames(box, stream), who)
    except (av.FFmpegError, ValueError) as exc:
        raise InputError("holds no sound that can be read here", who=who, cure="Convert it to wav.") from exc


def _frames(box: Any, stream: Any) -> Iterator[Any]:
    """The frames; packets that are broken cost only themselves, as with ffmpeg, unless all of them are."""
    import av

    some, failed = False, None
    try:
        for packet in box.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError as exc:
                failed = exc
                continue
            some = some or bool(frames)
            yield from frames
    except av.FFmpegError as exc:
        failed = exc
    if failed and not some:
        raise failed


def _resampled(frames: Iterator[Any], who: str) -> Iterator[bytes]:
    """What PyAV decodes, in one or two channels at 16 kHz, made one: two may cancel each other."""
    import av

    resampler: Any = None
    kind: object = None
    channels = 1
    for frame in frames:
        check_rate(frame.sample_rate, who)
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != kind:
            if resampler is not None:
                yield from (_mono(each, channels) for each in resampler.resample(None))
            kind, channels = now, min(2, frame.layout.nb_channels)
            resampler = av.AudioResampler(format="s16", layout="mono" if channels == 1 else "stereo", rate=MIC.rate)
        yield from (_mono(each, channels) for each in resampler.resample(frame))
    if resampler is not None:
        yield from (_mono(each, channels) for each in resampler.resample(None))


def _mono(frame: AudioFrame, channels: int) -> bytes:
    return pcm.to_mono(bytes(frame.to_ndarray().tobytes()), channels)


def _by_ffmpeg(program: str, path: Path, named: Path, env: Mapping[str, str]) -> Iterator[bytes]:
    # file: keeps a name that begins with a dash or holds a colon from meaning something else.
    command = [program, "-nostdin", "-v", "error", "-format_whitelist", FORMATS, "-protocol_whitelist", PROTOCOLS]
    command += ["-i", f"file:{path}", "-vn", "-f", "wav", "-c:a", "pcm_s16le", "-ar", str(MIC.rate)]
    command += ["-af", "aformat=channel_layouts=mono|stereo", "-"]
    needed = {name: env[name] for name in NEEDED if name in env}
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words, env=needed
        ) as process:
            whole = False
            try:
                yield from (samples for samples, _ in streamed(cast(BinaryIO, process.stdout)))
                whole = True
            finally:
                if not whole:
                    process.kill()
        if process.returncode:
            words.seek(0)
            said = words.read(2000).decode("utf-8", "replace").strip().splitlines() or [""]
            raise InputError(f"ffmpeg can't read it: {said[-1][:200]}", who=str(named), cure="Convert it to wav.")


class AacEncoder:
    """`feed` s16le mono at `rate`, then `close`; what is made of it goes to `write`, as AAC in ADTS. By PyAV alone."""

    def __init__(self, write: Callable[[bytes], object], rate: int) -> None:
        import av

        self._box: Any = av.open(_Written(write), "w", format="adts")
        self._stream: Any = self._box.add_stream("aac", rate=rate, layout="mono")
        self._rate = rate

    def feed(self, samples: bytes) -> None:
        import av
        import numpy as np

        frame = av.AudioFrame.from_ndarray(np.frombuffer(samples, np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = self._rate
        self._box.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._box.mux(self._stream.encode(None))
        self._box.close()


class _Written:
    """A file that is only written to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, data: bytes) -> int:
        self._write(bytes(data))
        return len(data)
