"""The conversation on a virtual clock: stage times are asserted exactly, nothing sleeps."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.clock import passing, run
from tests.dialogue.talking import FRAME_MS, RATE, Brain, Ears, Manner, Room, Voice
from voicecli.audio.endpointer import Timing
from voicecli.dialogue import events as ev
from voicecli.errors import RefusedError, ServiceError, UnreachableError

HELLO = "what is the time"  # reads as a plain or complete question; waits are set equal where it matters
FRAME_S = FRAME_MS / 1000


def even(**kwargs: Any) -> Manner:
    """Manner whose wait does not depend on the text."""
    return Manner(timing=Timing(end_ms=500), end_ms_min=500, end_ms_max=500, **kwargs)


def spoken(room: Room) -> float:
    """Seconds of sound on the loudspeaker."""
    return sum(1 for i in range(0, len(room.sound), 2) if room.sound[i : i + 2] != b"\0\0") / RATE


ONE_TURN = [("quiet", 0.5), ("loud", 1.0), ("quiet", 0.7)]


def test_without_drafts_every_stage_waits_for_the_turns_end() -> None:
    room = Room(Ears([HELLO]), Brain(["Sure. It is noon."]), Voice(), even())
    run(room.run(ONE_TURN))
    assert room.metrics.end_ms == 500
    assert room.metrics.asr_ms == 150
    assert room.metrics.first_token_ms == 200
    assert room.metrics.first_piece_ms == 0
    assert room.metrics.first_audio_ms == 150
    assert room.metrics.gap_ms == pytest.approx(500 + 150 + 200 + 150, abs=FRAME_MS)
    assert room.metrics.draft == "off"


def test_a_draft_hides_the_work_in_the_silence() -> None:
    """60 ms of silence + recognition 150 + first token 200 + first audio 150 = 560: the end's 500 are hidden."""
    room = Room(Ears([HELLO]), Brain(["Sure. It is noon."]), Voice(), even(draft="speak"))
    run(room.run(ONE_TURN))
    assert room.metrics.end_ms == 500
    assert room.metrics.gap_ms == pytest.approx(60 + 150 + 200 + 150, abs=FRAME_MS)
    assert room.metrics.asr_ms == 150
    assert room.metrics.draft == "speak"
    assert room.metrics.drafts == 1


def test_a_finished_draft_sounds_at_the_turns_end_and_not_before() -> None:
    room = Room(Ears([HELLO], delay=0.02), Brain(["Sure."], first=0.02), Voice(first=0.02), even(draft="speak"))
    run(room.run(ONE_TURN))
    assert room.metrics.gap_ms == pytest.approx(500, abs=FRAME_MS)
    said, ended = room.when(ev.UserSaid)[0], 1.5 + 0.5
    assert said == pytest.approx(ended, abs=FRAME_S)


@pytest.mark.parametrize(("depth", "reached"), [("asr", "asr"), ("chat", "chat")])
def test_a_draft_goes_no_further_than_its_depth(depth: Any, reached: str) -> None:
    room = Room(Ears([HELLO]), Brain(["Sure. Yes."]), Voice(), even(draft=depth))
    run(room.run(ONE_TURN))
    assert room.metrics.draft == reached
    assert room.metrics.end_ms == 500
    expected = {"asr": 500 + 200 + 150, "chat": 500 + 150}[depth]
    assert room.metrics.gap_ms == pytest.approx(expected, abs=FRAME_MS)


def test_speech_that_goes_on_cancels_the_draft_and_nobody_heard_of_it() -> None:
    ears = Ears(["tell me about", "tell me about whales"])
    room = Room(ears, Brain(["Wrong answer.", "Whales are big."]), Voice(), even(draft="speak"))
    run(room.run([("quiet", 0.5), ("loud", 1.0), ("quiet", 0.44), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]))
    assert room.said == ["tell me about whales"]
    assert room.answers == ["Whales are big."]
    assert room.metrics.drafts == 2
    assert room.voice.cancelled == 1
    # The whole turn so far went to the recogniser at each pause.
    first, second = (clip.seconds or 0 for clip in ears.clips[:2])
    assert second > first + 1.0
    assert [(m.role, m.content) for m in room.talk.history.messages] == [
        ("user", "tell me about whales"),
        ("assistant", "Whales are big."),
    ]


