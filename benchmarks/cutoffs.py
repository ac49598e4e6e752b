"""How long a turn's end is waited for, and how often that cuts off who only paused.

    python benchmarks/cutoffs.py [--texts 6] [--deals 7] [--commands FOLDER]

The real detector and endpointer over espeak-ng in a quiet room, on the clock of the samples; the text
decides the wait as it does in a conversation, and is known 150 ms after a pause is noticed. First table: how many
of 100 turns end in an inner pause of 150 to 1500 ms, by how the text before it reads and by what silence ends a
turn, and the wait where the person has finished. Then labelled utterances with pauses of 150 to 450 ms: synthesised,
and real people's where ../shared/recordings is there, each said with several deals of the pauses; and with --commands
recordings of whole commands with the pauses that they have (data/speech/clean of Picovoice/speech-to-intent-benchmark
was used), whose words the local recogniser tells. A deal, or fifteen commands, are one talk, whose pauses are learnt.
The wait is the mean at ends that are right; `paused`: how many of the turns with a pause were cut off. Spoken over: the
reply could sound (after 425 ms) before the person goes on; otherwise the turn is taken back and nobody hears of it.
Prints tables; gates nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from commands import commands  # noqa: E402

from tests.conftest import RECORDINGS  # noqa: E402
from tests.dialogue import pausing  # noqa: E402
from tests.dialogue.pausing import Outcome, Turn, Watched  # noqa: E402
from tests.dialogue.test_cutoffs import SOUNDS_MS  # noqa: E402
from tests.dialogue.utterances import GROUPS  # noqa: E402
from voicecli.dialogue.reading import Reading, read  # noqa: E402

PAUSES_MS = range(150, 1501, 150)
GOES_ON = "and then we will see what happens next"
SHORT: Callable[[Watched], Outcome] = lambda take: pausing.run(take, pausing.settings(420, shortest=336))  # noqa: E731
ALONE = {"end_ms 500 whatever the text": lambda take: pausing.run(take, by_text=False)}
SETTINGS: dict[str, Callable[[Watched], Outcome]] = {
    "fixed: 400, 500, 1200": pausing.run,
    "end_ms_min 300": lambda take: pausing.run(take, pausing.settings(500, shortest=300)),
    "end_ms 300": lambda take: pausing.run(take, pausing.settings(300, shortest=300)),
    "end_ms 800": lambda take: pausing.run(take, pausing.settings(800)),
} | ALONE


def _each(outcome: Callable[[Watched], Outcome]) -> Callable[[Sequence[Watched]], list[Outcome]]:
    return lambda takes: [outcome(each) for each in takes]


TALKS: dict[str, Callable[[Sequence[Watched]], list[Outcome]]] = {"learnt, the default": pausing.conversation}
TALKS |= {name: _each(outcome) for name, outcome in (SETTINGS | {"fixed: 336, 420, 1200": SHORT}).items()}
TALK = 15


def said(text: str, pause_ms: float = 0) -> Watched:
    """`text`, and after a pause what nobody expected."""
    pieces = (text, GOES_ON) if pause_ms else (text,)
    return pausing.watch(pausing.synthesised(Turn(pieces, (pause_ms,) if pause_ms else ())))


def texts(reading: Reading, count: int) -> list[str]:
    """Labelled texts that read as they are labelled, spread over the list."""
    known = [text for text in GROUPS["ENGLISH"][reading] if read(text) is reading and len(text) > 8]
    return known[:: len(known) // count][:count]


def by_pause(reading: Reading, count: int) -> None:
    chosen = texts(reading, count)
    whole = [said(text) for text in chosen]
    paused = {pause: [said(text, pause) for text in chosen] for pause in PAUSES_MS}
    for name, outcome in SETTINGS.items():
        wait = statistics.median(outcome(each).wait_ms for each in whole)
        shares = [100 * sum(outcome(each).cut for each in takes) / count for takes in paused.values()]
        print(f"{reading.name.lower():<10}{name:<30}{wait:>6.0f}" + "".join(f"{share:>6.0f}" for share in shares))


def labelled(name: str, people: Sequence[Sequence[Watched]]) -> None:
    """How many turns of these people end early, of those with a pause too, and how long is waited at their ends."""
    for setting, outcomes in TALKS.items():
        both = [pair for talk in people for pair in zip(talk, outcomes(talk), strict=True)]
        ends = [end for _, end in both]
        paused = [end for each, end in both if max(each.take.turn.pauses_ms, default=0) >= PAUSES_MS[0]]
        over = sum(pausing.spoken_over(end, SOUNDS_MS) for end in ends)
        waits = [end.wait_ms for end in ends if not end.cut]
        shares = f"{share(ends):>9.1f} %{share(paused):>9.1f} %{100 * over / len(ends):>10.1f} %"
        print(f"{name:<14}{setting:<30}{statistics.mean(waits):>6.0f}{len(ends):>7}{shares}", flush=True)


def share(ends: Sequence[Outcome]) -> float:
    """Of a hundred, those that were cut off."""
    return 100 * sum(end.cut for end in ends) / max(1, len(ends))


async def recorded_commands(paths: Sequence[Path]) -> list[list[Watched]]:
    """Talks of fifteen commands each."""
    found = [each async for each in commands(paths)]
    return [found[at : at + TALK] for at in range(0, len(found), TALK)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=6)
    parser.add_argument("--deals", type=int, default=len(pausing.PAUSES_MS))
    parser.add_argument("--commands", type=Path, metavar="FOLDER", help="recorded commands, a file each")
    args = parser.parse_args()
    print(f"{'reads':<10}{'':<30}{'wait':>6}" + "".join(f"{pause:>6}" for pause in PAUSES_MS))
    for reading in Reading:
        by_pause(reading, args.texts)
    print(f"\n{'':<44}{'wait':>6}{'turns':>7}{'cut off':>11}{'paused':>11}{'spoken over':>12}")
    deals = range(args.deals)
    labelled("synthesised", [[pausing.watch(pausing.synthesised(turn)) for turn in pausing.labelled(n)] for n in deals])
    if RECORDINGS.is_dir():
        labelled("real people", [[pausing.watch(take) for take in pausing.recorded(RECORDINGS, n)] for n in deals])
    if args.commands is not None:
        labelled("commands", asyncio.run(recorded_commands(sorted(args.commands.glob("*.wav")))))


if __name__ == "__main__":
    main()
