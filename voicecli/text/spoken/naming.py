"""Files, flags and marks of a terminal as a person names them: `src/app/main.py:42` is "main.py line 42".

Belongs here: for a text that is on the screen too, and only told short. Pure. Does not belong here: markup (this
package's readers), how much is told (dialogue.brevity): whoever reads a text out wants all of it.
"""

from __future__ import annotations

import re

_SEGMENT = r"[\w.@~+%{}\[\]-]+"
_PATH = re.compile(
    rf"(?<![\w/\\.])(?:[A-Za-z]:[\\/]|~?/|\.{{1,2}}/)?(?:{_SEGMENT}[\\/])+({_SEGMENT})?(?!\w)"
    rf"|(?<![\w/\\.])(?:~|\.{{1,2}})?/({_SEGMENT})"
)
_FIGURES = re.compile(r"(?<![\w/])(\d{1,9})\s*/\s*(\d{1,9})(?![\w/])")
_PLACE = re.compile(r"(\.\w{1,10}):(\d+)(?::\d+)?\b")
_FLAG = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]*)(?:=(\S+))?")
_RULE = re.compile(r"[=*#_~─━-]{3,}")
_WORDS = re.compile(r"[A-Za-z]+(?:/[A-Za-z]+)+")
_PART = re.compile("::")
_LONGEST_WORD = 12
"""Letters of a word between slashes: "and/or", not a path."""


def named(sentence: str) -> str:
    """`sentence` with no slash in it; every number that is not a folder's stays."""
    said = _FIGURES.sub(_share, sentence)
    said = _PATH.sub(_last_part, said)
    said = _PLACE.sub(r"\1 line \2", said)
    said = _PART.sub(" ", _RULE.sub(" ", said))
    said = _FLAG.sub(lambda found: f"{found[1].replace('-', ' ')}{(found[2] and f' {found[2]}') or ''}", said)
    said = said.replace("`", "").replace("&&", ",").replace("/", " ").replace("\\", " ")
    return " ".join(said.split())


def _share(found: re.Match[str]) -> str:
    """3/4 is a share; 24/7 is none."""
    return f"{found[1]} of {found[2]}" if int(found[1]) <= int(found[2]) else f"{found[1]} {found[2]}"


def _last_part(found: re.Match[str]) -> str:
    """The file's name; of words that are alternatives, all; of a folder, its own name."""
    whole = found[0]
    parts = [each for each in re.split(r"[\\/]", whole) if each.strip("~.")]
    if _WORDS.fullmatch(whole) and len(parts) == 2 and max(map(len, parts)) <= _LONGEST_WORD:
        return " ".join(parts)
    return parts[-1] if parts else ""