def test_a_live_recogniser_gets_one_session_a_segment_and_every_sample_once() -> None:
    ears = Ears(["tell me about", "whales"])
    room = Room(ears, Brain(["No.", "Whales are big."]), Voice(), even(draft="speak"), live=True)
    run(room.run([("quiet", 0.5), ("loud", 1.0), ("quiet", 0.3), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]))
    assert room.said == ["tell me about whales"]
    assert len(ears.live_ms) == 2
    # Pre-roll and speech, the pause, speech, and the soft end: as one stretch without a hole.
    assert sum(ears.live_ms) == pytest.approx(300 + 60 + 100 + 1000 + 300 + 1000 + 120, abs=120)


def test_speech_after_the_end_but_before_the_first_sound_reopens_the_turn() -> None:
    ears = Ears(["i want", "i want tea"])
    room = Room(ears, Brain(["Never.", "Tea it is."], first=1.0), Voice(), even())
    run(room.run([("quiet", 0.5), ("loud", 1.0), ("quiet", 0.9), ("loud", 0.5), ("quiet", 1.0), ("reply", 0)]))
    assert room.said[-1] == "i want tea"
    assert room.answers == ["Tea it is."]
    assert len(room.of(ev.TurnMetrics)) == 1
    assert [m.content for m in room.talk.history.messages] == ["i want tea", "Tea it is."]


def test_half_duplex_hears_nothing_while_it_speaks_and_a_little_after() -> None:
    room = Room(Ears([HELLO]), Brain(["One two three."]), Voice(seconds_each=2.0), even())
    # Speech falls on the reply and ends 200 ms after it.
    run(room.run([*ONE_TURN, ("quiet", 0.5), ("loud", 1.9), ("quiet", 1.0)]))
    assert len(room.of(ev.UserSaid)) == 1
    assert room.of(ev.AssistantSaid) == [ev.AssistantSaid("One two three.")]
    assert spoken(room) == pytest.approx(2.0, abs=0.01)


def test_barge_in_stops_the_reply_and_history_keeps_what_was_heard() -> None:
    ears = Ears([HELLO, "no wait stop it now"])
    reply = "First sentence is here. Second sentence is here. Third sentence is here."
    room = Room(ears, Brain([reply, "Okay."]), Voice(seconds_each=2.0), even(barge_in=True))
    # The reply sounds from 2.5 s on; the person speaks at 5.5 s, one second into the second sentence.
    script: list[Any] = [*ONE_TURN, ("quiet", 3.5), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]
    run(room.run(script))
    assert room.of(ev.Interrupted) == [ev.Interrupted("speech")]
    said = room.of(ev.AssistantSaid)
    assert said[0].interrupted
    assert said[0].text.startswith("First sentence is here. Second")
    assert "Third" not in said[0].text
    assert room.said == [HELLO, "no wait stop it now"]
    assert room.talk.history.messages[1].content.startswith(said[0].text)
    assert any("Third" not in m.content for m in room.brain.asked[1])


