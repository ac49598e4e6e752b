"""One turn: what may follow what, what nobody said, what a reply of nothing comes to."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest

from tests.clock import passing, run
from tests.dialogue.talking import Brain, Ears, Manner, Room, Voice
from tests.dialogue.test_drafts import LiveEars
from tests.dialogue.test_loop import HELLO, ONE_TURN, even
from voicecli.dialogue import events as ev
from voicecli.dialogue.floor import SLOW_S, TOO_SLOW
from voicecli.dialogue.nonspeech import is_credit, is_noise, says_nothing
from voicecli.dialogue.replies import Put, answered
from voicecli.dialogue.states import MOVES, IllegalMoveError, Move, TurnState, after
from voicecli.errors import ServiceError
from voicecli.types.turns import Text

NOISE = """[BLANK_AUDIO]
 [ Silence ]
(silence)
[Music]
[MUSIC PLAYING]
(upbeat music)
*coughs*
(speaking in foreign language)
♪♪
♪ music ♪
。
.
…
?!
- -
<|nospeech|>
<unk>
++NOISE++
（音乐）
【掌声】
(Musik)
[Applaus] [Musik]
[BLANK_AUDIO]。
(door closes)
(gunshots)
<EPSILON>"""
WORDS = """hello
[Music] hello
(I think so)
*really*
silence please
Music.
♪ la la la ♪
no
好。
(soundly asleep)
a [b] c
5"""


@pytest.mark.parametrize("text", NOISE.split("\n"))
def test_what_recognisers_write_for_noise_is_none_of_a_persons_words(text: str) -> None:
    assert is_noise(text)


@pytest.mark.parametrize("text", WORDS.split("\n"))
def test_words_are_no_noise(text: str) -> None:
    assert not is_noise(text)


CREDITS = """Thanks for watching!
Thank you so much for watching this video. Please subscribe to my channel.
Subtitles by the Amara.org community
字幕由 Amara.org 社区提供
中文字幕志愿者 李宗盛
請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目
谢谢大家观看
ご視聴ありがとうございました
시청해주셔서 감사합니다.
Sous-titrage Société Radio-Canada
Untertitelung des ZDF, 2020
Subtítulos por la comunidad de Amara.org
Субтитры сделал DimaTorzok
Продолжение следует..."""
NO_CREDITS = """thanks
thank you for watching the kids
thanks for watching over him
how do I subscribe
字幕怎么加？
Untertitel bitte
subtitles, please
谢谢"""


@pytest.mark.parametrize("text", CREDITS.split("\n"))
def test_what_stands_at_the_end_of_films_is_said_by_nobody(text: str) -> None:
    assert is_credit(text) and not is_noise(text), "a dictation may hold it"


@pytest.mark.parametrize("text", ["you " * 9, "Oh, " * 20, "謝謝" * 12, "Thank you. " * 30])
def test_a_recogniser_that_goes_round_says_nothing(text: str) -> None:
    assert says_nothing(text) and not is_noise(text)


@pytest.mark.parametrize("text", [*NO_CREDITS.split("\n"), "no no no no", "7" * 20])
def test_talk_about_films_is_no_credit(text: str) -> None:
    assert not says_nothing(text)


@pytest.mark.parametrize("heard", ["[BLANK_AUDIO]", "Thanks for watching!"])
@pytest.mark.parametrize("draft", ["off", "speak"])
def test_noise_is_no_turn(draft: Any, heard: str) -> None:
    room = Room(Ears([heard] * 3), Brain([]), Voice(), even(draft=draft))
    run(room.run(ONE_TURN))
    assert room.of(ev.UserSaid) == [] and room.brain.asked == []
    assert room.of(ev.Notice) == [ev.Notice("nothing was recognised")]


def test_noise_over_a_reply_is_no_interruption() -> None:
    room = Room(Ears([HELLO, "(coughing)"]), Brain(["A reply."]), Voice(seconds_each=4.0), even(barge_in=True))
    run(room.run([*ONE_TURN, ("quiet", 3.0), ("loud", 0.3), ("quiet", 4.0), ("reply", 0)]))
    assert room.of(ev.Interrupted) == []
    assert room.of(ev.AssistantSaid) == [ev.AssistantSaid("A reply.")]


@pytest.mark.parametrize("reply", ["...", "👍", "…", "<br>", "\u200b"])
@pytest.mark.parametrize("draft", ["off", "chat", "speak"])
def test_a_reply_with_nothing_to_say_ends_its_turn_at_its_end(reply: str, draft: Any) -> None:
    room = Room(Ears([HELLO]), Brain([reply], first=0.01), Voice(), even(draft=draft))
    run(room.run([*ONE_TURN, ("reply", 0)]))
    assert [type(event) for *_, event in room.events if type(event) not in (ev.Level, ev.PhaseChanged)] == [
        ev.UserSaid,
        ev.AssistantDelta,
        ev.AssistantSaid,
        ev.TurnMetrics,
    ]
    assert room.when(ev.UserSaid)[0] >= 2.0 - 0.02
    assert [each.content for each in room.talk.history.messages] == [HELLO, reply]


def test_each_state_has_its_moves_and_no_others() -> None:
    for state, move in product(TurnState, Move):
        if (state, move) in MOVES:
            assert after(state, move) in TurnState
        else:
            with pytest.raises(IllegalMoveError, match=state.name):
                after(state, move)
    assert not [move for state, move in MOVES if state is TurnState.DONE]
    assert {state for state, move in MOVES if move is Move.FINISH} == set(TurnState) - {TurnState.DONE}


def test_a_line_that_is_typed_before_it_runs_is_answered_when_it_does() -> None:
    room = Room(Ears([]), Brain(["Hello."]), Voice(), even())
    room.talk.keys.type("hello")
    room.talk.keys.interrupt()
    room.talk.keys.release()
    room.talk.keys.type("good morning")
    assert room.events == []
    run(room.run([("quiet", 0.1), ("reply", 0)]))
    assert room.said == ["good morning"]
    assert room.answers == ["Hello."]


def test_a_recogniser_that_falls_behind_is_told_of_once() -> None:
    """It takes a tenth of a second for each 20 ms."""

    class Slow(LiveEars):
        def transcribe_live(self, frames: Any, options: Any) -> Any:
            async def late() -> Any:
                async for frame in frames:
                    yield frame
                    await passing(0.1)

            return super().transcribe_live(late(), options)

    spoken = [("loud", SLOW_S + 1.0), ("quiet", 0.7)]
    ears = Slow(sessions=[([], HELLO), ([], HELLO)])
    room = Room(ears, Brain(["Yes.", "No."]), Voice(), Manner(), live=True)
    run(room.run([("quiet", 0.5), *spoken, ("reply", 0), ("quiet", 0.5), *spoken, ("reply", 0)]))
    assert [note.text for note in room.of(ev.Notice)] == [TOO_SLOW]


def test_an_answer_that_fails_as_it_is_left_holds_nobody_up() -> None:
    async def work(put: Put) -> None:
        try:
            await put(Text("One."))
            await put(Text("Two."))
            await put(Text("Three."))
        finally:
            raise ServiceError("closed badly", who="one")

    async def leave() -> None:
        async with asyncio.timeout(1), answered(work) as replies:
            assert await anext(aiter(replies)) == Text("One.")
            await passing(0.1)

    run(leave())
