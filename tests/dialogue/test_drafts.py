"""Drafts on what a live recogniser has so far, on a virtual clock; their budget and their back-off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.clock import run
from tests.dialogue.talking import FRAME_MS, Brain, Ears, Manner, Room, Voice
from voicecli.audio.endpointer import Timing
from voicecli.dialogue import events as ev
from voicecli.dialogue.drafting import BACK_OFF_S, MAX_DRAFTS, Drafts, same_words
from voicecli.errors import RateLimitedError, ServiceError
from voicecli.types import AudioFrame, TranscribeOptions, Transcript

NOON = "What is the time?"
"""Reads complete."""
WHALES = "tell me about whales"
HOUSE = "that big house over there"
"""Reads as something that may go on."""


@dataclass
class LiveEars(Ears):
    """Each session says its words so many ms after it began to hear, and `delay` after its last frame the final text.

    `sessions`: per session a list of (ms of sound, interim text), and the final text (or an exception).
    """

    texts: list[Any] = field(default_factory=list)
    sessions: list[tuple[list[tuple[float, str]], Any]] = field(default_factory=list)
    delay: float = 0.05

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        words, final = self.sessions.pop(0)

        async def live() -> AsyncIterator[Transcript]:
            heard, left = 0.0, list(words)
            async for frame in frames:
                heard += frame.seconds * 1000
                while left and heard >= left[0][0]:
                    yield Transcript(left.pop(0)[1], final=False)
            for at, text in left:
                await asyncio.sleep((at - heard) / 1000)
                heard = at
                yield Transcript(text, final=False)
            await asyncio.sleep(self.delay)
            if isinstance(final, Exception):
                raise final
            yield Transcript(final)

        async with aclosing(live()) as transcripts:
            yield transcripts


def room(*sessions: Any, replies: Any = ("Sure. It is noon.",), rules: Manner | None = None) -> Room:
    rules = rules or Manner(draft="speak")
    return Room(LiveEars(sessions=list(sessions)), Brain(list(replies)), Voice(), rules, live=True)


ONE_TURN = [("quiet", 0.5), ("loud", 1.0), ("quiet", 0.7)]
"""With the pre-roll and the detector's delay a session hears 0.46 s before the second of speech."""


def test_a_text_that_reads_complete_is_answered_before_the_soft_end() -> None:
    """The turn ends at end_ms_min, but for what the stages take after the first 60 ms of silence."""
    it = room(([(1100, NOON)], NOON))
    run(it.run(ONE_TURN))
    assert it.metrics.end_ms == 400
    assert it.metrics.gap_ms == pytest.approx(60 + 200 + 150, abs=FRAME_MS)
    assert it.metrics.drafts == 1
    assert it.said == [NOON]


def test_a_text_that_need_not_go_on_is_drafted_as_soon_and_without_the_last_word() -> None:
    """60 + first token 280 + first audio 150 = 490 is hidden in the turn's end, and the final's 50 cost nothing."""
    it = room(([(1000, HOUSE)], HOUSE))
    it.brain.first = 0.28
    run(it.run(ONE_TURN))
    assert it.metrics.gap_ms == pytest.approx(500, abs=FRAME_MS)
    assert it.metrics.asr_ms == 50
    assert it.metrics.drafts == 1


def test_the_final_text_is_what_is_shown_and_remembered() -> None:
    it = room(([(1000, "tell me about whales")], "Tell me about whales"))
    run(it.run(ONE_TURN))
    assert it.said == ["Tell me about whales"]
    assert it.talk.history.messages[0].content == "Tell me about whales"
    assert len(it.brain.asked) == 1


def test_a_final_text_that_differs_is_answered_anew_and_nobody_heard_of_the_guess() -> None:
    it = room(([(1000, "tell me about")], WHALES), replies=["Wrong.", "Whales are big."])
    run(it.run(ONE_TURN))
    assert [messages[-1].content for messages in it.brain.asked] == ["tell me about", WHALES]
    assert it.answers == ["Whales are big."]
    assert "Wrong" not in "".join(delta.text for delta in it.of(ev.AssistantDelta))
    assert it.metrics.wasted_tokens > 0


