"""Kinds of models that nobody here has heard: told, loaded and fed, on random weights (tests.backends.local.tiny)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.local.speech import heard, read
from tests.backends.local.tiny import MAKERS, make
from tests.people import speech
from voicecli.backends.local.ears import open_ears
from voicecli.backends.local.kinds import tell
from voicecli.backends.local.settings import LocalSettings


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """Somebody speaks."""
    return bytes(16_000) + speech(rate=16_000).tobytes() + bytes(16_000)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", MAKERS)
async def test_a_kind_takes_recordings_and_live_sound(tmp_path: Path, kind: str, pcm: bytes) -> None:
    folder = make(kind, tmp_path)
    assert tell(folder).kind.name == kind and not tell(folder).kind.heard
    async with open_ears(LocalSettings("local", "local", transcribe_model=str(folder))) as ears:
        for way in (read, heard):
            final = (await way(ears, pcm))[-1]
            assert final.final and final.text and final.duration == pytest.approx(len(pcm) / 32_000)
            assert all(0 <= each.start <= each.end <= len(pcm) / 32_000 + 0.5 for each in final.words)
