"""Tries every parser on a million inputs (tests/fuzz/targets.py): scripts/fuzz.py [--runs N] [--random] [TARGET ...]

Each target runs in a process of its own, one after the other, guided by what the code did with earlier inputs
(atheris). Where atheris is not there, inputs are changed at random from a seed, and that is said. What was worth
keeping is kept below .fuzz and begun with the next time; an input that was a find is there too, as NAME.find.

Exit code: 0 when only our own errors came out, 1 for a find.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".fuzz"
SLOWEST_S = 10
"""An input that takes longer is a find."""


def main() -> int:
    options = _arguments()
    if options.only:
        return _one(options.only, options.runs, options.seed, guided=_guides(options))
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.targets import TARGETS

    how = "guided by coverage (atheris)" if _guides(options) else "at random: atheris is not installed, or not wanted"
    print(f"{options.runs:,} inputs for each target, {how}, seed {options.seed}")
    print(f"{'target':<22}{'inputs':>12}{'seconds':>10}  result")
    more = ["--runs", str(options.runs), "--seed", str(options.seed), *(["--random"] if options.random else [])]
    finds = [name for name in options.targets or TARGETS if not _apart(name, more)]
    print(f"finds: {', '.join(finds) or 'none'}")
    return bool(finds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="do not guide: four times as fast, for texts of choices")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    return parser.parse_args()


def _guides(options: argparse.Namespace) -> bool:
    return not options.random and find_spec("atheris") is not None


def _apart(name: str, more: list[str]) -> bool:
    """One target in a process of its own; whether nothing was found."""
    command = [sys.executable, __file__, "--only", name, *more]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    found = re.findall(
        r"^#(\d+)\s+DONE|^tried (\d+)|stat::number_of_executed_units:\s+(\d+)", done.stderr, re.MULTILINE
    )
    count = max((int(each) for match in found for each in match if each), default=0)
    result = "only our own errors" if not done.returncode else f"FIND: {_reason(done.stdout + done.stderr)}"
    print(f"{name:<22}{count:>12,}{time.monotonic() - began:>10.0f}  {result}", flush=True)
    if done.returncode:
        (PLACE / f"{name}.log").write_text(done.stdout + done.stderr)
    return not done.returncode


def _reason(log: str) -> str:
    lines = [line for line in log.splitlines() if re.match(r"\s*(\w+\.)*\w*(Error|Exception|Timeout)\b", line)]
    return (lines[-1].strip() if lines else log.strip().rpartition("\n")[2])[:200]


def _one(name: str, runs: int, seed: int, *, guided: bool) -> int:
    sys.path.insert(0, str(ROOT))
    corpus = PLACE / name
    corpus.mkdir(parents=True, exist_ok=True)
    if guided:
        return _guided(name, runs, seed, corpus)
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    return _random(target.run, target.seeds, target.longest, runs, seed, PLACE / f"{name}.find")


def _guided(name: str, runs: int, seed: int, corpus: Path) -> int:
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["voicecli"]):
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    for number, each in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(each)
    flags = [f"-runs={runs}", f"-seed={seed}", f"-max_len={target.longest}", f"-timeout={SLOWEST_S}"]
    flags += [f"-exact_artifact_path={PLACE / name}.find", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target.run)
    atheris.Fuzz()
    return 0


def _random(
    run: Callable[[bytes], None], seeds: tuple[bytes, ...], longest: int, runs: int, seed: int, find: Path
) -> int:
    """Bytes of any kind, and seeds changed a little again and again."""
    rng = random.Random(seed)
    pool = list(seeds) or [b""]
    for number in range(runs):
        fresh = rng.random() < 0.5
        data = rng.randbytes(rng.randint(0, longest)) if fresh else _changed(rng, rng.choice(pool), longest)
        try:
            run(data)
        except BaseException:
            find.write_bytes(data)
            print(f"tried {number + 1}", file=sys.stderr)
            raise
        if rng.random() < 0.01:
            pool = [*pool[-500:], data]
    print(f"tried {runs}", file=sys.stderr)
    return 0


def _changed(rng: random.Random, data: bytes, longest: int) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        new = rng.choice(
            (b"", rng.randbytes(rng.randint(1, 4)), data[at:to] * 2, bytes([rng.choice(b'\0\xff{}[]"\n: ')]))
        )
        data = data[:at] + new + data[min(to, at + 8) :]
    return data[:longest]


if __name__ == "__main__":
    sys.exit(main())
