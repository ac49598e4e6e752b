"""What a service offers, and whether it answers: models, voices, health.

Belongs here: the list requests. Does not belong here: checking a name against a list: no name is ever refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicecli.backends.openai.decoding import names_in, voices_of
from voicecli.backends.openai.part import OpenAIPart
from voicecli.errors import ProtocolError, ServiceError
from voicecli.types import HealthReport, Voice

_ABSENT = frozenset({404, 405, 501})
_LIST_BYTES = 8 * 1024 * 1024


class OpenAICatalog(OpenAIPart):
    """`ModelCatalog`, `VoiceCatalog` and `Health` of OpenAI-compatible services."""

    async def models(self) -> Sequence[str]:
        """The models' names, in the service's order. Raises ProtocolError when it sends no list."""
        data = await self._service.json("GET", "models", verb="models", limit=_LIST_BYTES)
        self._service.complain(data)
        names = names_in(data, ("id", "name", "model"))
        if not names and not (isinstance(data, dict) and data.get("data") == []):
            raise self._service.protocol_error("sent no list of models", str(data))
        return names

    async def voices(self) -> Sequence[Voice]:
        """The voices that the service lists (some do, at audio/voices), else the published names."""
        try:
            data = await self._service.json("GET", "audio/voices", verb="voices", limit=_LIST_BYTES)
        except ServiceError as exc:
            if exc.status not in _ABSENT and not isinstance(exc, ProtocolError):
                raise
            data = None
        self._service.complain(data)
        return voices_of(names_in(data, ("id", "voice_id", "name")))

    async def check(self) -> HealthReport:
        """Asks for the models; a service without such a list answers all the same."""
        try:
            return HealthReport(models=tuple(await self.models()))
        except ServiceError as exc:
            if exc.status in _ABSENT:
                return HealthReport("answers, but lists no models")
            raise
