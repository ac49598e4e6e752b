"""One service that hears and speaks, in the conversation, on the virtual clock: drafts, tools and a person's yes."""

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
from tests.dialogue.toolbox import Box
from voicecli.dialogue import events as ev
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.direct import Direct
from voicecli.dialogue.drafting import Drafts
from voicecli.dialogue.heard import HeardStretch, heard_until
from voicecli.errors import ServiceError
from voicecli.types import Picture, ToolCall, Usage
from voicecli.types.turns import Answer, AnswerWanted, Heard, Sound, Text

SECOND = (b"\x00\x20" + b"\x00\xe0") * (RATE // 2)


@dataclass
class OneService:
    """A `ports.Colloquy`: all sound after 150 ms, a second of it a word; the person's words after 200 ms."""

    heard: list[str]
    replies: list[Any]
    withdraws: bool = True
    breaks: bool = False
    log: list[Any] = field(default_factory=list)

    def show(self, pictures: Sequence[Picture]) -> None: ...
    async def warm(self) -> None: ...

    def begin(self, on_partial: Callable[[str], None]) -> OneTurn:
        return OneTurn(self)


@dataclass
class OneTurn:
    service: OneService
    known: str | None = None
    asked_at: float = float("-inf")

    def hear(self, pcm: bytes) -> None: ...
    def pause(self) -> None: ...
    def abandon(self) -> None: ...

    async def words(self) -> Heard:
        now = asyncio.get_running_loop().time()
        await passing(max(0.0, max(self.asked_at, now - 0.2) + 0.2 - now) if self.known is None else 0.0)
        if self.known is None:
            self.service.log.append("words")
            self.known = self.service.heard.pop(0)
        return Heard(self.known)

    def heard_until(self, samples: int) -> None:
        self.service.log.append(("cut", samples))

    @asynccontextmanager
    async def answer(self, asked: AnswerWanted) -> AsyncIterator[AsyncIterator[Answer]]:
        over = False

        async def pieces() -> AsyncIterator[Answer]:
            nonlocal over
            self.service.log.append(asked)
            self.asked_at = asyncio.get_running_loop().time()
            await passing(0.15)
            reply = asked.says or self.service.replies.pop(0)
            for word in reply.split() if isinstance(reply, str) else ():
                yield Text(word + " ")
                yield Sound(says=word + " ", goes_on=True)
                yield Sound(SECOND)
            if asked.says is None and asked.typed is None and not asked.results:
                yield await self.words()
            if self.service.breaks:
                raise ServiceError("broke off", who="one")
            yield Usage(7, 3)
            over = True
            if isinstance(reply, ToolCall):
                yield reply

        try:
            yield pieces()
        finally:
            if not over:
                self.service.log.append("left")


def room(service: OneService, box: Any = None, rules: Manner | None = None, draft: Any = "off") -> Room:
    it = Room(Ears([]), Brain([]), Voice(), rules or even(barge_in=True))
    direct = Direct(service, lambda: asyncio.get_running_loop().time(), Drafts(draft), box)
    it.talk = Dialogue(replace(it.talk.parts, responder=direct), rules or even(barge_in=True))
    return it


def history(it: Room) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in it.talk.history.messages]


def test_a_turn_is_answered_and_its_words_come_late() -> None:
    it = room(OneService(["how are you"], ["Well. And you?"]))
    run(it.run([*ONE_TURN, ("reply", 0)]))
    assert history(it) == [("user", "how are you"), ("assistant", "Well. And you?")]
    assert spoken(it) == pytest.approx(3, abs=0.01)
    assert it.metrics.gap_ms == pytest.approx(500 + 150 + 40, abs=30)
    assert it.metrics.tokens == 10, "as the service counted, not as was estimated before"


def test_a_draft_costs_the_wait_alone() -> None:
    service = OneService(["How are you?"], ["Well."])
    it = room(service, rules=Manner(barge_in=True), draft="speak")
    run(it.run([*ONE_TURN, ("reply", 0)]))
    assert it.metrics.draft == "speak" and it.metrics.gap_ms is not None and it.metrics.gap_ms <= 460
    assert it.metrics.end_ms == 400, "the words read complete, and came before all of the sound had"
    assert [each for each in service.log if isinstance(each, AnswerWanted)] == [AnswerWanted()]


