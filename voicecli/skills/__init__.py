"""What can be answered without a model: the table of skills, and the understanding of what is asked.

To add a skill, write a `Skill` in one of these files and name its SKILLS below: understanding and help follow. What
models are offered as tools is GROUPED. Belongs here: the table, finding the skill. Does not belong here: I/O, clocks.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from voicecli.skills import clock, phrasebook, sums, text, timers, units
from voicecli.skills.skill import Answer, Question, Skill
from voicecli.text.characters import has_han

__all__ = ["GROUPED", "SKILLS", "Answer", "Question", "Skill", "answered", "understand"]


def _help(question: Question) -> Answer:
    english = [skill.help for skill in SKILLS if skill.help]
    chinese = [skill.help_chinese for skill in SKILLS if skill.help_chinese]
    return question.say(f"I can {', '.join(english[:-1])} and {english[-1]}.", f"我会{'、'.join(chinese)}。")


HELP = Skill(
    name="help",
    answer=_help,
    asked=(
        r"help(?: me)?",
        r"what (?:do you|can you) (?:know|do|say)|what can i (?:say|ask(?: you)?)",
        r"帮助|你(?:会|能|可以)(?:做|干)?(?:什么|些什么|啥)|怎么用",
    ),
)

SKILLS: tuple[Skill, ...] = (
    *clock.SKILLS,
    *timers.SKILLS,
    *units.SKILLS,
    *sums.SKILLS,
    HELP,
    *phrasebook.SKILLS,
)
GROUPED: Mapping[str, tuple[Skill, ...]] = {
    "clock": clock.SKILLS,
    "timer": timers.SKILLS,
    "convert": units.SKILLS,
    "calculate": sums.SKILLS,
}
"""What of it a model can make use of, by the names in `groups`; it needs nobody to repeat a sentence or be polite."""


@functools.cache
def _patterns(skill: Skill) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, skill.asked))


def answered(asked: Question, skills: Sequence[Skill] = SKILLS) -> Answer | None:
    """The answer of the first skill that has one to what was asked, in the person's own words; None: none has."""
    answers = (skill.answer(question) for skill, question in understand(asked, skills))
    return next((each for each in answers if each is not None), None)


def understand(asked: Question, skills: Sequence[Skill] = SKILLS) -> Iterator[tuple[Skill, Question]]:
    """Every skill of which a pattern fits what was asked, in their order, each with the question as it is given it."""
    plain = text.plain(asked.text)
    if not plain or len(asked.text) > text.LONGEST:
        return
    chinese = has_han(asked.text) is not None
    curt = text.curt(plain)
    digits = text.with_digits(text.straight(curt))
    for skill in skills:
        # "say thank you" ends politely, and means it.
        for own in (plain, curt) if skill.verbatim else (digits,):
            slots = _slots_of(skill, own)
            if slots is not None:
                yield skill, replace(asked, text=own, slots=slots, chinese=chinese)
                break


def _slots_of(skill: Skill, own: str) -> dict[str, str] | None:
    """What the first fitting pattern captured; None: none fits."""
    for pattern in _patterns(skill):
        if match := pattern.fullmatch(own):
            return {name: value.strip() for name, value in match.groupdict().items() if value}
    return None
