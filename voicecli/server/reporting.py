"""Whom the use cases tell in a server: the log.

Belongs here: the Reporter without a console. Does not belong here: what a client is told (refusals).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voicecli.types import Secret

log = logging.getLogger("voicecli.server")


class Log:
    """A `ports.Reporter` that writes a log line each, with secrets masked."""

    quiet = False

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def note(self, text: str) -> None:
        log.info(self._masked(text))

    def warn(self, text: str) -> None:
        log.warning(self._masked(text))

    def detail(self, text: str) -> None:
        log.debug(self._masked(text))

    def hide(self, secret: object) -> None:
        value = secret.reveal() if isinstance(secret, Secret) else str(secret)
        if value:
            self._secrets.append(value)

    @contextmanager
    def progress(self, label: str, total: float | None = None, unit: str = "") -> Iterator[Callable[[float], object]]:
        """Shows nothing: nobody watches."""
        yield lambda done: None

    def _masked(self, text: str) -> str:
        for each in self._secrets:
            text = text.replace(each, "****")
        return text
