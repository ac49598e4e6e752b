"""What was said in a conversation, as the next question to the model needs it.

Belongs here: the messages, their budget, what of a reply was heard. Pure text.
Does not belong here: keeping it on disk, the loop that decides when a turn counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from voicecli.text.characters import HAN_KANA, HANGUL, WIDE_POINTS
from voicecli.text.join import joined
from voicecli.types import ChatMessage, Role

INTERRUPTED = "…"
"""How the text of a reply ends that was cut off: plain enough for a model to read, and not a word."""

INTERRUPTED_NOTE = f"A reply of yours that ends in “{INTERRUPTED}” was cut off there; the person did not hear the rest."
"""Stands in the system prompt while such a reply is in sight. It is never part of what is spoken."""

_MESSAGE_TOKENS = 4
"""What the frame of one message costs: role and separators, as the OpenAI models count."""

_DENSE = re.compile(f"[{HAN_KANA}{HANGUL}{WIDE_POINTS}]")
_UNIT = re.compile(rf"[{HAN_KANA}][{WIDE_POINTS}]*|[^\s{HAN_KANA}]+")
_LOOSE_END = " \t\n,;:-–—…，、；："
_SENTENCE_END = re.compile(r"[.!?。！？]$")


def estimate_tokens(text: str) -> int:
    """About how many tokens a model makes of `text`: one a Chinese, Japanese or Korean character, one for
    four others, rounded up. Real tokenisers give Chinese 0.6 to 1.3 a character: budgets should leave room."""
    dense = len(_DENSE.findall(text))
    return dense - (dense - len(text)) // 4


def _cost(message: ChatMessage) -> int:
    return estimate_tokens(message.content) + _MESSAGE_TOKENS


def trim(messages: Sequence[ChatMessage], budget: int) -> tuple[ChatMessage, ...]:
    """The messages that fit in `budget` tokens: the oldest go first, system prompt and last question stay.

    What is left starts (after the system messages) with the person's message, never with a reply. A
    system prompt and last question that are over the budget by themselves are kept all the same.
    """
    system = tuple(m for m in messages if m.role == "system")
    talk = [m for m in messages if m.role != "system"]
    left = budget - sum(map(_cost, system))
    start = len(talk)
    for at in reversed(range(len(talk))):
        left -= _cost(talk[at])
        if left < 0 and start < len(talk):
            break
        if talk[at].role == "user":
            start = at
    return system + tuple(talk[start:])


def cut_text(text: str, reach: float) -> str:
    """The words (or Chinese characters) of `text` that end within its first `reach` characters."""
    ends = [unit.end() for unit in _UNIT.finditer(text) if unit.end() <= reach]
    return text[: ends[-1]] if ends else ""


def cut_to_heard(pieces: Sequence[tuple[str, int]], sounded: int) -> str:
    """The text that was heard after `sounded` samples of `pieces`, each a text and its length in samples.

    Pieces sound in order. One that sounded in part counts by the words that had ended, as if every
    character took as long; a word cut in its middle was not heard. A piece without samples made no
    sound and was not heard either. For a piece that is still being synthesised, give the length it
    is expected to have: its samples so far would make it seem nearly done.
    """
    heard: list[str] = []
    for text, samples in pieces:
        if 0 < samples <= sounded:
            heard.append(text)
        elif samples > 0:
            heard.append(cut_text(text, max(0, sounded) / samples * len(text)))
            break
        sounded -= max(0, samples)
    return joined(heard)


def mark_interrupted(heard: str) -> str:
    """`heard` with the mark of a reply that was cut off; empty stays empty."""
    heard = heard.rstrip(_LOOSE_END)
    if not heard:
        return ""
    return heard + (" " if _SENTENCE_END.search(heard) else "") + INTERRUPTED


class History:
    """The messages of one conversation. Two questions in a row become one message, so do two replies."""

    def __init__(self, system: str = "", budget: int | None = None, messages: Iterable[ChatMessage] = ()) -> None:
        self.system = system
        self.budget = budget
        self._talk: list[ChatMessage] = []
        for message in messages:
            self._add(message.role, message.content)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """All messages, the system prompt first."""
        system = (ChatMessage("system", self.system),) if self.system.strip() else ()
        return (*system, *self._talk)

    @property
    def last_reply(self) -> str:
        """The assistant's, as far as it was heard; "" where the person spoke last, or nobody has."""
        return self._talk[-1].content if self._talk and self._talk[-1].role == "assistant" else ""

    def user(self, text: str) -> None:
        """The person said `text`; joined to the last message when that was the person's too."""
        self._add("user", text)

    def assistant(self, text: str, *, interrupted: bool = False) -> None:
        """`text` is what was heard of the reply; empty text leaves no message."""
        self._add("assistant", mark_interrupted(text) if interrupted else text)

    def take_back(self) -> str:
        """Removes the last question and its reply, for a person who goes on; returns the question."""
        while self._talk:
            last = self._talk.pop()
            if last.role == "user":
                return last.content
        return ""

    def clear(self) -> None:
        """Forgets everything but the system prompt."""
        self._talk.clear()

    def request(self, question: str = "") -> tuple[ChatMessage, ...]:
        """The messages of a request, trimmed to the budget; `question` is asked without being kept."""
        cut_off = any(m.role == "assistant" and m.content.endswith(INTERRUPTED) for m in self._talk)
        system = "\n\n".join(filter(None, (self.system, INTERRUPTED_NOTE if cut_off else "")))
        asked = History(system, messages=self._talk)
        asked.user(question)
        return asked.messages if self.budget is None else trim(asked.messages, self.budget)

    def _add(self, role: Role, text: str) -> None:
        text = text.strip()
        if not text:
            return
        if role == "system":
            self.system = "\n\n".join(filter(None, (self.system, text)))
        elif self._talk and self._talk[-1].role == role:
            self._talk[-1] = ChatMessage(role, joined((self._talk[-1].content, text)))
        else:
            self._talk.append(ChatMessage(role, text))
