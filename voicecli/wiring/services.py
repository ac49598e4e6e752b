"""What a use case works with: a configuration, the person's choice of a backend, and somebody to tell.

Belongs here: choosing, checking and opening adapters on behalf of one piece of work. Does not belong here: flags, a
console, the environment's reading, what the work is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli import wiring

if TYPE_CHECKING:
    from voicecli.backends.registry import Family
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.types import Backend, Verb


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one piece of work. `backend` is the one asked for by name; None leaves it to `[use]`."""

    config: Config
    env: Mapping[str, str]
    report: Reporter
    backend: str | None = None

    def choose(self, verb: Verb) -> tuple[Family, Backend]:
        """The backend that serves `verb`. Raises ConfigError."""
        return wiring.choose(verb, self.config, self.backend)

    def open(self, verb: Verb) -> AbstractAsyncContextManager[Any]:
        """The adapter that serves `verb`, opened on entering. Raises ConfigError, and what opening raises."""
        return wiring.open_adapter(verb, self.config, self.backend, env=self.env, report=self.report)

    def check(self, family: Family, verb: Verb, options: Any) -> None:
        """Refuses set options that `family` lacks at `verb`, and languages. Raises UsageError."""
        wiring.check_options(family, verb, options)
        if hasattr(options, "language"):
            wiring.check_language(family, verb, options.language, self.report)
