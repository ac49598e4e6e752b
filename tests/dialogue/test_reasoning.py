"""Reasoning inside an answer is told apart from it, whole and by token; who writes about the tags loses nothing."""

from __future__ import annotations

import asyncio

import pytest

from voicecli.backends.family import Limits
from voicecli.text.reasoning import Thoughts, closes_unopened, split
from voicecli.usecases.speaking.pieces import TextReading, pieces

CASES = [
    ("<think>a plan</think>\n\nHi <b>", ("a plan", "Hi <b>")),
    (" \n<Thinking>x</Thinking><think>y</think>z", ("xy", "z")),
    ("<think>\n</think>\n", ("\n", "")),
    ("<think>\n<think>a\n</think>\n</think>\nHi", ("\n<think>a\n", "Hi")),
    ("<think>a</think>\n</script>Hi", ("a", "</script>Hi")),
    ("<think> is a tag.", ("", "<think> is a tag.")),
    ("A <think>tag</think> here", ("", "A <think>tag</think> here")),
    ("  plain", ("", "  plain")),
    ("<thi", ("", "<thi")),
    ("<b>x</b>", ("", "<b>x</b>")),
    ("[THINK]a plan[/THINK]Hi", ("a plan", "Hi")),
    ("◁think▷a plan◁/think▷Hi", ("a plan", "Hi")),
    ("<seed:think>a plan</seed:think>Hi", ("a plan", "Hi")),
    ("[Thought] of [1]", ("", "[Thought] of [1]")),
]
ORPHANS = [
    ("I add.\n</think>\n\nFour.", ("I add.", "Four.")),
    ("I add.</think>\n\nFour", ("I add.", "Four")),
    ("It ends with </think>\nok", ("", "It ends with </think>\nok")),
    ("```\n</think>\n```\nx", ("", "```\n</think>\n```\nx")),
    ("`</think>`\nx", ("", "`</think>`\nx")),
    ("a <think> b\n</think>\nx", ("", "a <think> b\n</think>\nx")),
]


def streamed(text: str, size: int, *, opened: bool = False) -> tuple[str, str]:
    thoughts = Thoughts(opened=opened)
    parts = [thoughts.feed(text[at : at + size]) for at in range(0, len(text), size)]
    answer = thoughts.flush()[1]
    reasoning = "".join(each for each, _ in parts)
    return ("" if answer.startswith(("<", "[")) else reasoning), "".join(each for _, each in parts) + answer


@pytest.mark.parametrize(("text", "told"), CASES + ORPHANS)
def test_a_whole_text_is_split(text: str, told: tuple[str, str]) -> None:
    assert split(text) == told


@pytest.mark.parametrize(("text", "told"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 99])
def test_tokens_make_no_difference(text: str, told: tuple[str, str], size: int) -> None:
    assert streamed(text, size) == told


@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_model_that_begins_inside_its_reasoning(size: int) -> None:
    assert closes_unopened("I add.\n</think>\n\nFour.") and not closes_unopened("Four.")
    assert streamed("I add.\n</think>\n\nFour.", size, opened=True) == ("I add.\n", "Four.")
    thoughts = Thoughts(opened=True)
    assert thoughts.feed("no reasoning") == ("no reasoning", "") and thoughts.flush() == ("", "no reasoning")


def test_a_voice_is_not_given_it() -> None:
    async def spoken() -> list[str]:
        return [piece async for piece in pieces("I add.\n</think>\n\nFour.", TextReading(Limits()))]

    assert asyncio.run(spoken()) == ["Four."]