def test_a_guess_never_sounds_before_the_last_word_is_there() -> None:
    """The recogniser takes a second for its final text: the draft is long done and waits."""
    it = room(([(1000, WHALES)], WHALES))
    it.ears.delay = 1.0
    run(it.run(ONE_TURN))
    assert it.metrics.gap_ms == pytest.approx(120 + 1000, abs=2 * FRAME_MS)
    assert len(it.brain.asked) == 1


def test_words_shown_in_the_pause_are_answered_before_they_are_final() -> None:
    """The last word shows 100 ms after the soft end, the final text 300 ms later: nobody waits for that."""
    it = room(([(1000, "I like"), (1580, WHALES)], WHALES), replies=["Wrong.", "Whales are big."])
    it.ears.delay = 0.3
    run(it.run(ONE_TURN))
    assert [messages[-1].content for messages in it.brain.asked] == ["I like", WHALES]
    assert it.answers == ["Whales are big."]
    assert it.metrics.drafts == 2
    assert it.metrics.gap_ms == pytest.approx(120 + 100 + 200 + 150, abs=FRAME_MS)


def test_words_shown_in_a_silence_are_answered_at_once_and_make_it_no_dip() -> None:
    """The last word shows at 60 ms of silence, over a draft begun at 40: the next one waits for no frame."""
    it = room(([(1000, HOUSE), (1460, WHALES)], WHALES), replies=["Wrong.", "Big."])
    it.brain.first = 0.28
    run(it.run(ONE_TURN))
    assert [messages[-1].content for messages in it.brain.asked] == [HOUSE, WHALES]
    assert (it.metrics.drafts, it.metrics.gap_ms) == (2, 60 + 280 + 150 + FRAME_MS / 2)


def test_where_the_last_words_come_late_turn_after_turn_they_are_waited_for() -> None:
    """No draft is made without them, which would only be thrown away; once they came in time, one is begun early."""
    late, early = ([(1000, HOUSE), (1460, WHALES)], WHALES), ([(1000, NOON)], NOON)
    it = room(late, late, late, late, early, early, replies=["Big."] * 9)
    run(it.run([*ONE_TURN, ("reply", 0)] * 6))
    drafts = [(metrics.drafts, metrics.gap_ms) for metrics in it.of(ev.TurnMetrics)]
    assert [made for made, _ in drafts] == [2, 2, 2, 1, 1, 1]
    assert drafts[3][1] == drafts[2][1]
    assert drafts[5][1] < drafts[4][1] == 120 + 200 + 150 + FRAME_MS / 2


def test_a_dip_inside_words_costs_no_draft_and_the_next_must_be_longer() -> None:
    """The sound before a silence of 80 ms is asked about; its words are not waited for when sound comes again."""
    ears = Ears([WHALES])
    it = Room(ears, Brain(["Whales are big."]), Voice(), Manner(draft="speak"))
    run(it.run([("quiet", 0.5), *[("loud", 0.22), ("quiet", 0.08)] * 6, ("quiet", 0.7)]))
    assert (it.metrics.drafts, it.metrics.wasted_tokens) == (1, 0)
    assert ears.cancelled == 3, "40, 60 and 80 ms are reached, 100 are not"
    assert len(it.brain.asked) == 1


def test_who_goes_on_finds_connections_open_again() -> None:
    """A request that breaks off takes its connection with it: after a dip, and after a pause."""
    it = Room(Ears([WHALES] * 2), Brain(["Whales are big."] * 2), Voice(), Manner(draft="speak"))
    spoken = ("loud", 0.3)
    run(it.run([("quiet", 0.5), spoken, ("quiet", 0.06), spoken, ("quiet", 0.2), spoken, ("quiet", 0.7)]))
    assert it.warmed == pytest.approx([0.5, 0.86, 1.36], abs=0.07)


