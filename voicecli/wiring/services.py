"""What a use case works with: a configuration, the person's choice of a backend, and somebody to tell.

Belongs here: choosing, checking and opening adapters on behalf of one piece of work. Does not belong here: flags, a
console, the environment's reading, what the work is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from voicecli.types import SpeechRequest, TranscribeOptions
from voicecli.wiring.choosing import choose
from voicecli.wiring.opening import Opens, open_adapter
from voicecli.wiring.refusing import check_language, check_options

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.ports import Opened, Reporter
    from voicecli.types import Backend
    from voicecli.verbs import Verb


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one piece of work. `backend` is the one asked for by name; None leaves it to `[use]`."""

    config: Config
    env: Mapping[str, str]
    report: Reporter
    backend: str | None = None

    def choose(self, verb: Verb) -> tuple[Capabilities, Backend]:
        """The backend that serves `verb`. Raises ConfigError."""
        return choose(verb, self.config, self.backend)

    @property
    def open(self) -> Opens:
        """Called with a verb: its adapter, opened on entering. Raises ConfigError, and what opening raises."""
        return cast(Opens, self._open)

    def _open(self, verb: Verb) -> Opened[object]:
        return open_adapter(verb, self.config, self.backend, env=self.env, report=self.report)

    def check(self, can: Capabilities, verb: Verb, options: object) -> None:
        """Refuses set options that the backend lacks at `verb`, and languages. Raises UsageError."""
        check_options(can, verb, options)
        if isinstance(options, (TranscribeOptions, SpeechRequest)):
            check_language(can, verb, options.language, self.report)
