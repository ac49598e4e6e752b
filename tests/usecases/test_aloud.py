"""An answer read aloud: whose voice reads it, and that trouble with the voice costs a line and not the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.server import Reply
from tests.test_cli_speak import PATH, Speaking, served
from tests.usecases.here import services
from voicecli.errors import ConfigError
from voicecli.usecases.speaking.aloud import Aloud

pytestmark = pytest.mark.anyio
speaking = pytest.fixture(served)


async def answer() -> AsyncIterator[str]:
    for word in ("One is here. ", "Two is there."):
        yield word


async def test_a_voice_that_fails_is_told_of_once(tmp_path: Path, speaking: Speaking) -> None:
    here, listener = services(tmp_path, speaking.url, ["speak"], speak_model="m1")
    speaking.server.on(PATH, Reply.json({"error": {"message": "no credit"}}, 403))
    await Aloud(here).say(answer())
    (told,) = listener.warnings
    assert told.startswith("the answer is not read aloud: ")
    assert "no credit" in told or "loudspeaker" in told  # where there is none, that may be found first


async def test_a_backend_for_the_answer_that_cannot_speak_leaves_it_to_the_usual_voice(
    tmp_path: Path, speaking: Speaking
) -> None:
    here, listener = services(tmp_path, speaking.url, ["speak"], speak_model="m1")
    config = replace(here.config, audio=replace(here.config.audio, output="no such loudspeaker"))
    await Aloud(replace(here, config=config, backend="selfhosted"), "v7").say(answer())
    assert [each["voice"] for each in speaking.asked][:1] in ([], ["v7"])
    assert len(listener.warnings) == 1
    config = replace(here.config, use=replace(here.config.use, speak="selfhosted"))
    with pytest.raises(ConfigError, match="no backend is called"):
        Aloud(replace(here, config=config))
