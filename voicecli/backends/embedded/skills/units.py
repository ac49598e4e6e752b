"""Skill: conversion of units, by the pint library (imported when a question needs it: it takes most of a second).

Belongs here: the units people ask for, their names, and the sentence. Does not belong here: conversion factors.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from voicecli.backends.embedded.skills.skill import Answer, Question, Skill
from voicecli.backends.embedded.skills.sums import spoken


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its name in pint, its English name in one and many, other spellings, and Chinese names.

    `kind` is what it measures: spoken conversions stay within a kind. One that is only typed has no kind.
    """

    pint: str
    one: str
    many: str
    also: str = ""
    chinese: str = ""
    kind: str = ""

    def names(self) -> list[str]:
        return [self.one, self.many, *self.also.split("|"), *self.chinese.split("|")]


UNITS = (
    Unit("mile", "mile", "miles", "mi", "英里", "length"),
    Unit("kilometer", "kilometer", "kilometers", "km|kms|kilometre|kilometres|k m", "公里|千米", "length"),
    Unit("meter", "meter", "meters", "m|metre|metres", "米", "length"),
    Unit("centimeter", "centimeter", "centimeters", "cm|centimetre|centimetres", "厘米|公分", "length"),
    Unit("foot", "foot", "feet", "ft", "英尺", "length"),
    Unit("inch", "inch", "inches", "in", "英寸", "length"),
    Unit("yard", "yard", "yards", "yd", "码", "length"),
    Unit("millimeter", "millimeter", "millimeters", "mm|millimetre|millimetres", "毫米"),
    Unit("nautical_mile", "nautical mile", "nautical miles", "nmi", "海里"),
    Unit("li_length", "li", "li", "", "里"),
    Unit("kilogram", "kilogram", "kilograms", "kg|kgs|kilo|kilos", "公斤|千克", "mass"),
    Unit("pound", "pound", "pounds", "lb|lbs", "磅", "mass"),
    Unit("gram", "gram", "grams", "g|gramme|grammes", "克", "mass"),
    Unit("ounce", "ounce", "ounces", "oz", "盎司", "mass"),
    Unit("metric_ton", "ton", "tons", "t|tonne|tonnes", "吨"),
    Unit("jin_mass", "jin", "jin", "", "斤"),
    Unit("degC", "degree celsius", "degrees celsius", "celsius|c|°c|°|degrees c|centigrade", "摄氏度|度", "heat"),
    Unit("degF", "degree fahrenheit", "degrees fahrenheit", "fahrenheit|f|°f|degrees f", "华氏度", "heat"),
    Unit("kelvin", "kelvin", "kelvin", "k|kelvins", "开尔文"),
    Unit("liter", "liter", "liters", "l|litre|litres", "升|公升", "volume"),
    Unit("gallon", "gallon", "gallons", "gal", "加仑", "volume"),
    Unit("cup", "cup", "cups", "", "", "volume"),
    Unit("pint", "pint", "pints", "pt", "品脱", "volume"),
    Unit("milliliter", "milliliter", "milliliters", "ml|millilitre|millilitres", "毫升"),
    Unit("day", "day", "days", "", "天|日", "time"),
    Unit("hour", "hour", "hours", "h|hr|hrs", "小时|个小时|钟头", "time"),
    Unit("minute", "minute", "minutes", "min|mins", "分钟|分", "time"),
    Unit("second", "second", "seconds", "s|sec|secs", "秒|秒钟", "time"),
    Unit("week", "week", "weeks", "", "周|星期|个星期", "time"),
    Unit("mile/hour", "mile per hour", "miles per hour", "mph", "英里每小时"),
    Unit("kilometer/hour", "kilometer per hour", "kilometers per hour", "km/h|kmh|kph", "公里每小时"),
    Unit("meter/second", "meter per second", "meters per second", "m/s", "米每秒"),
    Unit("knot", "knot", "knots", "kn", "节"),
    Unit("hectare", "hectare", "hectares", "ha", "公顷"),
    Unit("acre", "acre", "acres", "", "英亩"),
    Unit("meter**2", "square meter", "square meters", "m2|sqm|m^2", "平方米|平米"),
    Unit("kilometer**2", "square kilometer", "square kilometers", "km2|km^2", "平方公里"),
    Unit("foot**2", "square foot", "square feet", "sqft|ft2|ft^2", "平方英尺"),
    Unit("calorie", "calorie", "calories", "cal", "卡|卡路里"),
    Unit("kilocalorie", "kilocalorie", "kilocalories", "kcal", "千卡|大卡"),
    Unit("joule", "joule", "joules", "j", "焦耳|焦"),
    Unit("kilojoule", "kilojoule", "kilojoules", "kj", "千焦"),
    Unit("kilowatt_hour", "kilowatt hour", "kilowatt hours", "kwh", "千瓦时|度电"),
    Unit("watt", "watt", "watts", "w", "瓦|瓦特"),
    Unit("horsepower", "horsepower", "horsepower", "hp", "马力"),
    Unit("bar", "bar", "bars", "", "巴"),
    Unit("psi", "pound per square inch", "pounds per square inch", "psi", ""),
    Unit("byte", "byte", "bytes", "", "字节"),
    Unit("kilobyte", "kilobyte", "kilobytes", "kb", ""),
    Unit("megabyte", "megabyte", "megabytes", "mb", ""),
    Unit("gigabyte", "gigabyte", "gigabytes", "gb", ""),
    Unit("mebibyte", "mebibyte", "mebibytes", "mib", ""),
)
BY_NAME = {name: unit for unit in reversed(UNITS) for name in unit.names() if name}
_EXTRA = ("li_length = 500 * meter", "jin_mass = 500 * gram")


