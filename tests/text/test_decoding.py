"""Encodings: what is read, in whatever pieces it comes, and what is refused before a word of it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import InputError
from voicecli.text.decoding import TextDecoder, as_text, encoding_of, exact_text, likely

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])), st.sampled_from(ENCODINGS))
def test_a_text_in_pieces_is_the_text(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    decoder = TextDecoder("it")
    assert "".join(decoder.feed(data[at : at + 1]) for at in range(len(data))) + decoder.flush() == text
    assert exact_text(data, "it") == as_text(data, "it") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(encoding: str) -> None:
    for text in ("Hi\n", "plain words\r\n", "Größe für 灯塔 and more"):
        assert exact_text(text.encode(encoding), "it") == text


WIDE = ["今天天气很好，我们去公园。\n", "今日は天気がいい。", "好\n"]
WIDE += ["오늘 날씨가 좋네요.", "Сегодня хорошая погода.", "می‌خواهم بروم"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", WIDE)
def test_utf_16_without_a_mark_is_known_by_its_script(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert exact_text(data, "it") == as_text(data, "it") == text


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8-r", "cp1251"])
@given(text=st.text(st.sampled_from("今天气很好，。我们 \nのは、カТыжр오늘가"), min_size=1))
def test_no_other_encoding_is_taken_for_it(encoding: str, text: str) -> None:
    assert encoding_of(text.encode(encoding, "ignore")) == "utf-8-sig"


def test_odd_bytes_among_others_are_letters_of_windows() -> None:
    assert as_text("Le café coûte 5 €.".encode("cp1252"), "it") == "Le café coûte 5 €."
    assert as_text(b"a log \x81 of two: \xc3\xa9\xe9", "it") == "a log \ufffd of two: éé"


def test_a_short_line_is_not_waited_for() -> None:
    decoder = TextDecoder("it")
    assert [decoder.feed(each) for each in (b"O", b"k\n", b"\xe4", b"\xbd\xa0")] == ["", "Ok\n", "", "你"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\0\1", "is binary"),
        (b"RIFF\0\1\2" * 10, "is binary"),
        (b"words\0words", "is binary"),
        ("灯塔".encode("gbk"), "GB18030"),
        ("Größe fünf und mehr".encode("latin-1"), "WINDOWS-1252"),
        ("灯塔".encode()[:-1], "is no UTF-8 text"),
    ],
)
def test_what_is_no_text(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        exact_text(data, "it")
    decoder = TextDecoder("it")
    with pytest.raises(InputError, match=told):
        decoder.feed(data)
        decoder.flush()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((text, "GB18030") for text in ("今天天气很好，我们去公园玩。", "你好", "转换文字编码的工具很多\r\n")),
        *((text, "BIG5") for text in ("今天天氣很好，我們去公園玩。", "你好", "轉換文字編碼的工具很多")),
        *((text, "SHIFT_JIS") for text in ("今日は天気がいいから、公園へ行きましょう。", "こんにちは", "日本語")),
        ("Le café coûte 5 francs.", "WINDOWS-1252"),
    ],
)
def test_the_cure_names_the_encoding_that_it_is(text: str, encoding: str) -> None:
    with pytest.raises(InputError) as refused:
        exact_text(text.encode(encoding), "it")
    assert f"iconv -f {encoding} -t UTF-8" in refused.value.cure
    assert text.encode(encoding).decode(likely(text.encode(encoding))) == text
