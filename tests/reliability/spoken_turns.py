"""Turns drawn by lot with a strict speech-to-speech service: spoken, typed, tools, interruptions, breaks.

Belongs here: holding them and saying what became of each. Does not belong here: the service (tests.fakes), how many
turns are held (test_soak has few, benchmarks/soak_direct.py many).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from tests.backends.test_talking import TOOL, answer, digits, say, talking, words
from tests.fakes.talking_server import TalkingServer
from voicecli.backends.openai.talking.session import TalkConversation
from voicecli.errors import VoiceError
from voicecli.types import ToolCall
from voicecli.types.turns import AnswerWanted, Sound

KINDS = ("spoken", "typed", "tool", "interrupted", "broken")


@dataclass
class Held:
    """`done` counts the turns of each kind, `lost` those that failed and said so; `wrong` should be empty."""

    done: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    sessions: int = 0


async def hold(dialect: str, turns: int, seed: int) -> Held:
    """`turns` turns over as many connections as it takes."""
    chance, held = random.Random(f"{dialect} {seed}"), Held()
    with TalkingServer(dialect=dialect, first_s=0, chunk_s=0.0005) as server:
        async with talking(server, tools=(TOOL,)) as talk:
            for number in range(turns):
                kind = chance.choice(KINDS)
                if kind == "broken":
                    server.drops.append(len(server.sessions[-1].log) + chance.randrange(1, 12))
                try:
                    fault = await _turn(kind, talk, chance)
                except VoiceError:
                    held.lost += 1
                    fault = "" if kind == "broken" or server.drops else "lost for no reason"
                held.done[kind] += 1
                held.wrong += [f"turn {number}, {kind}: {fault}"] if fault else []
        held.wrong += server.faults
        held.sessions = len(server.sessions)
    return held


async def _turn(kind: str, talk: TalkConversation, chance: random.Random) -> str:
    """One turn; what was wrong about it."""
    number = "".join(chance.choices("123456789", k=chance.randrange(2, 6)))
    wanted = "".join(str((int(each) + 1) % 10) for each in number)
    if kind in ("spoken", "broken"):
        turn = say(talk, number)
        pieces = await answer(turn)
        turn.abandon()
        return "" if digits(pieces) == wanted == words(pieces).replace(" ", "") else f"{number} became {digits(pieces)}"
    if kind == "typed":
        said = words(await answer(talk.begin(print), AnswerWanted(typed="good morning")))
        return "" if said == "good morning" else said
    if kind == "tool":
        asked = AnswerWanted(typed="call look")
        calls = [each for each in await answer(talk.begin(print), asked) if isinstance(each, ToolCall)]
        said = words(await answer(talk.begin(print), AnswerWanted(results=tuple((call, "a pig") for call in calls))))
        return "" if said == "done a pig" else said
    await _interrupt(talk, number, chance)
    return ""


async def _interrupt(talk: TalkConversation, number: str, chance: random.Random) -> None:
    """Somewhere in the answer, at a sample that came."""
    turn, sounds, samples = talk.begin(print), chance.randrange(1, 5), 0
    async with turn.answer(AnswerWanted(typed=number * 4)) as pieces:
        async for each in pieces:
            if isinstance(each, Sound) and each.pcm:
                sounds, samples = sounds - 1, samples + len(each.pcm) // 2
                if not sounds:
                    break
        turn.heard_until(chance.randrange(samples + 1))
    turn.abandon()
