"""Which voice reads a text, and how a long text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.espeak.scripts import DEFAULT_VOICE, LONGEST_PIECE, pieces, readable, speaks, voice_for


@pytest.mark.parametrize(
    ("text", "configured", "voice"),
    [
        ("hello", "", DEFAULT_VOICE),
        ("hello", "de", "de"),
        ("你好", "", "cmn"),
        ("你好", "en-gb", "cmn"),
        ("你好", "yue", "yue"),
        ("你好", "zh-CN", "zh-CN"),
        ("iPhone 很贵", "", "cmn"),
        ("こんにちは世界", "", "ja"),
        ("안녕하세요", "", "ko"),
        ("Привет", "", "ru"),
        ("Привіт", "uk", "uk"),
        ("12:30", "", DEFAULT_VOICE),
        ("", "", DEFAULT_VOICE),
    ],
)
def test_a_voice_can_read_the_script(text: str, configured: str, voice: str) -> None:
    assert voice_for(text, None, None, configured) == voice


def test_what_is_asked_for_comes_first() -> None:
    assert voice_for("你好", "en-us", "zh", "de") == "en-us"
    assert voice_for("hello", None, "fr", "de") == "fr"
    assert voice_for("hello", None, "en", "") == DEFAULT_VOICE
    assert voice_for("hello", None, "en-gb", "") == "en-gb"


def test_a_voice_speaks_its_own_language() -> None:
    assert speaks("en-us+f2", "en") and speaks("en-us+f2", "en_US") and speaks("de", "de")
    assert not speaks("en-us+f2", "en-gb") and not speaks("de", "d") and not speaks("en", "")


def test_text_is_made_readable() -> None:
    assert readable("a\x1b[31m\0b\nc", "en-us") == "a [31m b\nc"
    assert readable("约3.14公里", "cmn") == "约3点1 4公里"
    assert readable("about 3.14", "en-us") == "about 3.14"


@given(st.text(" ab.!?。！，,\n", max_size=2000))
def test_pieces_hold_all_of_the_text_in_order(text: str) -> None:
    found = pieces(text)
    assert all(len(each) <= LONGEST_PIECE and each.strip() for each in found)
    said, whole = ("".join(filter(str.isalnum, each)) for each in ("".join(found), text))
    assert said == whole


@pytest.mark.parametrize(("sentence", "end"), [("A sentence. ", "."), ("你今天还好吗？", "？"), ("word ", "word")])
def test_pieces_end_with_sentences_where_they_can(sentence: str, end: str) -> None:
    found = pieces(sentence * 200)
    assert len(found) > 1 and all(each.endswith(end) for each in found)
