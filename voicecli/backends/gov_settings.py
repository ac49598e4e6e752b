"""The settings of a government cloud service. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend


@dataclass(frozen=True, slots=True)
class GovSettings(Backend):
    """`category` is the knowledge base that answers, and that learns."""

    category: str = ""
