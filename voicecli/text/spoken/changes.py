"""A text without the changes (diffs) that stand in it bare, outside of any block of code: nobody wants to hear them.

Belongs here: telling their lines apart, while they arrive. Pure. Does not belong here: blocks of code (this package's
readers).
"""

from __future__ import annotations

import re

_LONGEST_HEAD = len("similarity index 100%")
"""Characters of a line that decide."""
_BEGINS = re.compile(r"diff --git |@@ -\d|(?:---|\+\+\+) (?:[ab]/|/|\")|Index: \S")
_GOES_ON = re.compile(
    r"[-+@\\ \t]|index [0-9a-f]{5}|(?:old|new|deleted) (?:file )?mode |similarity index |rename (?:from|to) |={20}"
)
_HEADS = ("diff --git ", "@@ -0", "--- a/", "--- b/", "--- /", "+++ a/", "+++ b/", "+++ /", '--- "', '+++ "', "Index: ")


class WithoutChanges:
    """Takes pieces of a text, gives back what is no change. `left_out`: there was one."""

    def __init__(self) -> None:
        self.left_out = False
        self._line = ""
        self._decided = self._inside = self._quiet = False

    def feed(self, text: str) -> str:
        return "".join(self._piece(each) for each in text.splitlines(keepends=True))

    def flush(self) -> str:
        """What was held back."""
        line, self._line = self._line, ""
        return "" if not line or self._hides(line) else line

    def _piece(self, piece: str) -> str:
        """A line, or a part of one."""
        ended = piece.endswith(("\n", "\r"))
        if self._decided:
            out = "" if self._quiet else piece
        else:
            self._line += piece
            if not ended and self._may_still_begin(self._line):
                return ""
            self._quiet = self._hides(self._line)
            out, self._line, self._decided = ("" if self._quiet else self._line), "", True
        if ended:
            self._decided = False
        return out

    def _may_still_begin(self, line: str) -> bool:
        """Whether what follows decides."""
        if self._inside:
            return len(line) < _LONGEST_HEAD
        return any(head.startswith(line) for head in _HEADS)

    def _hides(self, line: str) -> bool:
        begins = _BEGINS.match(line) is not None
        self._inside = begins or (self._inside and _GOES_ON.match(line) is not None)
        self.left_out = self.left_out or self._inside
        return self._inside