def test_words_that_void_a_draft_and_are_not_drafted_on_open_connections_again() -> None:
    """The next request comes in the pause, 60 ms later: it need not open one."""
    it = room(([(1000, HOUSE), (1460, f"{HOUSE} and the")], f"{HOUSE} and the"), replies=["Wrong.", "Yes?"])
    run(it.run(ONE_TURN))
    assert [messages[-1].content for messages in it.brain.asked] == [HOUSE, f"{HOUSE} and the"]
    assert it.warmed == pytest.approx([0.56, 1.56], abs=0.001)


def test_words_that_come_late_withdraw_a_guess() -> None:
    it = room(([(900, "What is the time?"), (1530, "What is the time in Paris?")], "What is the time in Paris?"))
    it.brain.replies = ["Wrong.", "One."]
    run(it.run(ONE_TURN))
    assert [messages[-1].content for messages in it.brain.asked] == [NOON, "What is the time in Paris?"]
    assert it.answers == ["One."]


def test_nothing_is_guessed_while_the_person_speaks() -> None:
    words = [(100.0 * each + 400, "I am late" + " today" * each) for each in range(7)]
    it = room((words, "I am late" + " today" * 6))
    run(it.run(ONE_TURN))
    assert (it.metrics.drafts, it.metrics.wasted_tokens) == (1, 0)


def test_guesses_leave_the_last_draft_to_the_pause() -> None:
    """Short breaks inside one segment: each seems to be the end."""
    words = [(300.0 * each, "I am late" + " today" * each) for each in range(1, 7)]
    it = room((words, "I am late now."), replies=["A.", "B.", "C.", "D."])
    run(it.run([("quiet", 0.5), *[("loud", 0.22), ("quiet", 0.08)] * 6, ("quiet", 0.7)]))
    assert it.metrics.drafts == MAX_DRAFTS
    assert it.said == ["I am late now."]
    assert len(it.of(ev.AssistantSaid)) == 1


def test_a_pause_inside_a_turn_withdraws_the_guess() -> None:
    it = room(([(600, "tell me")], "tell me"), ([(500, "about whales")], "about whales"))
    it.brain.replies = ["What?", "Whales are big."]
    run(it.run([("quiet", 0.5), ("loud", 0.6), ("quiet", 0.3), ("loud", 0.6), ("quiet", 0.7)]))
    assert it.said == ["tell me about whales"]
    assert it.answers == ["Whales are big."]


def test_a_recogniser_that_fails_at_the_end_loses_the_turn_and_says_nothing() -> None:
    it = room(([(1000, WHALES)], ServiceError("broke", who="ears")))
    run(it.run(ONE_TURN))
    (lost,) = it.of(ev.TurnLost)
    assert "broke" in lost.reason
    assert it.of(ev.AssistantSaid) == []


def test_a_recogniser_that_fails_at_once_holds_up_no_tape() -> None:
    """What it never takes is no backlog: a fast tape waits for that to shrink."""
    it = room()
    backlogs: list[float] = []

    @asynccontextmanager
    async def refuse(frames: AsyncIterator[AudioFrame], options: TranscribeOptions) -> AsyncIterator[Any]:
        raise ServiceError("gone", who="ears")
        yield

    it.ears.transcribe_live = refuse  # type: ignore[method-assign]
    script: list[Any] = [
        ("quiet", 0.5),
        ("loud", 2.0),
        lambda room: backlogs.append(room.talk.standing.backlog_s),
        ("quiet", 0.7),
    ]
    run(it.run(script))
    assert backlogs == [0.0]
    assert len(it.of(ev.TurnLost)) == 1


def test_a_draft_that_fails_is_made_again_at_the_turns_end() -> None:
    it = room(([(1000, WHALES)], WHALES), replies=[["Whales ", ServiceError("hiccup", who="brain")], "Whales are big."])
    it.brain.replies[0] = [ServiceError("hiccup", who="brain")]
    run(it.run(ONE_TURN))
    assert it.answers == ["Whales are big."]
    assert it.of(ev.TurnLost) == []
    assert it.warmed == pytest.approx([0.56, 1.74], abs=0.001), "what failed has no connection any more"


