"""What `voice talk` costs while nobody speaks: CPU and memory in silence, and turns started by room noise.

    python benchmarks/idle.py [--seconds 30] [--noise-minutes 10] [--noise FILE]

Runs the program as a process on virtual sound devices (PulseAudio), with a service (a local server), with the models
that the tests use, on this machine, and with these behind a wake phrase; each has so many minutes of noise. The room
noise is made here where no file is named. Prints a table; gates nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import weights  # noqa: E402
from tests.fakes.openai_server import OpenAIServer  # noqa: E402
from tests.virtual import RATE, VirtualDevices, virtual_devices  # noqa: E402
from voicecli.audio.files import read_pcm  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
SERVICE = """
[use]
transcribe = "work"
chat = "work"
speak = "work"
[backends.work]
family = "openai"
base_url = "{url}"
chat_model = "digits-chat"
transcribe_model = "digits-hear"
speak_model = "digits-speak"
voice = "echo"
"""
ASLEEP = """
[talk]
wake = "hey computer"
"""


@contextmanager
def talk(devices: VirtualDevices, config: str) -> Iterator[tuple[subprocess.Popen[str], list[dict[str, object]]]]:
    """A talk that is ready, and the events it tells."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "config.toml"
        path.write_text(config)
        env = {
            **os.environ,
            **weights.ENV,
            **devices.env,
            "HOME": home,
            "XDG_STATE_HOME": home,
            "VOICE_CONFIG": str(path),
        }
        command = [sys.executable, "-m", "voicecli", "talk", "--json", "--quiet", "--private"]
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        events: list[dict[str, object]] = []
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                events.append(json.loads(line))
                ready.set()

        threading.Thread(target=read, daemon=True).start()
        ready.wait(20)
        try:
            yield process, events
        finally:
            process.terminate()
            process.wait(5)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def silence(devices: VirtualDevices, name: str, config: str, seconds: float) -> None:
    with talk(devices, config) as (process, _):
        time.sleep(3)
        begin = cpu_s(process.pid)
        time.sleep(seconds)
        share = (cpu_s(process.pid) - begin) / seconds * 100
        print(f"{name:<10} {share:>9.1f} %  {resident_kib(process.pid) / 1024:>8.0f} MiB", flush=True)


def noise(devices: VirtualDevices, name: str, config: str, sound: np.ndarray, minutes: float) -> None:
    with talk(devices, config) as (process, events):
        before = cpu_s(process.pid)
        rounds = max(1, round(minutes * 60 * RATE / len(sound)))
        devices.play_into("micfeed", np.tile(sound, rounds).astype(np.int16).tobytes())
        played = rounds * len(sound) / RATE
        share = (cpu_s(process.pid) - before) / played * 100
        turns = [each for each in events if each["event"] in ("user_partial", "user_said", "turn_lost", "notice")]
        print(f"{name:<10} {played / 60:>6.1f} min  {share:>5.1f} %  turns started: {len(turns)}", flush=True)


def room(path: str | None) -> tuple[str, np.ndarray]:
    """Room noise at the bus's rate: the recording, or pink-ish noise with a hum."""
    if path:
        return path, np.frombuffer(read_pcm(Path(path), RATE), np.int16)
    rng = np.random.default_rng(1)
    white = rng.standard_normal(RATE * 30)
    brown = np.cumsum(white - white.mean())
    hum = np.sin(2 * np.pi * 50 * np.arange(len(white)) / RATE)
    mixed = brown / np.abs(brown).max() + 0.2 * white / np.abs(white).max() + 0.2 * hum
    return "made here", (mixed / np.abs(mixed).max() * 2500).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--noise-minutes", type=float, default=10)
    parser.add_argument("--noise")
    args = parser.parse_args()
    if (why := weights.missing()) is not None:
        sys.exit(why)
    with virtual_devices() as devices, OpenAIServer() as server:
        configs = {"service": SERVICE.format(url=server.base_url), "local": "", "asleep": ASLEEP}
        print(f"silence, {args.seconds:.0f} s after the first 3 s: CPU of one core, resident memory")
        for name, config in configs.items():
            silence(devices, name, config, args.seconds)
        source, sound = room(args.noise)
        print(f"room noise ({source}): CPU of one core, turns")
        for name, config in configs.items():
            noise(devices, name, config, sound, args.noise_minutes)


if __name__ == "__main__":
    main()
