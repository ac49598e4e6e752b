"""Skill: conversion of units, by a table of how large each is.

Belongs here: the units people ask for, their names and sizes, and the sentence. Does not belong here: sums.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from voicecli.skills.skill import Answer, Question, Skill
from voicecli.skills.sums import spoken


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: what it measures and its size in that measure's unit, its English name in one and many, other spellings,
    and Chinese names.

    `kind` is set where the phrases have it: they stay within a kind. Sizes are exact where their definition is.
    """

    of: str
    size: str
    one: str
    many: str
    also: str = ""
    chinese: str = ""
    kind: str = ""

    def names(self) -> list[str]:
        return [self.one, self.many, *self.also.split("|"), *self.chinese.split("|")]


UNITS = (
    Unit("length", "1609.344", "mile", "miles", "mi", "英里", "length"),
    Unit("length", "1000", "kilometer", "kilometers", "km|kms|kilometre|kilometres|k m", "公里|千米", "length"),
    Unit("length", "1", "meter", "meters", "m|metre|metres", "米", "length"),
    Unit("length", "0.01", "centimeter", "centimeters", "cm|centimetre|centimetres", "厘米|公分", "length"),
    Unit("length", "0.3048", "foot", "feet", "ft", "英尺", "length"),
    Unit("length", "0.0254", "inch", "inches", "in", "英寸", "length"),
    Unit("length", "0.9144", "yard", "yards", "yd", "码", "length"),
    Unit("length", "0.001", "millimeter", "millimeters", "mm|millimetre|millimetres", "毫米"),
    Unit("length", "1852", "nautical mile", "nautical miles", "nmi", "海里"),
    Unit("length", "500", "li", "li", "", "里"),
    Unit("mass", "1000", "kilogram", "kilograms", "kg|kgs|kilo|kilos", "公斤|千克", "mass"),
    Unit("mass", "453.59237", "pound", "pounds", "lb|lbs", "磅", "mass"),
    Unit("mass", "1", "gram", "grams", "g|gramme|grammes", "克", "mass"),
    Unit("mass", "28.349523125", "ounce", "ounces", "oz", "盎司", "mass"),
    Unit("mass", "1000000", "ton", "tons", "t|tonne|tonnes", "吨"),
    Unit("mass", "500", "jin", "jin", "", "斤"),
    Unit("heat", "1", "degree celsius", "degrees celsius", "celsius|c|°c|°|degrees c|centigrade", "摄氏度|度", "heat"),
    Unit("heat", "5/9", "degree fahrenheit", "degrees fahrenheit", "fahrenheit|f|°f|degrees f", "华氏度", "heat"),
    Unit("heat", "1", "kelvin", "kelvin", "k|kelvins", "开尔文"),
    Unit("volume", "1", "liter", "liters", "l|litre|litres", "升|公升", "volume"),
    Unit("volume", "3.785411784", "gallon", "gallons", "gal", "加仑", "volume"),
    Unit("volume", "0.2365882365", "cup", "cups", "", "", "volume"),
    Unit("volume", "0.473176473", "pint", "pints", "pt", "品脱", "volume"),
    Unit("volume", "0.001", "milliliter", "milliliters", "ml|millilitre|millilitres", "毫升"),
    Unit("time", "86400", "day", "days", "", "天|日", "time"),
    Unit("time", "3600", "hour", "hours", "h|hr|hrs", "小时|个小时|钟头", "time"),
    Unit("time", "60", "minute", "minutes", "min|mins", "分钟|分", "time"),
    Unit("time", "1", "second", "seconds", "s|sec|secs", "秒|秒钟", "time"),
    Unit("time", "604800", "week", "weeks", "", "周|星期|个星期", "time"),
    Unit("speed", "0.44704", "mile per hour", "miles per hour", "mph", "英里每小时"),
    Unit("speed", "5/18", "kilometer per hour", "kilometers per hour", "km/h|kmh|kph", "公里每小时"),
    Unit("speed", "1", "meter per second", "meters per second", "m/s", "米每秒"),
    Unit("speed", "1852/3600", "knot", "knots", "kn", "节"),
    Unit("area", "10000", "hectare", "hectares", "ha", "公顷"),
    Unit("area", "4046.8564224", "acre", "acres", "", "英亩"),
    Unit("area", "1", "square meter", "square meters", "m2|sqm|m^2", "平方米|平米"),
    Unit("area", "1000000", "square kilometer", "square kilometers", "km2|km^2", "平方公里"),
    Unit("area", "0.09290304", "square foot", "square feet", "sqft|ft2|ft^2", "平方英尺"),
    Unit("energy", "4.184", "calorie", "calories", "cal", "卡|卡路里"),
    Unit("energy", "4184", "kilocalorie", "kilocalories", "kcal", "千卡|大卡"),
    Unit("energy", "1", "joule", "joules", "j", "焦耳|焦"),
    Unit("energy", "1000", "kilojoule", "kilojoules", "kj", "千焦"),
    Unit("energy", "3600000", "kilowatt hour", "kilowatt hours", "kwh", "千瓦时|度电"),
    Unit("power", "1", "watt", "watts", "w", "瓦|瓦特"),
    Unit("power", "745.69987158227022", "horsepower", "horsepower", "hp", "马力"),
    Unit("pressure", "100000", "bar", "bars", "", "巴"),
    Unit("pressure", "6894.757293168", "pound per square inch", "pounds per square inch", "psi", ""),
    Unit("data", "1", "byte", "bytes", "", "字节"),
    Unit("data", "1000", "kilobyte", "kilobytes", "kb", ""),
    Unit("data", "1000000", "megabyte", "megabytes", "mb", ""),
    Unit("data", "1000000000", "gigabyte", "gigabytes", "gb", ""),
    Unit("data", "1048576", "mebibyte", "mebibytes", "mib", ""),
)
BY_NAME = {name: unit for unit in reversed(UNITS) for name in unit.names() if name}
_ZERO = {"degree celsius": Fraction("273.15"), "degree fahrenheit": Fraction("273.15") - Fraction(160, 9)}
"""Where a scale of heat begins, in kelvins; the others begin at nothing."""


def _several(unit: Unit) -> str:
    return f"[degrees] {unit.also.split('|')[0]}" if unit.kind == "heat" else unit.many


def _single(unit: Unit) -> str:
    return f"{'an' if unit.one in _VOWELS else 'a'} {unit.one} | one {unit.one}"


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


def convert(amount: str, source: Unit, target: Unit) -> Fraction | None:
    """`amount` of `source` in `target`; None where the two do not measure the same."""
    if source.of != target.of:
        return None
    base = Fraction(amount) * Fraction(source.size) + _ZERO.get(source.one, 0)
    return (base - _ZERO.get(target.one, 0)) / Fraction(target.size)


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
    ),
)
