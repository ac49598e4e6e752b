"""Text with styles that is wrapped as a whole.

Belongs here: a text, the style of each of its characters, its rows. Does not belong here: what gets which style.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voicecli.terminal.console import PLAIN
from voicecli.text.width import wrapped


@dataclass
class Styled:
    """A text and the style of each of its characters."""

    text: str = ""
    styles: list[str] = field(default_factory=list)

    def add(self, text: str, style: str = "") -> None:
        self.text += text
        self.styles += [style] * len(text)

    def rows(self, width: int, indent: str = "") -> list[str]:
        """Wrapped, with its styles; a style does not go on over a row's end."""
        at, rows = 0, []
        for row in wrapped(self.text, width, indent).split("\n"):
            out, now = "", ""
            for char in row:
                if not char.isspace():
                    at = self.text.index(char, at)
                style = self.styles[at] if at < len(self.styles) else ""
                if style != now:
                    out, now = out + (PLAIN if now else "") + style, style
                out += char
                at += not char.isspace()
            rows.append(out + (PLAIN if now else ""))
        return rows