def test_a_turn_cut_by_hand_while_a_guess_waits() -> None:
    it = room(([(700, NOON)], NOON))
    script: list[Any] = [("quiet", 0.5), ("loud", 1.0), lambda room: room.talk.keys.release(), ("quiet", 0.7)]
    run(it.run(script))
    assert it.said == [NOON]
    assert len(it.of(ev.AssistantSaid)) == 1


def test_drafts_only_of_the_text_make_no_guess() -> None:
    it = room(([(700, NOON)], NOON), rules=Manner(draft="asr"))
    run(it.run(ONE_TURN))
    assert it.metrics.draft == "asr"
    assert len(it.brain.asked) == 1


def test_after_a_refusal_drafts_wait() -> None:
    rules = Manner(draft="speak", timing=Timing(end_ms=500), end_ms_min=500, end_ms_max=500)
    busy = RateLimitedError("slow down", who="brain")
    it = Room(Ears(["one", "two"]), Brain([[busy], "First.", "Second."]), Voice(), rules)
    run(it.run([*ONE_TURN, ("reply", 0), ("quiet", 1.0), *ONE_TURN]))
    first, second = it.of(ev.TurnMetrics)
    assert (first.draft, second.draft) == ("off", "asr")
    assert it.answers == ["First.", "Second."]


def test_a_spent_budget_is_said_once_and_keeps_drafts_to_the_text() -> None:
    rules = Manner(draft="speak", draft_budget=1)
    script: list[Any] = [("quiet", 0.5), ("loud", 0.6), ("quiet", 0.4), ("loud", 0.6), ("quiet", 1.4)]
    it = Room(Ears(["tell me", "tell me more", "again"]), Brain(["A.", "B.", "C."]), Voice(), rules)
    run(it.run([*script, ("reply", 0), ("quiet", 1.0), *ONE_TURN]))
    assert [note.text for note in it.of(ev.Notice)] == ["drafts have used up what they may cost (talk.draft_budget)"]
    assert it.of(ev.TurnMetrics)[-1].draft == "asr"


# -- the decisions alone -----------------------------------------------------------------------------


def test_how_far_drafts_may_go() -> None:
    drafts = Drafts("speak", budget=100)
    assert [drafts.allowed(made, 0.0) for made in range(5)] == ["speak"] * MAX_DRAFTS + ["off"] * 2
    assert [drafts.allowed(made, 0.0, guess=True) for made in range(4)] == ["speak"] * (MAX_DRAFTS - 1) + ["off"] * 2
    assert [bool(drafts.withdrawn(tokens)) for tokens in (99, 1, 50)] == [False, True, False]
    assert drafts.allowed(0, 0.0) == "asr"
    assert Drafts("off").allowed(0, 0.0) == "off"


def test_the_back_off_grows_and_ends() -> None:
    drafts = Drafts("chat")
    drafts.refused(0.0, None)
    assert drafts.allowed(0, BACK_OFF_S - 1) == "asr"
    drafts.refused(BACK_OFF_S - 1, None)
    assert drafts.allowed(0, BACK_OFF_S) == "chat", "a second refusal of the same time counts once"
    drafts.refused(BACK_OFF_S, None)
    assert drafts.allowed(0, 2.5 * BACK_OFF_S) == "asr"
    drafts.refused(4 * BACK_OFF_S, retry_after=500.0)
    assert drafts.allowed(0, 4 * BACK_OFF_S + 499) == "asr"
    assert drafts.allowed(0, 4 * BACK_OFF_S + 500) == "chat"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("what is the time", "What is the time?", True),
        ("今天 天气怎么样", "今天天气怎么样？", True),
        ("", "…", True),
        ("four", "for", False),
        ("tell me", "tell me more", False),
    ],
)
def test_same_words(one: str, other: str, same: bool) -> None:
    assert same_words(one, other) is same
