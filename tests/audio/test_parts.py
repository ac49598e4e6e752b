"""Files that hold several recordings, and WAVs whose headers lie: as much comes out as there is."""

from __future__ import annotations

import io
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from voicecli.audio import files, foreign, pcm, pieces
from voicecli.audio.parts import Window, parts_of
from voicecli.audio.parts.mpeg import frame_of
from voicecli.audio.parts.window import Part
from voicecli.errors import InputError

RATE = 16_000
TONE = (0.3 * np.sin(np.arange(2 * RATE) / 6)).astype(np.float32)


def made(container: str, subtype: str | None = None, rate: int = RATE, samples: Any = TONE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=container, subtype=subtype)
    return out.getvalue()


def seconds(data: bytes) -> float:
    samples, rate = files.decode(data, "x")
    return len(samples) / 2 / rate


def told(data: bytes, tmp_path: Path) -> float:
    path = tmp_path / "a"
    path.write_bytes(data)
    return files.probe(path).seconds


TAG = b"ID3\x04\0\0\0\0\0\x14" + bytes(20)
VARYING = np.concatenate([np.random.default_rng(1).normal(0, 0.2, RATE), np.zeros(5 * RATE)])


def untagged(data: bytes) -> bytes:
    """An MP3 without its Xing frame."""
    frame = frame_of(data[:4])
    assert frame is not None
    return data[frame.length :]


JOINED = {
    "mp3": (made("MP3") * 3, 6),
    "mp3 with tags between": ((TAG + made("MP3") + b"TAG" + bytes(125)) * 3, 6),
    "mp3 behind what nobody knows": (made("MP3") + bytes(5000) + made("MP3"), 4),
    "mp3 of two rates": (made("MP3") + untagged(made("MP3", rate=24_000)), 2 + 2 * 16 / 24),
    "mp3 without a count": (untagged(made("MP3", samples=VARYING)), 6),
    "mp3 of which one has no count": (made("MP3") + untagged(made("MP3")), 4),
    "ogg": (made("OGG") * 3, 6),
    "ogg of two rates": (made("OGG") + made("OGG", rate=24_000), 2 + 2 * 16 / 24),
    "opus": (made("OGG", "OPUS") * 2, 4),
    "flac": (made("FLAC") * 3, 6),
    "aiff": (made("AIFF") * 2, 4),
    "wav": (made("WAV") * 3, 6),
    "flac behind a tag": (TAG + made("FLAC") + TAG + made("FLAC"), 4),
    "wav behind a tag": (TAG + made("WAV"), 2),
    "au whose writer died": (made("AU")[:8] + bytes(4) + made("AU")[12:], 2),
    "wav of two kinds": (made("WAV", "FLOAT") + made("WAV", "ULAW"), 4),
}


@pytest.mark.parametrize("name", JOINED)
def test_all_of_what_was_put_together_is_read(name: str, tmp_path: Path) -> None:
    data, there = JOINED[name]
    assert seconds(data) == pytest.approx(there, abs=0.35)
    assert told(data, tmp_path) == pytest.approx(there, abs=0.35)
    (tmp_path / "b").write_bytes(data)
    assert sum(map(len, files.blocks(tmp_path / "b", live=False))) / 2 / RATE == pytest.approx(there, abs=0.35)


