"""The settings of a backend of one's own servers. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend, ServiceUrl


@dataclass(frozen=True, slots=True)
class SelfhostedSettings(Backend):
    """An address for each server; an address may end with one of the server's paths: then only that one is asked."""

    asr_url: ServiceUrl = ""
    chat_url: ServiceUrl = ""
    tts_url: ServiceUrl = ""
    embedding_url: ServiceUrl = ""
    style: str = ""
