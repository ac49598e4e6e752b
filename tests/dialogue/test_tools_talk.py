"""Tools in a spoken conversation, on the virtual clock: what is said while they work, and that they can be stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.clock import run
from tests.dialogue.talking import FRAME_MS, Ears, Manner, Room, Voice
from tests.dialogue.test_loop import ONE_TURN, even
from tests.dialogue.toolbox import Box, Model, Reply, Thinking, call
from voicecli.dialogue import events as ev

DRAW, LOOK, TIME = call("draw", what="a pig"), call("look", 2, what="pig.png"), call("time", 3)
TURN = [*ONE_TURN, ("reply", 0), ("quiet", 0.5)]
SPEAK = [("loud", 1.0), ("quiet", 0.7), ("reply", 0), ("quiet", 0.5)]


def room(heard: list[Any], replies: list[Reply], rules: Manner | None = None, **box: Any) -> tuple[Room, Model, Box]:
    model, tools = Model(replies), Box(**box)
    return Room(Ears(heard), Thinking(model, tools), Voice(), rules or even(draft="speak")), model, tools


def tools(it: Room) -> list[tuple[str, str]]:
    return [(each.name, each.state) for each in it.of(ev.ToolUsed)]


def history(it: Room) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in it.talk.history.messages]


def test_a_quick_tool_costs_no_words() -> None:
    it, _, _ = room(["what is the time"], [[TIME], ["It is noon."]])
    run(it.run(TURN))
    assert it.voice.said == ["It is noon."]
    assert tools(it) == [("time", "working"), ("time", "done")]
    assert history(it) == [("user", "what is the time"), ("assistant", "It is noon.")]
    assert "working" not in [each.phase for each in it.of(ev.PhaseChanged)]


@pytest.mark.parametrize(("heard", "aside"), [("look at the pig", "One moment."), ("看一下猪", "请稍等。")])
def test_while_a_slow_tool_works_it_says_so_and_history_does_not_keep_that(heard: str, aside: str) -> None:
    it, _, box = room([heard], [[LOOK], ["It is pink."]])
    run(it.run(TURN))
    assert it.voice.said == [aside, "It is pink."]
    assert it.answers == ["It is pink."]
    assert history(it) == [("user", heard), ("assistant", "It is pink.")]
    assert box.used == ["look"]
    assert [each.phase for each in it.of(ev.PhaseChanged)].count("working") == 1
    # The first sound is the aside: what the tool takes is not in the gap. It was made while the silence lasted.
    assert it.metrics.gap_ms == pytest.approx(60 + 150 + 200 + 150, abs=FRAME_MS)
    assert (it.metrics.first_token_ms, it.metrics.first_piece_ms, it.metrics.first_audio_ms) == (200, 0, 150)
    said, done = it.when(ev.ToolUsed)
    assert done - said == pytest.approx(box.seconds, abs=FRAME_MS / 1000)


def test_a_model_that_says_so_itself_is_not_repeated_and_a_second_tool_is_another_matter() -> None:
    it, _, _ = room(["look twice"], [["I look at it.", LOOK], [call("look", 4)], ["Pink."]])
    run(it.run(TURN))
    assert it.voice.said == ["I look at it.", "One moment.", "Pink."]
    assert history(it)[-1] == ("assistant", "I look at it.\n\nPink.")


def test_a_tool_that_works_for_a_minute_is_told_of_every_twenty_seconds() -> None:
    it, _, _ = room(["look at the pig"], [[LOOK], ["Pink."]], seconds=60.0)
    run(it.run(TURN))
    assert it.voice.said == ["One moment.", "A moment more.", "It takes a little longer.", "Pink."]
    assert history(it)[-1] == ("assistant", "Pink.")


def test_it_asks_and_a_spoken_yes_is_for_the_question() -> None:
    it, model, box = room(["draw a pig", "Yes, please."], [[DRAW], ["Here it is."]])
    run(it.run([*TURN, *SPEAK]))
    assert it.voice.said == ["May I draw a pig?", "One moment.", "Here it is."]
    assert tools(it) == [("draw", "asked"), ("draw", "working"), ("draw", "done")]
    assert box.used == ["draw"]
    assert history(it) == [
        ("user", "draw a pig"),
        ("assistant", "May I draw a pig?"),
        ("user", "Yes, please."),
        ("assistant", "Here it is."),
    ]
    assert [each.role for each in model.asked[1][0]] == ["user", "assistant", "user", "assistant", "tool"]


def test_a_conversation_in_chinese_stays_so_over_an_ok() -> None:
    it, _, _ = room(["画一只猪", "OK"], [[call("draw", what="猪")], ["好了。"]])
    run(it.run([*TURN, *SPEAK]))
    assert it.voice.said == ["可以画猪吗？", "请稍等。", "好了。"]


def test_the_question_is_made_while_the_silence_lasts() -> None:
    it, _, _ = room(["draw a pig"], [[DRAW]])
    run(it.run(TURN))
    assert it.metrics.gap_ms == pytest.approx(60 + 150 + 200 + 150, abs=FRAME_MS)


def test_a_draft_that_is_withdrawn_used_no_tool() -> None:
    replies: list[Reply] = [[LOOK], ["I shall not look."]]
    it, _, box = room(["look at", "look at nothing"], replies)
    run(it.run([("quiet", 0.5), ("loud", 1.0), ("quiet", 0.44), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]))
    assert box.used == [] and box.cancelled == 0
    assert tools(it) == []
    assert history(it) == [("user", "look at nothing"), ("assistant", "I shall not look.")]


def test_a_draft_of_a_yes_that_goes_on_does_nothing_and_the_question_is_gone() -> None:
    it, _, box = room(["draw a pig", "yes", "yes but blue"], [[DRAW], ["As you like."]])
    script = [("loud", 1.0), ("quiet", 0.44), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]
    run(it.run([*TURN, *script]))
    assert box.used == []
    assert history(it)[2:] == [("user", "yes but blue"), ("assistant", "As you like.")]


# -- stopping ----------------------------------------------------------------------------------------


def stopped(it: Room, box: Box) -> None:
    assert (box.running, box.cancelled, box.used) == (0, 1, [])
    assert len(it.of(ev.Interrupted)) == 1
    assert tools(it) == [("look", "working")]


BARGE_IN = even(draft="speak", barge_in=True)


@pytest.mark.parametrize("rules", [BARGE_IN, even(draft="speak")], ids=["full duplex", "half duplex"])
def test_speech_in_the_middle_of_a_tool_stops_it_and_is_answered(rules: Manner) -> None:
    it, model, box = room(["look at the pig", "never mind the pig"], [[LOOK], ["All right."]], rules, seconds=30.0)
    run(it.run([*ONE_TURN, ("quiet", 4.0), *SPEAK]))
    stopped(it, box)
    assert it.of(ev.Interrupted)[0].by == "speech"
    assert it.answers == ["", "All right."]
    assert history(it) == [("user", "look at the pig never mind the pig"), ("assistant", "All right.")]
    assert "stopped" in model.told()[0][1]


def test_with_closed_ears_nothing_is_heard_while_the_aside_sounds() -> None:
    """The ears open once a tool has been silent for a while: the aside's echo is no interruption."""
    it, _, box = room(["look at the pig"], [[LOOK], ["It is pink."]], seconds=3.0)
    run(it.run([*ONE_TURN, ("quiet", 0.1), ("loud", 1.2), ("quiet", 3.0)]))
    assert box.used == ["look"]
    assert it.of(ev.Interrupted) == []


