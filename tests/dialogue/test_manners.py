"""Small words that need no model, and patience: the table, then the conversation on the virtual clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clock import run
from tests.dialogue.talking import Brain, Ears, Manner, Room, Voice
from tests.dialogue.test_loop import ONE_TURN, even, spoken
from voicecli.dialogue import events as ev
from voicecli.dialogue.manners import (
    ASKED,
    PACES,
    THINKS_MS,
    WORD_MS,
    SpokenWish,
    asks,
    ended_by,
    last_sentence,
    thinks,
    wish_of,
)
from voicecli.dialogue.parts import Rules
from voicecli.types import SpeechRequest
from voicecli.wiring.cascade import FASTEST, Pacing

OVER: list[Any] = [*ONE_TURN, ("quiet", 1.2)]
SHORT: list[Any] = [("loud", 0.4), ("quiet", 0.8)]


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Stop!", SpokenWish.STOP),
        ("停。", SpokenWish.STOP),
        ("pause", SpokenWish.PAUSE),
        ("暂停", SpokenWish.PAUSE),
        ("Go on.", SpokenWish.GO_ON),
        ("Say that again?", SpokenWish.REPEAT),
        ("再说一遍", SpokenWish.REPEAT),
        ("Slower, please.", SpokenWish.SLOWER),
        ("说慢一点。", SpokenWish.SLOWER),
        ("Speak faster!", SpokenWish.FASTER),
        ("太慢了", SpokenWish.FASTER),
        ("stop the timer", None),
        ("drive slower", None),
        ("", None),
        ("bus stop", None),
    ],
)
def test_wishes(text: str, wish: SpokenWish | None) -> None:
    assert wish_of(text) is wish


@pytest.mark.parametrize("text", ["Let me think.", "Well, hold on", "嗯，等一下。", "让我想想"])
def test_who_asks_for_time_gets_it(text: str) -> None:
    assert thinks(text) and Rules().wait_ms(text) == THINKS_MS
    assert Rules(manners=False).wait_ms(text) < THINKS_MS


def test_a_question_is_answered_in_peace() -> None:
    assert asks("May I?") and asks("可以吗？") and not asks("Yes.")
    rules = Rules()
    assert rules.wait_ms("blue", asked=True) == ASKED * rules.timing.end_ms
    assert rules.wait_ms("What time is it?", asked=True) == rules.wait_ms("What time is it?")


def test_a_word_ends_a_turn() -> None:
    rules = Rules(end_words=("over", "完毕"))
    assert rules.wait_ms("where are you, over.") == rules.wait_ms("你在哪儿完毕") == 0
    assert rules.wait_ms("What time is it?") == WORD_MS
    assert not ended_by("moreover", ("over",))
    assert ended_by("And that's all.", ("That's all!",))


def test_the_last_sentence_is_the_one_that_was_heard() -> None:
    assert last_sentence("One two. Three four…") == "Three four" and last_sentence("") == ""


def room(said: list[str], replies: list[str], rules: Manner | None = None) -> Room:
    return Room(Ears(said), Brain(replies), Voice(seconds_each=3.0), rules or even(barge_in=True))


def test_stop_over_a_reply_asks_no_model() -> None:
    it = room(["hello", "Stop."], ["One two three four five six."])
    run(it.run([*OVER, *SHORT, ("reply", 0), ("quiet", 1.0)]))
    assert len(it.brain.asked) == 1 and it.of(ev.Interrupted) == [ev.Interrupted("speech")]
    assert spoken(it) < 2 and [each.role for each in it.talk.history.messages] == ["user", "assistant"]


def test_long_or_short_stop_is_stop() -> None:
    it = room(["hello", "Stop."], ["One two three four five six."])
    run(it.run([*OVER, ("quiet", 1.5), ("loud", 0.9), ("quiet", 0.8), ("reply", 0), ("quiet", 1.0)]))
    assert len(it.brain.asked) == 1 and it.said == ["hello", "Stop."]


def test_a_reply_is_paused_and_goes_on() -> None:
    it = room(["hello", "pause", "go on"], ["One two three four five six."])
    run(it.run([*OVER, *SHORT, ("quiet", 3.0), *SHORT, ("reply", 0)]))
    assert len(it.brain.asked) == 1 and not it.of(ev.Interrupted)
    assert spoken(it) == pytest.approx(3.0, abs=0.1)
    assert it.of(ev.AssistantSaid) == [ev.AssistantSaid("One two three four five six.")]


@pytest.mark.parametrize("over", [True, False])
def test_the_last_sentence_is_said_once_more(over: bool) -> None:
    it = room(["hello", "say that again"], ["One two three four five six."])
    run(it.run([*OVER, *([] if over else [("reply", 0), ("quiet", 0.5)]), *SHORT, ("reply", 0)]))
    assert len(it.brain.asked) == 1 and len(it.voice.said) == 2
    assert it.voice.said[1] in it.voice.said[0]
    assert [each.role for each in it.talk.history.messages] == ["user", "assistant"]


def test_slower_over_a_reply_lets_it_go_on() -> None:
    it = room(["hello", "slower"], ["One two three four five six."])
    run(it.run([*OVER, *SHORT, ("reply", 0)]))
    assert it.paces == [PACES[SpokenWish.SLOWER]] and not it.of(ev.Interrupted)
    assert len(it.brain.asked) == len(it.voice.said) == 1


def test_faster_after_a_reply_says_its_last_sentence_so() -> None:
    it = room(["hello", "说快一点"], ["One two. Three four five six."])
    run(it.run([*OVER, ("reply", 0), ("quiet", 0.5), *SHORT, ("reply", 0)]))
    assert it.paces == [PACES[SpokenWish.FASTER]] and len(it.brain.asked) == 1
    assert it.voice.said[-1] == "Three four five six."


def test_the_same_by_key() -> None:
    """Paused, gone on, said once more, and more slowly."""
    it = room(["hello"], ["One two three four five six."])
    keys = [
        lambda room, wish=wish: room.talk.keys.obey(wish)
        for wish in (SpokenWish.PAUSE, SpokenWish.PAUSE, SpokenWish.REPEAT)
    ]
    run(it.run([*OVER, keys[0], ("quiet", 4.0), keys[1], ("quiet", 1.0), keys[2], ("reply", 0)]))
    assert it.of(ev.Interrupted) == [ev.Interrupted("key")] and len(it.brain.asked) == 1
    assert it.voice.said[1] in it.voice.said[0]


def test_the_pace_of_a_voice_stays_between_its_bounds() -> None:
    pacing, speech = Pacing(1.5), SpeechRequest("hello")
    assert pacing.applied(speech).speed is None
    paces = []
    for factor in (1.25, 1.25, *[0.8] * 6):
        pacing.change(factor)
        paces.append(pacing.applied(speech).speed)
    assert paces == [1.88, FASTEST, 1.6, 1.28, 1.02, 0.82, 0.66, 0.52]
