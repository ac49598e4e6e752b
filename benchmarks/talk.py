"""The gap of a turn: from the person's last sample to the first sound of the reply, on one stereo recording.

    python benchmarks/talk.py [--turns 20]

`voice talk` runs as a process on virtual sound devices against a local server that takes 150 ms to recognise,
200 ms to the first token, 15 ms a token and 150 ms to the first sound; a turn ends after 500 ms of silence. The sound
card's own 40 ms are in the figures. Prints a table; gates nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.openai_server import Habits, OpenAIServer  # noqa: E402
from tests.people import says  # noqa: E402
from tests.test_talk_devices import settings, talking  # noqa: E402
from tests.virtual import VirtualDevices, gaps_ms, virtual_devices  # noqa: E402

REPLY = "12, 345 678 90 and 123 today. 456 is the second sentence of the reply. And 789 a third one."
ROWS = {
    "drafts (the default)": (),
    "without drafts": ("--draft", "off"),
    "drafts to chat only": ("--draft", "chat"),
}


def row(devices: VirtualDevices, flags: tuple[str, ...], turns: int) -> tuple[list[float], list[float]]:
    """The gaps on the recording, and those that the program told, in ms."""
    rng = random.Random(1)
    habits = Habits(hear_s=0.15, first_token_s=0.2, token_s=0.015, first_sound_s=0.15, script=[REPLY] * turns * 4)
    with tempfile.TemporaryDirectory() as name:
        home = {"PATH": os.environ["PATH"], "HOME": name}
        with OpenAIServer(habits) as server, talking(devices, home, Path(name), settings(server), *flags) as talk:
            talk.until("ready")
            with devices.recording() as recording:
                time.sleep(0.6)
                for _ in range(turns):
                    devices.play_into("micfeed", says("".join(rng.choices("0123456789", k=6))).tobytes())
                    talk.until("turn_metrics")
                    time.sleep(0.45)
            return gaps_ms(recording, quietest=1000), [each["gap_ms"] for each in talk.of("turn_metrics")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20)
    turns = parser.parse_args().turns
    print(f"{'':<24}{'median ms':>10}{'95 % ms':>10}{'told, median error ms':>24}")
    with virtual_devices() as devices:
        for name, flags in ROWS.items():
            heard, told = row(devices, flags, turns)
            errors = [abs(a - b) for a, b in zip(heard, told, strict=False)]
            high = sorted(heard)[max(0, round(0.95 * len(heard)) - 1)]
            print(
                f"{name:<24}{statistics.median(heard):>10.0f}{high:>10.0f}{statistics.median(errors):>24.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