def test_barge_in_ducks_then_pauses_then_stops() -> None:
    ears = Ears([HELLO, "hold on please now"])
    room = Room(ears, Brain(["A long reply.", "Yes?"]), Voice(seconds_each=5.0), even(barge_in=True))
    peaks: list[int] = []

    def look(room: Room) -> None:
        last = room.sound[-2 * RATE * FRAME_MS // 1000 :]
        peaks.append(max(int.from_bytes(last[i : i + 2], "little", signed=True) for i in range(0, len(last), 2)))

    speaking = [step for _ in range(50) for step in (("loud", FRAME_S), look)]
    run(room.run([*ONE_TURN, ("quiet", 3.0), *speaking, ("quiet", 1), ("reply", 0)]))
    full = peaks[0]
    assert room.of(ev.Interrupted) == [ev.Interrupted("speech")]
    ducked = next(index for index, peak in enumerate(peaks) if peak < full / 2)
    paused = next(index for index, peak in enumerate(peaks) if peak == 0)
    assert (ducked + 1) * FRAME_MS <= 100
    assert (paused + 1) * FRAME_MS <= 140


FAINTLY = [("faint", 0.2), ("quiet", 0.8)]


def test_a_faint_sound_before_the_reply_does_not_cost_the_question() -> None:
    """It takes the floor back for a moment, and is too quiet to be a turn: the question is answered all the same."""
    room = Room(Ears([HELLO] * 2), Brain(["Sure. It is noon."] * 2, first=0.6), Voice(), even())
    run(room.run([*ONE_TURN, *FAINTLY, ("reply", 0)]))
    assert room.said[-1:] == [HELLO]
    assert room.answers == ["Sure. It is noon."]


def test_a_faint_sound_does_not_cost_what_was_typed() -> None:
    room = Room(Ears([""]), Brain(["Sure. It is noon."] * 2, first=0.6), Voice(), even())
    run(room.run([("quiet", 0.2), lambda room: room.talk.keys.type(HELLO), *FAINTLY, ("reply", 0)]))
    assert room.answers == ["Sure. It is noon."]


def test_who_speaks_after_typing_goes_on_with_the_question() -> None:
    room = Room(Ears([HELLO]), Brain(["Sure."] * 3, first=0.6), Voice(), even())
    run(room.run([("quiet", 0.2), lambda room: room.talk.keys.type("Good morning,"), *ONE_TURN, ("reply", 0)]))
    assert room.said[-1:] == [f"Good morning, {HELLO}"]


def test_a_faint_sound_alone_is_no_turn() -> None:
    room = Room(Ears([]), Brain([]), Voice(), even())
    run(room.run([("quiet", 0.2), *FAINTLY, ("reply", 0)]))
    assert room.of(ev.UserSaid) == room.of(ev.TurnLost) == room.of(ev.Notice) == []


def test_a_cough_lets_the_reply_go_on_from_where_it_was() -> None:
    ears = Ears([HELLO, ""])
    room = Room(ears, Brain(["A reply."]), Voice(seconds_each=4.0), even(barge_in=True))
    run(room.run([*ONE_TURN, ("quiet", 3.0), ("loud", 0.24), ("quiet", 4.0), ("reply", 0)]))
    assert room.of(ev.Interrupted) == []
    assert room.of(ev.AssistantSaid) == [ev.AssistantSaid("A reply.")]
    assert room.talk.history.messages[-1].content == "A reply."


def pauses(room: Room) -> list[float]:
    """Seconds of each silence inside the reply."""
    loud = [i for i in range(0, len(room.sound), 2) if room.sound[i : i + 2] != b"\0\0"]
    return [(b - a) / 2 / RATE for a, b in itertools.pairwise(loud) if b - a > 4]


def test_a_reply_that_was_halted_for_nothing_is_not_halted_as_easily_again() -> None:
    """What is left of an echo must not make a reply of it that never ends."""
    room = Room(Ears([HELLO] + [""] * 6), Brain(["A reply."]), Voice(seconds_each=8.0), even(barge_in=True))
    coughs = [step for _ in range(4) for step in (("loud", 0.2), ("quiet", 1.2))]
    run(room.run([*ONE_TURN, ("quiet", 3.0), *coughs, ("reply", 0)]))
    assert len(pauses(room)) == 1
    assert spoken(room) == pytest.approx(8.0, abs=0.02)


def test_mhm_is_no_interruption_but_a_short_no_is() -> None:
    for word, interrupted in (("mhm", False), ("no", True)):
        room = Room(
            Ears([HELLO, word, word]), Brain(["A reply.", "Fine."]), Voice(seconds_each=4.0), even(barge_in=True)
        )
        run(room.run([*ONE_TURN, ("quiet", 3.0), ("loud", 0.3), ("quiet", 4.0), ("reply", 0)]))
        assert bool(room.of(ev.Interrupted)) is interrupted, word
        assert room.said == ([HELLO, "no"] if interrupted else [HELLO])


def test_who_goes_on_shortly_after_a_false_end_takes_the_turn_back() -> None:
    ears = Ears(["i would like", "a cup of tea"])
    room = Room(
        ears, Brain(["What would you like?", "Here is your tea."]), Voice(seconds_each=3.0), even(barge_in=True)
    )
    run(room.run([*ONE_TURN, ("quiet", 0.6), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]))
    assert room.of(ev.TakenBack) == [ev.TakenBack("i would like")]
    assert room.said[-1] == "i would like a cup of tea"
    assert [m.content for m in room.talk.history.messages] == ["i would like a cup of tea", "Here is your tea."]


def test_a_failure_costs_the_turn_keeps_its_recording_and_listening_goes_on() -> None:
    ears = Ears([ServiceError("overloaded", who="work"), HELLO])
    room = Room(ears, Brain(["Fine."]), Voice(), even())
    run(room.run([*ONE_TURN, ("quiet", 0.5), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)]))
    (lost,) = room.of(ev.TurnLost)
    assert "overloaded" in lost.reason
    assert lost.code == 5
    assert lost.recording == "turn-1.wav"
    assert len(room.kept[0][1]) > RATE * 2
    assert room.answers == ["Fine."]


