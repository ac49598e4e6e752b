"""Ten hours of speech, transcribed in pieces by four lanes: every digit there, in time, in little memory, and resumed?

Run by hand: `python benchmarks/transcribe.py [SECONDS]` (36,000 takes about eight minutes and 700 MB of disk). A local
server decodes what it is sent and takes 0.02 s for every second of sound. Three runs of the real program: a whole one,
one that is killed at half, and the same again. Digits, times, wall time against what the lanes allow, peak memory and
what was sent twice are printed; the exit code is how many bars were missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pysubs2

from tests import long
from voicecli.text.subtitles.cues import LEAST_S

ROOT = Path(__file__).parents[1]
PACE, LANES = 0.02, 4
LONGER, OFF_MS, PEAK_MIB = 1.1, 50, 150


class Bench:
    """One server, one recording, and the program's runs over it."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder, self.log = folder, folder / "log.jsonl"
        config = folder / "voice.toml"
        config.write_text(
            f'[use]\ntranscribe = "w"\n[backends.w]\nfamily = "openai"\nbase_url = "{base_url}"\n'
            'transcribe_model = "whisper-1"\n'
        )
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "VOICE_CONFIG": str(config)}

    def start(self, name: str, cache: str) -> subprocess.Popen[bytes]:
        command = ["-m", "voicecli", "transcribe", "long.flac", "-o", name, "-f", "srt", "-j", str(LANES)]
        env = self.env | {"XDG_CACHE_HOME": str(self.folder / cache), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([sys.executable, *command], env=env, cwd=self.folder)

    def run(self, name: str, cache: str) -> tuple[float, float]:
        """Wall time in seconds and peak memory in MiB."""
        began = time.monotonic()
        process = self.start(name, cache)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.returncode
        return time.monotonic() - began, usage.ru_maxrss / 1024

    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


def lines_of(path: Path) -> list[tuple[str, int, int]]:
    """The digits of a subtitle file, each with the times of its cue."""
    return [(event.plaintext.replace(" ", ""), event.start, event.end) for event in pysubs2.load(str(path))]


def off_ms(cues: list[tuple[str, int, int]], said: list[long.Said]) -> float:
    """The most that a cue begins off the digits in it, or ends before them or after the time it takes to read it."""
    at, most = 0, 0.0
    for digits, start, end in cues:
        part = said[at : at + len(digits)]
        first, last = 1000 * part[0].start, 1000 * part[-1].end
        most = max(most, abs(start - first), last - end, end - max(last, start + 1000 * LEAST_S))
        at += len(digits)
    return most


def bar(text: str, held: bool) -> int:
    print(f"{'ok    ' if held else 'MISSED'}  {text}", flush=True)
    return not held


def measure(bench: Bench, said: list[long.Said]) -> int:
    wall, peak = bench.run("whole.srt", "cache1")
    sent = bench.sent()
    seconds = sum(each["seconds"] for each in sent)
    allowed = seconds * PACE / LANES
    late = sum(each["late"] for each in sent) / LANES
    cues = lines_of(bench.folder / "whole.srt")
    right = "".join(each[0] for each in cues) == "".join(each.digit for each in said)
    missed = bar(f"{len(said)} digits, each once and in order", right)
    off = off_ms(cues, said) if right else float("inf")
    missed += bar(f"{len(cues)} cues, at most {off:.0f} ms off", off <= OFF_MS)
    longest = max(each["seconds"] for each in sent)
    missed += bar(f"{len(sent)} pieces, the longest {longest:.1f} s", longest <= 90)
    text = f"wall {wall:.1f} s, {wall / allowed:.3f} × the {allowed:.1f} s of {LANES} lanes"
    missed += bar(f"{text} (the server itself was {late:.1f} s late)", wall <= LONGER * allowed)
    missed += bar(f"peak memory {peak:.0f} MiB", peak < PEAK_MIB)
    return missed + resume(bench, len(sent))


def resume(bench: Bench, pieces: int) -> int:
    """Killed when half of the pieces are answered, then run again."""
    before = len(bench.sent())
    process = bench.start("again.srt", "cache2")
    while len(bench.sent()) - before < pieces // 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(100 * PACE)  # what the server was still busy with
    killed = len(bench.sent())
    wall, _ = bench.run("again.srt", "cache2")
    again = [each["sha"] for each in bench.sent()[killed:]]
    first = [each["sha"] for each in bench.sent()[before:killed]]
    # Answers that were under way when it was killed never arrived: they alone may be asked for again.
    twice = len(set(first) & set(again))
    missed = bar(
        f"killed after {len(first)} pieces; {len(again)} sent then, {twice} that were under way", twice <= LANES
    )
    same = (bench.folder / "whole.srt").read_bytes() == (bench.folder / "again.srt").read_bytes()
    return missed + bar(f"the result is the same, byte for byte, after {wall:.1f} s more", same)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="?", default=36_000)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="transcribe-") as name:
        folder = Path(name)
        said = long.write(folder / "long.flac", seconds)
        print(f"{seconds} s of speech, {(folder / 'long.flac').stat().st_size / 1e6:.0f} MB of FLAC", flush=True)
        command = [sys.executable, "-m", "tests.long", "--pace", str(PACE), "--log", str(folder / "log.jsonl")]
        # One thread for its arithmetic: the lanes share the processors with the program.
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=env, text=True) as server:
            assert server.stdout is not None
            try:
                return measure(Bench(folder, server.stdout.readline().strip()), said)
            finally:
                server.terminate()


if __name__ == "__main__":
    sys.exit(main())
