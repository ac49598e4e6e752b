"""τ-voice's response, yield and selectivity of `voice talk` on virtual devices, off one stereo recording.

    python benchmarks/rates.py [--times 6]

A reply hums for five seconds. At times drawn by lot somebody says something over it: a question, “stop”, “mhm” that is
written down and that is not, a short noise. Response: of all questions, those over a reply too, how many were answered
within two seconds. Yield: of the questions and stops over a reply, how many silenced it within a second and a half,
and after how long. Selectivity: over how much of the rest the reply went on to its end. A time takes a minute; gates
nothing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from loudspeaker import home_of  # noqa: E402

from tests.fakes.openai_server import Habits, OpenAIServer  # noqa: E402
from tests.loudspeaker import mhm  # noqa: E402
from tests.people import says  # noqa: E402
from tests.test_talk_devices import Talk, settings, talking  # noqa: E402
from tests.virtual import RATE, Recording, VirtualDevices, sounds, virtual_devices  # noqa: E402

REPLY_S, SETTLED_S, ANSWERED_S, YIELDED_S = 5.0, 2.1, 2.0, 1.5
WRITTEN = {"77": "stop", "88": "mhm"}
"""What the recogniser writes down for some digits."""


@dataclass(frozen=True)
class Over:
    """What is said over a reply, how it sounds, and whether the reply should stop for it, or be followed by another."""

    name: str
    sound: NDArray[np.int16]
    stops: bool = False
    asks: bool = False


def overs() -> list[Over]:
    noise = np.random.default_rng(1).normal(0, 4000, RATE // 8).clip(-30_000, 30_000).astype(np.int16)
    return [
        Over("a question", says("24680"), stops=True, asks=True),
        Over("“stop”", says("77"), stops=True),
        Over("“mhm”, written down", says("88")),
        Over("“mhm”, not written down", mhm()),
        Over("a noise of 125 ms", noise),
    ]


def held(devices: VirtualDevices, said: list[Over]) -> Recording:
    """Each over a reply of its own, to a question of its own."""
    chance = random.Random(1)
    habits = Habits(script=["Hmm."] * len(said) * 9, hum_s=REPLY_S, heard=lambda digits: WRITTEN.get(digits, digits))
    with (
        tempfile.TemporaryDirectory() as name,
        OpenAIServer(habits) as server,
        talking(devices, home_of(name), Path(name), settings(server), "--headphones") as talk,
    ):
        talk.until("ready")
        with devices.recording() as recording:
            recording.passes(0.5)
            for each in said:
                spoken_over(devices, recording, talk, each, SETTLED_S + chance.random())
    return recording


def spoken_over(devices: VirtualDevices, recording: Recording, talk: Talk, over: Over, later_s: float) -> None:
    devices.play_into("micfeed", says("13579").tobytes())
    talk.until("assistant_delta")
    recording.passes(later_s)
    devices.play_into("micfeed", over.sound.tobytes())
    for _ in range(1 + over.asks):
        talk.until("turn_metrics")
    recording.passes(0.7)


def measured(recording: Recording, said: list[Over]) -> tuple[list[bool], list[tuple[Over, float | None]]]:
    """Whether each question was answered, and how long after each `said` the reply was silent, in ms; None: it went on.

    The person's sounds are a question and what is said over its reply, in turn. A reply that was held while the words
    were judged went on where all of it was heard in the end.
    """
    replies = sounds(recording.assistant, quietest=30)
    person = sounds(recording.person, quietest=1000, gap_ms=600)
    assert len(person) == 2 * len(said), f"{len(person)} sounds of the person's for {len(said)} rounds"
    asked = [end for (_, end) in person[::2]] + [
        end for (_, end), each in zip(person[1::2], said, strict=True) if each.asks
    ]
    answered = [any(end < first <= end + ANSWERED_S * RATE for first, _ in replies) for end in asked]
    silent: list[tuple[Over, float | None]] = []
    nexts = [first for first, _ in person[2::2]] + [len(recording.person)]
    for (begin, end), each, upto in zip(person[1::2], said, nexts, strict=True):
        reply = next(((first, last) for first, last in replies if first < begin < last), (begin, begin))
        until = end if each.asks else upto
        heard = sum(last - first for first, last in replies if reply[0] <= first < until)
        went_on = heard > (REPLY_S - 0.3) * RATE
        silent.append((each, None if went_on else (reply[1] - begin) * 1000 / RATE))
    return answered, silent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=6)
    said = overs() * parser.parse_args().times
    with virtual_devices() as devices:
        answered, silent = measured(held(devices, said), said)
    print(f"response     {sum(answered)} of {len(answered)} questions")
    soon = [ms for each, ms in silent if each.stops and ms is not None and ms <= YIELDED_S * 1000]
    print(f"yield        {len(soon)} of {sum(each.stops for each in said)}, median {statistics.median(soon):.0f} ms")
    rest = [(each, ms) for each, ms in silent if not each.stops]
    print(f"selectivity  {sum(ms is None for _, ms in rest)} of {len(rest)}")
    for each in overs():
        ends = [ms for other, ms in silent if other.name == each.name]
        after = ", ".join(f"{ms:.0f}" for ms in ends if ms is not None)
        print(
            f"  {each.name:<26} silenced {sum(ms is not None for ms in ends)} of {len(ends)}, after ms: {after or '–'}"
        )


if __name__ == "__main__":
    main()
