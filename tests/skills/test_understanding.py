"""The phrases of the skills: every sentence that they allow is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.skills import RULES, SKILLS, Timer, understand
from voicecli.skills.phrases import Choice, Leaf, Node, Sequence, parse

PHRASES = [phrase for skill in SKILLS for phrase in skill.spoken]


def spoken(node: Node, random: Random) -> str:
    """A sentence that `node` allows, rules filled in."""
    match node:
        case Leaf(text) if text.startswith("<"):
            return spoken(parse(RULES[text[1:-1]]), random)
        case Leaf(text):
            return text
        case Sequence(parts):
            return " ".join(filter(None, [spoken(part, random) for part in parts]))
        case Choice(options):
            return spoken(random.choice(options), random)


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_the_phrases_allow_a_skill_answers(random: Random) -> None:
    sentence = spoken(parse(random.choice(PHRASES)), random)
    now, timers = datetime(2026, 11, 21, 15, 5), (Timer(60, 30),)
    for skill, question in understand(sentence):
        found = skill.answer(replace(question, now=now, rings=True, timers=timers, last_reply="It is 3 PM."))
        if found is not None:
            assert 0 < len(found.text) < 160
            return
    raise AssertionError(f"nobody answers '{sentence}'")
