"""Sentences in another language: what the program says, found again in the catalogue that people translated.

The source says its sentences in English where they arise, as f-strings; the catalogue holds each with the names of
what stands in its gaps (`{path} is written.`). A sentence that is about to be shown is looked up whole, its gaps are
filled with what stands there (itself translated, where it is a sentence of ours), and what is unknown stays English.

Pure. Belongs here: reading a catalogue's text, finding a sentence. Does not belong here: which language a person
reads, files (terminal.language); which sentences there are (scripts/messages.py collects them from the source).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import repeat

LONGEST = 2000
"""Longer texts are no sentences of ours."""
LEAST_LETTERS = 5
_DEEPEST = 3
"""A sentence stands in a gap of one that stands in a gap of one."""
_GAP = re.compile(r"\{(\w+)\}")


def entries(text: str) -> Iterator[tuple[str, str]]:
    """(English, translated) of a catalogue in gettext's PO format; what is not translated, or doubted, is left out."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line]
        if any(line.startswith("#,") and "fuzzy" in line for line in lines):
            continue
        parts: dict[str, str] = {}
        name = ""
        for line in lines:
            if line.startswith(("msgid ", "msgstr ")):
                name, _, line = line.partition(" ")
            if line.startswith('"') and name:
                parts[name] = parts.get(name, "") + json.loads(line)
        if parts.get("msgid") and parts.get("msgstr"):
            yield parts["msgid"], parts["msgstr"]


def is_telling(english: str) -> bool:
    """Whether enough stands outside a sentence's gaps for it to be found again: `{who} is {what}.` is anything."""
    return len(re.findall("[A-Za-z]", _GAP.sub("", english))) >= LEAST_LETTERS


class Phrases:
    """A catalogue. `say(text)` is the text in its language, or the text itself."""

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        self._whole = {english: said for english, said in catalogue.items() if not _GAP.search(english)}
        self._gapped = {english: said for english, said in catalogue.items() if english not in self._whole}

    @cached_property
    def _patterns(self) -> list[tuple[list[str], str]]:
        """Each sentence with gaps as literal, name, literal, … and its translation; the most telling first."""
        found = [(_GAP.split(english), said) for english, said in self._gapped.items() if is_telling(english)]
        return sorted(found, key=lambda each: -sum(map(len, each[0][::2])))

    def say(self, text: str, depth: int = 0) -> str:
        """The text in the catalogue's language. Blanks at its ends, and a full stop that was added, stay.

        Of `somebody: what happened` the second part is said.
        """
        core = text.strip()
        if not core or len(core) > LONGEST or depth > _DEEPEST:
            return text
        said = self._known(core, depth)
        if said is None and ": " in core:
            head, _, rest = core.partition(": ")
            said = f"{head}: {self.say(rest, depth + 1)}"
        return text if said is None else text.replace(core, said, 1)

    def _known(self, text: str, depth: int) -> str | None:
        bare = text.removesuffix(".")
        stop = "。" if bare != text else ""
        for find in (self._whole.get, lambda each: self._filled(each, depth)):
            if (said := find(text)) is not None:
                return said
            if stop and (said := find(bare)) is not None:
                return said + stop
        return None

    def _filled(self, text: str, depth: int) -> str | None:
        for parts, said in self._patterns:
            values = _between(text, parts[::2])
            if values is not None:
                return _fill(
                    said, dict(zip(parts[1::2], map(self._inner, values, parts[1::2], repeat(depth)), strict=True))
                )
        return None

    def _inner(self, text: str, name: str, depth: int) -> str:
        """What stands in a gap: a sentence is said, and a list of them, of each part.

        A single word is said from a TABLE of ours; else it is somebody's name.
        """
        parts = text.split(", ")
        if len(parts) > 1 and depth < _DEEPEST and all(" " in each for each in parts):
            said = [self._known(each, depth + 1) for each in parts]
            if None not in said:
                return ", ".join(map(str, said))
        return self.say(text, depth + 1) if " " in text.strip() or name.isupper() else text


def _fill(said: str, values: Mapping[str, str]) -> str:
    return _GAP.sub(lambda gap: values.get(gap[1], gap[0]), said)


def _between(text: str, literals: list[str]) -> list[str] | None:
    """What stands between the literals, each found as early as it can be (no search goes back); None: no match."""
    first, *rest = literals
    if not text.startswith(first):
        return None
    values, at = [], len(first)
    for number, literal in enumerate(rest, 1):
        last = number == len(rest)
        found = len(text) - len(literal) if last else text.find(literal, at)
        if found < at or not text.startswith(literal, found):
            return None
        values.append(text[at:found])
        at = found + len(literal)
    return values
