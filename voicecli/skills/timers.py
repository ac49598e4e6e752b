"""Skills: timers that ring. What a timer does is an Answer's; keeping time is the chat's.

Belongs here: reading a length of time, and the sentences about timers. Does not belong here: any clock.
"""

from __future__ import annotations

import re

from voicecli.skills.skill import Answer, Question, Skill

LONGEST = 24 * 3600
"""Seconds; a conversation is not expected to last longer."""

_SECONDS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s", "秒", "秒钟"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m", "分", "分钟"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "小时", "钟头"), 3600),
    **dict.fromkeys(("刻", "刻钟"), 900),
}
_PERIOD = "|".join(sorted(_SECONDS, key=len, reverse=True)).join(("(?:", ")(?![a-z])"))
_AMOUNT = r"(?:\d+(?:\.\d+)?(?: and a half)?|half an|half a|half|an|a|半)"
_PART = rf"{_AMOUNT} ?(?:个半?)?{_PERIOD}(?: and a half|半)?"
_ONE = re.compile(rf"({_AMOUNT}) ?(个半?)?({_PERIOD})( and a half|半)?")
DURATION = rf"{_PART}(?:(?: and)? ?{_PART})*"
"""A length of time in normalised text."""


def seconds(text: str) -> float:
    """The length of time that `text` names; 0 where it names none."""
    return sum(_part(*match.groups()) for match in _ONE.finditer(text))


def _part(amount: str, measure: str, period: str, after: str) -> float:
    """One amount with its period; "half" may stand in the amount, before the period or after it."""
    named = re.match(r"[\d.]+", amount)
    count = float(named[0]) if named else 0.5 if amount.startswith(("half", "半")) else 1.0
    half = "and a half" in amount or measure == "个半" or after
    return _SECONDS[period] * (count + (0.5 if half else 0.0))


def said(length: float) -> str:
    """A length of time in words: "1 hour 30 minutes"."""
    parts = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in _counts(length, "hour minute second")]
    return " ".join(parts) or "0 seconds"


def said_chinese(length: float) -> str:
    return "".join([f"{count}{name}" for count, name in _counts(length, "小时 分钟 秒")]) or "0秒"


def _counts(length: float, names: str) -> list[tuple[int, str]]:
    minutes, secs = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return [(count, name) for count, name in zip((hours, minutes, secs), names.split(), strict=True) if count]


def _start(question: Question) -> Answer | None:
    length = seconds(question.slots.get("duration") or question.text)
    if not length:
        return None
    if length > LONGEST:
        return question.say("A timer runs for a day at most.", "计时器最长二十四小时。")
    if not question.rings:
        return question.say("Timers ring only while voice talk is running.", "计时器只在 voice talk 运行时有效。")
    set_ = question.say(f"Timer set for {said(length)}.", f"好的，{said_chinese(length)}后提醒你。")
    done = question.say(f"Time is up: {said(length)}.", f"{said_chinese(length)}到了。")
    return Answer(set_.text, start=length, ringing=done.text)


def _cancel(question: Question) -> Answer:
    if not question.timers:
        return question.say("No timer is running.", "没有正在运行的计时器。")
    return Answer(question.say("Timer cancelled.", "计时器已取消。").text, cancel=True)


def _left(question: Question) -> Answer:
    if not question.timers:
        return question.say("No timer is running.", "没有正在运行的计时器。")
    left = min(question.timers)
    return question.say(f"{said(left)} left.", f"还剩{said_chinese(left)}。")


_ZH_TIMER = "(?:计时器|定时器|闹钟|倒计时|提醒)"

SKILLS = (
    Skill(
        name="timer",
        help="set timers",
        help_chinese="定时提醒",
        answer=_start,
        asked=(
            rf"(?:(?:set|start) )?(?:a |an |the )?(?:timer|alarm|countdown)(?: for| of)? (?P<duration>{DURATION})",
            rf"(?:(?:set|start) )?(?:a |an )?(?P<duration>{DURATION}) (?:timer|countdown)",
            rf"(?:remind|wake|call|tell) me (?:up )?(?:in|after) (?P<duration>{DURATION})",
            rf"过?(?P<duration>{DURATION})(?:以后|之后|后)?(?:提醒|叫|告诉|喊)我?",
            rf"(?:设|设置|设定|定|订|来|开)?1?个?(?P<duration>{DURATION})的?{_ZH_TIMER}",
            rf"{_ZH_TIMER}(?P<duration>{DURATION})",
        ),
    ),
    Skill(
        name="cancel timer",
        answer=_cancel,
        asked=(
            r"(?:cancel|stop|delete|clear|end) (?:the |my |all )*(?:timers?|alarms?|countdowns?)",
            rf"(?:取消|停止|关闭|关掉|删除)(?:所有的?|全部)?{_ZH_TIMER}",
        ),
    ),
    Skill(
        name="time left",
        answer=_left,
        asked=(
            r"(?:how much )?time (?:is )?left(?: on the timer)?|how long is left",
            r"(?:计时器|定时器)?还(?:剩|有|剩下)(?:多少时间|多久|多长时间)",
        ),
    ),
)
