"""How long `voice --version` and `voice --help` take, beside an empty Typer program in the same sitting.

    .venv/bin/python benchmarks/startup.py [RUNS]

Each round starts every program once, in turn, so that whatever slows the machine slows all of them; the
ratio is taken within a round and its median is judged. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EMPTY = """
import typer

app = typer.Typer()


@app.command()
def main() -> None:
    pass


if __name__ == "__main__":
    app()
"""

BARS = (("voice --version", "empty Typer", 1.3), ("voice --help", "empty Typer --help", 1.5))


def programs(folder: Path) -> dict[str, list[str]]:
    """The four command lines, all on this interpreter."""
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    voice = [sys.executable, "-c", "from voicecli.cli import main; main()"]
    return {
        "empty Typer": [sys.executable, str(empty)],
        "voice --version": [*voice, "--version"],
        "empty Typer --help": [sys.executable, str(empty), "--help"],
        "voice --help": [*voice, "--help"],
    }


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def measure(runs: int) -> dict[str, list[float]]:
    """Seconds per program and round; the first round only warms the caches."""
    with tempfile.TemporaryDirectory() as folder:
        commands = programs(Path(folder))
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs + 1):
            for name, command in commands.items():
                times[name].append(seconds(command))
    return {name: each[1:] for name, each in times.items()}


def main() -> int:
    """Prints the table; 1 when a bar is missed."""
    times = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(f"{'program':<20} {'median ms':>9} {'best ms':>8} {'ratio':>6} {'bar':>5}")
    missed = 0
    bars = {ours: (theirs, bar) for ours, theirs, bar in BARS}
    for name, each in times.items():
        line = f"{name:<20} {1000 * statistics.median(each):>9.1f} {1000 * min(each):>8.1f}"
        if name in bars:
            theirs, bar = bars[name]
            ratio = statistics.median(a / b for a, b in zip(each, times[theirs], strict=True))
            line += f" {ratio:>6.2f} {bar:>5.1f}"
            missed += ratio > bar
        print(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
