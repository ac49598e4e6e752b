"""Voices on real weights, and the sounds that they are given."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import anyio
import numpy as np
import pytest

from tests.backends.local.speech import read, said, words, wrong
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.backends.local.settings import LocalSettings
from voicecli.backends.local.sounds import clauses, mandarin, readable, sounds
from voicecli.errors import UsageError
from voicecli.types import PcmFormat, SpeechRequest

pytestmark = pytest.mark.anyio

TOLD = (
    "What is the weather like today?",
    "The meeting is on Thursday at four o'clock.",
    "She put seven eggs into the basket.",
)


@pytest.mark.needs_models
async def test_what_it_says_is_understood(mouth: LocalSpeaker, ears: Ears) -> None:
    heard = [(await read(ears, await said(mouth, text)))[-1].text for text in TOLD]
    lost = sum(wrong(text, each) for text, each in zip(TOLD, heard, strict=True))
    assert lost <= sum(len(words(text)) for text in TOLD) * 0.15, heard


@pytest.mark.needs_models
async def test_sound_comes_clause_by_clause_in_one_format(mouth: LocalSpeaker) -> None:
    async with mouth.speak(SpeechRequest("One, two, three and four. Five, six, seven.")) as chunks:
        found = [each async for each in chunks]
    assert len(found) >= 2 and {each.encoding for each in found} == {PcmFormat(22_050, 1)}
    sound = np.frombuffer(b"".join(each.data for each in found), "<i2")
    assert 1.5 < len(sound) / 22_050 < 7 and np.abs(sound).max() > 3000


@pytest.mark.needs_models
async def test_leaving_is_prompt(mouth: LocalSpeaker) -> None:
    async with mouth.speak(SpeechRequest("This goes on and on. " * 200)) as chunks:
        async for _ in chunks:
            break
        began = time.monotonic()
    assert time.monotonic() - began < 3
    await asyncio.sleep(0)


@pytest.mark.needs_models
async def test_nobody_waits_for_a_clause_that_was_left(mouth: LocalSpeaker) -> None:
    """One of 480 characters, which takes seconds to make, and can't be broken off."""
    with anyio.move_on_after(0.2):
        async with mouth.speak(SpeechRequest("la " * 160)) as chunks:
            await anext(chunks)
    busy = {each for each in threading.enumerate() if each.name.startswith("voice-speak")}
    async with mouth.speak(SpeechRequest("Yes.")) as chunks:
        assert (await anext(chunks)).data
    assert busy & set(threading.enumerate())


@pytest.mark.needs_models
async def test_wishes_that_it_cannot_grant(mouth: LocalSpeaker) -> None:
    for wish, told in (
        ({"speed": 9.0}, "speed of 0.5 to 2.5"),
        ({"pitch": 5.0}, "no pitch"),
        ({"voice": "bob"}, "bob"),
        ({"voice": "piper-en-joe:7"}, "no voice 7, its last is 0"),
        ({"voice": f"piper-en-joe:{'9' * 5000}"}, "no voice '9999"),
    ):
        with pytest.raises(UsageError, match=told):
            async with mouth.speak(SpeechRequest("hello", **wish)) as chunks:  # type: ignore[arg-type]
                [each async for each in chunks]


async def test_without_models_espeak_speaks(tmp_path: Path) -> None:
    mouth = LocalSpeaker(LocalSettings("local", "local", models_folder=str(tmp_path)))
    async with mouth.speak(SpeechRequest("hello there")) as chunks:
        assert sum([len(each.data) async for each in chunks]) > 20_000
    assert await mouth.check() == "espeak-ng"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Yes. No.", ["Yes. ", "No."]),
        (
            "The weather, in Paris, is fine. Bring 3.5 liters!",
            ["The weather, ", "in Paris, is fine. ", "Bring 3.5 liters!"],
        ),
        ("今天天气很好，我们出去。", ["今天天气很好，我们出去。"]),
        (
            "100 degrees fahrenheit is about 37.78 degrees celsius. I will call you back when the meeting is over.",
            [
                "100 degrees fahrenheit ",
                "is about 37.78 degrees celsius. ",
                "I will call you back when the meeting is over.",
            ],
        ),
        ("You and I were never there before the winter came.", ["You and I were never there before the winter came."]),
        ("6 feet is about 1.83 meters.", ["6 feet is about 1.83 meters."]),
        ("", []),
    ],
)
def test_the_first_clause_is_soon_ready(text: str, parts: list[str]) -> None:
    assert list(clauses(text)) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("25.5度", "二十五点五度"),
        ("2026年", "二零二六年"),
        ("20%", "百分之二十"),
        ("10:30", "十点三十分"),
        ("205", "二百零五"),
        ("20005", "二万零五"),
        ("-3", "负三"),
        ("110", "一百一十"),
    ],
)
def test_numbers_are_read_out(text: str, said: str) -> None:
    assert readable(text) == said


def test_mandarin_and_mixed_text_have_their_sounds() -> None:
    assert mandarin("中国") == "\uab67ʊ→ŋkwo↗"
    assert mandarin("女儿吃饭。") == "ny↓ɚ↗ \uab67ʰɨ→ fa↘n."
    mixed = sounds("我用 Python 写代码。")
    assert "pˈaɪθ" in mixed and mixed.startswith("wo↓ jʊ↘ŋ") and mixed.endswith("ma↓.")


def test_marks_stay_where_they_were() -> None:
    assert [char for char in sounds("Well, is it 3.5 or four? Yes!") if char in ",.?!"] == [",", "?", "!"]
