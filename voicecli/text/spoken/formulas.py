"""Formulas in words.

Belongs here: LaTeX between its signs, money beside it. Does not belong here: what stands around a formula.
"""

from __future__ import annotations

import re

from voicecli.text.spoken.saying import SpokenWords
from voicecli.text.spoken.signs import LONGEST_FORMULA, MORE, sayable

_MATH = {
    "\\(": re.compile(rf"\\\(([^\n]{{1,{LONGEST_FORMULA}}}?)\\\)"),
    "\\[": re.compile(rf"\\\[(.{{1,{LONGEST_FORMULA}}}?)\\\]", re.DOTALL),
    "$$": re.compile(rf"\$\$([^$]{{1,{LONGEST_FORMULA}}})\$\$"),
    "$": re.compile(r"\$(?=[^\s$])((?:[^$\n\\]|\\.){0,200}[^\s$\\])\$(?!\d)"),
}
_DOLLAR_OPEN = re.compile(r"\$(?:(?![\s$\d])(?:[^$\n\\]|\\.){0,201}\\?)?\Z")
_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]+\b(?!\$)")
_BRACED = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FORMULA: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = tuple(
    (re.compile(pattern), {"en": english, "zh": chinese})
    for pattern, english, chinese in (
        (r"\\(?:text|mathrm|mathbf|operatorname|mathbb)\s*" + _BRACED, r"\1", r"\1"),
        (r"\\[dt]?frac\s*" + _BRACED + r"\s*" + _BRACED, r" \1 over \2 ", r"\2分之\1"),
        (r"\\sqrt\s*" + _BRACED, r" the square root of \1 ", r"根号\1"),
        (r"\^\{?2\}?(?!\d)", " squared ", "的平方"),
        (r"\^\{?3\}?(?!\d)", " cubed ", "的立方"),
        (r"\^" + _BRACED + r"|\^(\w)", r" to the power of \1\2 ", r"的\1\2次方"),
        (r"_" + _BRACED + r"|_(\w)", r" \1\2 ", r"\1\2"),
        (r"\\(?:times|cdot)(?![a-z])|\*", " times ", "乘"),
        (r"\\div(?![a-z])", " divided by ", "除以"),
        (r"\\pm(?![a-z])", " plus or minus ", "正负"),
        (r"\\(?:leq?)(?![a-z])", " is at most ", "小于等于"),
        (r"\\(?:geq?)(?![a-z])", " is at least ", "大于等于"),
        (r"\\(?:neq?)(?![a-z])", " is not equal to ", "不等于"),
        (r"\\approx(?![a-z])", " is about ", "约等于"),
        (r"\\infty(?![a-z])", " infinity ", "无穷大"),
        (r"\\(?:to|rightarrow|Rightarrow)(?![a-z])", " to ", "到"),
        (r"\\(?:sum)(?![a-z])", " the sum ", "求和"),
        (r"\\(?:int)(?![a-z])", " the integral ", "积分"),
        (r"=", " equals ", "等于"),
        (r"\\(?:left|right|quad|qquad|displaystyle|,|;|!|:|\s)(?![a-z])", " ", ""),
        (r"\\([a-zA-Z]+)", r" \1 ", r"\1"),
        (r"[{}\\$&]", " ", ""),
        (r"\s+", " ", " "),
    )
)


def in_words(formula: str, language: str) -> str:
    """`formula` as it is said in `language` (`en` or `zh`)."""
    for pattern, said in _FORMULA:
        formula = pattern.sub(said[language], formula)
    return formula.strip()


def read_dollar(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Money passes; formulas are read in words; a name of a variable loses its sign."""
    if text.startswith("$$", at):
        return _read_formula("$$", saying, text, at, final)
    follows = text[at + 1 : at + 2]
    if not follows and not final:
        return MORE
    if follows.isdigit() or saying.before().isdigit():
        return saying.literal(text, at)
    if variable := _VARIABLE.match(text, at):
        return at + 1 if variable.end() < len(text) or final else MORE
    return _read_formula("$", saying, text, at, final)


def read_backslash(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Before a sign it takes the sign's meaning away; before a bracket it opens a formula."""
    follows = text[at + 1 : at + 2]
    if not follows and not final:
        return MORE
    if follows in ("(", "[") and (not final or _MATH["\\" + follows].match(text, at)):
        return _read_formula("\\" + follows, saying, text, at, final)
    if follows == "\n":
        return at + 1
    if follows.isascii() and follows.isprintable() and not follows.isalnum() and follows != " ":
        saying.say(follows)
        return at + 2
    return saying.literal(text, at)


def _read_formula(opened: str, saying: SpokenWords, text: str, at: int, final: bool) -> int:
    if formula := _MATH[opened].match(text, at):
        if formula.end() == len(text) and opened == "$" and not final:
            return MORE
        saying.say(in_words(sayable(formula[1]), saying.language()))
        return formula.end()
    waits = len(text) - at < LONGEST_FORMULA if len(opened) == 2 else _DOLLAR_OPEN.match(text, at)
    return MORE if waits and not final else at + len(opened)
