"""The recogniser over its real process: by grammar, by dictation, cancelled, killed, asked in parallel."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backends.embedded.speech import frames, heard, said
from tests.conftest import RECORDINGS
from voicecli.backends.embedded import family as embedded
from voicecli.backends.embedded.process import Process
from voicecli.backends.embedded.recogniser import Recogniser, english_only, open_recogniser, segments
from voicecli.backends.embedded.settings import EmbeddedSettings
from voicecli.errors import InputError, ServiceError, UsageError
from voicecli.types import AudioClip, AudioFrame, TranscribeOptions, Word

pytestmark = pytest.mark.anyio

GRAMMAR = TranscribeOptions(grammar=embedded.grammar())
QUESTIONS = ("what time is it", "what is twelve times seven", "convert five miles to kilometers")


def clip(pcm: bytes) -> AudioClip:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm)
    return AudioClip(buffer.getvalue())


@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_skills_questions_are_heard_by_grammar(ears: Recogniser, question: str) -> None:
    *partial, final = await heard(ears, said(question), GRAMMAR)
    assert final.text == question and final.final and final.tags == ("grammar",)
    assert final.language == "en"
    assert all(not each.final and each.text for each in partial)
    assert [word.text for word in final.words] == question.split()


async def test_interim_text_comes_while_the_person_speaks(ears: Recogniser) -> None:
    pcm, said_so_far, still_speaking = said(QUESTIONS[2]), [], asyncio.Event()

    async def speaking() -> AsyncIterator[AudioFrame]:
        async for frame in frames(pcm[: len(pcm) * 3 // 4]):
            yield frame
        await still_speaking.wait()
        async for frame in frames(pcm[len(pcm) * 3 // 4 :]):
            yield frame

    async with asyncio.timeout(20), ears.transcribe_live(speaking(), GRAMMAR) as transcripts:
        async for each in transcripts:
            said_so_far.append(each)
            still_speaking.set()
    assert any("convert" in each.text and not each.final for each in said_so_far)
    assert not said_so_far[0].final
    assert said_so_far[-1].text == QUESTIONS[2]


async def test_what_fits_no_phrase_is_tried_as_dictation(ears: Recogniser) -> None:
    final = (await heard(ears, said("the quick brown fox jumps over the lazy dog"), GRAMMAR))[-1]
    assert final.tags == () and "sound_" not in final.text


async def test_silence_and_nothing_are_no_words(ears: Recogniser) -> None:
    for pcm in (b"", bytes(10), bytes(64_000)):
        for options in (GRAMMAR, TranscribeOptions()):
            final = (await heard(ears, pcm, options))[-1]
            assert final.text == "" and final.words == () and final.segments == ()


async def test_noise_is_no_skill(ears: Recogniser) -> None:
    import numpy as np

    random = np.random.default_rng(1)
    for level in (200, 3000):
        noise = (random.standard_normal(32_000) * level).astype("<i2").tobytes()
        assert (await heard(ears, noise, GRAMMAR))[-1].tags == ()


async def test_the_sound_of_a_room_is_no_skill(ears: Recogniser) -> None:
    """Most of its energy lies low, a mains hum is in it, and now and then something knocks."""
    import numpy as np

    random = np.random.default_rng(2)
    at = np.arange(32_000) / 16_000
    room = np.convolve(random.standard_normal(32_000), np.exp(-np.arange(200) / 30), "same")
    room = 120 * room + 150 * np.sin(2 * np.pi * 50 * at)
    for begin in (9_000, 24_000):
        knock = 4000 * random.standard_normal(1_600) * np.exp(-np.arange(1_600) / 200)
        room[begin : begin + 1_600] += knock
    assert (await heard(ears, room.astype("<i2").tobytes(), GRAMMAR))[-1].tags == ()


async def test_other_sentences_are_dictated_and_no_skill(ears: Recogniser) -> None:
    for other in ("who was the first president of america", "remind me to buy milk"):
        final = (await heard(ears, said(other), GRAMMAR))[-1]
        assert final.tags == ()
        assert set(final.text.split()) & set(other.split())
        assert all(word.confidence is not None for word in final.words)


async def test_two_at_once_both_get_their_text(ears: Recogniser) -> None:
    found = await asyncio.gather(*(heard(ears, said(each), GRAMMAR) for each in QUESTIONS))
    assert [each[-1].text for each in found] == list(QUESTIONS)


async def test_one_that_stands_still_holds_nobody_up(ears: Recogniser) -> None:
    forever = asyncio.Event()

    async def stuck() -> AsyncIterator[AudioFrame]:
        async for frame in frames(said(QUESTIONS[1])):
            yield frame
        await forever.wait()

    async with asyncio.timeout(20), ears.transcribe_live(stuck(), GRAMMAR) as transcripts:
        await anext(transcripts)
        assert (await heard(ears, said(QUESTIONS[0]), GRAMMAR))[-1].text == QUESTIONS[0]


async def test_a_cancelled_utterance_leaves_the_next_one_whole(ears: Recogniser) -> None:
    before = asyncio.all_tasks()
    for share in (0.0, 0.4, 0.9):
        pcm = said(QUESTIONS[2])
        task = asyncio.ensure_future(heard(ears, pcm[: int(len(pcm) * share) // 2 * 2] * 3, GRAMMAR))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await heard(ears, said(QUESTIONS[0]), GRAMMAR))[-1].text == QUESTIONS[0]
    assert asyncio.all_tasks() == before


async def test_the_same_speech_is_always_heard_the_same(ears: Recogniser) -> None:
    pcm = said("what is the weather in paris")
    first, *others = [(await heard(ears, pcm))[-1] for _ in range(3)]
    assert all(each == first for each in others)


async def test_a_recording_has_words_with_times(ears: Recogniser) -> None:
    pcm = said(QUESTIONS[0]) + bytes(32_000) + said("what day is it today")
    async with ears.transcribe(clip(pcm), TranscribeOptions()) as transcripts:
        *partial, final = [each async for each in transcripts]
    assert final.final and not any(each.final for each in partial)
    assert final.duration == pytest.approx(len(pcm) / 32_000)
    assert len(final.segments) >= 2
    ends = [word.end for word in final.words]
    assert ends == sorted(ends) and ends[-1] <= final.duration + 0.1
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in final.words)
    assert " ".join(word.text for word in final.words) == final.text
    assert all(word.unsure == (word.confidence < 0.5) for word in final.words if word.confidence is not None)


async def test_a_long_recording_is_told_piece_by_piece(ears: Recogniser) -> None:
    pcm = (said("what day is it today") + bytes(16_000)) * 9
    async with ears.transcribe(clip(pcm), TranscribeOptions()) as transcripts:
        *partial, final = [each async for each in transcripts]
    assert len(partial) >= 2
    assert all(final.text.startswith(each.text) for each in partial)
    assert final.words[-1].end > len(pcm) / 32_000 - 1.5


async def test_a_recording_can_be_held_to_a_grammar(ears: Recogniser) -> None:
    async with ears.transcribe(clip(said(QUESTIONS[1])), GRAMMAR) as transcripts:
        assert [each.text async for each in transcripts] == [QUESTIONS[1]]


async def test_a_person_is_understood(ears: Recogniser) -> None:
    """Real speech where it lies beside the project; its own voice's by a grammar is tested above."""
    if not (RECORDINGS / "cards-001.wav").exists():
        return
    cards = "#JSGF V1.0;\ngrammar cards;\npublic <card> = (seven | eight | ten) of (clubs | hearts | spades);\n"
    for name, text in (("cards-001.wav", "ten of clubs"), ("cards-003.wav", "seven of clubs")):
        data = AudioClip((RECORDINGS / name).read_bytes())
        for options in (TranscribeOptions(), TranscribeOptions(grammar=cards)):
            async with ears.transcribe(data, options) as transcripts:
                assert [each.text async for each in transcripts][-1] == text


