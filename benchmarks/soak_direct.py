"""A hundred turns of speech to speech in every dialect, with interruptions, tools and connections that break.

    python benchmarks/soak_direct.py [--turns 100] [--seed 1] [--interruptions 200] [--dialect NAME …]

Strict local services (tests/fakes/talking_server.py), turns drawn by lot (tests/reliability/spoken_turns.py). Then so
many interruptions, each at a sample drawn by lot: the words that we and the service remember are compared. Exit code 1
where an answer is wrong, a turn is lost without a break of its connection, a service is sent what it does not know, or
a word is remembered that was not heard.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.backends.test_talking import interrupted  # noqa: E402
from tests.fakes.talking_server import KNOWS  # noqa: E402
from tests.reliability.spoken_turns import hold  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interruptions", type=int, default=200)
    parser.add_argument("--dialect", action="append", choices=list(KNOWS))
    options = parser.parse_args()
    wrong = 0
    for dialect in options.dialect or KNOWS:
        held = asyncio.run(hold(dialect, options.turns, options.seed))
        wrong += len(held.wrong)
        counts = ", ".join(f"{count} {kind}" for kind, count in held.done.items())
        print(f"{dialect:<12} {counts}; {held.sessions} connections, {held.lost} lost and said so", flush=True)
        for each in held.wrong:
            print(f"  WRONG {each}")
    for ahead in (False, True):
        asyncio.run(interrupted(options.interruptions, ahead=ahead))
        print(f"{options.interruptions} interruptions, words {'before' if ahead else 'with'} their sound: none wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
