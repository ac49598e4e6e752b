"""How recognised texts read at their end, against the labelled list; and what holds for any text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogue.utterances import GROUPS, UTTERANCES
from voicecli.dialogue.reading import Reading, read

COMPLETE, PLAIN, DANGLING = Reading


@pytest.mark.parametrize(
    ("label", "wrong", "most"),
    [
        (DANGLING, [COMPLETE], 0.0),
        (DANGLING, [PLAIN], 0.1),
        (COMPLETE, [PLAIN, DANGLING], 0.1),
        (COMPLETE, [DANGLING], 0.02),
        (PLAIN, [COMPLETE], 0.03),
    ],
)
@pytest.mark.parametrize("name", GROUPS)
def test_few_are_misread(name: str, label: Reading, wrong: list[Reading], most: float) -> None:
    """`most`: the share of those with a label that may read as one of `wrong`; what goes on is never cut off."""
    if name == "CHINESE_LATER" and most == 0.1 and label is COMPLETE:
        most = 0.2
    texts = GROUPS[name][label]
    missed = [text for text in texts if read(text, trust_punctuation=name.endswith("_TRUSTED")) in wrong]
    assert len(missed) <= most * len(texts), missed


def test_the_list_is_long_enough() -> None:
    english = sum(text.isascii() for text, _, _ in UTTERANCES)
    assert english >= 150
    assert len(UTTERANCES) - english >= 80
    for label in Reading:
        assert sum(each is label for _, each, _ in UTTERANCES) >= 100


@pytest.mark.parametrize("mark", [".", "。", "?", "!"])
def test_a_full_stop_alone_does_not_shorten_the_wait(mark: str) -> None:
    """For a recogniser that punctuates every fragment, the words decide as if the mark were not there."""
    for text, _, trusted in UTTERANCES:
        bare = text.rstrip(".?!。？！…")
        if not trusted and bare == text and text[-1].isalnum():
            assert read(text + mark) is read(text)


@pytest.mark.parametrize("mark", [",", "，", "、", ":", "：", ";", "；", "—", " -", "...", "…", "……", ',"'])
@pytest.mark.parametrize("text", ["what time is it", "现在几点了", "the red one"])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_mark_that_goes_on_lengthens_it(text: str, mark: str, trusted: bool) -> None:
    assert read(text + mark, trust_punctuation=trusted) is DANGLING


@pytest.mark.parametrize(
    ("text", "language", "trusted", "reading"),
    [
        ("Ich möchte einen Tisch bestellen.", "de", True, COMPLETE),
        ("Ich möchte einen Tisch bestellen.", "de", False, PLAIN),
        ("Schalte das Licht an", "de", False, PLAIN),
        ("Ich möchte,", "de-DE", False, DANGLING),
        ("今日はいい天気ですね。", None, True, COMPLETE),
        ("今日はいい天気ですね", None, False, PLAIN),
        ("what time is it", "en_US", False, COMPLETE),
        ("现在几点了", "zh-CN", False, COMPLETE),
        ("Turn it on", "zh", False, COMPLETE),
        ("打开Wi-Fi", None, False, COMPLETE),
        ("¿Qué hora es?", None, True, COMPLETE),
        ("ES IST 5.", "de", True, PLAIN),
    ],
)
def test_other_languages_are_read_by_their_punctuation(
    text: str, language: str | None, trusted: bool, reading: Reading
) -> None:
    assert read(text, language=language, trust_punctuation=trusted) is reading


@pytest.mark.parametrize("text", ["", "  ", "?", "!", ".", "123", "。"])
def test_no_words_are_no_sentence(text: str) -> None:
    assert read(text, trust_punctuation=True) is PLAIN


def test_capitals_apostrophes_and_space_make_no_difference() -> None:
    for text, _, trusted in UTTERANCES:
        if not trusted and text.isascii():
            assert read(f" {text.upper().replace(chr(39), '’')} ", language="en") is read(text)


VOCABULARY = sorted({word for text, _, _ in UTTERANCES for word in text.split()})


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join) | st.text(max_size=60), st.booleans())
def test_any_text_has_a_reading(text: str, trusted: bool) -> None:
    assert read(text, trust_punctuation=trusted) in Reading
    assert read(text + " and", language="en") is DANGLING
    assert read(text.rstrip() + "，然后", language="zh") is DANGLING


@pytest.mark.parametrize(
    "unit", ["and ", "what is the ", "i think ", "if you ", "想", "一点", "什么", "我把", "1 ", "下个星期一", "a"]
)
def test_a_very_long_text_is_read_at_once(unit: str) -> None:
    began = time.process_time()
    read(unit * 1000, trust_punctuation=True)
    assert time.process_time() - began < 0.25
