"""People without tones: their utterances, the service that knows them again, and where they end on a recording."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.openai_server import Habits, encoded
from tests.fakes.recordings import HearingServer, Memory
from tests.people import RECORDED, RECORDINGS, UTTERANCE_RATE, Utterance, last_samples, speech_utterances
from voicecli.audio.pcm import resample

Samples = NDArray[np.int16]
RATE = 16_000


@pytest.fixture(scope="module", params=["as they are here", "synthesised"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    return speech_utterances(RECORDINGS if request.param != "synthesised" else Path("/nowhere"))


@pytest.fixture(scope="module")
def memory(people: tuple[Utterance, ...]) -> Memory:
    return Memory(people)


def upload(utterance: Utterance, before_s: float = 0.3, after_s: float = 0.25) -> Samples:
    """What a client would send of it: 16 kHz, a quiet room around it."""
    before, after = (np.zeros(round(UTTERANCE_RATE * each), np.int16) for each in (before_s, after_s))
    sound = np.concatenate([before, utterance.samples, after]).astype(np.float64)
    sound += np.random.default_rng(1).normal(0, 30, len(sound))
    return np.frombuffer(resample(sound.astype("<i2").tobytes(), UTTERANCE_RATE, RATE), np.int16)


def test_each_utterance_ends_with_its_last_voiced_sample(people: tuple[Utterance, ...]) -> None:
    assert [each.text for each in people] == [text for *_, text in RECORDED]
    for each in people:
        assert each.last == len(each.samples) - 1
        assert abs(int(each.samples[-1])) > 0.02 * np.abs(each.samples.astype(np.int32)).max()


def test_every_utterance_is_known_again(people: tuple[Utterance, ...], memory: Memory) -> None:
    assert [memory.heard(upload(each), RATE) for each in people] == [each.text for each in people]


def test_two_utterances_are_heard_in_their_order(people: tuple[Utterance, ...], memory: Memory) -> None:
    both = np.concatenate([upload(people[5]), upload(people[0])])
    assert memory.heard(both, RATE) == f"{people[5].text} {people[0].text}"


def test_a_missing_beginning_costs_its_words(people: tuple[Utterance, ...], memory: Memory) -> None:
    for each in people:
        heard = memory.heard(upload(each, before_s=0.0)[round(0.3 * RATE) :], RATE)
        assert heard != each.text
        assert each.text.endswith(heard)


def test_a_missing_end_costs_its_words(people: tuple[Utterance, ...], memory: Memory) -> None:
    for each in people:
        heard = memory.heard(upload(each, after_s=0.0)[: -round(0.3 * RATE)], RATE)
        assert heard != each.text
        assert each.text.startswith(heard)


def test_a_hole_costs_what_lay_in_it(people: tuple[Utterance, ...], memory: Memory) -> None:
    for each in people:
        sound = upload(each).copy()
        sound[len(sound) // 2 :][: round(0.25 * RATE)] = 0
        assert memory.heard(sound, RATE) != each.text


def test_noise_and_silence_say_nothing(memory: Memory) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 2 * RATE).astype(np.int16)
    assert [memory.heard(each, RATE) for each in (noise, np.zeros(RATE, np.int16), np.zeros(10, np.int16))] == [""] * 3


def test_the_service_answers_what_it_knows(people: tuple[Utterance, ...]) -> None:
    wav = encoded(upload(people[0]), "wav", RATE)
    with HearingServer(people, Habits()) as server:
        reply = httpx.post(
            f"{server.base_url}/audio/transcriptions",
            headers={"authorization": "Bearer k"},
            data={"model": "digits-hear"},
            files={"file": ("turn.wav", wav)},
        )
        assert reply.json() == {"text": people[0].text}
        assert server.log[-1]["heard"] == people[0].text


def track(said: tuple[Utterance, ...]) -> tuple[Samples, list[int]]:
    """Half a second of quiet before each, and where each ends."""
    quiet = np.zeros(UTTERANCE_RATE // 2, np.int16)
    ends = np.cumsum([len(quiet) + len(each.samples) for each in said]) - 1
    return np.concatenate([part for each in said for part in (quiet, each.samples)] + [quiet]), ends.tolist()


def test_the_last_samples_are_found_on_a_recording(people: tuple[Utterance, ...]) -> None:
    sound, ends = track(people)
    assert last_samples(sound, people) == ends


def test_the_same_utterance_twice_is_found_twice(people: tuple[Utterance, ...]) -> None:
    sound, ends = track((people[0], people[0]))
    assert last_samples(sound, (people[0], people[0])) == ends


def test_what_was_not_said_is_not_found(people: tuple[Utterance, ...]) -> None:
    sound, _ = track(people[:1])
    with pytest.raises(ValueError, match="is not in the recording"):
        last_samples(sound, people[1:2])
