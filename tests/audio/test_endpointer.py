"""The endpointer: events from frames and flags, on the audio clock alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.endpointer import (
    Continued,
    Dropped,
    Ended,
    Endpointer,
    Event,
    Paused,
    Resumed,
    Started,
    State,
    Timing,
)
from voicecli.types import MIC, AudioFrame

FRAME_S = 0.02
SAMPLES = 320


def tone(level: float = 0.3, samples: int = SAMPLES) -> bytes:
    wave = level * 32767 * np.sin(np.arange(samples) * 2 * np.pi * 440 / MIC.rate)
    return wave.astype("<i2").tobytes()


LOUD, QUIET = tone(), bytes(2 * SAMPLES)


def feed(endpointer: Endpointer, script: str, begin: int = 0) -> list[tuple[int, Event]]:
    """One letter a frame: S speech, . silence, l the detector has not let go yet. Events with their frame's index."""
    out: list[tuple[int, Event]] = []
    for index, letter in enumerate(script, begin):
        pcm = LOUD if letter == "S" else QUIET
        frame = AudioFrame(pcm, MIC, index * FRAME_S)
        speech = letter != "."
        level = -10.0 if letter == "S" else -90.0
        out += [(index, event) for event in endpointer.feed(frame, speech=speech, level=level)]
    return out


def kinds(events: list[tuple[int, Event]]) -> list[str]:
    return [type(event).__name__ for _, event in events if not isinstance(event, Continued)]


def test_a_plain_utterance_starts_pauses_and_ends() -> None:
    events = feed(Endpointer(), "." * 50 + "S" * 50 + "." * 50)
    assert kinds(events) == ["Started", "Paused", "Ended"]


def test_the_pre_roll_holds_what_was_said_before_the_detector_woke() -> None:
    events = feed(Endpointer(), "." * 50 + "S" * 50)
    started = events[0][1]
    assert isinstance(started, Started)
    seconds = sum(frame.seconds for frame in started.frames)
    assert 0.3 + 0.06 <= seconds <= 0.3 + 0.06 + 0.1 + FRAME_S
    assert started.frames[-1].at == events[0][0] * FRAME_S


def test_silence_counts_from_the_last_voiced_sample_not_from_the_detector() -> None:
    """The detector lets go 100 ms late; the pause and the end come no later for it."""
    events = feed(Endpointer(), "S" * 50 + "lllll" + "." * 50)
    paused, last_voiced = next((at, event.last_voiced) for at, event in events if isinstance(event, Paused))
    ended = next(at for at, event in events if isinstance(event, Ended))
    assert last_voiced == 1.0
    assert paused * FRAME_S + FRAME_S == 1.0 + 0.12
    assert ended * FRAME_S + FRAME_S == 1.0 + 0.5


