"""What a person would read aloud of a text that was written for a screen.

Belongs here: taking Markdown, HTML, code, addresses, emoji and reasoning out of a text. Pure text.
Does not belong here: cutting into sentences (sentences.py), what the screen shows.
"""

from __future__ import annotations


class Speakable:
    """The stream version of `speakable`; it stands before the sentence splitter.

    Ordinary text passes in the `feed` that brings it; only what may become markup is held back.
    """

    def __init__(self, language: str | None = None) -> None:
        raise NotImplementedError

    def feed(self, text: str) -> str:
        """Takes the next token; returns what can be spoken of it and of what was held back."""
        raise NotImplementedError

    def flush(self) -> str:
        """The text has ended: returns what was held back, and is ready for the next text."""
        raise NotImplementedError


def speakable(text: str, language: str | None = None) -> str:
    """The whole `text` as a person would read it. `language` names the tongue where the text has no letters."""
    raise NotImplementedError
