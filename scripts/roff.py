"""Manual pages as roff: a page's text from what is told of a command. Pure.

Belongs here: the layout and the escapes. Does not belong here: any fact about a command (make_docs.py reads them).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

Rows = Iterable[tuple[str, str]]


def escaped(text: str) -> str:
    """Text that roff shows as it is: backslashes, dashes that can be copied, no request at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def page(name: str, line: str, usage: str, version: str, parts: Iterable[str]) -> str:
    """The page of `name` (voice-talk): its head, how it is typed, and the parts after it."""
    head = [f'.TH {name.upper()} 1 "" "voicecli {version}" "voice"', ".SH NAME", f"{name} \\- {escaped(line)}"]
    return "\n".join([*head, ".SH SYNOPSIS", escaped(usage), *parts]) + "\n"


def section(title: str, parts: Iterable[str], *, below: bool = False) -> Iterator[str]:
    """A section, or one `below` another; nothing where there is nothing in it."""
    found = list(parts)
    if found:
        yield f".{'SS' if below else 'SH'} {escaped(title)}"
        yield from found[found[0] == ".PP" :]


def prose(text: str) -> Iterator[str]:
    """Help as it is written, its indented lines as they stand."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.split("\n")
        said = " ".join(line for line in lines if not line.startswith(" "))
        code = [escaped(line.strip()) for line in lines if line.startswith(" ")]
        if said:
            yield ".PP"
            yield from map(escaped, textwrap.wrap(said, 78, break_on_hyphens=False))
        if code:
            yield from (".RS 4", ".nf", *code, ".fi", ".RE")


def listed(rows: Rows) -> Iterator[str]:
    """Flags, each with its meaning below it."""
    for flag, meaning in rows:
        yield from (".TP", f"\\fB{escaped(flag)}\\fR")
        yield from map(escaped, textwrap.wrap(meaning, 78, break_on_hyphens=False) or ["\\&"])
