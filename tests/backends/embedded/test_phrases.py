"""The notation of phrases: read once, written as a grammar and as patterns that agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.backends.embedded.skills.phrases import Patterns, merged, parse, sentences, vocabulary

RULES = {"fruit": "apple | [sour] lemon", "number": "one | two"}


def said(phrase: str) -> set[str]:
    return {" ".join(each) for each in sentences(parse(phrase))}


def test_choices_and_options_are_spelled_out() -> None:
    assert said("what (is | was) it [now]") == {"what is it now", "what is it", "what was it now", "what was it"}
    assert said("eat [a [big]] <fruit>") == {"eat a big <fruit>", "eat a <fruit>", "eat <fruit>"}


@pytest.mark.parametrize("broken", ["what (is", "what is)", "[a | b", "a ] b", "5 miles", "<fruit", "()) a"])
def test_broken_notation_is_refused(broken: str) -> None:
    with pytest.raises(ValueError):
        said(broken)


def test_common_beginnings_are_shared() -> None:
    text = merged(["say <number>", "say <number> times", "say it"])
    assert text == "say ( <number> [ times ] | it )"


phrase = st.recursive(
    st.sampled_from(["a", "b", "c", "<fruit>"]),
    lambda inner: st.one_of(
        st.builds("{} {}".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("[{}] d".format, inner),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.lists(phrase, min_size=1, max_size=4))
def test_merging_changes_no_sentence(phrases: list[str]) -> None:
    expected = set().union(*map(said, phrases))
    assert said(merged(phrases)) == expected


@settings(deadline=None)
@given(phrase)
def test_a_pattern_takes_what_the_phrase_allows(text: str) -> None:
    pattern = Patterns(RULES, {}, ()).compile(text)
    for sentence in said(text):
        assert pattern.fullmatch(sentence.replace("<fruit>", "sour lemon") + " ")
        assert not pattern.fullmatch(sentence.replace("<fruit>", "pear") + " nothing ")


def test_rules_are_captured_and_may_be_written_otherwise() -> None:
    pattern = Patterns(RULES, {"number": r"\d+"}, ("number", "fruit")).compile("<number> [and <number>] <fruit>")
    match = pattern.fullmatch("12 and 7 sour lemon ")
    assert match is not None
    assert match.groupdict() == {"number": "12 ", "number2": "7 ", "fruit": "sour lemon "}
    assert not pattern.fullmatch("one lemon ")


def test_the_vocabulary_is_the_words() -> None:
    assert vocabulary(["what's <number> [now]", "(a | b)"]) == {"what's", "now", "a", "b"}
