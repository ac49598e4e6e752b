"""Numbers as people say them: to words, to digits, and back, in two languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.skills.numbers import han, han_to_digits, to_digits

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def words(value: int) -> str:
    """`value` (0 to 999,999) as it is said, with the British "and"."""
    if value < 20:
        return SMALL[value]
    if value < 100:
        return f"{TENS[value // 10 - 2]} {words(value % 10) if value % 10 else ''}".strip()
    name, scale = ("thousand", 1000) if value >= 1000 else ("hundred", 100)
    head, rest = divmod(value, scale)
    link = " and" if 0 < rest < 100 else ""
    return f"{words(head)} {name}{link}{f' {words(rest)}' if rest else ''}"


@given(st.integers(0, 999_999))
def test_a_number_said_is_the_number_heard(number: int) -> None:
    assert to_digits(words(number)) == str(number)


@given(st.integers(0, 999), st.lists(st.integers(0, 9), min_size=1, max_size=2))
def test_decimals_are_said_figure_by_figure(whole: int, decimals: list[int]) -> None:
    said = f"{words(whole)} point {' '.join(map(words, decimals))}"
    assert to_digits(said) == f"{whole}.{''.join(map(str, decimals))}"


@given(st.lists(st.integers(1, 99), min_size=2, max_size=4))
def test_numbers_with_words_between_stay_apart(numbers: list[int]) -> None:
    said = " times ".join(words(each) for each in numbers)
    assert to_digits(said) == " times ".join(map(str, numbers))


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("a hundred and five", "105"),
        ("nineteen hundred", "1900"),
        ("two million three hundred thousand and one", "2300001"),
        ("one thousand nine hundred", "1900"),
        ("two point five million", "2.5 million"),
        ("a timer for five minutes", "a timer for 5 minutes"),
        ("one point oh five", "1.05"),
        ("five point", "5 point"),
        ("5 hundred", "500"),
        ("and then a day", "and then a day"),
        ("hundred", "hundred"),
    ],
)
def test_what_people_say(said: str, digits: str) -> None:
    assert to_digits(said) == digits


@given(st.integers(0, 10**12))
def test_chinese_numbers(number: int) -> None:
    assert han_to_digits(han(number)) == str(number)


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("一万两千三百", "12300"),
        ("一亿零五十", "100000050"),
        ("二〇二六", "2026"),
        ("三点一四", "3.14"),
        ("一百五", "150"),
        ("一百零五", "105"),
        ("三万五", "35000"),
        ("三万零五", "30005"),
        ("百米", "100米"),
        ("三千万", "30000000"),
        ("3万", "30000"),
        ("3.5万", "35000"),
        ("3万5千20", "35020"),
        ("十", "10"),
        ("百分之五", "百分之5"),
        ("五千克", "5千克"),
        ("5千焦", "5千焦"),
        ("三点", "3点"),
        ("你好", "你好"),
    ],
)
def test_chinese_as_it_is_written(written: str, digits: str) -> None:
    assert han_to_digits(written) == digits


@given(st.text("零一二三十百千万亿点3.ab ", max_size=30))
def test_chinese_of_any_shape_is_read_without_a_fault(text: str) -> None:
    assert isinstance(han_to_digits(text), str)


@given(st.lists(st.sampled_from("one twenty hundred thousand million and a point oh zero x 12".split()), max_size=12))
def test_english_of_any_shape_is_read_without_a_fault(tokens: list[str]) -> None:
    assert isinstance(to_digits(" ".join(tokens)), str)
