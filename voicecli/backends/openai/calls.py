"""Calls of tools, put together from the pieces in which services send them. Pure.

Belongs here: which piece belongs to which call, bounds, what comes beside calls and has to go back with them.
Does not belong here: chunks and choices (decoding), how calls are sent back (messages), what a tool does.

The documents say: by `index`, the id and the name once, the arguments in pieces. Services also leave out the
index or the id, give every call the same index, repeat the name with each piece, send calls whole, in an
object in place of a text, or all of them again in the last message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voicecli.backends.transport.wording import clean
from voicecli.text.clean import clean as harmless
from voicecli.types import ToolCall
from voicecli.types.jsonvalue import objects_in, text_in

MOST_CALLS = 16
"""Calls of one answer; further ones are dropped."""
LONGEST_ARGUMENTS = 64_000
"""Characters of one call's arguments; what is cut there is not JSON any more, and the model is told so."""
LONGEST_ID, LONGEST_NAME = 200, 64
LONGEST_EXTRA = 1_000_000
"""Characters of JSON that are kept to go back with a call; more than that is dropped whole: half is no use."""

_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_HALVES = re.compile("[\ud800-\udfff]")


_OF_CALL = frozenset({"id", "index", "type", "function"})
_OF_FUNCTION = frozenset({"name", "arguments"})
_OF_MESSAGE = frozenset("role content refusal tool_calls function_call annotations audio text".split())
"""Fields that we understand, or that no service wants back; any other goes back as it came."""


class Extras:
    """Fields that we do not know, put together from pieces: texts and lists grow, anything else is replaced."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[object]] = {}
        self._left = LONGEST_EXTRA

    def add(self, piece: Mapping[str, object], known: frozenset[str]) -> None:
        """The fields of `piece` that are not `known`; all are dropped once they are too large together."""
        for name, value in piece.items():
            if value is None or name in known or self._left < 0:
                continue
            self._left -= len(name) + _size(value)
            self._pieces.setdefault(name, []).append(value)
        if self._left < 0:
            self._pieces.clear()

    def whole(self) -> Mapping[str, object]:
        """The fields, fit to be written again; those that cannot be are left out."""
        found = {name: _rewritten(joined_up(pieces)) for name, pieces in self._pieces.items()}
        return {name: value for name, value in found.items() if value is not None}


def joined_up(pieces: Sequence[object]) -> object:
    """One value of the pieces that a service sent of it."""
    last = pieces[-1]
    if isinstance(last, str):
        return "".join(each for each in pieces if isinstance(each, str))
    if isinstance(last, list):
        return [item for each in pieces if isinstance(each, list) for item in each]
    if not isinstance(last, Mapping):
        return last
    parts = [each for each in pieces if isinstance(each, Mapping)]
    names = dict.fromkeys(name for each in parts for name in each)
    return {name: joined_up([each[name] for each in parts if name in each]) for name in names}


def _size(value: object) -> int:
    try:
        return len(value) if isinstance(value, str) else len(json.dumps(value))
    except (ValueError, RecursionError):
        return LONGEST_EXTRA + 1


def _rewritten(value: object) -> object:
    """`value` with halves of characters joined; None for what is no number, or too deep."""
    try:
        back: object = json.loads(_joined(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except (ValueError, RecursionError):
        return None
    return back


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""
    extras: Extras = field(default_factory=Extras)
    of_function: Extras = field(default_factory=Extras)

    def takes(self, id: str, name: str) -> bool:
        """Whether a piece with these can be the next of this call, and not the first of another."""
        if id and self.id and id != self.id:
            return False
        if not name or not self.arguments or (id and id == self.id):
            return True
        return name == self.name and not is_object(self.arguments)

    def add(self, id: str, name: str, arguments: object) -> None:
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
        self._around = Extras()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def beside(self, message: Mapping[str, object], *, whole: bool) -> None:
        """What else stands in a delta, or (whole) in a message."""
        if whole and message.keys() - _OF_MESSAGE:
            self._around = Extras()
        self._around.add(message, _OF_MESSAGE)

    def add(self, pieces: object, *, whole: bool) -> None:
        """The `tool_calls` of a delta, or (whole) of a message, which are all that there are."""
        found = objects_in(pieces)
        if whole and found:
            self._calls, self._places, self._last = [], {}, None
        for each in found:
            self._add(each, whole)

    def legacy(self, piece: object) -> None:
        """The `function_call` of older services: one call, without an id."""
        if isinstance(piece, Mapping):
            self._add({"index": 0, "function": piece}, False)

    def _add(self, piece: Mapping[str, object], whole: bool) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else piece
        id, name = clean(text_in(piece.get("id")), LONGEST_ID), clean(text_in(function.get("name")), LONGEST_NAME)
        call = None if whole else self._known(piece.get("index"), id, name)
        if call is None:
            call = self._new(piece.get("index"))
        if call is not None:
            call.add(id, name, function.get("arguments"))
            call.extras.add(piece, _OF_CALL | _OF_FUNCTION)
            if function is not piece:
                call.of_function.add(function, _OF_FUNCTION)
        self._last = call

    def _known(self, index: object, id: str, name: str) -> _Call | None:
        """The call that a piece goes on with."""
        if isinstance(index, int):
            call = self._places.get(index)
        else:
            call = next((each for each in self._calls if id and each.id == id), self._last)
        return call if call is not None and call.takes(id, name) else None

    def _new(self, index: object) -> _Call | None:
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
        found: list[ToolCall] = []
        for each in self._calls:
            if not each.name and not each.arguments:
                continue
            id, arguments = "" if each.id in seen else each.id, harmless(_joined(each.arguments)) or "{}"
            extra = dict(each.extras.whole())
            if function := each.of_function.whole():
                extra["function"] = function
            around = self._around.whole() if not found else {}
            found.append(ToolCall(id, name_of(each.name), arguments, extra, around))
            seen.add(each.id)
        return tuple(found)


def name_of(text: str) -> str:
    """A name as services allow it."""
    return _NAME.sub("_", text)[:LONGEST_NAME] or "nameless"


def _joined(text: str) -> str:
    """Halves of characters that came apart put together."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALVES.search(text) else text


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
