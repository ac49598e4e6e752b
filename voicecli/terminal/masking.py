"""Secrets that must not be shown, and the log of requests that -v shows without them.

Belongs here: replacing known secrets. Does not belong here: recognising keys in what a service says (wording).
"""

from __future__ import annotations

from collections.abc import Callable

MASK = "****"
SHORTEST_SECRET = 6
"""Shorter values are not masked: they would blot out ordinary words."""


class Masker:
    """Knows the secrets of this run."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, secret: object) -> None:
        """From now on `secret` (a Secret, or text) becomes stars."""
        reveal = getattr(secret, "reveal", None)
        value = reveal() if reveal else str(secret or "")
        self._secrets.update(part for part in (value, value.strip()) if len(part) >= SHORTEST_SECRET)

    def masked(self, text: str) -> str:
        """`text` with every known secret replaced by stars."""
        from voicecli.types import without

        for secret in sorted(self._secrets, key=len, reverse=True):
            text = without(secret, text, MASK)
        return text


def listen_for_waiting(tell: Callable[[str], object]) -> None:
    """Tells why a person waits: our rooms for services warn before they try again."""
    import logging

    class Withheld(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(record.getMessage())

    logging.getLogger("voicecli.backends").addHandler(Withheld(logging.WARNING))


def listen(tell: Callable[[str], object]) -> None:
    """Tells what our rooms log: each request, and when, since the start of listening."""
    import logging
    import time

    began = time.monotonic()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(f"{time.monotonic() - began:6.2f} s  {record.getMessage()}")

    # Not the HTTP client's own log: it would show what stands in an address behind the question mark.
    logger = logging.getLogger("voicecli")
    logger.setLevel(logging.INFO)
    logger.addHandler(Handler())
