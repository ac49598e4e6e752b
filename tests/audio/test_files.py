"""Sound files of every kind, files that are none, and files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.test_codec import likeness
from tests.audio.test_pcm import samples, tone
from voicecli.audio import encoder, files, pcm
from voicecli.errors import InputError, UsageError
from voicecli.storage.writing import atomic
from voicecli.types import MIC, PcmFormat

PCM = tone(440, 0.5, 16_000)
READABLE = ("wav", "flac", "ogg", "opus", "mp3", "aiff")


@pytest.mark.parametrize("container", READABLE)
def test_what_we_write_we_read(container: str, tmp_path: Path) -> None:
    path = tmp_path / f"sound.{container}"
    path.write_bytes(encoder.encode(PCM, 16_000, container))
    found = files.probe(path)
    assert (found.container, found.rate, found.channels) == ("ogg" if container == "opus" else container, 16_000, 1)
    assert found.seconds == pytest.approx(0.5, abs=0.08)
    assert likeness(files.read_pcm(path), PCM) > 0.98
    clip = files.read_clip(path)
    assert (clip.data, clip.container, clip.name) == (path.read_bytes(), found.container, path.name)
    assert clip.seconds == pytest.approx(found.seconds)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100])
def test_formats_that_do_not_know_a_rate_get_the_next(rate: int) -> None:
    made, found = files.decode(encoder.encode(tone(440, 0.5, rate), rate, "opus"), "x")
    assert found >= rate
    assert likeness(made, tone(440, 0.5, found)) > 0.98


def test_many_channels_at_another_rate(tmp_path: Path) -> None:
    path = tmp_path / "stereo.flac"
    left = samples(tone(440, 0.5, 44_100)) / 32768
    soundfile.write(path, np.stack([left, left], axis=1), 44_100)
    made = files.read_pcm(path)
    assert len(made) == len(PCM)
    assert likeness(made, PCM) > 0.999
    assert b"".join(files.blocks(path))[: len(made)] != b""
    assert likeness(b"".join(files.blocks(path)), PCM) > 0.999


def test_floats_are_scaled(tmp_path: Path) -> None:
    path = tmp_path / "float.wav"
    soundfile.write(path, samples(PCM) / 32768, 16_000, subtype="FLOAT")
    assert files.read_pcm(path) == PCM


@pytest.mark.parametrize("length", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_was_streamed(length: int, tmp_path: Path) -> None:
    path = tmp_path / "streamed.wav"
    path.write_bytes(pcm.wav_header(MIC)[:40] + length.to_bytes(4, "little") + PCM)
    assert files.read_pcm(path) == PCM
    assert b"".join(files.blocks(path)) == PCM
    assert files.read_clip(path).data == pcm.wav_bytes(PCM, MIC)


@pytest.mark.parametrize("suffix", [".raw", ".pcm", ".S16LE"])
def test_samples_without_a_header(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sound{suffix}"
    path.write_bytes(PCM)
    assert files.probe(path).seconds == 0.5
    assert files.read_pcm(path) == PCM
    assert files.read_pcm(path, 48_000) == pcm.resample(PCM, 16_000, 48_000)
    assert files.read_clip(path).data == pcm.wav_bytes(PCM, MIC)


def test_blocks_are_of_one_length_but_for_the_last() -> None:
    data = PCM[: 2 * 1000]
    assert [len(block) for block in files.blocks(io.BytesIO(data))] == [640, 640, 640, 80]
    assert [len(block) for block in files.blocks(io.BytesIO(data), 48_000, 10)] == [960] * 6 + [240]


def test_a_stream_is_raw_or_a_wav() -> None:
    assert b"".join(files.blocks(io.BytesIO(PCM + b"x"))) == PCM
    stereo = pcm.wav_bytes(pcm.from_mono(PCM, 2), PcmFormat(16_000, 2))
    assert b"".join(files.blocks(io.BytesIO(stereo))) == PCM
    assert list(files.blocks(io.BytesIO(b""))) == []
    with pytest.raises(InputError, match="s16le"):
        list(files.blocks(io.BytesIO(b"RIFF\x00\x00\x00\x00AVI LIST")))


def test_a_live_stream_flows_as_it_comes() -> None:
    """Half a second has been sent and nothing follows: what is there is given."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream:
        os.write(write, PCM)
        blocks = files.blocks(stream)
        assert b"".join(next(blocks) for _ in range(25)) == PCM
        os.close(write)
        assert list(blocks) == []


def test_a_pipe_with_a_name_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(encoder.encode(PCM, 16_000, "flac"),))
    writer.start()
    assert files.read_pcm(path) == PCM
    writer.join()


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"ID3\x04\x00", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"\xff\xfeh\x00i\x00", ""),
        (b"\x00\x00\x00\x20ftypM4A ", "m4a"),
        (b"\x1a\x45\xdf\xa3\x01", "webm"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ""),
        (b"FORM\x00\x00\x00\x00AIFF", "aiff"),
        (b"#!/bin/sh\n", ""),
        (b"", ""),
    ],
)
def test_containers_by_their_first_bytes(head: bytes, container: str) -> None:
    assert files.container_of(head) == container


def test_what_only_a_service_may_read_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "note.m4a"
    path.write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(100))
    clip = files.read_clip(path)
    assert (clip.container, clip.seconds, clip.data) == ("m4a", None, path.read_bytes())
    for read in (files.read_pcm, files.probe):
        with pytest.raises(InputError, match=r"note\.m4a: .*ffmpeg -i note\.m4a"):
            read(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b"Dear diary,\n" * 50, "no sound"), (pcm.wav_bytes(b"", MIC), "holds no sound")],
)
def test_what_is_no_recording(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        files.read_clip(path)
    assert str(path) in str(caught.value)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none.wav", "no such file"), (tmp_path, "is a folder")):
        for read in (files.read_pcm, files.probe, files.read_clip):
            with pytest.raises(InputError, match=told):
                read(path)


def test_a_damaged_file_is_told_without_chatter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cut.mp3"
    path.write_bytes(encoder.encode(PCM, 16_000, "mp3")[:300])
    with pytest.raises(InputError, match=r"cut\.mp3"):
        files.read_pcm(path)
    assert capfd.readouterr().err == ""


def test_an_unknown_format_is_refused_by_name_of_the_others() -> None:
    with pytest.raises(UsageError, match="wav, pcm, flac, ogg, opus, mp3, aiff"):
        encoder.encode(PCM, 16_000, "m4a")


# ------------------------------------------------------------------------------------- writing


def test_links_and_permissions_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.wav"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / "link.wav"
    link.symlink_to(real)
    with atomic(link) as file:
        file.write(b"new")
    assert (real.read_bytes(), real.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)


def test_a_device_is_written_directly() -> None:
    with atomic(Path(os.devnull)) as file:
        file.write(b"gone")


@pytest.mark.parametrize(
    ("name", "told"),
    [("none/out.wav", "folder does not exist"), (".", "is a folder"), ("x" * 300, "name is too long")],
)
def test_where_nothing_can_be_written(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told), atomic(tmp_path / name):
        pytest.fail("opened")


def test_a_full_disk_is_told_and_other_errors_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="disk is full"), atomic(Path("/dev/full")) as file:
        file.write(b"x" * 100_000)
    with pytest.raises(ConnectionResetError), atomic(tmp_path / "out"):
        raise ConnectionResetError(104, "by peer")
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "out"):
        raise FileNotFoundError(2, "some other file")
