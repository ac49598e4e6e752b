"""Kept conversations as Markdown and as data, and the typed lines that go with those that are removed.

Belongs here: how a conversation looks elsewhere than on a terminal, which typed lines were said in it. Does not belong
here: the files (storage.conversations, storage.typed), when something is kept (keeping).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.storage.typed import TypedLine, forget

if TYPE_CHECKING:
    from voicecli.storage.conversations import Conversation, Message, Store

SPEAKERS = {"user": "you", "assistant": "voice"}
BEFORE_S = 60.0
"""A conversation begins, for the file, with its first answer: what led to it was typed a little before."""


def brief(conversation: Conversation) -> dict[str, object]:
    """A conversation without its messages, as data."""
    return {
        "id": conversation.id,
        "name": conversation.name or None,
        "kind": conversation.kind,
        "began": _iso(conversation.began),
        "changed": _iso(conversation.changed),
        "messages": conversation.messages,
        "opening": conversation.opening,
    }


def whole(conversation: Conversation, messages: Sequence[Message]) -> dict[str, object]:
    """A conversation with its messages, as data."""
    also = {"system": conversation.system, "backend": conversation.backend, "model": conversation.model}
    return brief(conversation) | also | {"messages": [said(each) for each in messages]}


def said(message: Message) -> dict[str, object]:
    """A message as data."""
    words = {"role": message.role, "content": message.content, "interrupted": message.interrupted}
    return {"at": _iso(message.at)} | words


def markdown(conversation: Conversation, messages: Iterable[Message]) -> str:
    """A conversation as Markdown: a heading, when it was, and each message under who said it, as it is."""
    began, ended = when(conversation.began), when(conversation.changed)
    span = began if began == ended else f"{began} – {ended}"
    lines = [f"# {conversation.name or f'Conversation {conversation.id}'}", "", f"{conversation.kind}, {span}", ""]
    if conversation.system:
        lines += ["**system**", "", conversation.system, ""]
    for message in messages:
        mark = " (interrupted)" if message.interrupted else ""
        lines += [f"**{SPEAKERS.get(message.role, message.role)}**{mark}", "", message.content, ""]
    return "\n".join(lines)


def forget_typed(path: Path, store: Store | None, numbers: Iterable[int] | None) -> None:
    """What was typed in these conversations (None: ever) goes with them: by its words, and by when it was."""
    gone = [store.find(str(number)) for number in numbers or ()] if store else []
    texts = [each.content for one in gone for each in (store.messages(one.id) if store else ()) if each.role == "user"]

    def goes(entry: TypedLine) -> bool:
        then = any(one.began - BEFORE_S <= entry.at <= one.changed for one in gone)
        return numbers is None or then or any(text.endswith(entry.text.strip()) for text in texts)

    forget(path, goes)


def _local(moment: float) -> datetime:
    when = datetime.fromtimestamp(moment, UTC)
    try:
        return when.astimezone()
    except (OverflowError, OSError, ValueError):  # the year 1970 on Windows
        return when


def when(moment: float) -> str:
    """Day and minute, on the clock of this machine."""
    return _local(moment).strftime("%Y-%m-%d %H:%M")


def _iso(moment: float) -> str:
    return _local(moment).isoformat(timespec="seconds")
