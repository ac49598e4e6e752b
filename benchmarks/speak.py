"""How soon `voice speak` sounds: a 10,000-character text against a local service of known slowness.

    .venv/bin/python benchmarks/speak.py [RUNS]

The service takes 0.3 s before the first sound of any piece. Counted is from the first request that it gets to
the first byte of sound on stdout. The bar is that service time plus 60 ms; exits with 1 when it is missed.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import soundfile

from tests.fakes.forms import heard
from tests.fakes.openai_server import Habits, OpenAIServer

SERVICE_S = 0.3
BAR_S = SERVICE_S + 0.060
RATE = 24_000
TEXT = " ".join(f"Sentence {n % 10} stands here so that the text is a long one." for n in range(180))[:10_000]
DIGITS = "".join(each for each in TEXT if each.isdecimal())


def run(folder: Path, server: OpenAIServer) -> tuple[float, float, bytes]:
    """Seconds to the first sound and to the end, and all samples."""
    server.log.clear()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "VOICE_CONFIG": str(folder / "voice.toml"), "KEY": "k"}
    command = [sys.executable, "-m", "voicecli", "speak", "-q", "-o", "-", "-f", "pcm", TEXT]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        head = process.stdout.read(2)
        first = time.monotonic()
        sound = head + process.stdout.read()
        end = time.monotonic()
    began = min(each["at"] for each in server.log if each["verb"] == "speak")
    return first - began, end - began, sound


def main() -> int:
    """Prints the figures; 1 when the bar is missed or a digit is wrong."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name, OpenAIServer(Habits(first_sound_s=SERVICE_S)) as server:
        folder = Path(name)
        folder.joinpath("voice.toml").write_text(
            f'[use]\nspeak = "work"\n[backends.work]\nfamily = "openai"\nbase_url = "{server.base_url}"\n'
            'api_key_env = "KEY"\nspeak_model = "tts-1"\nvoice = "alloy"\n'
        )
        found = [run(folder, server) for _ in range(runs)]
        requests = len(server.log)
    out = io.BytesIO()
    soundfile.write(out, np.frombuffer(found[-1][2], np.int16), RATE, format="WAV")
    right = heard(out.getvalue()) == DIGITS
    first, end = statistics.median(each for each, _, _ in found), statistics.median(each for _, each, _ in found)
    worst = max(each for each, _, _ in found)
    print(f"first sound  {1000 * first:.0f} ms median, {1000 * worst:.0f} ms worst (bar {1000 * BAR_S:.0f} ms)")
    print(
        f"whole text   {end:.2f} s, {requests} requests; one after another they would take {requests * SERVICE_S:.1f} s"
    )
    print(f"digits       {len(DIGITS)}, {'all in order' if right else 'WRONG'}")
    return 0 if right and worst <= BAR_S else 1


if __name__ == "__main__":
    sys.exit(main())
