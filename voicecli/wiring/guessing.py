"""Backends that nobody named, held against what they turn out to have.

Belongs here: asking a service for its models once, choosing among them by their names. Does not belong here: choosing
among what somebody named (choosing).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from voicecli.errors import VoiceError
from voicecli.verbs import VERBS, Use, Verb
from voicecli.wiring.announcing import hosts
from voicecli.wiring.choosing import able, family_of
from voicecli.wiring.opening import with_key

if TYPE_CHECKING:
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.types import Backend

SPOKEN_TO = r"whisper|transcri|asr|sensevoice|paraformer|parakeet|canary|voxtral|speech-to-text|stt"
SPEAKS = r"tts|kokoro|cosyvoice|chattts|piper|bark|xtts|orpheus|fish-speech|text-to-speech"
OTHER = r"embed|rerank|moderation|dall-e|image|diffusion|video|realtime|audio"
MODELS = {"transcribe": SPOKEN_TO, "speak": SPEAKS}
"""How models of a verb are called; what neither is nor looks like OTHER is taken for a chat model."""

PATIENCE_S = 5.0


async def settle(cfg: Config, verbs: Iterable[Verb], env: Mapping[str, str], report: Reporter) -> Config:
    """`cfg` with each backend that nobody named for `verbs`, only guessed, held against what it turns out to have.

    A verb that the service lacks goes to the local backend. An address of one's own is asked for its
    models, once, and one is taken where the usual names are not among them. Never raises for a service
    that does not answer: the request that follows will tell.
    """
    listed: dict[str, list[str]] = {}
    wanted = cfg.guessed & {VERBS[verb].use for verb in verbs}
    for use in [use for use in get_args(Use) if use in wanted]:
        backend = cfg.backend_for(use)
        if not able(family_of(backend), use):
            cfg = _use_local(cfg, use, report)
        elif _is_default(cfg, backend, use) and not _is_known(backend):
            if backend.name not in listed:
                listed[backend.name] = await _models(cfg, backend, env)
            cfg = _use_listed(cfg, backend, use, listed[backend.name], report)
    return replace(cfg, guessed=cfg.guessed - wanted)


def _is_default(cfg: Config, backend: Backend, use: str) -> bool:
    """Whether nobody named the model for `use`."""
    return cfg.sources.get(f"backends.{backend.name}.{use}_model", "default") == "default"


def _is_known(backend: Backend) -> bool:
    """Whether the usual model names are surely right."""
    return hosts("chat", backend) == ["api.openai.com"]


async def _models(cfg: Config, backend: Backend, env: Mapping[str, str]) -> list[str]:
    """What the service lists; nothing when it does not answer in time."""
    import asyncio

    listing = family_of(backend).models
    if listing is None:
        return []
    try:
        async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
            opened = with_key(replace(backend, timeout_s=PATIENCE_S), cfg, env)
            catalog = await stack.enter_async_context(listing(opened))
            return list(await catalog.models())
    except (VoiceError, TimeoutError):
        return []


def _use_listed(cfg: Config, backend: Backend, use: Use, listed: list[str], report: Reporter) -> Config:
    """`cfg` with a model that the service lists for `use`, or without the service where it lists none."""
    usual = getattr(backend, f"{use}_model")
    if not listed or usual in listed:
        return cfg
    if not (fitting := [name for name in listed if is_for(name, use)]):
        return _use_local(cfg, use, report)
    report.detail(f"{backend.name} does not list {usual}; {fitting[0]} is used to {use}.")
    newer = replace(cfg.backends[backend.name], **{f"{use}_model": fitting[0]})  # type: ignore[arg-type]
    return replace(cfg, backends={**cfg.backends, backend.name: newer})


def is_for(model: str, use: str) -> bool:
    """Whether a model's name sounds like one for `use`."""
    if use in MODELS:
        return bool(re.search(MODELS[use], model, re.IGNORECASE))
    return not re.search("|".join([*MODELS.values(), OTHER]), model, re.IGNORECASE)


def _use_local(cfg: Config, use: str, report: Reporter) -> Config:
    from voicecli.config import LOCAL

    report.note(f"{cfg.backend_for(use).name} has nothing to {use} with; the local backend does it.")
    return replace(cfg, use=replace(cfg.use, **{use: LOCAL}))