def test_who_goes_on_withdraws_the_draft() -> None:
    service = OneService(["how are you"], ["Well.", "Fine."])
    it = room(service, draft="speak")
    run(it.run([("quiet", 0.2), ("loud", 0.5), ("quiet", 0.36), ("loud", 0.5), ("quiet", 0.8), ("reply", 0)]))
    assert len([each for each in service.log if isinstance(each, AnswerWanted)]) == 2
    assert history(it)[-1] == ("assistant", "Fine.")


def test_a_service_that_keeps_what_is_withdrawn_drafts_nothing() -> None:
    service = OneService(["how are you"], ["Well."], withdraws=False)
    it = room(service, draft="speak")
    run(it.run([*ONE_TURN, ("reply", 0)]))
    assert it.of(ev.TurnMetrics)[0].drafts == 0


def test_an_interruption_tells_how_much_was_heard() -> None:
    service = OneService(["how are you", "no"], ["One two three four.", "Fine."])
    it = room(service)
    run(it.run([*ONE_TURN, ("quiet", 2.0), ("loud", 1.0), ("quiet", 0.7), ("reply", 0)]))
    (cut,) = [each[1] for each in service.log if isinstance(each, tuple)]
    assert 2 * RATE < cut < 3 * RATE
    assert history(it)[:3] == [("user", "how are you"), ("assistant", "One two…"), ("user", "no")]


@pytest.mark.parametrize("typed", ["", "good morning"])
def test_a_service_that_breaks_off_costs_the_turn_when_what_came_has_sounded(typed: str) -> None:
    it = room(OneService(["how are you"], ["One."], breaks=True))
    script: list[Any] = [lambda it: it.talk.keys.type(typed)] if typed else [*ONE_TURN]
    run(it.run([*script, ("quiet", 0.1), ("reply", 0)]))
    assert spoken(it) == pytest.approx(1.0, abs=0.01)
    (lost,) = it.of(ev.TurnLost)
    assert "broke off" in lost.reason and lost.recording == ""
    assert history(it)[0] == ("user", typed or "how are you")


CALL = ToolCall("c1", "draw", '{"what": "a pig"}')


@pytest.mark.parametrize(("answer", "done"), [("yes", True), ("no", False), ("what is the time", None)])
def test_a_tool_waits_for_the_persons_yes(answer: str, done: bool | None) -> None:
    box = Box(seconds=0.1)
    service = OneService(["draw a pig", answer], [CALL, "Done then."])
    it = room(service, box)
    run(it.run([*ONE_TURN, ("reply", 0), ("quiet", 0.5), *ONE_TURN, ("reply", 0)]))
    asked = [each for each in service.log if isinstance(each, AnswerWanted)]
    assert [each.says for each in asked] == [None, "May I draw a pig?", None]
    assert len(box.used) == (done is True)
    assert [call.id for call, _ in asked[2].results] == ([] if done is None else ["c1"])
    assert history(it)[1] == ("assistant", "May I draw a pig?")
    assert it.said == ["draw a pig", answer], "each is told once"


def test_after_a_no_nothing_waits_for_words_any_more() -> None:
    service = OneService(["draw a pig", "no", "hello"], [CALL, "Fine.", "Hi."])
    said = [*ONE_TURN, ("reply", 0), ("quiet", 0.5)]
    run(room(service, Box(seconds=0.1)).run([*said, *said, *said]))
    order = ["words" if each == "words" else "asked" for each in service.log if each != "left"]
    assert order == ["asked", "words", "asked", "words", "asked", "asked", "words"]


# -- what was heard ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stretch", "played", "heard"),
    [
        (HeardStretch([("One two three four.", 0)], False, 400, True), 210, "One two"),
        (HeardStretch([("One two three four.", 0)], False, 60, False), 60, "One two"),
        (HeardStretch([("One two three four.", 0)], True, 400, True), 400, "One two three four."),
        (HeardStretch([("One two three four.", 0)], True, 400, True), 200, "One two"),
        (HeardStretch([("One ", 0), ("two ", 100), ("three ", 200)], True, 300, True), 100, "One "),
        (HeardStretch([("One ", 0), ("two ", 100), ("three ", 200)], True, 250, False), 190, "One"),
        (HeardStretch([("好的，我来看看。", 0)], True, 240, True), 125, "好的，"),
        (HeardStretch([], True, 100, False), 100, ""),
    ],
)
def test_words_are_counted_by_the_sound_they_came_with(stretch: HeardStretch, played: int, heard: str) -> None:
    assert heard_until([stretch], played, 100).strip() == heard.strip()
