"""Blocks of Markdown: each once, whole, and none before its end is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.text.blocks import Blocks

TEXTS = [
    ("one\n\ntwo", ["one", "two"]),
    ("one\nstill one\n\n\n\ntwo\n", ["one\nstill one", "two"]),
    ("- a\n\n- b\n\n  more of b\n\nafter", ["- a\n\n- b\n\n  more of b", "after"]),
    ("1. a\n\n2. b\n", ["1. a\n\n2. b"]),
    ("```py\nx = 1\n\n\ny = 2\n```\n\nafter", ["```py\nx = 1\n\n\ny = 2\n```", "after"]),
    ("~~~~\n```\n\n~~~~\nx", ["~~~~\n```\n\n~~~~\nx"]),
    ("```\nnever closed\n\nstill code", ["```\nnever closed\n\nstill code"]),
    ("\n\n", []),
    ("", []),
]


def through(text: str, size: int) -> list[str]:
    blocks = Blocks()
    found = [block for at in range(0, len(text), size) for block in blocks.feed(text[at : at + size])]
    return found + blocks.flush()


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("text", "blocks"), TEXTS)
def test_blocks(text: str, blocks: list[str], size: int) -> None:
    assert through(text, size) == blocks


def test_a_block_is_given_out_when_the_next_has_a_line() -> None:
    blocks = Blocks()
    assert blocks.feed("one\n\n") == []
    assert blocks.feed("tw") == []
    assert blocks.feed("o\n") == ["one"]


@given(st.text("ab-1. `\n~", max_size=60), st.integers(1, 7))
def test_nothing_is_lost_and_pieces_do_not_matter(text: str, size: int) -> None:
    found = through(text, size)
    assert found == through(text, 1000)
    assert "".join("".join(found).split()) == "".join(text.split())