def test_the_last_voiced_sample_is_found_inside_a_frame() -> None:
    endpointer = Endpointer()
    feed(endpointer, "S" * 20)
    half = tone(samples=SAMPLES // 2) + bytes(SAMPLES)
    endpointer.feed(AudioFrame(half, MIC, 0.4), speech=True, level=-13.0)
    events = feed(endpointer, "." * 10, 21)
    paused = events[-1][1] if isinstance(events[-1][1], Paused) else next(e for _, e in events if isinstance(e, Paused))
    assert abs(paused.last_voiced - 0.41) <= 0.005


def test_speech_that_goes_on_makes_a_second_segment_and_no_sample_is_lost_or_doubled() -> None:
    sent: list[AudioFrame] = []
    for _, event in feed(Endpointer(), "S" * 30 + "." * 15 + "S" * 30 + "." * 40):
        if isinstance(event, (Started, Resumed)):
            sent += event.frames
        elif isinstance(event, Continued):
            sent.append(event.frame)
    indices = [round(frame.at / FRAME_S) for frame in sent]
    assert indices == list(range(indices[0], indices[-1] + 1))
    assert indices[-1] >= 75


def test_the_text_shortens_or_lengthens_the_wait() -> None:
    for wait, frames in ((300, 15), (500, 25), (1200, 60)):
        endpointer = Endpointer()
        events = feed(endpointer, "S" * 50 + "." * 8)
        segment = events[0][1].segment if hasattr(events[0][1], "segment") else 1
        assert endpointer.heard(segment, wait) == []
        events = feed(endpointer, "." * 80, 58)
        ended = next(index for index, event in events if isinstance(event, Ended))
        assert ended + 1 - 50 == frames, wait


def test_a_text_that_comes_late_ends_the_turn_at_once() -> None:
    endpointer = Endpointer()
    feed(endpointer, "S" * 50 + "." * 20)
    events = endpointer.heard(endpointer.segment, 300)
    assert [type(event) for event in events] == [Ended]
    assert endpointer.state is State.IDLE


def test_the_text_of_a_stale_segment_is_ignored() -> None:
    endpointer = Endpointer()
    feed(endpointer, "S" * 50 + "." * 8)
    stale = endpointer.segment
    feed(endpointer, "S" * 10 + "." * 8, 58)
    assert endpointer.segment == stale + 1
    assert endpointer.heard(stale, 1) == []
    assert endpointer.state is State.PAUSED


def test_noise_without_end_is_cut_at_the_longest_turn() -> None:
    events = feed(Endpointer(Timing(max_turn_s=2)), "S" * 150)
    ended = next(event for _, event in events if isinstance(event, Ended))
    assert ended.reason == "longest"


def test_a_blip_starts_nothing_and_a_near_silent_turn_is_dropped() -> None:
    assert kinds(feed(Endpointer(), "." * 20 + "SS" + "." * 50)) == []
    endpointer = Endpointer()
    whisper = tone(0.0005)
    events: list[Event] = []
    for index in range(100):
        speech = index < 50
        frame = AudioFrame(whisper if speech else QUIET, MIC, index * FRAME_S)
        events += endpointer.feed(frame, speech=speech, level=-69.0 if speech else -90.0)
    assert isinstance(events[-1], Dropped)


def test_keys_hold_and_end_a_turn_whatever_the_detector_says() -> None:
    endpointer = Endpointer(manual=True)
    assert feed(endpointer, "S" * 20) == []
    assert isinstance(endpointer.begin()[0], Started)
    assert kinds(feed(endpointer, "S" * 20 + "." * 100 + "S" * 20, 20)) == []
    assert [type(event) for event in endpointer.cut()] == [Ended]
    assert endpointer.cut() == []


def test_reset_forgets_the_pre_roll() -> None:
    endpointer = Endpointer()
    feed(endpointer, "." * 30)
    endpointer.reset()
    started = next(e for _, e in feed(endpointer, "S" * 10, 30) if isinstance(e, Started))
    assert started.frames[0].at >= 30 * FRAME_S


ORDER = {
    None: {"Started"},
    "Started": {"Paused", "Ended", "Dropped"},
    "Paused": {"Resumed", "Ended", "Dropped"},
    "Resumed": {"Paused", "Ended", "Dropped"},
    "Ended": {"Started"},
    "Dropped": {"Started"},
}


@given(st.lists(st.tuples(st.sampled_from("S.l"), st.integers(1, 60)), max_size=25), st.sampled_from([120, 200, 400]))
def test_any_speech_keeps_the_order_of_events_and_every_frame_at_most_once(
    runs: list[tuple[str, int]], soft: int
) -> None:
    endpointer = Endpointer(Timing(soft_end_ms=soft, max_turn_s=3))
    events = feed(endpointer, "".join(letter * count for letter, count in runs))
    last: str | None = None
    for kind in kinds(events):
        assert kind in ORDER[last], (last, kind)
        last = kind
    sent: list[float] = []
    for _, event in events:
        if isinstance(event, (Started, Resumed)):
            sent += [frame.at for frame in event.frames]
        elif isinstance(event, Continued):
            sent.append(event.frame.at)
    assert sent == sorted(set(sent))
