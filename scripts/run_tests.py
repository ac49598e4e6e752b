"""Runs the tests: python scripts/run_tests.py [ARGUMENT of pytest …]

Without arguments all of them, in two parts: those that touch no sound, then those on virtual devices, which run in
real time: two files of them side by side, each with a sound server of its own. With arguments: pytest with those.
Exit code: pytest's, of the first part that was not well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
NOTHING_TO_RUN = 5
"""What pytest says where no test was left."""


def main(arguments: Sequence[str]) -> int:
    if arguments:
        return _pytest(*arguments)
    # More than processors: many tests wait for a deadline, or for a program to start.
    workers = 2 * (os.cpu_count() or 1)
    # Who has nothing left takes from who has most: given out in chunks, the last slow tests were one worker's.
    quiet = _pytest("-n", str(workers), "--dist", "worksteal", "-m", "not needs_sound")
    # Only files that name the mark: to read all others would take as long as some of these tests.
    files = [str(path) for path in sorted(TESTS.rglob("test_*.py")) if b"needs_sound" in path.read_bytes()]
    # In this order both workers end at about the same time; that of xdist has the longest tests last.
    by_file = ("--dist", "loadfile", "--no-loadscope-reorder")
    sounding = _pytest("-n", "2", *by_file, "-m", "needs_sound", *files)
    return quiet or (0 if sounding == NOTHING_TO_RUN else sounding)


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
