"""One text out of several.

Belongs here: what stands between two texts that follow each other. Does not belong here: times, recordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from voicecli.text.characters import HAN_KANA, WIDE_POINTS

_TIGHT_END = re.compile(f"[{HAN_KANA}{WIDE_POINTS}]$")
_TIGHT_START = re.compile(f"[{HAN_KANA}{WIDE_POINTS}]")
_POINT_END = re.compile(f"[{WIDE_POINTS}]$")
_POINT_START = re.compile(rf"[{WIDE_POINTS},.!?;:)\]}}”’…%]")


def joined(parts: Iterable[str]) -> str:
    """One text: a space between words, none between Chinese or Japanese characters or before a closing mark."""
    text = ""
    for part in filter(None, map(str.strip, parts)):
        text += _between(text, part) + part if text else part
    return text


def ended(text: str) -> str:
    """`text` with the full stop that lets another sentence follow, unless it ends with a question or an exclamation."""
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


def _between(left: str, right: str) -> str:
    tight = _TIGHT_END.search(left) and _TIGHT_START.match(right)
    return "" if tight or _POINT_END.search(left) or _POINT_START.match(right) else " "
