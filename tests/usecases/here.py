"""What a use case works with in tests: services of a written configuration, and somebody who listens.

Belongs here: what tests of all use cases share. Does not belong here: servers (tests/fakes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.work import written
from voicecli.config import load
from voicecli.wiring.services import Services


class Listener:
    """Keeps what it is told."""

    quiet = False

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.shown: list[float] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def detail(self, text: str) -> None:
        """Nobody asked for more."""

    def hide(self, secret: object) -> None:
        """Nothing here is shown to anybody."""

    @contextmanager
    def progress(self, label: str, total: float | None = None, unit: str = "") -> Iterator[Callable[[float], object]]:
        yield self.shown.append


def services(folder: Path, url: str, verbs: Sequence[str], **settings: str) -> tuple[Services, Listener]:
    """Those of a person whose backend "work" is an OpenAI-compatible server at `url`, and who is told."""
    env, listener = written(folder, url, verbs, **settings), Listener()
    config = replace(load(env), cache_dir=folder / "cache", state_dir=folder / "state")
    return Services(config, env, listener), listener
