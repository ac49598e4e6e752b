"""The notation of phrases: read once, written as patterns that agree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.skills.phrases import Choice, Leaf, Node, Patterns, Sequence, parse

RULES = {"fruit": "apple | [sour] lemon", "number": "one | two"}


def said(phrase: str) -> set[str]:
    return {" ".join(each) for each in sentences(parse(phrase))}


def sentences(node: Node) -> Iterator[tuple[str, ...]]:
    """Every sequence of words and references that `node` allows."""
    match node:
        case Leaf(text):
            yield (text,)
        case Choice(options):
            for option in options:
                yield from sentences(option)
        case Sequence(parts):
            for words in product(*map(sentences, parts)):
                yield tuple(chain(*words))


def test_choices_and_options_are_spelled_out() -> None:
    assert said("what (is | was) it [now]") == {"what is it now", "what is it", "what was it now", "what was it"}
    assert said("eat [a [big]] <fruit>") == {"eat a big <fruit>", "eat a <fruit>", "eat <fruit>"}


@pytest.mark.parametrize("broken", ["what (is", "what is)", "[a | b", "a ] b", "5 miles", "<fruit", "()) a"])
def test_broken_notation_is_refused(broken: str) -> None:
    with pytest.raises(ValueError):
        said(broken)


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