def test_a_failed_draft_is_nobodys_business_and_the_end_tries_again() -> None:
    ears = Ears([UnreachableError("reset"), HELLO], delay=0.05)
    room = Room(ears, Brain(["Fine."]), Voice(), even(draft="speak"))
    run(room.run(ONE_TURN))
    assert room.of(ev.TurnLost) == []
    assert room.answers == ["Fine."]


def test_an_answer_that_breaks_off_is_spoken_as_far_as_it_came_and_said_to_be_lost() -> None:
    brain = Brain([["The first sentence is whole.", "Then it", ServiceError("the answer was cut off", who="work")]])
    room = Room(Ears([HELLO]), brain, Voice(), even())
    run(room.run([*ONE_TURN, ("reply", 0)]))
    assert spoken(room) >= 1.0
    (lost,) = room.of(ev.TurnLost)
    assert "cut off" in lost.reason
    assert room.talk.history.messages[1].content.startswith("The first sentence is whole.")


def test_a_refused_key_ends_the_session_as_itself() -> None:
    room = Room(Ears([RefusedError("wrong key", who="work")]), Brain([]), Voice(), even())
    with pytest.raises(RefusedError, match="wrong key"):
        run(room.run(ONE_TURN))


def test_a_bug_ends_the_session_as_itself() -> None:
    room = Room(Ears([HELLO]), Brain([[KeyError("mine")]]), Voice(), even())
    with pytest.raises(KeyError, match="mine"):
        run(room.run(ONE_TURN))


def test_typing_takes_the_floor_from_a_reply() -> None:
    room = Room(Ears([HELLO]), Brain(["A long reply.", "Typed answer."]), Voice(seconds_each=5.0), even())
    run(
        room.run(
            [*ONE_TURN, ("quiet", 2.0), lambda room: room.talk.keys.type("and in paris"), ("quiet", 1.0), ("reply", 0)]
        )
    )
    assert room.of(ev.Interrupted) == [ev.Interrupted("text")]
    assert room.of(ev.UserSaid)[-1] == ev.UserSaid("and in paris", (), True)
    assert room.of(ev.AssistantSaid)[-1].text == "Typed answer."


