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

    Sizes are exact where their definition is.
    """

    of: str
    size: str
    one: str
    many: str
    also: str = ""
    chinese: str = ""

    def names(self) -> list[str]:
        return [self.one, self.many, *self.also.split("|"), *self.chinese.split("|")]


UNITS = (
    Unit("length", "1609.344", "mile", "miles", "mi", "英里"),
    Unit("length", "1000", "kilometer", "kilometers", "km|kms|kilometre|kilometres|k m", "公里|千米"),
    Unit("length", "1", "meter", "meters", "m|metre|metres", "米"),
    Unit("length", "0.01", "centimeter", "centimeters", "cm|centimetre|centimetres", "厘米|公分"),
    Unit("length", "0.3048", "foot", "feet", "ft", "英尺"),
    Unit("length", "0.0254", "inch", "inches", "in", "英寸"),
    Unit("length", "0.9144", "yard", "yards", "yd", "码"),
    Unit("length", "0.001", "millimeter", "millimeters", "mm|millimetre|millimetres", "毫米"),
    Unit("length", "1852", "nautical mile", "nautical miles", "nmi", "海里"),
    Unit("length", "500", "li", "li", "", "里"),
    Unit("mass", "1000", "kilogram", "kilograms", "kg|kgs|kilo|kilos", "公斤|千克"),
    Unit("mass", "453.59237", "pound", "pounds", "lb|lbs", "磅"),
    Unit("mass", "1", "gram", "grams", "g|gramme|grammes", "克"),
    Unit("mass", "28.349523125", "ounce", "ounces", "oz", "盎司"),
    Unit("mass", "1000000", "ton", "tons", "t|tonne|tonnes", "吨"),
    Unit("mass", "500", "jin", "jin", "", "斤"),
    Unit("heat", "1", "degree celsius", "degrees celsius", "celsius|c|°c|°|degrees c|centigrade", "摄氏度|度"),
    Unit("heat", "5/9", "degree fahrenheit", "degrees fahrenheit", "fahrenheit|f|°f|degrees f", "华氏度"),
    Unit("heat", "1", "kelvin", "kelvin", "k|kelvins", "开尔文"),
    Unit("volume", "1", "liter", "liters", "l|litre|litres", "升|公升"),
    Unit("volume", "3.785411784", "gallon", "gallons", "gal", "加仑"),
    Unit("volume", "0.2365882365", "cup", "cups"),
    Unit("volume", "0.473176473", "pint", "pints", "pt", "品脱"),
    Unit("volume", "0.001", "milliliter", "milliliters", "ml|millilitre|millilitres", "毫升"),
    Unit("time", "86400", "day", "days", "", "天|日"),
    Unit("time", "3600", "hour", "hours", "h|hr|hrs", "小时|个小时|钟头"),
    Unit("time", "60", "minute", "minutes", "min|mins", "分钟|分"),
    Unit("time", "1", "second", "seconds", "s|sec|secs", "秒|秒钟"),
    Unit("time", "604800", "week", "weeks", "", "周|星期|个星期"),
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
    Unit("pressure", "6894.757293168", "pound per square inch", "pounds per square inch", "psi"),
    Unit("data", "1", "byte", "bytes", "", "字节"),
    Unit("data", "1000", "kilobyte", "kilobytes", "kb"),
    Unit("data", "1000000", "megabyte", "megabytes", "mb"),
    Unit("data", "1000000000", "gigabyte", "gigabytes", "gb"),
    Unit("data", "1048576", "mebibyte", "mebibytes", "mib"),
)
BY_NAME = {name: unit for unit in reversed(UNITS) for name in unit.names() if name}
_ZERO = {"degree celsius": Fraction("273.15"), "degree fahrenheit": Fraction("273.15") - Fraction(160, 9)}
"""Where a scale of heat begins, in kelvins; the others begin at nothing."""


_NAMES = "|".join(sorted(map(re.escape, BY_NAME), key=len, reverse=True))


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
    source, target = BY_NAME.get(slots.get("source", "")), BY_NAME.get(slots.get("target", ""))
    return (slots.get("number", "1"), source, target) if source and target else None


_AMOUNT = r"(?P<number>-?\d+(?:\.\d+)?)"
_FROM, _TO = rf"(?P<source>{_NAMES})", rf"(?P<target>{_NAMES})"
_ASKED = r"(?:(?:what|how much|how many) is |convert |calculate )?"

SKILLS = (
    Skill(
        name="units",
        help="convert units",
        help_chinese="换算单位",
        answer=_answer,
        asked=(
            rf"{_ASKED}(?:an? )?{_AMOUNT}? ?{_FROM} (?:to|in|into|as) {_TO}",
            rf"(?:how many|how much) {_TO} (?:are |is |are there |make )?(?:in |is )?(?:an? )?{_AMOUNT}? ?{_FROM}",
            rf"(?:把|将)?{_AMOUNT} ?个?{_FROM}(?:换算|转换|换|转)?(?:成|为|是|等于|有|合)(?:多少|几)?个?{_TO}",
        ),
    ),
)
