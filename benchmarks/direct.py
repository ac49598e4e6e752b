"""Speech to speech on virtual sound devices: the gap of a turn, how soon speech over a reply silences it, and history.

    python benchmarks/direct.py [--turns 30]

`voice talk` runs as a process against a strict local service whose first sound comes 150 ms after a turn was
committed and whose transcript comes 50 ms after; what was said reads complete. Gaps are read off one stereo recording,
the sound card's 40 ms in them; "after the end" is what is left of a gap once the turn was over. Then as many
interruptions at times drawn by lot, with headphones: from the person's first sample to silence, and what the service
remembers of each reply beside what the program said was heard. Takes 13 s for each of the turns; gates nothing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from loudspeaker import home_of  # noqa: E402
from talk import names, one_service  # noqa: E402

from tests.fakes.talking_server import TalkingServer  # noqa: E402
from tests.people import says  # noqa: E402
from tests.test_talk_devices import talking  # noqa: E402
from tests.virtual import RATE, Recording, VirtualDevices, gaps_ms, sounds, virtual_devices  # noqa: E402

KEY = {"VOICE_BENCH_KEY": "none"}
SETTLED_S = 2.1
"""Later than a turn can be taken back."""


def served() -> TalkingServer:
    return TalkingServer(first_s=0.15, transcript_s=0.05, hears=names)


def told(title: str, values: list[float]) -> None:
    print(f"{title:<44}{statistics.median(values):>10.0f}{np.percentile(values, 95):>10.0f}", flush=True)


def gaps(devices: VirtualDevices, turns: int, *flags: str) -> None:
    chance, title = random.Random(1), " ".join(flags) or "drafts"
    with tempfile.TemporaryDirectory() as name, served() as server:
        config = one_service(server.talk_url, "digits", "openai")
        with talking(devices, home_of(name) | KEY, Path(name), config, *flags) as talk:
            talk.until("ready")
            with devices.recording() as recording:
                recording.passes(0.6)
                for _ in range(turns):
                    devices.play_into("micfeed", says("".join(chance.choices("0123456789", k=4))).tobytes())
                    talk.until("turn_metrics")
                    recording.passes(0.45)
            ends = [each["end_ms"] for each in talk.of("turn_metrics")]
    heard = gaps_ms(recording, quietest=1000)
    told(f"{title}: gap", heard)
    told(f"{title}: after the end", [gap - end for gap, end in zip(heard, ends, strict=False)])


def barge_in(devices: VirtualDevices, times: int) -> None:
    chance = random.Random(2)
    with tempfile.TemporaryDirectory() as name, served() as server:
        config = one_service(server.talk_url, "digits", "openai")
        with talking(devices, home_of(name) | KEY, Path(name), config, "--headphones") as talk:
            talk.until("ready")
            with devices.recording() as recording:
                recording.passes(0.5)
                devices.play_into("micfeed", says("1" * 24).tobytes())
                for _ in range(times):
                    talk.until("assistant_delta")
                    recording.passes(SETTLED_S + chance.random())
                    devices.play_into("micfeed", says("".join(chance.choices("123456789", k=24))).tobytes())
                    talk.until("interrupted")
                recording.passes(0.3)
            said = [each["text"].strip(" …") for each in talk.of("assistant_said") if each["interrupted"]]
        kept = [" ".join(item.words) for item in server.sessions[0].items if item.role == "assistant"]
    told("speech over a reply: silent", silences_ms(recording))
    apart = [abs(len(ours.split()) - len(theirs.split())) for ours, theirs in zip(said, kept, strict=False)]
    wrong = sum(not _agree(ours, theirs) for ours, theirs in zip(said, kept, strict=False))
    print(f"{len(said)} interruptions: {wrong} remembered otherwise than heard, at most {max(apart)} word apart")
    print(f"{len(server.faults)} things sent that the service does not know")


def silences_ms(recording: Recording) -> list[float]:
    """From each first sample of the person's over a reply to the reply's last."""
    replies = sounds(recording.assistant, quietest=30)
    begins = [first for first, _ in sounds(recording.person, quietest=1000)]
    return [(last - at) * 1000 / RATE for first, last in replies for at in begins if first < at < last]


def _agree(ours: str, theirs: str) -> bool:
    """Whether one is the beginning of the other and both end at the same word, or at the one that was cut in two."""
    a, b = ours.split(), theirs.split()
    return a[: len(b)] == b[: len(a)] and abs(len(a) - len(b)) <= 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=30)
    turns = parser.parse_args().turns
    print(f"{'':<44}{'median ms':>10}{'95 % ms':>10}")
    with virtual_devices() as devices:
        gaps(devices, turns)
        gaps(devices, turns, "--draft", "off")
        barge_in(devices, turns)


if __name__ == "__main__":
    main()
