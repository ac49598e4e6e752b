"""Real models for tests: fetched once by the program's own way, hash-checked, and kept outside the project.

Belongs here: where they lie, and what is missing. Does not belong here: using them.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from voicecli.config import Config
from voicecli.config.model import ModelSettings
from voicecli.errors import VoiceError
from voicecli.storage.models import ModelStore, damages
from voicecli.usecases.models import pull

NEEDED = ("moonshine-tiny-en", "piper-en-joe")
JUDGED = (*NEEDED, "kokoro-v1.0", "whisper-base-ct2")
"""What a test of voices needs: a better voice, which would change what is usual, and the judge."""
FOLDER = Path(os.environ.get("VOICE_TESTS_MODELS") or user_cache_path("voicecli-tests", appauthor=False) / "models")
"""Told before any test has folders of its own."""
JUDGED_FOLDER = FOLDER.with_name(f"{FOLDER.name}-judged")
ENV = {"VOICE_MODELS_FOLDER": str(FOLDER)}


class _Silent:
    """Nobody is told of the fetching."""

    quiet = True

    def note(self, text: str) -> None: ...
    def detail(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def hide(self, secret: object) -> None: ...

    def progress(self, label: str, total: float | None = None, unit: str = ""):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        return nullcontext(lambda done: None)


@cache
def missing(names: tuple[str, ...] = NEEDED, folder: Path = FOLDER) -> str | None:
    """Why models are not in a folder, after an attempt to fetch them; None: they are whole."""
    if here(names, folder):
        return None
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".tests.lock"):  # workers of one run begin together
        if here(names, folder):
            return None
        try:
            config = Config(models=ModelSettings(fetch="always"), models_dir=folder)
            asyncio.run(pull(config, names, _Silent()))
        except VoiceError as exc:
            return str(exc)
    return None


def here(names: tuple[str, ...] = NEEDED, folder: Path = FOLDER) -> bool:
    """Whether all of them are whole."""
    found = [ModelStore(folder).get(name) for name in names]
    return all(each is not None and not any(damages(each)) for each in found)


@cache
def spoken(text: str, rate: int) -> NDArray[np.int16]:
    """`text` by the Piper voice."""
    return np.frombuffer(asyncio.run(_spoken(text, rate)), np.int16)


async def _spoken(text: str, rate: int) -> bytes:
    from voicecli.audio.pcm import resample
    from voicecli.backends.local.mouth import LocalSpeaker
    from voicecli.backends.local.settings import LocalSettings
    from voicecli.types import PcmFormat, SpeechRequest

    mouth = LocalSpeaker(LocalSettings("local", "local", models_folder=str(FOLDER)))
    async with mouth.speak(SpeechRequest(text)) as chunks:
        found = [each async for each in chunks]
    form = found[0].encoding
    assert isinstance(form, PcmFormat)
    return resample(b"".join(each.data for each in found), form.rate, rate)
