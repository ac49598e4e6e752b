"""On a loudspeaker: how soon an interruption is noticed, and whether the assistant interrupts itself.

    python benchmarks/loudspeaker.py [--turns 30] [--only barge-in|echo]

`voice talk` runs as a process on virtual sound devices. Barge-in: with headphones, from the person's first sample to
the reply's volume down and to its silence, on one stereo recording; a short “mhm” must not cost the reply a sample.
Echo: the loudspeaker is led back into the microphone, quieter and later. Prints tables; gates nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.openai_server import Habits, OpenAIServer  # noqa: E402
from tests.loudspeaker import converse, echo, falls_ms, mhm  # noqa: E402
from tests.people import says  # noqa: E402
from tests.test_talk_devices import settings, talking  # noqa: E402
from tests.virtual import RATE, VirtualDevices, virtual_devices  # noqa: E402

ECHOES = [(gain, delay) for gain in (-6, -12, -20) for delay in (20, 60, 120)]
HUM_S = 6.0


def home_of(name: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": name}


def barge_in(devices: VirtualDevices, turns: int) -> None:
    """Every second sound over the reply is an “mhm”, the others are questions."""
    asked = says("13579").tobytes()
    with (
        tempfile.TemporaryDirectory() as name,
        OpenAIServer(Habits(script=["Hmm."] * turns * 4, hum_s=HUM_S)) as server,
        talking(devices, home_of(name), Path(name), settings(server), "--headphones") as talk,
    ):
        talk.until("ready")
        with devices.recording() as recording:
            time.sleep(0.5)
            devices.play_into("micfeed", asked)
            for _ in range(turns):
                talk.until("assistant_delta")
                time.sleep(2.6)  # later than a turn can be taken back
                devices.play_into("micfeed", asked)
                talk.until("interrupted")
            talk.until("turn_metrics")
            talk.until("turn_metrics")
            devices.play_into("micfeed", asked)
            talk.until("assistant_delta")
            time.sleep(2.6)
            cut = len(recording.assistant)
            devices.play_into("micfeed", mhm().tobytes())
            talk.until("turn_metrics")
            time.sleep(0.3)
    falls = falls_ms(recording.person[:cut], recording.assistant[:cut])
    down, silent = ([each[side] for each in falls] for side in (0, 1))
    print(f"barge-in, {len(falls)} times{'median ms':>14}{'95 % ms':>10}")
    for title, values in (("volume down", down), ("silent", silent)):
        print(f"{title:<22}{statistics.median(values):>13.0f}{np.percentile(values, 95):>10.0f}")
    last = recording.assistant[cut - round(2.6 * RATE) :].astype(np.int32)
    whole = np.count_nonzero(np.abs(last) > 0) / RATE
    print(f"after “mhm”: {whole:.2f} s of {HUM_S:.2f} s of the reply were heard")


def echoes(devices: VirtualDevices, turns: int) -> None:
    for title, flags, env in (
        ("with echo cancellation", (), {}),
        ("half-duplex", (), {"VOICE_TALK_BARGE_IN": "off"}),
    ):
        each = max(2, -(-turns // len(ECHOES)))
        print(f"{title:<26}{'turns':>6}{'heard right':>13}{'interrupted':>13}{'by itself':>11}")
        for gain, delay in ECHOES:
            with tempfile.TemporaryDirectory() as name, echo(devices, gain, delay):
                every = 2 if not env else 0
                held = converse(devices, home_of(name) | env, Path(name), each, *flags, interrupt_every=every)
            right = sum(a == b for a, b in zip(held.heard, held.said, strict=False))
            figures = f"{len(held.said):>6}{right:>13}{f'{held.interrupted} of {held.interruptions}':>13}"
            print(f"{f'{gain} dB, {delay} ms':<26}{figures}{held.interrupted - held.interruptions:>11}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--only", choices=("barge-in", "echo"))
    args = parser.parse_args()
    with virtual_devices() as devices:
        if args.only != "echo":
            barge_in(devices, args.turns)
        if args.only != "barge-in":
            echoes(devices, args.turns)


if __name__ == "__main__":
    main()
