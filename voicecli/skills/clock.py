"""Skills: the time and the date.

Belongs here: sentences about a moment that is handed in. Does not belong here: reading a clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from voicecli.skills.skill import Answer, Question, Skill

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS_CHINESE = "一二三四五六日"
_SHIFTS = {"tomorrow": 1, "明天": 1, "yesterday": -1, "昨天": -1, "后天": 2}


def _time(question: Question) -> Answer:
    now = question.now
    hour, half = now.hour % 12 or 12, "AM" if now.hour < 12 else "PM"
    english = f"{hour}:{now.minute:02}" if now.minute else f"{hour}"
    chinese = f"{now.hour}点{now.minute}分" if now.minute else f"{now.hour}点整"
    return question.say(f"It is {english} {half}.", f"现在是{chinese}。")


def _date(question: Question) -> Answer:
    word = next((word for word in _SHIFTS if word in question.text), "")
    day = question.now + timedelta(days=_SHIFTS.get(word, 0))
    when = {1: "Tomorrow is", -1: "Yesterday was"}.get(_SHIFTS.get(word, 0), "Today is")
    english = f"{when} {_DAYS[day.weekday()]}, {_MONTHS[day.month - 1]} {day.day}, {day.year}."
    return question.say(english, f"{word or '今天'}是{_chinese_date(day)}。")


def _chinese_date(day: datetime) -> str:
    return f"{day.year}年{day.month}月{day.day}日，星期{_DAYS_CHINESE[day.weekday()]}"


def _month(question: Question) -> Answer:
    return question.say(f"It is {_MONTHS[question.now.month - 1]}.", f"现在是{question.now.month}月。")


def _year(question: Question) -> Answer:
    return question.say(f"It is {question.now.year}.", f"今年是{question.now.year}年。")


SKILLS = (
    Skill(
        name="time",
        help="tell the time",
        help_chinese="报时间",
        answer=_time,
        asked=(
            r"(?:what is |tell me )?(?:the )?(?:current )?time(?: now)?|what is the time is",
            r"what time is it(?: now)?|what (?:the )?time (?:it is|is)",
            r"(?:do you )?have (?:you )?(?:got )?the time",
            r"(?:现在)?(?:是)?(?:几点钟?|什么时间|什么时候)了?",
            r"现在的?时间(?:是多少)?",
        ),
    ),
    Skill(
        name="date",
        help="tell the date",
        help_chinese="报日期",
        answer=_date,
        asked=(
            r"what (?:day|date|day of the week) is it(?: today)?|what day (?:is (?:today|tomorrow)|was yesterday)",
            r"what (?:is|was) (?:the|today's|tomorrow's) date(?: (?:today|tomorrow|yesterday))?",
            r"(?:tell me )?(?:the |today's )?date(?: today)?",
            r"(?:今天|明天|昨天|后天)?(?:是)?(?:几月几号|几月几日|几号|几日|多少号|星期几|礼拜几|周几|什么日子)(?:了)?",
            r"(?:今天|明天|昨天|后天)(?:的)?日期(?:是多少|是什么)?",
        ),
    ),
    Skill(
        name="month",
        answer=_month,
        asked=(
            r"what month is it",
            r"(?:现在|这个月|本月)?(?:是)?几月(?:份)?(?:了)?",
        ),
    ),
    Skill(
        name="year",
        answer=_year,
        asked=(
            r"what year is it",
            r"(?:今年|现在)是?(?:哪1?年|几几年|什么年)",
        ),
    ),
)
