"""Voices read back by Whisper base, on real weights; benchmarks/local.py counts more sentences."""

from __future__ import annotations

import pytest

from tests import weights
from tests.backends.local.speech import said
from tests.judge import Judge, floats, sounds_of, wrong
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.backends.local.settings import LocalSettings

SENTENCES = (
    ("af_heart", "en", "The old bridge was built of stone."),
    ("zf_xiaobei", "zh", "今天北京天气晴朗。"),
)


@pytest.mark.anyio
@pytest.mark.needs_judge
async def test_a_better_voice_is_understood_by_another_engine() -> None:
    judge = Judge(weights.JUDGED_FOLDER / "whisper-base-ct2")
    for voice, language, text in SENTENCES:
        settings = LocalSettings("local", "local", voice=voice, models_folder=str(weights.JUDGED_FOLDER))
        mouth = LocalSpeaker(settings)
        sound = floats(await said(mouth, text))
        heard = judge.read(sound, language)
        assert wrong(sounds_of(text), sounds_of(heard)) <= 1, heard
