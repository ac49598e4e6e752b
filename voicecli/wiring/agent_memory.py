"""The last session with each agent in each folder, so that it can go on.

Belongs here: the file. Does not belong here: what a session is, whether an agent still has it (agents.beginning).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from voicecli.config.files import write_whole

MOST = 200
"""Sessions that are remembered; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class AgentMemory:
    """Of one agent in one folder."""

    path: Path
    agent: str
    folder: str

    def last(self) -> tuple[str, float] | None:
        """Its number, and when it began, in seconds since 1970."""
        return self._all().get(self._key)

    def keep(self, id: str, began: float) -> None:
        """Raises ConfigError where it cannot be written."""
        known = {key: found for key, found in self._all().items() if key != self._key}
        write_whole(self.path, json.dumps(dict([*known.items(), (self._key, (id, began))][-MOST:])))

    @property
    def _key(self) -> str:
        return f"{self.agent} {self.folder}"

    def _all(self) -> dict[str, tuple[str, float]]:
        """What was kept, as far as it can be read."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): (str(id), float(began)) for key, (id, began) in found.items()}
        return {}
