"""The grammar that is made from the skills: every word can be recognised, every sentence is answered."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.backends.embedded import family as embedded
from voicecli.backends.embedded import rejection
from voicecli.backends.embedded.skills import RULES, SKILLS, Timer, understand, words
from voicecli.backends.embedded.skills.phrases import Choice, Leaf, Node, Sequence, merged, parse

ASKED = merged(phrase for skill in SKILLS for phrase in skill.spoken)


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
def test_whatever_the_grammar_hears_a_skill_answers(random: Random) -> None:
    sentence = spoken(parse(ASKED), random)
    now, timers = datetime(2026, 11, 21, 15, 5), (Timer(60, 30),)
    for skill, question in understand(sentence):
        found = skill.answer(replace(question, now=now, rings=True, timers=timers, last_reply="It is 3 PM."))
        if found is not None:
            assert 0 < len(found.text) < 160
            return
    raise AssertionError(f"nobody answers '{sentence}'")


def test_every_word_is_in_the_dictionary() -> None:
    import pocketsphinx

    path = Path(pocketsphinx.get_model_path(), "en-us", "cmudict-en-us.dict")
    known = {line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()}
    assert words() <= known
    assert not known & set(rejection.PRONUNCIATIONS)


def test_the_grammar_is_whole() -> None:
    text = embedded.grammar()
    assert text.startswith("#JSGF V1.0;")
    used = set(re.findall(r"<(\w+)>", text))
    assert used == set(re.findall(r"^(?:public )?<(\w+)> =", text, re.MULTILINE))


def test_the_rejection_rule_is_in_it() -> None:
    assert "| <other>" in embedded.grammar()
    assert rejection.rejected("sound_ah sound_b") and not rejection.rejected("what time is it")
