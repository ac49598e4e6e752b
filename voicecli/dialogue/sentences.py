"""Where a text may be cut for a voice: an answer that is still being written, or a long text.

Belongs here: finding clause and sentence ends, and cutting within a service's limits. Pure text.
Does not belong here: markup (spoken.py removes it first), sound, waiting.
"""

from __future__ import annotations


class SentenceSplitter:
    """Cuts an answer that arrives in tokens into pieces for speech.

    The first piece is given out as soon as a clause stands, later ones by whole sentence. A finished
    sentence leaves in the very `feed` that finishes it. Pieces carry no white space at their borders;
    joined, they are the text. `limit` is in characters, `limit_bytes` in bytes of UTF-8.
    """

    def __init__(self, first_clause: bool = True, limit: int | None = None, limit_bytes: int | None = None) -> None:
        raise NotImplementedError

    def feed(self, text: str) -> list[str]:
        """Takes the next token; returns the pieces that it finished."""
        raise NotImplementedError

    def flush(self) -> list[str]:
        """The answer has ended: returns what is left, and is ready for the next answer."""
        raise NotImplementedError


def split_text(text: str, *, limit: int | None = None, limit_bytes: int | None = None) -> list[str]:
    """Cuts a whole text into pieces within the limits, at sentences wherever one fits."""
    raise NotImplementedError
