"""The embedded voice: real synthesis, one at a time, left at any moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from voicecli.backends.espeak import library as espeak
from voicecli.backends.espeak.voice import EspeakVoice, path_of
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import ServiceError, UsageError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def mouth(anyio_backend: object) -> AsyncIterator[EspeakVoice]:
    voice = EspeakVoice(LocalSettings("local", "local"))
    await voice.warm()
    yield voice


async def chunks(mouth: EspeakVoice, request: SpeechRequest) -> list[AudioChunk]:
    async with mouth.speak(request) as stream:
        return [each async for each in stream]


async def seconds(mouth: EspeakVoice, text: str, **wishes: object) -> float:
    found = await chunks(mouth, SpeechRequest(text, **wishes))  # type: ignore[arg-type]
    return sum(len(each.data) for each in found) / 2 / espeak.RATE


def pitch_of(found: list[AudioChunk]) -> float:
    """Of a vowel, in Hz: the lag at which it is most like itself."""
    sound = np.frombuffer(b"".join(each.data for each in found), "<i2").astype(float)
    middle = sound[len(sound) // 6 : len(sound) // 6 + 8192]
    alike = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    lags = slice(espeak.RATE // 400, espeak.RATE // 50)
    return float(espeak.RATE / (lags.start + np.argmax(alike[lags])))


async def test_sound_comes_in_small_chunks_of_one_format(mouth: EspeakVoice) -> None:
    found = await chunks(mouth, SpeechRequest("What time is it? It is three o'clock."))
    assert {each.encoding for each in found} == {PcmFormat(22_050, 1)}
    assert max(len(each.data) for each in found) <= 2 * espeak.RATE // 10
    sound = np.frombuffer(b"".join(each.data for each in found), "<i2")
    assert 2 < len(sound) / espeak.RATE < 5
    assert np.abs(sound).max() > 5000


async def test_speed_is_words_a_minute_and_pitch_is_heard(mouth: EspeakVoice) -> None:
    text = "one two three four five six seven eight nine ten"
    normal, fast = await seconds(mouth, text), await seconds(mouth, text, speed=2.0)
    assert 1.5 < normal / fast < 2.5
    low, high = [
        pitch_of(await chunks(mouth, SpeechRequest("aaaah aaaah", "en-us", speed=0.57, pitch=each)))
        for each in (0.0, 99.0)
    ]
    assert low < 90 and high > 150


@pytest.mark.parametrize("text", ["你好，今天天气怎么样？", "Привет, как дела?", "こんにちは"])
async def test_other_scripts_are_read_by_voices_that_can(mouth: EspeakVoice, text: str) -> None:
    assert 0.4 < await seconds(mouth, text) < 5


async def test_a_long_text_is_spoken_whole(mouth: EspeakVoice) -> None:
    one = await seconds(mouth, "This is one sentence of many. ")
    assert await seconds(mouth, "This is one sentence of many. " * 50) > 48 * one


async def test_leaving_frees_the_library_at_once(mouth: EspeakVoice) -> None:
    async with mouth.speak(SpeechRequest("This goes on and on. " * 3000)) as stream:
        async for _ in stream:
            break
    begin = time.monotonic()
    assert await seconds(mouth, "hello") > 0.2
    assert time.monotonic() - begin < 3


async def test_leaving_and_what_comes_first_is_soon_done(mouth: EspeakVoice) -> None:
    for text in ("This goes on and on. " * 3000, "word " * 5000, "这句话没有尽头，" * 3000):
        begin = time.monotonic()
        async with mouth.speak(SpeechRequest(text)) as stream:
            await anext(stream)
        assert time.monotonic() - begin < 3


async def test_chinese_is_read_by_the_chinese_voice(mouth: EspeakVoice) -> None:
    text = "你好，今天天气怎么样？"
    unasked, chinese = await seconds(mouth, text), await seconds(mouth, text, voice="cmn")
    assert unasked == pytest.approx(chinese, rel=0.05)
    assert unasked != pytest.approx(await seconds(mouth, text, voice="en-us"), rel=0.05)


async def test_a_slow_listener_holds_nobody_up(mouth: EspeakVoice) -> None:
    async with mouth.speak(SpeechRequest("This goes on and on. " * 500)) as slow:
        await anext(slow)
        async with asyncio.timeout(30):
            assert await seconds(mouth, "hello") > 0.2


async def test_cancelling_leaves_nothing_behind(mouth: EspeakVoice) -> None:
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(seconds(mouth, "This goes on and on. " * 3000))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


async def test_many_at_once_are_spoken_one_after_the_other(mouth: EspeakVoice) -> None:
    found = await asyncio.gather(*(seconds(mouth, f"this is number {each}") for each in range(8)))
    assert all(0.7 < each < 2 for each in found)


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (SpeechRequest("hi", voice="klingonn"), "klingon"),
        (SpeechRequest("hi", voice="en-us+f22"), "f2"),
        (SpeechRequest("hi", language="xx"), "no voice 'xx'"),
        (SpeechRequest("hi", speed=9.0), "speed of 0.46 to 2.57"),
        (SpeechRequest("hi", pitch=100.0), "0 to 99"),
    ],
)
async def test_what_it_has_not_is_refused_by_name(mouth: EspeakVoice, request_: SpeechRequest, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        await chunks(mouth, request_)


@pytest.mark.parametrize("text", ["", "   ", "\n", "...", "?!", "。", "—", "\u200b", "\x00\x1b"])
async def test_no_sound_is_an_error(mouth: EspeakVoice, text: str) -> None:
    with pytest.raises(ServiceError, match="nothing of"):
        await chunks(mouth, SpeechRequest(text))


async def test_settings_of_the_configuration_are_used() -> None:
    own = EspeakVoice(LocalSettings("local", "local", voice="en-gb", speed=2.0, pitch=20))
    quick = await seconds(own, "one two three four five")
    assert quick < 0.8 * await seconds(own, "one two three four five", speed=1.0)


async def test_every_listed_voice_can_be_chosen(mouth: EspeakVoice) -> None:
    listed = await mouth.voices()
    names = [each.name for each in listed]
    assert {"cmn", "yue", "de", "en-us", "en-us+f2"} <= set(names)
    assert len(names) > 200 and len(set(names)) == len(names)
    assert all(path_of(name) for name in names)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("zh", "sit/cmn"),
        ("zh-CN", "sit/cmn"),
        ("EN-US+F2", "gmw/en-US+f2"),
        ("en_GB", "gmw/en"),
        ("yue", "sit/yue"),
        ("yue-Latn-jyutping", "sit/yue-Latn-jyutping"),
        ("de-DE", "gmw/de"),
        ("English (America)", "gmw/en-US"),
    ],
)
def test_voices_have_many_names(name: str, path: str) -> None:
    assert path_of(name) == path


def test_no_listed_voice_complains_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for voice in espeak.voices():
        espeak.synthesise("1", espeak.SpeakingStyle(voice.path, 175, 50), lambda _: True)
    shown = capfd.readouterr()
    assert shown.out == "" and shown.err == ""


def test_the_version_is_known() -> None:
    assert espeak.version()[0].isdigit()


@pytest.mark.parametrize(("name", "fits"), [("en-au", True), ("de-Latn-AT", True), ("es-419", True), ("en-uss", False)])
def test_only_a_place_may_be_unknown(name: str, fits: bool) -> None:
    """A country without a voice gets its language's; a typing mistake is told, with what is near."""
    if fits:
        assert path_of(name)
        return
    with pytest.raises(UsageError, match="Similar: en-us"):
        path_of(name)
