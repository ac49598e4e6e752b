"""Where a block of Markdown ends while it is still being written. Pure text.

Belongs here: paragraphs, lists and fenced code told apart by their lines. Does not belong here: how a block looks.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")


class Blocks:
    """Takes an answer in pieces; gives out each block once, when nothing that follows can belong to it."""

    def __init__(self) -> None:
        self._line = ""
        self._block: list[str] = []
        self._fence = ""
        self._blank = False

    def feed(self, text: str) -> list[str]:
        """The next piece; the blocks that it finished."""
        *lines, self._line = (self._line + text).split("\n")
        return [block for line in lines if (block := self._take(line))]

    @property
    def open(self) -> str:
        """What of the answer belongs to no finished block yet."""
        return "\n".join([*self._block, self._line])

    def flush(self) -> list[str]:
        """The answer has ended: what is left."""
        line, self._line = self._line, ""
        blocks = [self._take(line), self._give()] if line else [self._give()]
        self._fence, self._blank = "", False
        return [block for block in blocks if block]

    def _take(self, line: str) -> str:
        """Adds a line; the block before it, where it begins a new one."""
        if self._fence:
            self._block.append(line)
            if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
            return ""
        if not line.strip():
            self._blank = True
            self._block.append(line)
            return ""
        finished = self._give() if self._blank and not self._goes_on(line) else ""
        self._blank = False
        self._block.append(line)
        if fence := _FENCE.match(line):
            self._fence = fence[1]
        return finished

    def _goes_on(self, line: str) -> bool:
        """After an empty line: whether this one still belongs to a list."""
        head = next((each for each in self._block if each.strip()), "")
        in_list = bool(_ITEM.match(head))
        return in_list and (line.startswith((" ", "\t")) or bool(_ITEM.match(line)))

    def _give(self) -> str:
        block = "\n".join(self._block).strip("\n")
        self._block = []
        return block if block.strip() else ""
