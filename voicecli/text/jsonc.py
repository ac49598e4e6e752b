"""JSON with comments, changed in one place and kept byte for byte everywhere else.

Belongs here: one entry below one key of the root, put in and taken out again. Pure. Does not belong here: files, whose
entry it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicecli.types.jsonvalue import Json

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_PLAIN = re.compile(r"[^\s,\]}\[{\"/]+")
_INDENT = re.compile(r'\{[ \t]*\n([ \t]+)"')


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Table:
    """An object: `start` and `end` are the places of its braces."""

    start: int
    end: int
    members: tuple[_Member, ...]

    def get(self, key: str) -> _Member | None:
        return next((each for each in self.members if each.key == key), None)


def entered(text: str, section: str, name: str, entry: Mapping[str, Json]) -> str:
    """`text` with `{section: {name: entry}}`. Raises ValueError where it is no object, or cannot be read."""
    text = without(text, section, name) if text.strip() else "{}\n"
    root = _root(text)
    found = _INDENT.search(text)
    step = found[1] if found else "  "
    written = f'"{name}": ' + json.dumps(entry, ensure_ascii=False, indent=step).replace("\n", f"\n{step * 2}")
    if (there := root.get(section)) is not None:
        return _put(text, _table(text, there.value), f"{step * 2}{written}")
    return _put(text, root, f'{step}"{section}": {{\n{step * 2}{written}\n{step}}}')


def without(text: str, section: str, name: str) -> str:
    """`text` without it, and without a section that holds nothing else and was made for it. Raises ValueError."""
    if not text.strip() or (there := _root(text).get(section)) is None:
        return text
    table = _table(text, there.value)
    if (entry := table.get(name)) is None:
        return text
    ours = re.fullmatch(r"\n[ \t]+", text[entry.end : table.end]) is not None and len(table.members) == 1
    return _cut(text, _root(text), there) if ours else _cut(text, table, entry)


def _put(text: str, table: _Table, entry: str) -> str:
    """In front of what is there: comments stay with what they stand by."""
    at = table.start + 1
    return f"{text[:at]}\n{entry}{',' if table.members else chr(10)}{text[at:]}"


def _cut(text: str, table: _Table, member: _Member) -> str:
    after = _SPACE.match(text, member.end)
    comma = after is not None and text[after.end() : after.end() + 1] == ","
    before = [each for each in table.members if each.end <= member.start]
    if before and not comma:
        return text[: before[-1].end] + text[member.end :]
    start = text.rfind("\n", 0, member.start) if before else table.start + 1
    end = after.end() + 1 if comma and after is not None else member.end + (text[member.end : member.end + 1] == "\n")
    return text[:start] + text[end:]


def _root(text: str) -> _Table:
    return _table(text, _skip(text, 0))


def _table(text: str, at: int) -> _Table:
    """The object that begins there."""
    if text[at : at + 1] != "{":
        raise ValueError(f"there is no object at {_place(text, at)}")
    members: list[_Member] = []
    start, at = at, _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key = _STRING.match(text, at)
        if key is None:
            raise ValueError(f"there is no key at {_place(text, at)}")
        value = _skip(text, key.end())
        if text[value : value + 1] != ":":
            raise ValueError(f"a colon is missing at {_place(text, value)}")
        value = _skip(text, value + 1)
        end = _value(text, value)
        members.append(_Member(str(json.loads(key[0])), key.start(), value, end))
        at = _after(text, end, "}")
    return _Table(start, at, tuple(members))


def _value(text: str, at: int) -> int:
    """The end of the value that begins there."""
    if text[at : at + 1] == "{":
        return _table(text, at).end + 1
    if text[at : at + 1] == "[":
        at = _skip(text, at + 1)
        while text[at : at + 1] != "]":
            at = _after(text, _value(text, at), "]")
        return at + 1
    found = _STRING.match(text, at) or _PLAIN.match(text, at)
    if found is None:
        raise ValueError(f"there is no value at {_place(text, at)}")
    return found.end()


def _after(text: str, at: int, closing: str) -> int:
    """Behind a value: past a comma, or at what closes."""
    at = _skip(text, at)
    sign = text[at : at + 1]
    if sign not in (",", closing) or not sign:
        raise ValueError(f"a comma is missing at {_place(text, at)}")
    return _skip(text, at + 1) if sign == "," else at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _place(text: str, at: int) -> str:
    lines: Sequence[str] = text[:at].split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"
