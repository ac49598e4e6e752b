"""Who answers is a promise: a service that hears, thinks and speaks in one keeps it, and so does one that holds one
prompt at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.clock import passing, run
from tests.dialogue.talking import RATE, Brain, Ears, Manner, Room, Voice
from tests.dialogue.test_loop import ONE_TURN, even, spoken
from voicecli.dialogue import events as ev
from voicecli.dialogue.conversation import Dialogue
from voicecli.errors import ServiceError
from voicecli.ports import Answerer, TurnRequest
from voicecli.types import AudioFrame
from voicecli.types.turns import Heard, Reply, Sound, Text

SECOND = (b"\x00\x20" + b"\x00\xe0") * (RATE // 2)


@dataclass
class Service:
    """Sound comes before the words that were heard; cancelling takes it half a second, and it holds one answer."""

    heard: list[str]
    replies: list[list[str]]
    cut: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    breaks: bool = False
    one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def warm(self) -> None:
        self.log.append("warm")

    def listen(self, tasks: asyncio.TaskGroup, on_partial: Callable[[str], None]) -> Answerer:
        return Part(self)


@dataclass
class Part:
    """The service's side of one turn. It drafts nothing, and knows no words before it has answered."""

    service: Service
    pcm: bytearray = field(default_factory=bytearray)
    backlog_s: float = 0.0

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        self.pcm += b"".join(frame.pcm for frame in frames)

    def pause(self) -> None: ...
    def abandon(self) -> None: ...

    async def text(self) -> Heard:
        return Heard()

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        return None

    def withdrawn(self, tokens: int) -> str:
        return ""

    def heard_until(self, samples: int) -> None:
        self.service.cut.append(samples)

    @asynccontextmanager
    async def turn(self, ask: TurnRequest) -> AsyncIterator[AsyncIterator[Reply]]:
        async with self.service.one:
            self.service.log.append("asked")
            try:
                yield self.replies(ask)
            finally:
                await asyncio.shield(passing(0.5))
                self.service.log.append("left")

    async def replies(self, ask: TurnRequest) -> AsyncIterator[Reply]:
        await passing(0.3)
        for number, sentence in enumerate(self.service.replies.pop(0)):
            yield Sound(SECOND, says=sentence)
            yield Text(sentence + " ")
            yield Sound(ended=True)
            if number == 0:
                yield Heard(ask.wanted.typed or self.service.heard.pop(0))
            if self.service.breaks:
                raise ServiceError("broke off", who="one")
            await ask.room()


def room(service: Service, rules: Manner | None = None) -> Room:
    it = Room(Ears([]), Brain([]), Voice(), rules or even(draft="speak", barge_in=True))
    it.talk = Dialogue(replace(it.talk.parts, responder=service), rules or even(barge_in=True))
    return it


def history(it: Room) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in it.talk.history.messages]


def test_a_turn_of_a_service_that_does_it_all() -> None:
    service = Service(["how are you"], [["Well.", "And you?"]])
    it = room(service)
    run(it.run([*ONE_TURN, ("reply", 0)]))
    assert spoken(it) == pytest.approx(2.0, abs=0.01)
    assert history(it) == [("user", "how are you"), ("assistant", "Well. And you?")]
    assert [said.text for said in it.of(ev.UserSaid)] == ["how are you"]
    (metrics,) = it.of(ev.TurnMetrics)
    assert (metrics.end_ms, metrics.gap_ms) == (500, pytest.approx(800, abs=20))
    assert service.log == ["warm", "asked", "left"]


def test_who_is_cut_off_is_told_how_much_was_heard_and_is_left_before_the_next_is_asked() -> None:
    service = Service(["how are you", "no"], [["One two.", "Three four.", "Five six."], ["Fine."]])
    it = room(service)
    run(it.run([*ONE_TURN, ("quiet", 2.0), ("loud", 1.0), ("quiet", 0.7), ("reply", 0)]))
    assert it.of(ev.Interrupted) == [ev.Interrupted("speech")]
    assert service.cut and RATE < service.cut[0] < 3 * RATE
    assert [each for each in service.log if each != "warm"] == ["asked", "left", "asked", "left"]
    assert history(it)[1][1].startswith("One two.") and history(it)[1][1].endswith("…")
    assert history(it)[2:] == [("user", "no"), ("assistant", "Fine.")]


@pytest.mark.parametrize("typed", ["", "good morning"])
def test_a_service_that_breaks_off_costs_the_turn_when_what_came_has_sounded(typed: str) -> None:
    service = Service(["how are you"], [["One two.", "Three."]], breaks=True)
    it = room(service)
    script: list[Any] = [lambda it: it.talk.keys.type(typed)] if typed else [*ONE_TURN]
    run(it.run([*script, ("quiet", 0.1), ("reply", 0)]))
    assert spoken(it) == pytest.approx(1.0, abs=0.01)
    (lost,) = it.of(ev.TurnLost)
    assert "broke off" in lost.reason and lost.recording == ""
    assert history(it)[0] == ("user", typed or "how are you")
