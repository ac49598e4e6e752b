"""The gap of a turn on a virtual clock: `python benchmarks/talk.py --virtual`.

Belongs here: conversations of the program's own dialogue with services of fixed times, where a busy machine costs
nothing. Does not belong here: devices and processes (talk), which add what work takes, 5 to 15 ms.

A microphone of 20 ms, a sound card of 40 ms; the person falls silent anywhere in a frame, differently in each turn.
The figures are the same on every machine.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from tests.clock import run
from tests.dialogue.talking import FRAME_MS, LOUD, QUIET, RATE, Brain, Ears, Manner, Room, Voice
from tests.dialogue.test_direct import OneService
from voicecli.dialogue import events as ev
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.direct import Direct
from voicecli.dialogue.drafting import Depth, Drafts
from voicecli.types import AudioFrame, TranscribeOptions, Transcript

REPLY = "Sure, I can help you with that today. Here is the second sentence of the reply. And a third one."
NUMBER = "my number is one four seven"
"""More digits may follow: it reads as neither whole nor broken off."""
WHOLE = "What is the weather in Paris?"
SPOKEN_S, CARD_S = 0.8, 0.04


@dataclass
class ShowingEars(Ears):
    """Shows all words at the first of its looks, 40 ms apart, that has seen 20 ms of silence; `delay` to be sure."""

    text: str = NUMBER

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        async def live() -> AsyncGenerator[Transcript, None]:
            quiet = number = 0
            async for frame in frames:
                number, quiet = number + 1, 0 if frame.pcm[-2:] != b"\0\0" else quiet + 1
                if number % 2 == 0:
                    yield Transcript(self.text if quiet else self.text.rpartition(" ")[0], final=False)
            await asyncio.sleep(self.delay)
            yield Transcript(self.text)

        async with aclosing(live()) as transcripts:
            yield transcripts


@dataclass(frozen=True)
class VirtualRow:
    """What the person's words read as, and the services' times in seconds."""

    text: str = NUMBER
    live: bool = False
    direct: bool = False
    first_token: float = 0.2
    first_sound: float = 0.15
    draft: Depth = "speak"
    learns: bool = True


ROWS = {
    "uploads": VirtualRow(),
    "uploads, complete": VirtualRow(WHOLE),
    "uploads, drafts off": VirtualRow(draft="off"),
    "live": VirtualRow(live=True),
    "live, complete": VirtualRow(WHOLE, live=True),
    "live, complete, quicker services": VirtualRow(WHOLE, live=True, first_token=0.1, first_sound=0.05),
    "the same, waits not learnt": VirtualRow(WHOLE, live=True, first_token=0.1, first_sound=0.05, learns=False),
    "speech to speech": VirtualRow(direct=True),
    "speech to speech, complete": VirtualRow(WHOLE, direct=True),
}
STAGES: dict[str, Callable[[ev.TurnMetrics], int | None]] = {
    "gap": lambda it: it.gap_ms,
    "end": lambda it: it.end_ms,
    "text": lambda it: it.asr_ms,
    "token": lambda it: it.first_token_ms,
    "clause": lambda it: it.first_piece_ms,
    "sound": lambda it: it.first_audio_ms,
}


def room_of(row: VirtualRow, turns: int) -> Room:
    ears = ShowingEars([row.text] * turns * 9, delay=0.05 if row.live else 0.15, text=row.text)
    brain, voice = Brain([REPLY] * turns * 9, first=row.first_token), Voice(row.first_sound)
    rules = Manner(draft=row.draft, learns=row.learns, barge_in=row.direct)
    room = Room(ears, brain, voice, rules, live=row.live, latency=CARD_S)
    if row.direct:
        service = OneService([row.text] * turns * 9, [REPLY] * turns * 9)
        direct = Direct(service, lambda: asyncio.get_running_loop().time(), Drafts(row.draft))
        room.talk = Dialogue(replace(room.talk.parts, responder=direct), rules)
    return room


async def talk(room: Room, turns: int) -> None:
    chance = random.Random(1)

    async def microphone() -> AsyncIterator[AudioFrame]:
        for _ in range(turns):
            samples = round(SPOKEN_S * RATE) + chance.randrange(RATE * FRAME_MS // 1000)
            speech = (LOUD * (1 + 2 * samples // len(LOUD)))[: 2 * samples]
            speech += bytes(-len(speech) % len(QUIET))
            for pcm in (*[QUIET] * 25, *(speech[at : at + len(QUIET)] for at in range(0, len(speech), len(QUIET)))):
                yield await room.frame(pcm)
            while not room.talk.standing.settled:
                yield await room.frame(QUIET)

    await room.talk.run(microphone())


def gaps(turns: int) -> None:
    """Prints the table: medians over the turns in ms, the first ones included."""
    print(f"{'':<34}" + "".join(f"{name:>8}" for name in STAGES) + f"{'drafts':>8}{'wasted':>8}")
    for name, row in ROWS.items():
        room = room_of(row, turns)
        run(talk(room, turns))
        told: list[Any] = room.of(ev.TurnMetrics)
        cells = [[value for each in told if (value := stage(each)) is not None] for stage in STAGES.values()]
        figures = "".join(f"{statistics.median(each):>8.0f}" if each else f"{'–':>8}" for each in cells)
        drafts, wasted = sum(each.drafts for each in told), sum(each.wasted_tokens for each in told)
        print(f"{name:<34}{figures}{drafts:>8}{wasted:>8}", flush=True)


# -- who has the floor -----------------------------------------------------------------------------------

OVER_A_REPLY = {
    "interruptions": ("no wait, tell me about whales", 1.2, True),
    "“stop”": ("stop", 0.4, True),
    "“mhm”": ("mhm", 0.3, False),
    "coughs that are written down as nothing": ("", 0.3, False),
    "short sounds": ("[cough]", 0.14, False),
}
"""What is said over a reply, how long, and whether the reply should stop."""


def stopped_after_ms(text: str, seconds: float, later: float) -> float | None:
    """How long after somebody spoke over a reply it fell silent; None: it went on to its end."""
    room = Room(Ears([WHOLE, text, text]), Brain([REPLY, REPLY]), Voice(seconds_each=4.0), Manner(barge_in=True))
    begun: list[int] = []
    script: list[Any] = [("quiet", 0.5), ("loud", SPOKEN_S), ("quiet", 1.4 + later)]
    script += [lambda it: begun.append(len(it.sound)), ("loud", seconds), ("quiet", 2.0)]
    run(room.run(script))
    after = bytes(room.sound[begun[0] : begun[0] + 2 * 2 * RATE])
    sounding = [at for at in range(0, len(after), 2) if after[at : at + 2] != b"\0\0"]
    return None if sounding[-1] > len(after) - RATE // 10 else sounding[-1] / 2 * 1000 / RATE


def rates(times: int) -> None:
    """Prints how often a reply yields to what should stop it, how soon, and how often it goes on over the rest."""
    chance = random.Random(1)
    print(f"\n{'said over a reply':<42}{'stops':>7}{'goes on':>9}{'right':>8}{'median ms':>11}")
    for name, (text, seconds, should) in OVER_A_REPLY.items():
        ends = [stopped_after_ms(text, seconds, chance.random()) for _ in range(times)]
        stops = [each for each in ends if each is not None]
        right = 100 * (len(stops) if should else times - len(stops)) / times
        soon = f"{statistics.median(stops):>11.0f}" if stops else f"{'–':>11}"
        print(f"{name:<42}{len(stops):>7}{times - len(stops):>9}{right:>6.0f} %{soon}", flush=True)