@pytest.mark.parametrize("container", ["MP3", "OGG", "FLAC", "WAV", "AIFF"])
def test_one_recording_is_left_as_it_is(container: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(made(container))
    assert files.is_as_it_says(path)
    path.write_bytes(made(container) * 2)
    assert not files.is_as_it_says(path)


# -- a WAV whose writer died -----------------------------------------------------------------------

KINDS = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MS_ADPCM", "IMA_ADPCM"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_whose_writer_died_is_read_whole(kind: str, length: int, tmp_path: Path) -> None:
    data = bytearray(made("WAV", kind))
    at = data.find(b"data")
    data[4:8] = (length and length - 8).to_bytes(4, "little")
    data[at + 4 : at + 8] = length.to_bytes(4, "little")
    assert seconds(bytes(data)) == pytest.approx(2, abs=0.1)
    assert told(bytes(data), tmp_path) == pytest.approx(2, abs=0.1)
    clip = files.clip_of(bytes(data), "a.wav")
    assert soundfile.info(io.BytesIO(clip.data)).duration == pytest.approx(2, abs=0.1)


def test_what_stands_behind_the_samples_is_no_sound() -> None:
    data = made("WAV")
    for behind in (b"LIST\x04\0\0\0INFO", b"LIST\x03\0\0\0INF\0id3 \x02\0\0\0ab", b"\0\0\0"):
        assert seconds(data + behind) == 2
    empty = made("WAV", samples=TONE[:0]) + b"LIST\x04\0\0\0INFO"
    with pytest.raises(InputError, match="holds no sound"):
        files.clip_of(empty, "a.wav")


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    for container in ("FLAC", "WAV", "MP3"):
        data = made(container, samples=np.random.default_rng(1).normal(0, 0.1, 10 * RATE))
        assert seconds(data[: len(data) // 2]) == pytest.approx(5, abs=0.5)
    assert seconds(made("FLAC")[: len(made("FLAC")) // 2]) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("count", [1, 191, 4096, 4097, 600_000])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125)])
def test_a_flac_that_tells_too_few_samples_is_read_whole(count: int, behind: bytes) -> None:
    data = bytearray(made("FLAC", samples=np.resize(TONE, count)))
    assert parts_of(io.BytesIO(bytes(data)), "flac") == [Part(0, len(data))], "a true one is left alone"
    data[18:26] = (int.from_bytes(data[18:26], "big") - count + max(1, count // 3)).to_bytes(8, "big")
    assert len(files.decode(bytes(data) + behind, "a")[0]) == 2 * count
    assert seconds(bytes(data) + behind) == pytest.approx(count / RATE)


@pytest.mark.parametrize("rate", [1, 100, 999, 2_000_000])
def test_a_rate_that_no_sound_has_is_refused(rate: int, tmp_path: Path) -> None:
    """20 kB at 1 Hz would be 1.5 GiB at 16 kHz."""
    data = bytearray(made("WAV"))
    data[24:28] = rate.to_bytes(4, "little")
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    for read in (files.read_pcm, files.probe, lambda path: list(pieces.blocks(path))):
        with pytest.raises(InputError, match="samples a second"):
            read(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 3e38])
def test_what_is_no_number_is_silence_without_a_word(bad: float) -> None:
    samples = np.stack([TONE, TONE], 1)
    samples[100:200] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert seconds(made("WAV", "FLOAT", samples=samples)) == 2


# -- channels, offsets -----------------------------------------------------------------------------


def level(data: bytes) -> float:
    return pcm.level_dbfs(files.decode(data, "x")[0])


@pytest.mark.parametrize("other", [-1.0, -0.8, 0.0, 1.0])
@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG"])
def test_channels_that_cancel_are_heard(other: float, container: str, tmp_path: Path) -> None:
    data = made(container, samples=np.stack([TONE, other * TONE], 1))
    assert level(data) > level(made(container)) - 7
    path = tmp_path / "a"
    path.write_bytes(data)
    assert files.is_as_it_says(path) is (other >= 0)


def test_channels_of_samples_alone_cancel_no_more() -> None:
    both = np.stack([TONE, -TONE], 1)
    assert pcm.level_dbfs(pcm.to_mono((both * 32767).astype(np.int16).tobytes(), 2)) > -20


def test_silence_with_an_offset_is_silence() -> None:
    frames = (np.full(16_000, 3000) + np.random.default_rng(1).integers(-2, 3, 16_000)).astype(np.int16)
    assert pieces.is_silent([frames.tobytes()])


# -- what others read ------------------------------------------------------------------------------


def film(path: Path, container: str, codec: str, samples: Any, layout: str = "mono") -> bytes:
    import av

    with av.open(str(path), "w", format=container) as box:
        stream: Any = box.add_stream(codec, rate=RATE, layout=layout)
        resampler: Any = av.AudioResampler(stream.format, layout, RATE, frame_size=1024)
        flat = (samples * 32767).astype(np.int16).reshape(1, -1)
        whole = av.AudioFrame.from_ndarray(flat, "s16", layout)
        whole.sample_rate = RATE
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            box.mux(stream.encode(frame))
    return path.read_bytes()


AMR = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100


def hidden_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "find_spec", lambda name: None)


@pytest.fixture(params=["pyav", *(["ffmpeg"] if shutil.which("ffmpeg") else [])])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "ffmpeg":
        hidden_pyav(monkeypatch)
    return str(request.param)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        *(("mp4", "aac"), ("matroska", "aac"), ("avi", "mp2"), ("mpegts", "mp2"), ("wav", "adpcm_g722")),
        *(("flv", "aac"), ("wv", "wavpack"), ("tta", "tta"), ("caf", "alac"), ("asf", "mp2"), ("wtv", "mp2")),
        *(("au", "pcm_s16be"), ("voc", "pcm_s16le"), ("amr", "")),
    ],
)
def test_other_containers_put_together_are_read_whole(container: str, codec: str, reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    one = film(path, container, codec, TONE) if codec else AMR
    path.write_bytes(one)
    assert sum(map(len, pieces.blocks(path))) / 2 / RATE == pytest.approx(2, abs=0.2)
    path.write_bytes(one * 2)
    assert sum(map(len, pieces.blocks(path))) / 2 / RATE == pytest.approx(4, abs=0.4)


def test_channels_of_other_containers_cancel_no_more(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    film(path, "mp4", "aac", np.stack([TONE, -TONE], 1), "stereo")
    assert pcm.level_dbfs(b"".join(pieces.blocks(path))) > -20


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:2,\nsubfile,,start,0,end,0,,:{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
        "ffconcat version 1.0\nfile secret.ts\n",
        "[playlist]\nFile1={}\n",
    ],
)
@pytest.mark.parametrize("tag", [b"", TAG])
def test_a_playlist_reads_no_other_file(text: str, tag: bytes, reader: str, tmp_path: Path) -> None:
    film(tmp_path / "secret.ts", "mpegts", "mp2", TONE)
    path = tmp_path / "talk.mp3"
    path.write_bytes(tag + text.format(tmp_path / "secret.ts").encode())
    with pytest.raises(InputError):
        list(foreign.blocks(path))
    with pytest.raises(InputError):
        list(pieces.blocks(path))


@pytest.mark.parametrize("told", [True, False])
def test_ffmpeg_gets_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: bool) -> None:
    hidden_pyav(monkeypatch)
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/seen\nexit 1\n")
    program.chmod(0o755)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-there")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError):
        env = {"PATH": str(tmp_path), "OPENAI_API_KEY": "sk-never-there"}
        list(foreign.blocks(tmp_path / "a.m4a", env if told else None))
    assert "PATH=" in (tmp_path / "seen").read_text() and "sk-never" not in (tmp_path / "seen").read_text()


# -- the window ------------------------------------------------------------------------------------


def test_a_window_is_a_file() -> None:
    window = Window(io.BytesIO(b"0123456789"), Part(2, 6, b"ab"))
    assert (window.read(), window.seek(-3, io.SEEK_END), window.read(2), window.tell()) == (b"ab2345", 3, b"34", 5)
    assert (window.seek(1), window.read(3), window.read(9), window.read(1)) == (1, b"b23", b"45", b"")


@pytest.mark.parametrize("container", ["mp3", "wav", "aiff", "ogg", "flac", "m4a", "webm"])
@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"OggS\0\x02" * 9000, b"\xff\xfb\x90\0" * 9000, b"ID3\4" * 9000, b"\0" * 99]
)
def test_a_walk_ends_and_stays_within(container: str, data: bytes) -> None:
    for part in parts_of(io.BytesIO(data), container):
        assert 0 <= part.start <= part.end <= len(data)
