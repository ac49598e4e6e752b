"""A thousand turns with services that fail at random: is one lost without a word, does anything grow?

    python benchmarks/soak.py [--turns 1000] [--seed 1]        (make soak)

`voice talk --fast` runs as a process against a local server that answers, refuses, breaks off, sends nonsense, is
silent or down, as the seed says (tests/reliability/soak.py). Prints what became of the turns, and what the process
took in the second and in the last quarter. Exit code 1 when a turn has no outcome, or something has grown.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.reliability import soak  # noqa: E402

FLAT_MB, FLAT_FILES = 8.0, 2


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folders = {f"XDG_{kind}_HOME": f"{name}/{kind}" for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
        env = {"PATH": os.environ["PATH"], "HOME": name} | folders
        account = soak.hold(options.turns, options.seed, env, Path(name))
    memory, files = account.grown(account.memory), account.grown(account.files)
    print(f"{account.turns} turns in {account.seconds:.0f} s, seed {options.seed}, exit code {account.code}")
    print(f"  answered {account.answered}, broken off in the middle and said so {account.broken}")
    lost = sum(account.lost.values())
    print(
        f"  reported lost {lost} (by exit code: {dict(sorted(account.lost.items()))}), {account.kept} recordings kept"
    )
    print(f"  without an outcome {len(account.holes)}")
    print(f"  requests that went wrong: {sum(account.moods.values())} {dict(account.moods.most_common())}")
    first, last = account.memory[len(account.memory) // 4], account.memory[-1]
    print(f"  memory {first:.1f} MB after a quarter, {last:.1f} MB at the end; files {files:+.0f}")
    for hole in account.holes[:20]:
        print(f"  {hole}")
    if account.code:
        print(account.error)
    return bool(account.holes or account.code or memory > FLAT_MB or files > FLAT_FILES)


if __name__ == "__main__":
    sys.exit(main())
