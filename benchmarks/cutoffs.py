"""How long a turn's end is waited for, and how often that cuts off who only paused.

    python benchmarks/cutoffs.py [--texts 6] [--deals 7]

The real detector and endpointer over espeak-ng in a quiet room, on the clock of the samples; the text
decides the wait as it does in a conversation, and is known 150 ms after a pause is noticed. First table: how many
of 100 turns end in an inner pause of 150 to 1500 ms, by how the text before it reads and by what silence ends a
turn, and the wait where the person has finished. Then the labelled utterances with pauses of 150 to 450 ms, at
the default settings: synthesised, and real people's where ../shared/recordings is there. Each utterance is said
with several deals of the pauses. Spoken over: the reply could sound (after 425 ms) before the person goes on;
otherwise the turn is taken back and nobody hears of it. Prints tables; gates nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.conftest import RECORDINGS  # noqa: E402
from tests.dialogue import pausing, utterances  # noqa: E402
from tests.dialogue.pausing import Outcome, Take, Turn, Watched  # noqa: E402
from tests.dialogue.test_cutoffs import SOUNDS_MS  # noqa: E402
from voicecli.dialogue.reading import Reading, read  # noqa: E402

PAUSES_MS = range(150, 1501, 150)
GOES_ON = "and then we will see what happens next"
ALONE = {"end_ms 500 whatever the text": lambda take: pausing.run(take, by_text=False)}
SETTINGS: dict[str, Callable[[Watched], Outcome]] = {
    "the default: 400, 500, 1200": pausing.run,
    "end_ms_min 300": lambda take: pausing.run(take, pausing.settings(500, shortest=300)),
    "end_ms 300": lambda take: pausing.run(take, pausing.settings(300, shortest=300)),
    "end_ms 800": lambda take: pausing.run(take, pausing.settings(800)),
} | ALONE


def said(text: str, pause_ms: float = 0) -> Watched:
    """`text`, and after a pause what nobody expected."""
    pieces = (text, GOES_ON) if pause_ms else (text,)
    return pausing.watch(pausing.synthesised(Turn(pieces, (pause_ms,) if pause_ms else ())))


def texts(reading: Reading, count: int) -> list[str]:
    """Labelled texts that read as they are labelled, spread over the list."""
    known = [text for text in utterances.ENGLISH[reading] if read(text) is reading and len(text) > 8]
    return known[:: len(known) // count][:count]


def by_pause(reading: Reading, count: int) -> None:
    chosen = texts(reading, count)
    whole = [said(text) for text in chosen]
    paused = {pause: [said(text, pause) for text in chosen] for pause in PAUSES_MS}
    for name, outcome in SETTINGS.items():
        wait = statistics.median(outcome(each).wait_ms for each in whole)
        shares = [100 * sum(outcome(each).cut for each in takes) / count for takes in paused.values()]
        print(f"{reading.name.lower():<10}{name:<30}{wait:>6.0f}" + "".join(f"{share:>6.0f}" for share in shares))


def labelled(name: str, takes: Iterable[Take]) -> None:
    watched = [pausing.watch(take) for take in takes]
    for setting, outcome in SETTINGS.items():
        ends = [outcome(each) for each in watched]
        cut, over = sum(end.cut for end in ends), sum(pausing.spoken_over(end, SOUNDS_MS) for end in ends)
        shares = f"{100 * cut / len(ends):>8.1f} %{100 * over / len(ends):>12.1f} %"
        print(f"{name:<14}{setting:<30}{len(ends):>6}{shares}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=6)
    parser.add_argument("--deals", type=int, default=len(pausing.PAUSES_MS))
    args = parser.parse_args()
    print(f"{'reads':<10}{'':<30}{'wait':>6}" + "".join(f"{pause:>6}" for pause in PAUSES_MS))
    for reading in Reading:
        by_pause(reading, args.texts)
    print(f"\n{'pauses ≤ 450':<14}{'':<30}{'turns':>6}{'ended early':>10}{'spoken over':>14}")
    deals = range(args.deals)
    labelled("synthesised", (pausing.synthesised(turn) for deal in deals for turn in pausing.labelled(deal)))
    if RECORDINGS.is_dir():
        labelled("real people", (take for deal in deals for take in pausing.recorded(RECORDINGS, deal)))


if __name__ == "__main__":
    main()
