"""Where texts are cut: nothing is lost, nothing is too long, headings stay with what is below them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.notes.cutting import LONGEST, LONGEST_HEADING, Passage, cut, tidied, weight

LINE = "The lighthouse keeper writes down the weather every evening before the lamp is lit. "
HAN = "灯塔守护人每天傍晚点灯之前都会把天气记下来。"


def letters(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_a_short_text_stays_whole() -> None:
    assert cut("# Shopping\n\n- milk\n- eggs\n") == [Passage("# Shopping\n\n- milk\n- eggs")]
    assert cut("买牛奶和鸡蛋。\r\n\r\n还有面包。") == [Passage("买牛奶和鸡蛋。\n\n还有面包。")]
    assert cut(" \n\t\n") == cut("") == []


def test_headings_say_what_is_below_them() -> None:
    text = f"{LINE * 2}\n\n# Rome\n\n{LINE * 5}\n\n## Hotels\n\n{LINE * 5}\n\n# Oslo ##\n{LINE * 2}"
    found = cut(text)
    assert [each.heading for each in found] == ["", "Rome", "Rome > Hotels", "Oslo"]
    assert found[2].text.startswith("## Hotels\n\nThe lighthouse")


@pytest.mark.parametrize(
    ("kind", "text", "headings"),
    [
        ("org", "* Rome\n{0}\n** Hotels\n{0}\n", ["Rome", "Rome > Hotels"]),
        ("md", "* Rome\n{0}\n* Hotels\n{0}\n", [""]),
        ("rst", "Rome\n====\n\n{0}\n\nHotels\n------\n\n{0}\n\nOslo\n====\n\n{0}", ["Rome", "Rome > Hotels", "Oslo"]),
        ("txt", "Rome\n\n----\n{0}\n{0}", [""]),
        ("py", "# a comment\nx = 1\n{0}\n{0}", [""]),
        ("md", "```\n# no heading\n```\n{0}\n{0}", [""]),
        ("md", "---\ntitle: Rome\n---\n{0}\n{0}", [""]),
    ],
)
def test_each_kind_has_its_headings(kind: str, text: str, headings: list[str]) -> None:
    found = cut(text.format(LINE * 8), kind)
    assert sorted({each.heading for each in found}, key=[each.heading for each in found].index) == headings


def test_paragraphs_go_together_as_long_as_they_fit() -> None:
    found = cut("\n\n".join([LINE.strip()] * 30))
    assert len(found) == 3
    assert all(each.text.count("\n\n") > 5 for each in found)


@pytest.mark.parametrize("sentence", [LINE, HAN, "「そうですね。」と彼は言った。"])
def test_a_long_paragraph_is_cut_between_sentences(sentence: str) -> None:
    found = cut(sentence * 60)
    assert len(found) > 2
    assert all(re.search(r"[.。」]$", each.text) for each in found)
    assert "".join(letters(each.text) for each in found) == letters(sentence * 60)


def test_what_has_no_end_is_cut_somewhere() -> None:
    assert [weight(each.text) <= LONGEST for each in cut("x" * 5000)] == [True] * 5
    assert [weight(each.text) <= LONGEST for each in cut("好" * 2000)] == [True] * 8


def test_small_sections_go_with_what_follows() -> None:
    text = f"<!-- made by hand -->\n\n# A\n\n## B\nTiny.\n\n## C\n\n{LINE * 12}\n\n## D\n\nThe end."
    first, *middle, last = cut(text)
    assert first.heading == "A > C"
    assert first.text.startswith("<!-- made by hand -->\n\n# A\n\n## B\nTiny.\n\n## C\n\nThe lighthouse")
    assert {each.heading for each in middle} == {"A > C"}
    assert last == Passage("## D\n\nThe end.", "A > D")


def test_control_characters_go() -> None:
    assert tidied("\ufeffa\x1b[31mb\x00c\u202ed\r\ne\x0cf\u2028g") == "a[31mbcd\ne\n\nf\ng"


def test_a_heading_is_bounded() -> None:
    text = "\n".join(f"{'#' * level} {'very long ' * 10}{level}" for level in range(1, 7)) + f"\n{LINE * 20}"
    assert max(len(each.heading) for each in cut(text)) == LONGEST_HEADING


PARTS = ["# A\n", "=====\n", "word ", "好。", "\n\n", "```\n", "x" * 300, "- item\n", LINE, "."]


@given(st.lists(st.sampled_from(PARTS)))
def test_nothing_is_lost_and_nothing_is_too_long(parts: list[str]) -> None:
    text = "".join(parts)
    found = cut(text)
    assert "".join(letters(each.text) for each in found) == letters(text)
    assert all(each.text.strip() and weight(each.text) <= LONGEST + 2 for each in found)


@given(st.text(max_size=3000), st.sampled_from(["md", "org", "txt", "c"]))
def test_any_text_can_be_cut(text: str, kind: str) -> None:
    found = cut(text, kind)
    assert "".join(letters(each.text) for each in found) == letters(tidied(text))


@pytest.mark.parametrize(
    "nasty", ["# " + " " * 400_000 + "x", "* " + " " * 400_000 + "x", "# #" * 99_999, "=" * 400_000]
)
@pytest.mark.parametrize("kind", ["md", "org"])
def test_a_nasty_text_takes_no_time(nasty: str, kind: str) -> None:
    began = time.process_time()
    cut(nasty, kind)
    assert time.process_time() - began < 5