def test_a_key_in_the_middle_of_a_tool_stops_it() -> None:
    it, _, box = room(["look at the pig"], [[LOOK]], seconds=30.0)
    run(it.run([*ONE_TURN, ("quiet", 3.0), lambda it: it.talk.keys.interrupt(), ("quiet", 0.5)]))
    stopped(it, box)
    assert it.of(ev.Interrupted)[0].by == "key"


def test_leaving_in_the_middle_of_a_tool_stops_it() -> None:
    it, _, box = room(["look at the pig"], [[LOOK]], seconds=30.0)
    run(it.run([*ONE_TURN, ("quiet", 3.0), lambda it: it.talk.keys.end(), ("quiet", 5.0)]))
    assert (box.running, box.cancelled) == (0, 1)


def test_a_sound_of_listening_does_not_stop_a_tool() -> None:
    it, _, box = room(["look at the pig", "mhm"], [[LOOK], ["It is pink."]], BARGE_IN, seconds=8.0)
    run(it.run([*ONE_TURN, ("quiet", 3.0), ("loud", 0.3), ("quiet", 1.0), ("reply", 0)]))
    assert box.used == ["look"]
    assert it.of(ev.Interrupted) == []


@pytest.mark.parametrize(
    ("late", "words", "seconds"), [(0.7, "ok", 0.3), (0.9, "ok", 0.3), (0.6, "yes please go ahead", 0.9)]
)
def test_a_yes_over_the_end_of_the_question_is_a_yes(late: float, words: str, seconds: float) -> None:
    """Elsewhere "ok" over a reply is the sign of somebody who listens, and more of it soon after the turn's end means
    that the person goes on. Nearly all of the question was heard here."""
    it, _, box = room(["draw a pig", words], [[DRAW], ["Here."]], BARGE_IN)
    # The question sounds about 0.1 s after the turn's end, and for a second.
    script: Sequence[Any] = [("quiet", late), ("loud", seconds), ("quiet", 1.0), ("reply", 0), ("quiet", 0.5)]
    run(it.run([*ONE_TURN, *script]))
    assert box.used == ["draw"]
    assert it.of(ev.TakenBack) == []


def test_who_goes_on_before_the_question_is_heard_is_not_answering_it() -> None:
    it, _, box = room(["draw a", "draw a yes man"], [[DRAW], ["As you like."]], BARGE_IN)
    run(it.run([*ONE_TURN, ("quiet", 0.1), ("loud", 0.9), ("quiet", 1.0), ("reply", 0), ("quiet", 0.5)]))
    assert len(it.of(ev.TakenBack)) == 1
    assert box.used == []


def test_what_was_heard_of_the_reply_does_not_count_the_aside() -> None:
    it, _, _ = room(["look at the pig"], [[LOOK], ["One two three four. ", "Five six seven eight. "]], BARGE_IN)
    # Sounds: the aside, three seconds of the tool, then a second for each sentence.
    run(it.run([*ONE_TURN, ("quiet", 4.7), lambda it: it.talk.keys.interrupt(), ("quiet", 0.5)]))
    (said,) = it.of(ev.AssistantSaid)
    assert said.interrupted
    assert said.text.startswith("One two three four.")
    assert not said.text.endswith("eight.")


def test_a_notice_about_tools_altogether_is_one() -> None:
    from voicecli.types import ChatDelta, ToolNews

    it, model, _ = room(["hello there"], [["Hello."]])

    class Without(Model):
        async def deltas(self, reply: Reply) -> Any:
            yield ChatDelta(news=ToolNews("", "failed", "work takes no tools"))
            async for each in super().deltas(reply):
                yield each

    it.brain.user.model = Without(model.replies)  # type: ignore[attr-defined]
    run(it.run(TURN))
    assert [each.text for each in it.of(ev.Notice)] == ["work takes no tools"]
    assert tools(it) == []
