"""Harmless text, widths and wrapping, joining, and the language of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.text import language, width
from voicecli.text.clean import clean, made_visible, one_line
from voicecli.text.join import joined

PERSIAN, FAMILY, HINDI = "می\u200cخواهم", "👨\u200d👩\u200d👧", "क्\u200dष"


@pytest.mark.parametrize("text", [PERSIAN, FAMILY, HINDI])
def test_joiners_stay(text: str) -> None:
    assert clean(text) == one_line(text) == made_visible(text) == text


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("\x1b[31mred\x1b[0m\a", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        ("\x1b]0;nobody closes this", "0;nobody closes this"),
        ("a\u202eb\u2066c\x9b2Jd", "abcd"),
        ("a\tb\nc\r", "a\tb\nc"),
        ("\ud800", "\ufffd"),
    ],
)
def test_nothing_steers_a_terminal_and_no_word_goes(text: str, harmless: str) -> None:
    assert clean(text) == harmless


@given(st.text() | st.text(alphabet="\x1b[]\x07\\mH;0\x9b a\n"))
def test_any_text_is_made_harmless(text: str) -> None:
    for shown in (clean(text), one_line(text), made_visible(text)):
        assert not set(shown) & set("\x1b\x9b\x07\x08\r\0\u202e")
    assert "\n" not in one_line(text)


def test_one_line() -> None:
    assert one_line(" a\r\nb\u2028c\u200b\ufeff d ") == "a b c d"
    assert one_line("word " * 9, 12) == "word word w…"


@given(st.text(max_size=60), st.integers(2, 30))
def test_wrapping_loses_nothing_and_fits(text: str, room: int) -> None:
    rows = width.wrapped(text, room).split("\n")
    assert "".join("".join(rows).split()) == "".join(text.split())
    assert all(
        width.cells(row.strip()) <= max(room, max(map(width.cells, width.graphemes(row)), default=0)) for row in rows
    )


@pytest.mark.parametrize(
    ("text", "room", "rows"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("你好，世界。再见", 7, ["你好，", "世界。", "再见"]),
        ("引用：中文与 English 混排的长句", 14, ["引用：中文与", "English 混排的", "长句"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        (FAMILY * 3, 4, [FAMILY * 2, FAMILY]),
        ("  code is indented", 12, ["  code is", "indented"]),
        ("a\n\nb", 9, ["a", "", "b"]),
    ],
)
def test_where_rows_are_broken(text: str, room: int, rows: list[str]) -> None:
    assert width.wrapped(text, room).split("\n") == rows


def test_what_is_cut_says_so() -> None:
    assert width.cut("hello world", 7) == "hello…" and width.cut("你好世界", 5) == "你好…"
    assert width.tail("hello world foo bar", 9) == "…foo bar" and width.tail("short", 9) == "short"


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (("hello", "world"), "hello world"),
        (("你好", "世界"), "你好世界"),
        (("你好", "world", "，好"), "你好 world，好"),
        (("so", " , then "), "so, then"),
        (("", "a", " "), "a"),
    ],
)
def test_joining(parts: tuple[str, ...], whole: str) -> None:
    assert joined(parts) == whole


@pytest.mark.parametrize(
    ("text", "chinese", "code"),
    [
        ("你好 hello", True, "zh"),
        ("say 你好 in it", False, "zh"),
        ("こんにちは", True, "ja"),
        ("hi", False, "en"),
        ("да", False, ""),
    ],
)
def test_the_language_of_a_text(text: str, chinese: bool, code: str) -> None:
    assert (language.is_chinese(text), language.code_of(text)) == (chinese, code)
    assert language.is_chinese_code("zh-CN") and not language.is_chinese_code(None)
