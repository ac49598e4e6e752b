"""Recordings in a stream: every sample of the speech is in a piece, at its true offset, whatever the file is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import dtmf, long
from tests.conftest import RECORDINGS
from voicecli.audio import files, pcm, pieces
from voicecli.audio.splitter import SplitRules
from voicecli.errors import InputError, UsageError
from voicecli.types import MIC


def cut(path: Path, rules: SplitRules | None = None) -> tuple[list[pieces.Piece], pieces.Cutter]:
    cutter = pieces.Cutter(pieces.blocks(path), rules)
    return list(cutter), cutter


def test_pieces_are_the_samples_between_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    long.write(path, 120, quiet=((40, 60),))
    whole = files.read_pcm(path)
    found, cutter = cut(path, SplitRules(longest_s=20))
    assert len(found) > 4
    assert cutter.samples == len(whole) // 2
    for piece in found:
        assert piece.pcm == whole[2 * piece.start : 2 * piece.end]
        assert piece.start <= piece.first < piece.last <= piece.end
    assert not any(42 * MIC.rate < piece.start < 58 * MIC.rate for piece in found)
    assert cutter.sent == sum(piece.end - piece.start for piece in found) < cutter.samples - 18 * MIC.rate


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_offsets_are_true_at_any_rate(rate: int, tmp_path: Path) -> None:
    """A tone at a known moment, and the same moment in the pieces."""
    sound = np.zeros((rate * 30, 2), np.int16)
    for at in (5, 17, 26):
        tone = dtmf.encode("7", rate, gap_ms=0)
        sound[at * rate : at * rate + len(tone)] = tone[:, None]
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, rate)
    found, cutter = cut(path)
    assert cutter.samples == 30 * MIC.rate
    heard = [
        piece.start / MIC.rate + tone.start
        for piece in found
        for tone in dtmf.find(np.frombuffer(piece.pcm, np.int16), MIC.rate)
    ]
    assert heard == pytest.approx([5, 17, 26], abs=0.005)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_the_quick_resampler_gives_what_the_whole_one_does(rate: int) -> None:
    samples = (np.sin(np.arange(rate * 3) * 0.05) * 9000).astype(np.int16).tobytes()

    def changed() -> bytes:
        resampler = pcm.FileResampler(rate, 16_000)
        parts = [resampler.feed(samples[at : at + 3000]) for at in range(0, len(samples), 3000)]
        return b"".join(parts) + resampler.flush()

    assert changed() == changed(), "the same every time: pieces are known by their samples"
    found = np.frombuffer(changed(), np.int16)
    whole = np.frombuffer(pcm.resample(samples, rate, 16_000), np.int16)
    assert len(found) == len(whole)
    assert np.abs(found.astype(int) - whole).max() <= 2


def test_silence_is_told_from_sound() -> None:
    quiet = (np.random.default_rng(1).normal(0, 8, 16_000)).astype(np.int16).tobytes()
    assert pieces.is_silent([quiet, b""])
    assert pieces.is_silent([])
    assert not pieces.is_silent([quiet, dtmf.encode("1", level=0.01).tobytes()])


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes.")
    with pytest.raises(InputError, match=r"notes\.txt: holds no sound"):
        pieces.blocks(path)
    with pytest.raises(InputError, match="no such file"):
        pieces.blocks(tmp_path / "missing.wav")


@pytest.mark.needs_posix
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3" + bytes(100))
    path.chmod(0)
    me = os.geteuid()
    os.seteuid(me or 65_534)  # the superuser may read everything
    try:
        with pytest.raises(InputError, match="may not be read"):
            pieces.blocks(path)
    finally:
        os.seteuid(me)


@pytest.mark.parametrize(
    ("spec", "raw"),
    [("s16le", ("s16le", 16_000, 1)), ("u8:8000", ("u8", 8000, 1)), ("f32le:48000:2", ("f32le", 48_000, 2))],
)
def test_what_samples_are(spec: str, raw: tuple[str, int, int]) -> None:
    assert pieces.raw_of(spec) == pieces.Raw(*raw)


@pytest.mark.parametrize("spec", ["", "mp3:1:1", "s16le:x", "s16le:16000:-1", "s16le:16000:1:2", "s16le:9:1"])
def test_what_samples_can_not_be(spec: str) -> None:
    with pytest.raises(UsageError, match="--raw"):
        pieces.raw_of(spec)


def test_of_real_speech_nothing_is_left_out_but_silence() -> None:
    """Silero, which is slow and good, hears nothing in what was left out."""
    from voicecli.audio.vad import Detector

    for path in sorted(RECORDINGS.rglob("*.flac"))[:5] + sorted(RECORDINGS.rglob("*.wav"))[:10]:
        if "noise" in path.as_posix() or "silence" in path.as_posix():
            continue
        whole, (found, _) = files.read_pcm(path), cut(path)
        inside = {at for piece in found for at in range(piece.start // 320, piece.end // 320 + 1)}
        detector = Detector()
        verdicts = [detector.detect(whole[at : at + 640]) for at in range(0, len(whole) - 639, 640)]
        missed = [at for at, each in enumerate(verdicts) if each.speech and each.level > -60 and at not in inside]
        assert len(missed) <= 5, path
