"""Calls of tools, put together from the pieces in which services send them. Pure.

Belongs here: which piece belongs to which call, bounds, and the form in which calls go back to the service.
Does not belong here: chunks and choices (answers), requests (chat), what a tool does.

The documents say: by `index`, the id and the name once, the arguments in pieces. Services also leave out the
index or the id, give every call the same index, repeat the name with each piece, send calls whole, in an
object in place of a text, or all of them again in the last message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicecli.backends.transport.wording import clean
from voicecli.text.clean import clean as harmless
from voicecli.types import ChatMessage, ToolCall, ToolSpec

MOST_CALLS = 16
"""Calls of one answer; further ones are dropped."""
LONGEST_ARGUMENTS = 64_000
"""Characters of one call's arguments; what is cut there is no JSON any more, and the model is told so."""
LONGEST_ID, LONGEST_NAME = 200, 64

_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""

    def takes(self, id: str, name: str) -> bool:
        """Whether a piece with these can be the next of this call, and not the first of another."""
        if id and self.id and id != self.id:
            return False
        if not name or not self.arguments or (id and id == self.id):
            return True
        return name == self.name and not _is_object(self.arguments)

    def add(self, id: str, name: str, arguments: Any) -> None:
        self.id = self.id or id
        if name != self.name and not self.arguments:
            self.name = (self.name + name)[:LONGEST_NAME]
        if isinstance(arguments, str):
            self.arguments += arguments[: LONGEST_ARGUMENTS - len(self.arguments)]
        elif arguments is not None:
            self.arguments = json.dumps(arguments, ensure_ascii=False)[:LONGEST_ARGUMENTS]


class Calls:
    """The calls of one answer so far."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._places: dict[int, _Call] = {}
        self._last: _Call | None = None

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, pieces: Any, *, whole: bool) -> None:
        """The `tool_calls` of a delta, or (whole) of a message, which are all that there are."""
        found = [each for each in pieces if isinstance(each, Mapping)] if isinstance(pieces, list) else []
        if whole and found:
            self._calls, self._places, self._last = [], {}, None
        for each in found:
            self._add(each, whole)

    def legacy(self, piece: Any) -> None:
        """The `function_call` of older services: one call, without an id."""
        if isinstance(piece, Mapping):
            self._add({"index": 0, "function": piece}, False)

    def _add(self, piece: Mapping[str, Any], whole: bool) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else piece
        id, name = clean(_string(piece.get("id")), LONGEST_ID), clean(_string(function.get("name")), LONGEST_NAME)
        call = None if whole else self._known(piece.get("index"), id, name)
        if call is None:
            call = self._new(piece.get("index"))
        if call is not None:
            call.add(id, name, function.get("arguments"))
        self._last = call

    def _known(self, index: Any, id: str, name: str) -> _Call | None:
        """The call that a piece goes on with."""
        if isinstance(index, int):
            call = self._places.get(index)
        else:
            call = next((each for each in self._calls if id and each.id == id), self._last)
        return call if call is not None and call.takes(id, name) else None

    def _new(self, index: Any) -> _Call | None:
        """A new call; None where there are too many."""
        if len(self._calls) == MOST_CALLS:
            return None
        call = _Call()
        self._calls.append(call)
        if isinstance(index, int):
            self._places[index] = call
        return call

    def whole(self) -> tuple[ToolCall, ...]:
        """The calls as they came; ids are "" where there was none, or one that stands twice."""
        seen: set[str] = set()
        found = []
        for each in self._calls:
            if not each.name and not each.arguments:
                continue
            found.append(ToolCall("" if each.id in seen else each.id, name_of(each.name), _joined(each.arguments)))
            seen.add(each.id)
        return tuple(found)


def name_of(text: str) -> str:
    """A name as services allow it."""
    return _NAME.sub("_", text)[:LONGEST_NAME] or "nameless"


def _joined(text: str) -> str:
    """Halves of characters that came apart put together; no control characters."""
    if _HALVES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return harmless(text) or "{}"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


# -- what goes back ----------------------------------------------------------------------------------


def offered(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The `tools` of a request."""
    return [
        {
            "type": "function",
            "function": {"name": each.name, "description": each.meaning, "parameters": dict(each.parameters)},
        }
        for each in tools
    ]


def written(message: ChatMessage) -> dict[str, Any]:
    """A message as it is sent. Arguments that are no object go back as none: the result tells what was wrong."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    if not message.calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {
            "id": each.id,
            "type": "function",
            "function": {
                "name": name_of(each.name),
                "arguments": each.arguments if _is_object(each.arguments) else "{}",
            },
        }
        for each in message.calls
    ]
    return {"role": message.role, "content": message.content or None, "tool_calls": calls}


def without_tools(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """A conversation for a service that knows no tools: their results are told as the person's words."""
    found: list[ChatMessage] = []
    for each in messages:
        if each.role == "tool":
            found.append(ChatMessage("user", f"(A tool's result: {each.content})"))
        elif each.content or not each.calls:
            found.append(ChatMessage(each.role, each.content))
    return found
