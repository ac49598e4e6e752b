"""A conversation on a laptop's own loudspeaker: its echo, interruptions, and what a recording shows of them.

Belongs here: the echo on the virtual devices, holding such a conversation, reading levels off a recording. Does not
belong here: what is asserted (tests.test_talk_loudspeaker) or reported (benchmarks/loudspeaker.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says, speech
from tests.test_talk_devices import settings, talking
from tests.virtual import RATE, VirtualDevices, sounds

REPLY = (
    "I think that the weather will be fine today, and that you should take a walk in the park before it gets dark, "
    "because the evening is going to be rather cold and nobody knows about tomorrow."
)
"""Some eight seconds, spoken by espeak-ng: human-like, and without a digit."""
LOUDNESS = 0.35
"""Of somebody who speaks over a loudspeaker, of full level."""
WINDOW = RATE // 200
"""5 ms."""


@contextmanager
def echo(devices: VirtualDevices, gain_db: float, delay_ms: int) -> Iterator[None]:
    """What the loudspeaker plays reaches the microphone, quieter and later."""
    module = devices.load(f"module-loopback source=speaker.monitor sink=micfeed latency_msec={delay_ms}")
    try:
        lines = devices.pactl("list", "short", "sink-inputs").splitlines()
        number = next(line.split("\t")[0] for line in lines if "module-loopback" in line)
        devices.pactl("set-sink-input-volume", number, f"{10 ** (gain_db / 20):.4f}")
        yield
    finally:
        devices.unload(module)


@dataclass
class Held:
    """What came of a conversation: what the person said, how often it interrupted, and the program's events."""

    said: list[str]
    interruptions: int
    events: list[dict[str, Any]]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    @property
    def interrupted(self) -> int:
        return len(self.of("interrupted"))

    @property
    def heard(self) -> list[str]:
        return [each["text"] for each in self.of("user_said")]


def converse(
    devices: VirtualDevices,
    home: dict[str, str],
    folder: Path,
    turns: int,
    *flags: str,
    interrupt_every: int = 0,
    reply: str = REPLY,
) -> Held:
    """`turns` questions; every so many of the replies is spoken over after two seconds, by words without a digit."""
    said = [f"{13579 + 1111 * each}" for each in range(turns)]
    interruptions = 0
    with OpenAIServer(Habits(hear_s=0.05, script=[reply] * turns * 3, heard=digits_alone)) as server:
        config = settings(server).replace('speak = "work"', 'speak = "local"')
        with talking(devices, home, folder, config, *flags) as talk:
            talk.until("ready")
            for number, digits in enumerate(said, start=1):
                devices.say(says(digits), after_s=0.6)
                talk.until("assistant_delta")
                if interrupt_every and number % interrupt_every == 0:
                    interruptions += 1
                    devices.say(objection(), after_s=2.5)
                talk.until("turn_metrics", 45)
                if talk.events[-2]["event"] == "interrupted" or talk.events[-3]["event"] == "interrupted":
                    talk.until("notice")  # nothing was recognised
    return Held(said, interruptions, talk.events)


def digits_alone(heard: str) -> str:
    """What the recogniser of tones makes of words ("?": nearly one) is no word."""
    return heard if any(map(str.isdigit, heard)) else ""


def objection() -> np.ndarray[Any, Any]:
    """Somebody who wants to say something else."""
    return (speech("wait a moment please i have got another question").astype(np.float64) * LOUDNESS).astype(np.int16)


def mhm(ms: int = 250) -> np.ndarray[Any, Any]:
    """A short sound of agreement: no word, and no digit."""
    return (speech("mhm").astype(np.float64) * 0.25).astype(np.int16)[: RATE * ms // 1000]


def levels(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The peak of every 5 ms."""
    whole = np.abs(samples[: len(samples) // WINDOW * WINDOW].astype(np.int32))
    return whole.reshape(-1, WINDOW).max(axis=1)


def falls_ms(person: np.ndarray[Any, Any], assistant: np.ndarray[Any, Any]) -> list[tuple[float, float]]:
    """For every sound of the person over the assistant's: ms until its volume is down, and until it is silent."""
    found = []
    level = levels(assistant)
    for first, last in sounds(person, quietest=1000, gap_ms=200):
        at = first // WINDOW
        before = level[max(0, at - 40) : at]
        if not before.size or before.min() < 1000:
            continue  # the assistant did not speak
        after = level[at : last // WINDOW + 200]
        usual = float(np.median(before))
        down, silent = (np.flatnonzero(after < usual * share) for share in (0.5, 0.01))
        if down.size and silent.size:
            found.append((float(down[0]) * 5, float(silent[0]) * 5))
    return found
