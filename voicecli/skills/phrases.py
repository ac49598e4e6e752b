"""The phrases of the skills as text patterns. A phrase is words, `(a | b)`, `[optional]` and `<rule>`.

Belongs here: reading that notation and writing patterns. Does not belong here: any skill's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:(<\w+>)|([a-z']+)|([()\[\]|]))")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A word, or a reference to a rule, which keeps its angle brackets."""

    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Node, ...]


Node = Leaf | Sequence | Choice
NOTHING = Sequence(())


def parse(phrase: str) -> Node:
    """Read one phrase. Raises ValueError where the notation is broken."""
    tokens = _tokens(phrase)
    node = _choice(tokens)
    if tokens:
        raise ValueError(f"unexpected {tokens[-1]!r} in {phrase!r}")
    return node


def _tokens(phrase: str) -> list[str]:
    """The tokens in reverse, so that the next one is popped off the end."""
    tokens, at, end = [], 0, len(phrase.rstrip())
    while at < end:
        match = _TOKEN.match(phrase, at)
        if match is None:
            raise ValueError(f"cannot read {phrase[at:]!r}")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens[::-1]


def _choice(tokens: list[str]) -> Node:
    options = [_sequence(tokens)]
    while tokens and tokens[-1] == "|":
        tokens.pop()
        options.append(_sequence(tokens))
    return options[0] if len(options) == 1 else Choice(tuple(options))


def _sequence(tokens: list[str]) -> Node:
    parts: list[Node] = []
    while tokens and tokens[-1] not in "|)]":
        parts.append(_part(tokens))
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _part(tokens: list[str]) -> Node:
    token = tokens.pop()
    if token not in "([":
        return Leaf(token)
    inner = _choice(tokens)
    closing = ")" if token == "(" else "]"
    if not tokens or tokens.pop() != closing:
        raise ValueError(f"a {token!r} is not closed")
    return inner if token == "(" else Choice((inner, NOTHING))


class Patterns:
    """Compiles phrases to regular expressions over normalised text (words with one space between).

    `rules` are the rules by name. `written` overrides what a rule means in text, where people
    write more than they say ("5", "km"). A rule in `slots` is captured, the second time as name2.
    """

    def __init__(self, rules: Mapping[str, str], written: Mapping[str, str], slots: Iterable[str]) -> None:
        self._rules, self._written, self._slots = rules, written, frozenset(slots)

    def compile(self, phrase: str) -> re.Pattern[str]:
        return re.compile(self._pattern(parse(phrase), {}))

    def _pattern(self, node: Node, seen: dict[str, int] | None) -> str:
        match node:
            case Leaf(text) if text.startswith("<"):
                return self._rule(text[1:-1], seen)
            case Leaf(text):
                return re.escape(text) + " "
            case Sequence(parts):
                return "".join([self._pattern(part, seen) for part in parts])
            case Choice(options):
                return f"(?:{'|'.join([self._pattern(option, seen) for option in options])})"

    def _rule(self, name: str, seen: dict[str, int] | None) -> str:
        """`seen` counts captures; None inside a rule, whose parts are not captured one by one."""
        written = self._written.get(name)
        inner = f"(?:{written}) " if written is not None else self._pattern(parse(self._rules[name]), None)
        if seen is None or name not in self._slots:
            return f"(?:{inner})"
        seen[name] = seen.get(name, 0) + 1
        return f"(?P<{name}{seen[name] if seen[name] > 1 else ''}>{inner})"
