"""A conversation behind a wake phrase: which words are for it, and when it sleeps."""

from __future__ import annotations

import pytest

from voicecli.dialogue.manners import after_phrase
from voicecli.dialogue.waking import Sleep
from voicecli.types.turns import Heard


@pytest.mark.parametrize(
    ("text", "phrase", "rest"),
    [
        ("Hey, computer! What time is it?", "hey computer", "What time is it?"),
        ("Well, hey computer.", "Hey Computer", ""),
        ("A computer. What time is it?", "hey computer", "What time is it?"),
        ("OK, Jarvis?", "okay jarvis", ""),
        ("This is a computer.", "hey computer", None),
        ("They compute.", "hey computer", None),
        ("hey computers", "hey computer", None),
        ("你好，小声，现在几点？", "你好小声", "现在几点？"),
        ("现在几点？", "你好小声", None),
    ],
)
def test_what_follows_a_phrase(text: str, phrase: str, rest: str | None) -> None:
    assert after_phrase(text, phrase) == rest


def test_it_sleeps_when_nobody_has_talked_to_it_for_a_while() -> None:
    now, woken = 0.0, []
    sleep = Sleep("hey computer", 30, lambda: now, lambda: woken.append(now))
    assert sleep.taken(Heard("Where are my keys?")) == Heard("", aside=True)
    assert sleep.ours("Hey computer, what") == "what"
    assert not woken, "a text that may go on wakes nobody"
    now = 5.0
    assert sleep.taken(Heard("Hey computer, what time is it?")).text == "what time is it?"
    sleep.mind(idle=False)
    now = 300.0  # a long reply
    sleep.mind(idle=True)
    now = 329.0
    assert sleep.taken(Heard("And tomorrow?")) == Heard("And tomorrow?")
    now = 331.0
    assert sleep.taken(Heard("Pass the salt.")) == Heard("", aside=True)
    assert woken == [5.0]
