"""What is said of tools: to the model, of calls and their results; what is remembered of them. Pure.

Belongs here: decisions over messages and calls. Does not belong here: the rounds between a model and its tools
(dialogue.tools), the person's yes (dialogue.consent).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from voicecli.dialogue.courtesy import last_words
from voicecli.text.language import is_chinese
from voicecli.types import ChatMessage, ToolCall, ToolResult

LONGEST_RESULT = 20_000
"""Characters of a result that a model is told."""
REMEMBERED, LONGEST_MEMORY = 12, 160
"""What was done earlier: how many tools, and characters of what each gave and was given."""
SUBJECT = 60
"""Characters that tell what a call is about."""

EARLIER = "Tools used earlier in this conversation: "


@dataclass(frozen=True, slots=True)
class Memory:
    """A tool that was used earlier in this conversation, and the beginning of what it gave."""

    call: ToolCall
    words: str
    state: str = "done"


def reminded(messages: Sequence[ChatMessage], done: Sequence[Memory]) -> list[ChatMessage]:
    """`messages` with what tools did before: names and states in the system prompt, their words as their results.

    The results stand before the last reply, as they did when it was given: what a tool gives is data, and the
    system prompt is where a model obeys. With nothing said or asked they would seem to be this answer's: none then.
    """
    if not done or all(each.role == "system" for each in messages):
        return list(messages)
    line = EARLIER + ", ".join(f"{each.call.name} ({each.state})" for each in done) + "."
    first = messages[0] if messages and messages[0].role == "system" else ChatMessage("system", "")
    talk = [each for each in messages if each is not first]
    last = max((at for at, each in enumerate(talk[:-1]) if each.role == "assistant"), default=max(0, len(talk) - 1))
    results = [
        message
        for each in done
        for message in (
            ChatMessage("assistant", "", (each.call,)),
            ChatMessage("tool", each.words, call_id=each.call.id),
        )
    ]
    system = replace(first, content=f"{first.content}\n\n{line}".strip())
    return [system, *talk[:last], *results, *talk[last:]]


def memory_of(call: ToolCall, what: str, state: str = "done") -> Memory:
    """What is remembered of a call, cut: its arguments where they are short, one line of what it gave."""
    words = " ".join(what.split())
    words = words if len(words) <= LONGEST_MEMORY else words[: LONGEST_MEMORY - 1] + "…"
    short = call if len(call.arguments) <= LONGEST_MEMORY else replace(call, arguments="{}")
    return Memory(short, words or state, state)


def speaks_chinese(messages: Sequence[ChatMessage]) -> bool:
    """Whether the person is to be answered in Chinese."""
    return is_chinese(last_words([each.content for each in messages if each.role == "user"]))


def batches(calls: Sequence[ToolCall], together: Callable[[ToolCall], bool]) -> list[tuple[ToolCall, ...]]:
    """The calls in order, those that may run together in one."""
    found: list[tuple[ToolCall, ...]] = []
    for call in calls:
        if found and together(call) and together(found[-1][-1]):
            found[-1] += (call,)
        else:
            found.append((call,))
    return found


def subject_of(call: ToolCall) -> str:
    """What a call is about, in a few words: the texts among its arguments."""
    try:
        given = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return ""
    texts = [each for each in given.values() if isinstance(each, str)] if isinstance(given, dict) else []
    words = " ".join(", ".join(texts)[:LONGEST_MEMORY].split())
    return words if len(words) <= SUBJECT else words[: SUBJECT - 1] + "…"


def told(call: ToolCall, result: ToolResult) -> ChatMessage:
    """What the model is told of a call."""
    text = result.text.strip() or result.shown.strip() or ("Done." if result.ok else "It failed.")
    if len(text) > LONGEST_RESULT:
        text = f"{text[:LONGEST_RESULT]}\n… (cut off: {len(text)} characters)"
    return ChatMessage("tool", text, call_id=call.id)
