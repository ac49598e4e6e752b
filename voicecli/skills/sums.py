"""Skill: arithmetic, exactly, over a small tree of numbers and operators (never `eval`).

Belongs here: reading a sum, working it out, saying it. Does not belong here: units.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from voicecli.skills.skill import Answer, Question, Skill

LARGEST = 10**15
"""A result beyond this is not said: nobody can hear it."""

_N = r"(\d+(?:\.\d+)?)"
_ASKED = re.compile(
    r"^(?:what is|what are|how much is|how many is|calculate|compute|work out|convert|计算1?下?|算1?下?)\s*"
    r"|\s*(?:equals?(?: what)?|is what|=|等于(?:几|多少)?|是(?:几|多少)|得(?:几|多少))?\s*$"
)
_WORDS = tuple(
    (re.compile(words), sign)
    for words, sign in (
        (rf"^add {_N} (?:and|to|plus) {_N}$", r"\1+\2"),
        (rf"^subtract {_N} from {_N}$", r"\2-\1"),
        (rf"^multiply {_N} (?:by|and|with) {_N}$", r"\1*\2"),
        (rf"^divide {_N} by {_N}$", r"\1/\2"),
        (rf"(?:1 )?half of {_N}|{_N}的1半", r"(\1\2/2)"),
        (rf"(?:a|1) quarter of {_N}", r"(\1/4)"),
        (rf"(?:a|1) third of {_N}", r"(\1/3)"),
        (rf"{_N} ?(?:percent|per cent|%) ?(?:of|的) ?{_N}", r"(\1/100*\2)"),
        (rf"{_N}的百分之{_N}", r"(\1*\2/100)"),
        (rf"百分之{_N}", r"(\1/100)"),
        (rf"{_N}分之{_N}", r"(\2/\1)"),
        (rf"(?:the )?square root of {_N}|{_N}的(?:算术)?平方根|根号{_N}", r"sqrt(\1\2\3)"),
        (rf"{_N}的平方", r"\1**2"),
        (rf"{_N}的立方", r"\1**3"),
        (rf"{_N}的{_N}次方", r"\1**\2"),
        (r"\bsquared\b", "**2"),
        (r"\bcubed\b", "**3"),
        (r"\b(?:to|by) the power of\b|\^|\*\*", "**"),
        (r"\bmultiplied by\b|\btimes\b|(?<=\d) ?x ?(?=\d)|[×·]|乘以|乘", "*"),
        (r"\bdivided by\b|\bover\b|÷|除以", "/"),
        (r"\bplus\b|加上|加", "+"),
        (r"\bminus\b|\bnegative\b|−|减去|减|负", "-"),
        (r"\b0+(?=\d)", ""),
    )
)
_SUM = re.compile(r"[\d.+\-*/() ]*(?:sqrt\([\d.]+\)[\d.+\-*/() ]*)*")
_SAID = {"*": "times", "/": "divided by", "+": "plus", "-": "minus"}
_SAID_CHINESE = {"*": "乘以", "/": "除以", "+": "加", "-": "减"}
_SIMPLE = re.compile(r"(\d+(?:\.\d+)?) ?([*/+\-]) ?(\d+(?:\.\d+)?)")

_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class NotASumError(ValueError):
    """The text is no sum that is worked out here."""


def expression(text: str) -> str:
    """The sum in `text` with operators for its words; empty where it is not a sum."""
    text = _ASKED.sub("", text).strip()
    for words, sign in _WORDS:
        text = words.sub(sign, text)
    return text if _SUM.fullmatch(text) and re.search(r"[*/+\-q]", text[1:]) else ""


def work_out(text: str) -> Fraction:
    """The value of an expression. Raises NotASumError, ZeroDivisionError, OverflowError."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotASumError(text) from None
    return _value(tree.body)


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return _bounded(Fraction(str(node.value)))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case ast.UnaryOp(op=ast.UAdd()):
            return _value(node.operand)
        case ast.BinOp(op=ast.Pow()):
            return _power(_value(node.left), _value(node.right))
        case ast.BinOp() if type(node.op) in _BINARY:
            return _bounded(_BINARY[type(node.op)](_value(node.left), _value(node.right)))
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
            return _root(_value(argument))
    raise NotASumError(ast.dump(node))


def _bounded(value: Fraction) -> Fraction:
    if abs(value) > LARGEST or value.denominator > LARGEST**4:
        raise OverflowError
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent == Fraction(1, 2):
        return _root(base)
    if exponent.denominator != 1:
        raise NotASumError("no roots but the square one")
    if abs(exponent) > 64:
        raise OverflowError
    if abs(base) > 1 and abs(exponent) * math.log(abs(base)) > math.log(LARGEST):
        raise OverflowError
    return _bounded(base ** int(exponent))


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise NotASumError("a negative number has no real root")
    whole = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return whole if whole * whole == value else Fraction(str(math.sqrt(value)))


def spoken(value: Fraction, places: int = 4) -> tuple[str, bool]:
    """`value` rounded for the ear (below one to four digits that count), and whether that is exact."""
    near = round(value, places) if abs(value) >= 1 else Fraction(f"{float(value):.4g}")
    text = str(near) if near.denominator == 1 else f"{Decimal(near.numerator) / near.denominator:f}"
    return text, near == value


def _answer(question: Question) -> Answer | None:
    sum_ = expression(question.text)
    if not sum_:
        return None
    try:
        result, exact = spoken(work_out(sum_))
    except NotASumError:
        return None
    except ZeroDivisionError:
        return question.say("Nothing can be divided by zero.", "不能除以零。")
    except (OverflowError, ValueError):
        return question.say("That number is too large for me.", "这个数太大了。")
    return question.say(
        f"{_said(sum_)} is {'' if exact else 'about '}{result}.",
        f"{_said_chinese(sum_)}{'等于' if exact else '约等于'}{result}。",
    )


def _said(sum_: str) -> str:
    simple = _SIMPLE.fullmatch(sum_)
    return f"{simple[1]} {_SAID[simple[2]]} {simple[3]}" if simple else "That"


def _said_chinese(sum_: str) -> str:
    simple = _SIMPLE.fullmatch(sum_)
    return f"{simple[1]}{_SAID_CHINESE[simple[2]]}{simple[3]}" if simple else "结果"


SKILLS = (
    Skill(
        name="sums",
        help="work out sums",
        help_chinese="算算术",
        answer=_answer,
        asked=(r".*\d.*",),
    ),
)
