"""The recogniser on real weights: words, silence, noise, languages, long recordings, cancelling."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.backends.local.speech import frames, heard, read, said, wrong
from tests.conftest import RECORDINGS
from voicecli.audio.files import read_pcm
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.engine import begun
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.errors import ConfigError, InputError, UsageError
from voicecli.types import AudioClip, AudioFrame, TranscribeOptions

pytestmark = [pytest.mark.anyio, pytest.mark.needs_models]

SENTENCES = (
    "What is the weather like today?",
    "Set a timer for ten minutes.",
    "The child almost hurt the small dog.",
    "My friends, ask what you can do for your country.",
)
RECORDED = {
    "jfk.wav": "and so my fellow americans ask not what your country can do for you ask what you can do for your "
    "country",
    "cards-001.wav": "ten of clubs",
    "cards-003.wav": "seven of clubs",
    "cards-005.wav": "eight of spades four of clubs seven of hearts",
    "austen-0880.wav": "he was not an ill disposed young man",
    "weather-paris.wav": "what is the weather in paris",
    "child-small-dog.wav": "the child almost hurt the small dog",
    "LJ001-0002.wav": "in being comparatively modern",
}


async def test_sentences_are_heard_in_recordings_and_live(ears: Ears, mouth: LocalSpeaker) -> None:
    for way in (read, heard):
        lost = 0
        for text in SENTENCES:
            *interim, final = await way(ears, await said(mouth, text))
            assert final.final and final.language == "en" and final.segments
            assert all(not each.final for each in interim)
            lost += wrong(text, final.text)
        assert lost <= 3, "of 28 words"


if RECORDINGS.is_dir():

    async def test_people_are_heard(ears: Ears) -> None:
        lost = 0
        for name, text in RECORDED.items():
            lost += wrong(text, (await read(ears, read_pcm(RECORDINGS / name, 16_000)))[-1].text)
        assert lost <= 2, "of 62 words"

    async def test_another_language_is_told_with_the_model_that_has_it(ears: Ears) -> None:
        await read(ears, read_pcm(RECORDINGS / "jfk.wav", 16_000) * 2)  # long enough to trust what is heard
        with pytest.raises(UsageError, match=r"English only.*voice models pull sense-voice"):
            await read(ears, read_pcm(RECORDINGS / "aishell-guangzhou.wav", 16_000))


async def test_last_words_wait_for_no_look_at_the_first(ears: Ears, mouth: LocalSpeaker) -> None:
    """What works on a part of an utterance, however long, is left alone once all of it is said."""
    pcm, held = await said(mouth, SENTENCES[0]), threading.Event()

    async def spoken() -> AsyncIterator[AudioFrame]:
        begun("transcribe", held.wait)
        async for frame in frames(pcm):
            yield frame

    try:
        async with asyncio.timeout(60), ears.transcribe_live(spoken(), TranscribeOptions()) as transcripts:
            found = [each async for each in transcripts]
    finally:
        held.set()
    assert wrong(SENTENCES[0], found[-1].text) <= 1


async def test_interim_text_comes_while_the_person_speaks(ears: Ears, mouth: LocalSpeaker) -> None:
    pcm, shown, speaking = await said(mouth, SENTENCES[3]), [], asyncio.Event()

    async def slowly() -> AsyncIterator[AudioFrame]:
        async for frame in frames(pcm[: len(pcm) * 2 // 3]):
            yield frame
        await speaking.wait()
        async for frame in frames(pcm[len(pcm) * 2 // 3 :]):
            yield frame

    async with asyncio.timeout(60), ears.transcribe_live(slowly(), TranscribeOptions()) as transcripts:
        async for each in transcripts:
            shown.append(each)
            speaking.set()
    assert not shown[0].final and shown[-1].final and len(shown[0].text) < len(shown[-1].text)


@pytest.mark.parametrize("way", [read, heard])
async def test_silence_and_noise_are_no_words(ears: Ears, way: object) -> None:
    random = np.random.default_rng(1)
    room = np.convolve(random.standard_normal(32_000), np.exp(-np.arange(200) / 30), "same")
    noise = [(random.standard_normal(32_000) * 3000), 120 * room]
    for pcm in (b"", bytes(10), bytes(64_000), *(each.astype("<i2").tobytes() for each in noise)):
        final = (await way(ears, pcm))[-1]  # type: ignore[operator]
        assert final.text == "" and final.segments == ()


async def test_a_long_recording_is_cut_at_pauses_and_heard_to_its_end(ears: Ears, mouth: LocalSpeaker) -> None:
    pause = bytes(16_000)
    pcm = pause.join([await said(mouth, text) for text in SENTENCES] * 5)
    final = (await read(ears, pcm))[-1]
    assert final.duration is not None and final.duration > 35
    assert final.segments[-1].end > final.duration - 1.5
    assert all(segment.end - segment.start <= 30 for segment in final.segments)
    assert wrong(" ".join(SENTENCES * 5), final.text) <= 28, (
        "of 140 words: what is cut off would be more, and the voice's noise is random"
    )


async def test_two_at_once_both_get_their_text(ears: Ears, mouth: LocalSpeaker) -> None:
    sounds = [await said(mouth, text) for text in SENTENCES[:2]]
    found = await asyncio.gather(*(heard(ears, pcm) for pcm in sounds))
    assert [wrong(text, each[-1].text) <= 1 for text, each in zip(SENTENCES, found, strict=False)] == [True, True]


async def test_leaving_is_prompt_and_the_next_one_is_whole(ears: Ears, mouth: LocalSpeaker) -> None:
    before = asyncio.all_tasks()
    pcm = await said(mouth, SENTENCES[0])
    begun = asyncio.Event()

    async def reading() -> None:
        async with ears.transcribe(AudioClip(pcm * 30, "pcm"), TranscribeOptions()) as transcripts:
            async for _ in transcripts:
                begun.set()

    task = asyncio.ensure_future(reading())
    await begun.wait()
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 3
    assert wrong(SENTENCES[0], (await heard(ears, pcm))[-1].text) <= 1
    assert asyncio.all_tasks() == before


async def test_wishes_that_it_cannot_grant(ears: Ears) -> None:
    with pytest.raises(ConfigError, match=r"no Chinese recogniser.*voice models pull sense-voice"):
        await read(ears, bytes(32_000), TranscribeOptions(language="zh-CN"))
    with pytest.raises(UsageError, match="moonshine-tiny-en knows English only, not 'de'"):
        await read(ears, bytes(32_000), TranscribeOptions(language="de", model="moonshine-tiny-en"))
    with pytest.raises(ConfigError, match="no recogniser is called 'wisper'"):
        await read(ears, bytes(32_000), TranscribeOptions(model="wisper"))
    with pytest.raises(ConfigError, match=r"not installed.*voice models pull whisper-base"):
        await read(ears, bytes(32_000), TranscribeOptions(model="whisper-base"))
    with pytest.raises(InputError):
        async with ears.transcribe(AudioClip(b"no sound", "wav"), TranscribeOptions()) as transcripts:
            [each async for each in transcripts]