async def test_a_grammar_with_an_unknown_word_is_an_error_and_no_end(ears: Recogniser) -> None:
    odd = TranscribeOptions(grammar="#JSGF V1.0;\ngrammar odd;\npublic <odd> = xyzzyx;\n")
    with pytest.raises(ServiceError, match="grammar"):
        await heard(ears, said(QUESTIONS[0]), odd)
    assert (await heard(ears, said(QUESTIONS[0]), GRAMMAR))[-1].text == QUESTIONS[0]


async def test_another_language_is_refused_before_work(ears: Recogniser) -> None:
    for language in ("zh", "de-DE", "eng"):
        with pytest.raises(UsageError, match="English only") as caught:
            await heard(ears, b"", TranscribeOptions(language=language))
        assert "openai" in str(caught.value)
    for language in ("en", "EN_us", "English", None, ""):
        english_only(language)


async def test_a_wrong_recording_is_refused_before_work(ears: Recogniser) -> None:
    with pytest.raises(InputError):
        async with ears.transcribe(AudioClip(b"nothing"), TranscribeOptions()):
            raise AssertionError("entered")


async def test_a_process_that_dies_costs_the_utterance_and_comes_back() -> None:
    process = Process()
    owner = asyncio.ensure_future(process.run())
    ears = Recogniser(EmbeddedSettings("embedded", "embedded"), process)
    try:
        await ears.check()
        first = process.pid
        assert first is not None
        forever = asyncio.Event()

        async def speaking() -> AsyncIterator[AudioFrame]:
            async for frame in frames(said(QUESTIONS[0])):
                yield frame
            os.kill(first, signal.SIGKILL)
            await forever.wait()

        with pytest.raises(ServiceError, match="next utterance") as caught:
            async with asyncio.timeout(20), ears.transcribe_live(speaking(), GRAMMAR) as transcripts:
                async for _ in transcripts:
                    pass
        assert "recogniser" in str(caught.value) and "signal 9" in str(caught.value)
        assert (await heard(ears, said(QUESTIONS[0]), GRAMMAR))[-1].text == QUESTIONS[0]
        assert process.pid not in (None, first)
    finally:
        owner.cancel()
        await asyncio.wait([owner])


