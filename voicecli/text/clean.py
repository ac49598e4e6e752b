"""Text from elsewhere, made harmless for a terminal, a prompt, a file.

Belongs here: what takes escape sequences, control characters and invisible marks out of a text, or makes them visible.
Does not belong here: secrets (transport/wording masks them), widths (width.py), how a text is read aloud.

The joiners U+200C and U+200D always stay: Persian is misspelt without them, families of emoji fall apart.
"""

from __future__ import annotations

import re

_C0 = "\x00-\x08\x0b-\x1f"
_DEL_C1 = "\x7f-\x9f"
_BIDI = "\u202a-\u202e\u2066-\u2069"
"""Overrides and isolates: they reorder what is shown."""

_SEQUENCE = (
    r"\x1b[\]PX^_][^\x07\x1b\x9c\n]{0,400}(?:\x07|\x1b\\|\x9c)"  # titles, links, clipboards
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROL = f"[{_C0}{_DEL_C1}{_BIDI}]"
_HALF = "[\ud800-\udfff]"
"""Half of a surrogate pair: no encoding can write it."""
_INVISIBLE = "[\u200b\u200e\u200f\u2060-\u2065\ufeff\ud800-\udfff]"
_LINE_END = "\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"


def clean(text: str) -> str:
    """`text` without escape sequences, bidi overrides and control characters other than tab and newline.

    What a service sends must not be able to move the cursor, set a title, or reorder what is shown.
    """
    if "\x1b" in text or "\x9b" in text:
        text = re.sub(_SEQUENCE, "", text)
    return re.sub(_HALF, "\N{REPLACEMENT CHARACTER}", re.sub(_CONTROL, "", text))


def one_line(text: str, limit: int | None = None) -> str:
    """`text` on one line, clean and without invisible marks, cut with "…" to `limit` characters."""
    head = text if limit is None else text[: 8 * limit]
    line = " ".join(re.sub(_INVISIBLE, "", clean(re.sub(_LINE_END, "\n", head))).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def encodable(text: str) -> str:
    """`text` with "?" for each half of a surrogate pair, which JSON can hold and no encoding can write."""
    return text.encode("utf-8", "replace").decode()


def made_visible(text: str, but: str = "\t\n\u200c\u200d") -> str:
    """`text` with control characters and lone surrogates written as escapes, `but` for some: nothing is lost."""
    return "".join(each if each.isprintable() or each in but else _escape(each) for each in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()
