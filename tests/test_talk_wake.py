"""`voice talk --wake` on real weights: what is said in the room, the phrase, a question, and the room again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import weights
from tests.conftest import Voice
from tests.fakes.openai_server import OpenAIServer
from tests.test_talk_devices import settings
from tests.test_talk_files import RATE, of, write
from voicecli.audio.files import read_pcm


@pytest.mark.needs_models
def test_only_what_follows_the_phrase_is_answered(voice: Voice, tmp_path: Path) -> None:
    sound = [np.zeros(RATE // 2, np.int16)]
    for text, pause_s in (
        ("Where did I put my keys?", 1.2),
        ("Hey computer.", 1.2),
        ("What is nine times eight?", 4.0),
        ("What is two plus three?", 1.0),
    ):
        sound += [weights.spoken(text, RATE), np.zeros(round(pause_s * RATE), np.int16)]
    room, target = write(tmp_path / "room.wav", np.concatenate(sound)), tmp_path / "answers.wav"
    env = weights.ENV | {"VOICE_TALK_AWAKE_S": "2"}
    done = voice("talk", "--input", room, "-o", str(target), "--fast", "--json", "--wake", "hey computer", env=env)
    assert done.returncode == 0, done.stderr.decode()
    (said,) = of(done, "user_said")
    assert said["text"] == "What is nine times eight?"
    assert "9 times 8 is 72." in of(done, "assistant_said")[0]["text"]
    assert not any("keys" in each["text"] for each in of(done, "user_partial"))
    assert [each["text"] for each in of(done, "notice")] == ["asleep until somebody says “hey computer”"]
    first = np.flatnonzero(np.frombuffer(read_pcm(target, RATE), np.int16))[0] / RATE
    assert first * 1000 < said["t_ms"], "a tone says that it woke"


def test_a_room_is_not_sent_to_a_service(voice: Voice, tmp_path: Path) -> None:
    with OpenAIServer() as server:
        (tmp_path / "c.toml").write_text(settings(server))
        done = voice("talk", "--wake", "hey", "--input", "x.wav", env={"VOICE_CONFIG": str(tmp_path / "c.toml")})
        assert done.returncode == 2 and b"--wake: all that is said" in done.stderr and not server.requests