async def test_leaving_ends_the_process_at_once() -> None:
    async with open_recogniser(EmbeddedSettings("embedded", "embedded")) as ears:
        await ears.check()
        pid = ears.pid
        assert pid is not None and alive(pid)
        begin = time.monotonic()
    assert time.monotonic() - begin < 1
    assert not alive(pid)


async def test_nothing_is_started_before_it_is_needed() -> None:
    async with open_recogniser(EmbeddedSettings("embedded", "embedded")) as ears:
        assert ears.pid is None


async def test_health_tells_both_engines() -> None:
    async with embedded.health(EmbeddedSettings("embedded", "embedded")) as health:
        report = await health.check()
    assert "pocketsphinx 5" in report.detail and "espeak-ng 1" in report.detail


def test_pauses_end_segments() -> None:
    words = [Word("a", 0.0, 0.5), Word("b", 0.6, 1.0), Word("c", 1.7, 2.0)]
    assert [(each.text, each.start, each.end) for each in segments(words)] == [("a b", 0.0, 1.0), ("c", 1.7, 2.0)]
    assert list(segments([])) == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


PARENT = """
import asyncio, sys
from voicecli.backends.embedded import family as embedded
from voicecli.types import Backend
async def main():
    async with embedded.transcribe(EmbeddedSettings("embedded", "embedded")) as ears:
        await ears.check()
        print(ears.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_the_process_does_not_outlive_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    try:
        worker = int(parent.stdout.readline())
        os.kill(worker, signal.SIGINT)  # Ctrl-C in the terminal goes to the whole group
        assert alive(worker)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(worker)


def test_the_process_is_not_led_astray_by_where_it_is_called(tmp_path: Path) -> None:
    """A file named like a module of ours, in the folder where somebody works."""
    for name in ("json.py", "queue.py", "pocketsphinx.py"):
        (tmp_path / name).write_text("raise SystemExit('led astray')")
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    assert parent.stdout is not None
    try:
        assert int(parent.stdout.readline()) > 0
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
