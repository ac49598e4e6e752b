"""Servers of one's own on this machine: ears, chat, voice, embeddings at their usual ports, and SenseVoice.

Belongs here: knocking, and asking whether they are well. Does not belong here: asking several at once (nearby).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from voicecli.backends.family import Server
from voicecli.backends.knocking import ANSWER_S, HERE, KNOCK_S, somebody_listens
from voicecli.backends.selfhosted.checks import open_health
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.errors import VoiceError
from voicecli.verbs import Use

PORTS = {"asr_url": 7205, "tts_url": 7206, "chat_url": 7207, "embedding_url": 7202}
USES: Mapping[str, Use] = {"asr_url": "transcribe", "chat_url": "chat", "tts_url": "speak", "embedding_url": "embed"}
SENSEVOICE_PORT = 50000


async def find(ports: Mapping[str, int] = PORTS) -> Server | None:
    """Those of the servers at `ports`, by their setting, that are well; one backend holds all."""
    addresses = {setting: f"http://{HERE}:{port}" for setting, port in ports.items()}
    well = await asyncio.gather(*(_is_well(name, url, ports[name]) for name, url in addresses.items()))
    settings = {name: url for (name, url), fine in zip(addresses.items(), well, strict=True) if fine}
    return _server("lab", settings) if settings else None


async def find_sensevoice(port: int = SENSEVOICE_PORT) -> Server | None:
    """SenseVoice's own server."""
    url = f"http://{HERE}:{port}/api/v1/asr"
    return _server("sensevoice", {"asr_url": url}) if await _is_well("asr_url", url, port) else None


def _server(name: str, settings: Mapping[str, str]) -> Server:
    return Server(name, "selfhosted", settings, uses=tuple(USES[setting] for setting in USES if setting in settings))


async def _is_well(setting: str, url: str, port: int) -> bool:
    """Whether a server answers its family's health check: ears are given silence, embeddings a word."""
    if not await somebody_listens(port):
        return False
    patient = SelfhostedSettings(f"port {port}", "selfhosted", timeout_s=ANSWER_S, connect_timeout_s=KNOCK_S)
    try:
        async with open_health(replace(patient, **{setting: url})) as health:  # type: ignore[arg-type]
            await health.check()
    except VoiceError:
        return False
    return True
