"""Numbers as people say them: words to digits in English and Chinese, and digits to Chinese words.

Belongs here: pure arithmetic on words. Does not belong here: what a number is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

DIGIT = {word: value for value, word in enumerate("one two three four five six seven eight nine".split(), 1)}
FIGURE = {"zero": 0, "oh": 0, **DIGIT}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TEEN = {word: value for value, word in enumerate(_TEENS.split(), 10)}
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TEN = {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


def to_digits(text: str) -> str:
    """Replace every spoken number in `text` by its digits: "twenty three point five" → "23.5"."""
    tokens, out, at = text.split(), [], 0
    while at < len(tokens):
        number, after = _number(tokens, at)
        out.append(number if after > at else tokens[at])
        at = max(after, at + 1)
    return " ".join(out)


def _number(tokens: Sequence[str], at: int) -> tuple[str, int]:
    """The number at `at` as digits, and where it ends; where none begins it ends where it began."""
    value, end = _whole(tokens, at)
    if end == at:
        return "", at
    decimals, after = _decimals(tokens, end)
    return (f"{value}.{decimals}", after) if decimals else (str(value), end)


def _whole(tokens: Sequence[str], at: int) -> tuple[int, int]:
    total, end = _hundreds(tokens, at)
    if end > at and _peek(tokens, end) in _SCALES:
        return _scaled(tokens, at)
    return total, end


def _scaled(tokens: Sequence[str], at: int) -> tuple[int, int]:
    """ "two million three hundred thousand and five": groups whose scales fall."""
    total, end, limit = 0, at, 10**12
    while True:
        start = end + (total > 0 and _peek(tokens, end) == "and")
        group, after = _hundreds(tokens, start)
        scale = _SCALES.get(_peek(tokens, after), 1)
        if after == start or scale >= limit:
            return total, end
        total, end, limit = total + group * scale, after + (scale > 1), scale
        if scale == 1:
            return total, end


def _hundreds(tokens: Sequence[str], at: int) -> tuple[int, int]:
    value, end = _small(tokens, at)
    if end == at and _peek(tokens, at) == "a" and _peek(tokens, at + 1) in ("hundred", *_SCALES):
        value, end = 1, at + 1
    if end == at or _peek(tokens, end) != "hundred":
        return value, end
    value, end = value * 100, end + 1
    start = end + (_peek(tokens, end) == "and")
    rest, after = _small(tokens, start)
    return (value + rest, after) if after > start and rest < 100 else (value, end)


def _small(tokens: Sequence[str], at: int) -> tuple[int, int]:
    word = _peek(tokens, at)
    if word.isascii() and word.isdecimal():
        return int(word), at + 1
    if word in TEN:
        follower = DIGIT.get(_peek(tokens, at + 1), 0)
        return TEN[word] + follower, at + 1 + (follower > 0)
    value = {**FIGURE, **TEEN}.get(word)
    return (value, at + 1) if value is not None and word != "oh" else (0, at)


def _decimals(tokens: Sequence[str], at: int) -> tuple[str, int]:
    if _peek(tokens, at) != "point":
        return "", at
    end = at + 1
    while _peek(tokens, end) in FIGURE or _peek(tokens, end).isdecimal():
        end += 1
    return "".join([str(FIGURE.get(token, token)) for token in tokens[at + 1 : end]]), end


def _peek(tokens: Sequence[str], at: int) -> str:
    return tokens[at] if at < len(tokens) else ""


_HAN_DIGITS = {**{char: value for value, char in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_NUMBER = re.compile(
    r"(?:(?!百分之|千[克米瓦卡焦])[零〇一二两三四五六七八九十百千万亿])+(?:点[零〇一二三四五六七八九]+)?"
)
"""百分之 is "percent", and 五千克 is five kilograms."""
_MIXED_PART = re.compile(r"(\d+(?:\.\d+)?)((?:(?!百分之|千[克米瓦卡焦])[百千万亿])+)")
_MIXED = re.compile(rf"(?:{_MIXED_PART.pattern})+\d*")


def han_to_digits(text: str) -> str:
    """Replace every Chinese number in `text` by its digits: "二十五点五" → "25.5", "3.5万" → "35000"."""
    text = _MIXED.sub(lambda match: _mixed_number(match.group()), text)
    return _HAN_NUMBER.sub(lambda match: _han_number(match.group()), text)


def _mixed_number(text: str) -> str:
    """ "3万5千20": each figure is so many of the units behind it."""
    parts = _MIXED_PART.findall(text)
    rest = _MIXED_PART.sub("", text) or "0"
    total = sum((Decimal(figure) * _han_groups(units) for figure, units in parts), Decimal(rest))
    return f"{total.normalize():f}"


def _han_number(text: str) -> str:
    whole, _, decimals = text.partition("点")
    figures = "".join([str(_HAN_DIGITS[char]) for char in decimals])
    value = _han_whole(whole)
    return f"{value}.{figures}" if figures else value


def _han_whole(text: str) -> str:
    if all(char in _HAN_DIGITS for char in text):
        return "".join([str(_HAN_DIGITS[char]) for char in text])
    return str(_han_groups(text))


def _han_groups(text: str) -> int:
    """Groups of four digits, each under 万 or 亿; a bare unit is one of it."""
    for char, scale in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = text.partition(char)
        if found:
            rest = _han_groups(tail) if tail else 0
            shorthand = scale // 10 if len(tail) == 1 and rest < 10 else 1  # 三万五 is 35000, 三万零五 is 30005
            return (_han_groups(head) if head else 1) * scale + rest * shorthand
    return _han_section(text)


def _han_section(text: str) -> int:
    total, digit, last = 0, 0, 1
    for char in text:
        if char in _HAN_UNITS:
            last = _HAN_UNITS[char]
            total, digit = total + (digit or 1) * last, 0
        else:
            digit = _HAN_DIGITS[char]
            last = 1 if digit == 0 else last
    shorthand = last // 10 if last > 10 else 1  # 一百五 is 150, 一百零五 is 105
    return total + digit * shorthand


_DIGIT_HAN = "零一二三四五六七八九"


def han(value: int) -> str:
    """A whole number as Chinese says it: 10 is 十, 205 is 二百零五, 20005 is 二万零五."""
    if value < 0:
        return "负" + han(-value)
    for char, scale in (("亿", 10**8), ("万", 10**4)):
        if value >= scale:
            head, rest = divmod(value, scale)
            gap = "零" if 0 < rest < scale // 10 else ""
            return f"{han(head)}{char}{gap}{han(rest) if rest else ''}"
    text = _han_below(value) or "零"
    return text[1:] if text.startswith("一十") else text


def _han_below(value: int) -> str:
    """Of a number under ten thousand."""
    text, gap = "", False
    for char, scale in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = value // scale % 10
        if digit:
            text += ("零" if gap and text else "") + _DIGIT_HAN[digit] + char
        gap = not digit
    return text


def han_digits(figures: str) -> str:
    """Digits read one by one, as in years and decimals."""
    return "".join([_DIGIT_HAN[int(figure)] for figure in figures])
