"""What is heard of an agent's reply: short, with no sign spelled out; the screen has it byte for byte."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from tests.agents.replies import MORE, REPLIES
from voicecli.dialogue.answering import Answering, Stages, voiced_plainly
from voicecli.dialogue.brevity import LONGEST_S, Aloud, seconds
from voicecli.types import ChatDelta, ChatMessage, ToolNews
from voicecli.types.turns import Reply, Text, Wanted

WHOLE = 10_000
Item = TypeVar("Item")


def spoken(text: str, size: int, aloud: Aloud = "short", *, tool: bool = False) -> list[str]:
    voiced = voiced_plainly(Stages(None, None, None, aloud=aloud))  # type: ignore[arg-type]
    pieces = [piece for at in range(0, len(text), size) for piece in voiced.feed(text[at : at + size])]
    return pieces + voiced.flush(last=not tool)


def test_there_are_thirty_of_both_languages() -> None:
    assert len(REPLIES) == 30 and sum(bool(re.search("[一-龥]", text)) for text, _ in REPLIES) == 10


@pytest.mark.parametrize("size", [1, 11, WHOLE])
@pytest.mark.parametrize(("text", "heard"), REPLIES)
def test_a_reply_is_heard_short_and_plain(text: str, heard: str, size: int) -> None:
    said = " ".join(spoken(text, size))
    assert said and not re.search(r"[`/\\]|https?|www\.|@@|===", said)
    assert seconds(said) <= LONGEST_S, said
    first = re.split(r"\n|```|https?:|<say>|\||/usr|(?<=[.。!?])\s", text)[0]
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*/)", first)
    assert [each for each in numbers if each not in said] == []
    if heard and size == WHOLE:
        assert said.replace(" ", "") == heard.replace(" ", "")


@dataclass
class Asked:
    """A turn that waits for nothing."""

    wanted: Wanted = field(default_factory=Wanted)

    def messages(self, question: str) -> list[ChatMessage]:
        return [ChatMessage("user", question)]

    def mark(self, stage: object) -> None: ...
    def wants_answer(self, question: str) -> bool:
        return True

    async def opened(self) -> None: ...
    async def room(self) -> None: ...


@pytest.mark.anyio
@pytest.mark.parametrize("text", [text for text, _ in REPLIES])
async def test_the_screen_has_it_byte_for_byte(text: str) -> None:
    """Through the answer's whole way, with a tool between; and what sounds is no more than what is spoken."""
    shown, said = list[str](), list[str]()

    @asynccontextmanager
    async def chat(*_: object) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        yield given(*map(ChatDelta, text), ChatDelta(news=ToolNews("", "working", quick=True)), ChatDelta(text))

    @asynccontextmanager
    async def say(piece: str) -> AsyncIterator[AsyncIterator[bytes]]:
        said.append(piece)
        yield given(b"\0\0")

    async def put(reply: Reply) -> None:
        shown.extend([reply.text] if isinstance(reply, Text) else [])

    await Answering(Stages(chat, say, float, aloud="short"), Asked(), put, "speak").respond("x")
    assert "".join(shown) == text * 2
    assert said == spoken(text, 1, tool=True) + spoken(text, WHOLE)


async def given(*items: Item) -> AsyncGenerator[Item]:
    for each in items:
        yield each


@pytest.mark.parametrize(
    ("aloud", "tool", "heard"),
    [
        ("all", False, "Look. In src/a.py. It is 1. It is 2. It is 3."),
        ("short", False, f"Look. In a.py. It is 1. {MORE}"),
        ("short", True, "Look."),
        ("last", False, f"Look. In a.py. It is 1. {MORE}"),
        ("last", True, ""),
        ("none", False, ""),
    ],
)
def test_how_much_is_spoken(aloud: Aloud, tool: bool, heard: str) -> None:
    text = "Look. In src/a.py. It is 1. It is 2. It is 3."
    assert " ".join(spoken(text, WHOLE, aloud, tool=tool)) == heard
