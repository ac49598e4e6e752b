"""Whisper base as the judge of voices: what it reads of a sound, by other weights and another engine than ours.

Belongs here: sound to the model's picture of it, its tokens to text, counting what is wrong. Does not belong here:
voices, bars.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
_WINDOW, _HOP, _MELS, _LONGEST = 400, 160, 80, 30 * RATE


class Judge:
    """Loads Whisper base out of the model's folder."""

    def __init__(self, folder: Path) -> None:
        import ctranslate2

        self.whisper = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        self.storage = ctranslate2.StorageView
        vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
        self.end = vocabulary.index("<|endoftext|>")
        self.pieces = vocabulary

    def read(self, samples: NDArray[np.float32], language: str = "en") -> str:
        """What is said in at most 30 s of sound at 16 kHz."""
        prompt = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        ids = [self.pieces.index(each) for each in prompt]
        found = self.whisper.generate(self.storage.from_array(_picture(samples)[None]), [ids], beam_size=5)
        text = "".join(self.pieces[each] for each in found[0].sequences_ids[0] if each < self.end)
        return bytes(_letters()[each] for each in text).decode(errors="replace").strip()


@cache
def _letters() -> dict[str, int]:
    """GPT-2's way to write a byte as a printable letter."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [each for each in range(256) if each not in plain]
    return {chr(each): each for each in plain} | {chr(256 + at): each for at, each in enumerate(others)}


def _picture(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log-mel spectrogram that Whisper was taught with, of 30 s. Source: openai/whisper, audio.py."""
    sound = np.pad(samples[:_LONGEST], (0, max(0, _LONGEST - len(samples))))
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(sound, _WINDOW // 2, mode="reflect"), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(framed[:-1] * np.hanning(_WINDOW + 1)[:-1])) ** 2
    log = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    return np.ascontiguousarray((np.maximum(log, log.max() - 8) + 4) / 4, np.float32)


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles on Slaney's mel scale: even below 1 kHz, logarithmic above."""
    step = np.log(6.4) / 27
    mels = np.linspace(0, 15 + np.log(8) / step, _MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[:, None])


# -- counting ----------------------------------------------------------------------------------------


def parts(text: str) -> list[str]:
    """What is compared: words in lower case, and each Chinese character; marks do not count."""
    return re.findall(r"[\u3400-\u9fff]|[a-z0-9']+", unicodedata.normalize("NFKC", text).lower().replace("-", " "))


def floats(pcm: bytes) -> NDArray[np.float32]:
    """s16le as the judge takes it."""
    return np.asarray(np.frombuffer(pcm, "<i2") / 32768, np.float32)


def sounds_of(text: str) -> list[str]:
    """The parts of a text, Chinese as it sounds: Whisper writes one word in either script."""
    from pypinyin import Style, lazy_pinyin

    return [lazy_pinyin(each, style=Style.TONE3)[0] if each > "\u3400" else each for each in parts(text)]


def wrong(told: Sequence[str], heard: Sequence[str]) -> int:
    """Parts that are missing, too many or others: the distance of Levenshtein. Quick enough for ten thousand."""
    others = np.array(heard, dtype=object)
    steps = np.arange(len(heard) + 1)
    row = steps.copy()
    for at, one in enumerate(told, 1):
        best = np.concatenate([[at], np.minimum(row[1:] + 1, row[:-1] + (others != one))])
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])