def test_a_key_interrupts_and_mute_closes_the_ears() -> None:
    room = Room(Ears([HELLO]), Brain(["A long reply."]), Voice(seconds_each=5.0), even())
    script: list[Any] = [
        *ONE_TURN,
        ("quiet", 1.0),
        lambda room: room.talk.keys.interrupt(),
        lambda room: room.talk.keys.mute(True),
        ("loud", 2.0),
        ("quiet", 1.0),
    ]
    run(room.run(script))
    assert room.of(ev.Interrupted) == [ev.Interrupted("key")]
    assert len(room.of(ev.UserSaid)) == 1


def test_push_to_talk_hears_between_press_and_release_only() -> None:
    room = Room(Ears([HELLO]), Brain(["Fine."]), Voice(), even(push_to_talk=True))
    script: list[Any] = [
        ("loud", 1.0),
        lambda room: room.talk.keys.press(),
        ("loud", 1.0),
        ("quiet", 1.0),
        ("loud", 1.0),
        lambda room: room.talk.keys.release(),
        ("quiet", 0.5),
        ("reply", 0),
    ]
    run(room.run(script))
    assert len(room.of(ev.UserSaid)) == 1
    assert room.ears.clips[0].seconds == pytest.approx(3.0 + 0.46, abs=0.1)


def test_leaving_while_it_speaks_ends_at_once_and_leaves_no_task() -> None:
    room = Room(Ears([HELLO]), Brain(["A long reply."]), Voice(seconds_each=60.0), even())
    run(room.run([*ONE_TURN, ("quiet", 2.0), lambda room: room.talk.keys.end(), ("quiet", 60.0)]))
    assert room.of(ev.AssistantSaid)[-1].interrupted
    assert room.events[-1][0] < 6


def test_a_timer_rings_when_nobody_speaks() -> None:
    room = Room(Ears([HELLO]), Brain(["Fine."]), Voice(), even())
    run(room.run([*ONE_TURN, lambda room: room.talk.keys.announce("The timer rings."), ("quiet", 3.0), ("reply", 0)]))
    assert room.answers == ["Fine.", "The timer rings."]
    assert [m.content for m in room.talk.history.messages][-1].endswith("The timer rings.")


def test_the_gap_counts_the_devices_latency() -> None:
    room = Room(Ears([HELLO]), Brain(["Fine."]), Voice(), even(), latency=0.04)
    run(room.run(ONE_TURN))
    assert room.metrics.gap_ms == pytest.approx(500 + 150 + 200 + 150 + 40, abs=FRAME_MS)


def test_an_empty_recognition_answers_nothing_and_is_no_loss() -> None:
    room = Room(Ears([""]), Brain([]), Voice(), even())
    run(room.run(ONE_TURN))
    assert room.of(ev.UserSaid) == []
    assert room.of(ev.TurnLost) == []


def test_a_slow_goodbye_of_a_service_never_stalls_the_microphone() -> None:
    import asyncio
    from contextlib import asynccontextmanager

    class SlowVoice(Voice):
        @asynccontextmanager
        async def say(self, text: str):  # type: ignore[no-untyped-def]
            async with super().say(text) as sound:
                try:
                    yield sound
                finally:
                    await passing(0.5)

    ears = Ears([HELLO, "stop it right now"])
    room = Room(ears, Brain(["A. B. C.", "Fine."]), SlowVoice(seconds_each=0.5), even(barge_in=True))
    stamps: list[float] = []
    script: list[Any] = [*ONE_TURN, ("quiet", 0.6)]
    for _ in range(50):
        script += [("loud", 0.02), lambda _room: stamps.append(asyncio.get_running_loop().time())]
    run(room.run([*script, ("quiet", 1.0), ("reply", 0)]))
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    assert max(steps) == pytest.approx(FRAME_S)