def _several(unit: Unit) -> str:
    return f"[degrees] {unit.also.split('|')[0]}" if unit.kind == "heat" else unit.many


def _single(unit: Unit) -> str:
    return f"{'an' if unit.pint in _VOWELS else 'a'} {unit.one} | one {unit.one}"


_VOWELS = ("inch", "hour", "ounce")


def _rules() -> dict[str, str]:
    """Spoken conversions stay within a kind, and several of a unit are never said like one."""
    kinds = {unit.kind: [u for u in UNITS if u.kind == unit.kind] for unit in UNITS if unit.kind}
    rules = {kind: " | ".join(map(_several, units)) for kind, units in kinds.items()}
    counted = [kind for kind in kinds if kind != "heat"]
    rules |= {f"one_{kind}": " | ".join(map(_single, kinds[kind])) for kind in counted}
    return rules | {
        "link": "to | in | into",
        "conversion": " | ".join([f"<{kind}> <link> <{kind}>" for kind in kinds]),
        "one_conversion": " | ".join([f"(<one_{kind}>) <link> <{kind}>" for kind in counted]),
        "contained": " | ".join([f"<{kind}> <within> (<one_{kind}>)" for kind in counted]),
        "within": "are in | are there in",
        "units": " | ".join([f"<{kind}>" for kind in counted]),
    }


RULES = _rules()
_NAMES = "|".join(sorted(map(re.escape, BY_NAME), key=len, reverse=True))
_LINK = re.compile(r" (?:to|in|into|as|are in|are there in) ")
WRITTEN = {
    "conversion": rf"(?:{_NAMES}) (?:to|in|into|as) (?:{_NAMES})",
    "one_conversion": rf"(?:an? |1 )(?:{_NAMES}) (?:to|in|into|as) (?:{_NAMES})",
    "contained": rf"(?:{_NAMES}) (?:are in|are there in) (?:an? |1 )(?:{_NAMES})",
    "units": _NAMES,
}


@functools.cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry()
    for line in _EXTRA:
        registry.define(line)
    return registry


def load() -> None:
    """Loads the library, which takes most of a second. Blocks."""
    _registry()


def convert(amount: str, source: Unit, target: Unit) -> Fraction | None:
    """`amount` of `source` in `target`; None where the two do not measure the same."""
    import pint

    try:
        value = _registry().Quantity(float(amount), source.pint).to(target.pint).magnitude
        return Fraction(str(float(f"{value:.12g}")))
    except (pint.PintError, OverflowError, ValueError):
        return None


def _answer(question: Question) -> Answer | None:
    found = _asked(question)
    if found is None:
        return None
    amount, source, target = found
    value = convert(amount, source, target)
    if value is None:
        return question.say(
            f"I cannot turn {source.many} into {target.many}.",
            f"{_chinese(source)}不能换算成{_chinese(target)}。",
        )
    result, exact = spoken(value, 2 if abs(value) >= 1 else 4)
    about, roughly = ("", "是") if exact else ("about ", "约等于")
    return question.say(
        f"{amount} {_plural(source, amount)} is {about}{result} {_plural(target, result)}.",
        f"{amount}{_chinese(source)}{roughly}{result}{_chinese(target)}。",
    )


def _plural(unit: Unit, amount: str) -> str:
    return unit.one if amount == "1" else unit.many


def _chinese(unit: Unit) -> str:
    return unit.chinese.split("|")[0] or unit.many


def _asked(question: Question) -> tuple[str, Unit, Unit] | None:
    """The amount and the two units, from what a phrase captured."""
    slots = question.slots
    amount = slots.get("number", "1")
    if pair := slots.get("conversion") or slots.get("one_conversion"):
        source, target = _LINK.split(pair, maxsplit=1)
    elif pair := slots.get("contained"):
        target, source = _LINK.split(pair, maxsplit=1)
    else:
        source, target = slots.get("source", slots.get("units2", "")), slots.get("target", slots.get("units", ""))
    source = re.sub(r"^(?:an?|1) ", "", source)
    return (amount, BY_NAME[source], BY_NAME[target]) if source in BY_NAME and target in BY_NAME else None


_AMOUNT = r"(?P<number>-?\d+(?:\.\d+)?)"
_FROM, _TO = rf"(?P<source>{_NAMES})", rf"(?P<target>{_NAMES})"

SKILLS = (
    Skill(
        name="units",
        help="convert units",
        help_chinese="换算单位",
        answer=_answer,
        spoken=(
            "<asking> <number> <conversion>",
            "<asking> <one_conversion>",
            "how many <contained>",
            "how many <units> <within> <number> <units>",
        ),
        typed=(
            rf"(?:what is |how much is |convert |how many is )?(?:an? )?{_AMOUNT}? ?{_FROM} (?:to|in|into|as) {_TO}",
            rf"(?:how many|how much) {_TO} (?:are |is |are there |make )?(?:in |is )?(?:an? )?{_AMOUNT}? ?{_FROM}",
            rf"(?:把|将)?{_AMOUNT} ?个?{_FROM}(?:换算|转换|换|转)?(?:成|为|是|等于|有|合)(?:多少|几)?个?{_TO}",
        ),
        slow=True,
    ),
)
