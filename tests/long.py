"""Long recordings for tests and benchmarks: speech with pauses, and digits as tones laid over it every few seconds.

Belongs here: writing one to disk as it is made (hours of it, in little memory), the truth about its digits, and
a recogniser that hears them and takes its time. Does not belong here: what is tested.

    python -m tests.long --log log.jsonl --pace 0.02     # the recogniser as a process: prints its base URL, serves
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import h11
import numpy as np
import soundfile
from numpy.typing import NDArray

from tests import dtmf
from tests.fakes import openai_schema as schema
from tests.fakes.server import FakeServer, Reply, Request
from tests.people import speech

RATE = 16_000
SENTENCES = (
    "in the morning the ships come into the harbour and the people go down to look at them.",
    "nobody knows how many there will be, or where they come from.",
    "some of them carry wool, some of them carry wine, and one of them always carries letters.",
    "when it rains they stay where they are.",
)
TONE_LEVEL, SPEECH_LEVEL = 0.2, 0.1
BLOCK_S = 60


@dataclass(frozen=True)
class Said:
    """A digit and when it sounds, in seconds."""

    digit: str
    start: float
    end: float


@cache
def _speech() -> NDArray[np.float64]:
    """A few sentences with pauses between them, at the level of speech under tones."""
    pauses = (0.5, 0.9, 1.6, 0.7)
    parts = [
        part
        for text, pause in zip(SENTENCES, pauses, strict=True)
        for part in (speech(text, RATE), np.zeros(int(pause * RATE)))
    ]
    return np.concatenate(parts).astype(np.float64) * SPEECH_LEVEL


def write(path: Path, seconds: int, *, seed: int = 1, quiet: tuple[tuple[int, int], ...] = ()) -> list[Said]:
    """A recording as FLAC (16 kHz mono); in the stretches `quiet` (whole seconds) nobody speaks."""
    rng = np.random.default_rng(seed)
    said: list[Said] = []
    voice = _speech()
    following = 1.0
    with soundfile.SoundFile(str(path), "w", RATE, 1, "PCM_16", format="FLAC") as file:
        for at in range(0, seconds, BLOCK_S):
            count = min(BLOCK_S, seconds - at)
            block = np.take(voice, np.arange(at * RATE, (at + count) * RATE), mode="wrap")
            for start, end in quiet:
                block[max(0, start - at) * RATE : max(0, end - at) * RATE] = 0
            # A tone never reaches into the next block.
            while following < at + count - 1:
                if not any(start - 1 <= following <= end for start, end in quiet):
                    said.append(_lay(block, str(rng.integers(10)), following, at))
                following += float(rng.uniform(2.0, 6.0))
            following = max(following, at + count + 0.5) if at + count < seconds else following
            file.write(block.astype(np.int16))
    return said


def _lay(block: NDArray[np.float64], digit: str, at_s: float, block_s: int) -> Said:
    first = int((at_s - block_s) * RATE)
    tone = dtmf.encode(digit, RATE, gap_ms=0, level=TONE_LEVEL)
    block[first : first + len(tone)] += tone
    start = block_s + first / RATE
    return Said(digit, start, start + len(tone) / RATE)


# -- the recogniser --------------------------------------------------------------------------------


class Recogniser(FakeServer):
    """Decodes what it gets, in a thread, and answers `pace` seconds per second of sound after it came."""

    def __init__(self, pace: float = 0.0, *, port: int = 0, log: TextIO | None = None, words: bool = True) -> None:
        super().__init__(port=port)
        self.log: list[dict[str, Any]] = []
        self.pace, self.file, self.words = pace, log, words
        self.on("/v1/audio/transcriptions", self.transcribed)

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def __exit__(self, *exc: object) -> None:
        """A client that was stopped in the middle of an upload is no failure."""
        try:
            super().__exit__(*exc)
        except h11.RemoteProtocolError:
            for each in self.failures:
                if not isinstance(each, h11.RemoteProtocolError):
                    raise each from None

    async def transcribed(self, request: Request) -> Reply:
        came = time.monotonic()
        form, files = schema.multipart(request.headers.get("content-type", ""), request.body)
        data = files["file"][1]
        tones, seconds = await asyncio.to_thread(_tones, data)
        late = time.monotonic() - came - self.pace * seconds
        await asyncio.sleep(max(0.0, -late))
        entry = {
            "sha": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "seconds": seconds,
            "heard": "".join(tone.digit for tone in tones),
            "came": came,
            "left": time.monotonic(),
            "late": max(0.0, late),
        }
        self.log.append(entry)
        if self.file:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
        text = " ".join(tone.digit for tone in tones)
        if "response_format" not in form or not self.words:
            return Reply.json({"text": text})
        words = [{"word": tone.digit, "start": tone.start, "end": tone.end} for tone in tones]
        segments = [{"id": 0, "start": tones[0].start, "end": tones[-1].end, "text": text}] if tones else []
        return Reply.json({"text": text, "duration": seconds, "segments": segments, "words": words})


def _tones(data: bytes) -> tuple[list[dtmf.Tone], float]:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    return find(samples[:, 0], rate), len(samples) / rate


APART, AROUND = 0.05, 0.2
"""Seconds of silence between excerpts, and of sound around what may be a tone."""


def find(samples: NDArray[np.int16], rate: int) -> list[dtmf.Tone]:
    """As dtmf.find, eight times as fast: only what a coarse look takes for a tone is looked at closely."""
    spots = _candidates(samples, rate)
    around, length = round(AROUND * rate), len(samples)
    regions: list[list[int]] = []
    for at in spots:
        first, end = max(0, at - around), min(length, at + around)
        if regions and first <= regions[-1][1]:
            regions[-1][1] = end
        else:
            regions.append([first, end])
    gap = np.zeros(round(APART * rate), np.int16)
    starts, at = [], 0
    for first, end in regions:
        starts.append(at)
        at += end - first + len(gap)
    if not regions:
        return []
    tones = dtmf.find(np.concatenate([part for a, b in regions for part in (samples[a:b], gap)]), rate)
    index = np.searchsorted(starts, [tone.start * rate + 1 for tone in tones]) - 1
    shifts = [(regions[i][0] - starts[i]) / rate for i in index]
    return [
        dtmf.Tone(tone.digit, tone.start + shift, tone.end + shift) for tone, shift in zip(tones, shifts, strict=True)
    ]


def _candidates(samples: NDArray[np.int16], rate: int) -> list[int]:
    """Samples around which two of the eight frequencies are loud together; speech is taken for it now and then."""
    size = round(0.02 * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float32) / 32768
    turns = 2 * np.pi * np.outer(np.arange(size) / rate, dtmf.ROWS + dtmf.COLUMNS)
    parts = frames @ np.hstack([np.cos(turns), -np.sin(turns)]).astype(np.float32) * (2 / size)
    strength = np.hypot(parts[:, :8], parts[:, 8:])
    both = np.minimum(strength[:, :4].max(axis=1), strength[:, 4:].max(axis=1))
    return [int(at) * size + size // 2 for at in np.flatnonzero(both > 0.25 * TONE_LEVEL / 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--pace", type=float, default=0.02)
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = arguments.log.open("a") if arguments.log else None
    with Recogniser(arguments.pace, log=log) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
