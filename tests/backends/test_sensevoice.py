"""Tags and emoji of SenseVoice: taken off whole, kept by name, no word lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.sensevoice import EMOTIONS, EVENTS, LANGUAGES, language_in, strip_tags


@pytest.mark.parametrize(
    ("text", "words", "tags"),
    [
        ("hello", "hello", ()),
        ("", "", ()),
        ("<|zh|><|HAPPY|><|Speech|><|withitn|>你好。", "你好。", ("zh", "HAPPY", "Speech", "withitn")),
        ("hello,大家好，欢迎来到我们的节目。😊", "hello,大家好，欢迎来到我们的节目。", ("HAPPY",)),
        ("🎼👏欢迎。😮", "欢迎。", ("BGM", "Applause", "SURPRISED")),
        ("<|en|>one<|NEUTRAL|> two <|Speech|>three", "one two three", ("en", "NEUTRAL", "Speech")),
        ("<|en|>One.<|en|>Two.", "One. Two.", ("en",)),
        ("<|zh|>一。<|zh|>二。", "一。二。", ("zh",)),
        ("<|zh|>一。 😊🎼 二。", "一。 二。", ("zh", "HAPPY", "BGM")),
        ("❓", "", ("nospeech",)),
        (" ❓\ufe0f ", "", ("nospeech",)),
        ("<|nospeech|><|EMO_UNKNOWN|><|Event_UNK|><|woitn|>", "", ("nospeech", "EMO_UNKNOWN", "Event_UNK", "woitn")),
        ("why ❓", "why", ("Event_UNK",)),
        ("a <| b |> c", "a c", ("b",)),
        ("a <| b > c", "a <| b > c", ()),
        ("a <|| b |> c", "a <|| b |> c", ()),
        ("two < 3 | 4 > 1 🙂", "two < 3 | 4 > 1 🙂", ()),
        ("<||>words", "words", ()),
        ("<|\x1b[31m|>words<|" + "x" * 41 + "|>", "words", ()),
    ],
)
def test_words_and_tags(text: str, words: str, tags: tuple[str, ...]) -> None:
    assert strip_tags(text) == (words, tags)


def test_both_kinds_of_server_give_the_same_names() -> None:
    raw = strip_tags("<|BGM|>la<|SAD|>")
    assert raw == strip_tags("🎼la😔") == ("la", ("BGM", "SAD"))


def test_the_language_is_among_the_tags() -> None:
    assert language_in(strip_tags("<|yue|><|HAPPY|>好")[1]) == "yue"
    assert language_in(("HAPPY", "Speech")) is None


_MARKS = [*EVENTS, *EMOTIONS, *(f"<|{name}|>" for name in (*LANGUAGES, "Speech", "withitn", ""))]
_WORDS = st.lists(st.text("abc你好。 ,", min_size=1), max_size=6)


@given(_WORDS, st.data())
def test_marks_anywhere_cost_no_character_of_the_words(words: list[str], data: st.DataObject) -> None:
    marked = "".join(word + data.draw(st.sampled_from(["", *_MARKS])) for word in words)
    stripped, _ = strip_tags(marked)
    assert stripped.replace(" ", "") == "".join(words).replace(" ", "")


@given(st.text("<|>a😊 "))
def test_taking_tags_off_leaves_none(text: str) -> None:
    once, _ = strip_tags(text)
    assert "😊" not in once


def test_a_long_hostile_text_takes_linear_time() -> None:
    # Quadratic time would not come back from these in a test's lifetime.
    assert strip_tags("<|" * 500_000)[1] == ()
    assert strip_tags("<|a" + " " * 500_000 + "b")[1] == ()
    assert strip_tags("a" + " " * 200_000 + "b")[1] == ()
