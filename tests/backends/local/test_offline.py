"""The offline chat: what it says, how it streams, and timers on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

import pytest

from tests import clock
from voicecli.backends.local import family as local
from voicecli.backends.local.offline import NO_MODEL, NO_MODEL_CHINESE, OfflineChat
from voicecli.backends.local.settings import LocalSettings
from voicecli.types import ChatDelta, ChatMessage, ChatOptions

NOW = datetime(2026, 11, 21, 9, 30)


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


async def deltas(model: OfflineChat, *messages: ChatMessage) -> list[ChatDelta]:
    async with model.chat(messages, ChatOptions()) as stream:
        return [each async for each in stream]


async def said(model: OfflineChat, *messages: ChatMessage) -> str:
    return "".join([each.text for each in await deltas(model, *messages)])


def reply(text: str, *before: ChatMessage) -> str:
    async def main() -> str:
        return await said(OfflineChat(lambda: NOW), *before, user(text))

    return asyncio.run(main())


def test_it_answers_and_says_when_it_is_done() -> None:
    async def main() -> list[ChatDelta]:
        async with local.chat(LocalSettings("local", "local")) as model:
            return await deltas(model, user("what is twelve times seven"))

    found = asyncio.run(main())
    assert found == [ChatDelta("12 times 7 is 84."), ChatDelta(finish_reason="stop")]


def test_it_can_be_opened_more_than_once() -> None:
    """A module of the same name once took the factory's place."""
    for _ in range(2):
        assert asyncio.run(opened())


async def opened() -> bool:
    async with local.chat(LocalSettings("local", "local")) as model:
        return bool(await said(model, user("2+2")))


def test_the_clock_is_the_one_it_is_given() -> None:
    assert reply("what time is it") == "It is 9:30 AM."
    assert reply("几点了") == "现在是9点30分。"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("why is the sky blue", NO_MODEL),
        ("天为什么是蓝的", NO_MODEL_CHINESE),
        ("seven times twelve " * 600, NO_MODEL),
        ("七乘以十二" * 2001, NO_MODEL_CHINESE),
    ],
)
def test_what_it_cannot_answer_it_says_honestly(asked: str, answer: str) -> None:
    assert reply(asked) == answer
    assert "voice config init" in answer


@pytest.mark.parametrize(
    "asked", ["What is twelve times heaven?", "Set a timer for men minutes.", "十二乘以妻等于多少"]
)
def test_a_wrong_hearing_is_asked_back(asked: str) -> None:
    answer = reply(asked)
    assert asked in answer and ("say it again" in answer or "再说一遍" in answer)


def test_it_repeats_its_last_reply() -> None:
    before = (ChatMessage("system", "Be brief."), user("hi"), ChatMessage("assistant", "Hello\x1b[31m there."))
    assert reply("say that again", *before) == "Hello there."


def test_only_the_last_question_counts() -> None:
    assert reply("2+2", user("3+3"), ChatMessage("assistant", "3 plus 3 is 6.")) == "2 plus 2 is 4."


def test_units_do_not_hold_up_the_loop() -> None:
    assert reply("convert five miles to kilometers") == "5 miles is about 8.05 kilometers."


async def ringing(model: OfflineChat, rung: list[tuple[float, str]], stop: asyncio.Event) -> None:
    stream: AsyncIterator[str] = model.announcements()
    async with aclosing(stream) as texts:  # type: ignore[type-var]
        async for text in texts:
            rung.append((asyncio.get_running_loop().time(), text))
    stop.set()


def with_rings(
    *turns: tuple[float, list[ChatMessage]], until: float = 2000.0
) -> tuple[list[str], list[tuple[float, str]]]:
    """What is replied to each turn, asked at its time, and what rings when."""

    async def main() -> tuple[list[str], list[tuple[float, str]]]:
        model, rung, replies = OfflineChat(lambda: NOW), list[tuple[float, str]](), list[str]()
        async with asyncio.TaskGroup() as tasks:
            ring = tasks.create_task(ringing(model, rung, asyncio.Event()))
            for at, messages in turns:
                await asyncio.sleep(at - asyncio.get_running_loop().time() or 1e-6)
                replies.append(await said(model, *messages))
            await asyncio.sleep(until - asyncio.get_running_loop().time())
            ring.cancel()
        return replies, rung

    return clock.run(main())


FIVE = user("set a timer for five minutes")
AFTER = [FIVE, ChatMessage("assistant", "Timer set for 5 minutes.")]


def test_a_timer_rings_when_its_time_is_up() -> None:
    replies, rung = with_rings((1.0, [FIVE]))
    assert replies == ["Timer set for 5 minutes."]
    assert rung == [(301.0, "Time is up: 5 minutes.")]


def test_timers_ring_in_their_order_and_in_their_language() -> None:
    replies, rung = with_rings((1.0, [FIVE]), (2.0, [*AFTER, user("十秒后提醒我")]))
    assert replies[1] == "好的，10秒后提醒你。"
    assert rung == [(12.0, "10秒到了。"), (301.0, "Time is up: 5 minutes.")]


def test_what_is_left_is_told_and_a_cancelled_timer_is_still() -> None:
    left = [*AFTER, user("how much time is left")]
    cancel = [*left, ChatMessage("assistant", "4 minutes left."), user("cancel the timer")]
    replies, rung = with_rings((1.0, [FIVE]), (61.0, left), (90.0, cancel))
    assert replies[1:] == ["4 minutes left.", "Timer cancelled."]
    assert rung == []


def test_a_turn_that_is_answered_again_sets_one_timer() -> None:
    """A draft is answered before the person has finished: only the last answer of a turn may ring."""
    again = [user("set a timer for five minutes please")]
    replies, rung = with_rings((1.0, [FIVE]), (2.5, again), (4.0, [user("set a timer for one hour")]), until=5000)
    assert replies[2] == "Timer set for 1 hour."
    assert rung == [(3604.0, "Time is up: 1 hour.")]


def test_a_draft_that_cancelled_gives_the_timers_back() -> None:
    drafted, meant = [*AFTER, user("cancel the timer")], [*AFTER, user("what time is it")]
    replies, rung = with_rings((1.0, [FIVE]), (30.0, drafted), (31.0, meant))
    assert replies[1:] == ["Timer cancelled.", "It is 9:30 AM."]
    assert rung == [(301.0, "Time is up: 5 minutes.")]


def test_a_history_that_was_cleared_later_keeps_its_timers() -> None:
    _, rung = with_rings((1.0, [FIVE]), (100.0, [user("what time is it")]))
    assert rung == [(301.0, "Time is up: 5 minutes.")]


def test_no_timer_is_promised_where_nobody_listens_for_it() -> None:
    assert "voice talk" in reply("set a timer for five minutes")
