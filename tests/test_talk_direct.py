"""`voice talk` over one service that hears and speaks: the program against a strict one, files in place of devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.talking_server import TalkingServer
from tests.test_talk_devices import expected
from tests.test_talk_files import QUESTIONS, conversation, heard, of, write


def settings(server: TalkingServer, turns: str = "client") -> str:
    return f"""
[use]
talk = "one"
[backends.one]
family = "openai"
talk_url = "{server.talk_url}"
talk_model = "digits"
talk_dialect = "{server.dialect}"
[talk]
vad = "webrtc"
turns = "{turns}"
"""


@pytest.mark.parametrize(("dialect", "turns"), [("openai", "client"), ("xai", "service")])
def test_every_digit_is_heard_and_said(voice: Voice, tmp_path: Path, dialect: str, turns: str) -> None:
    source, target, config = write(tmp_path / "in.wav", conversation()), tmp_path / "out.wav", tmp_path / "config.toml"
    with TalkingServer(dialect=dialect) as server:
        config.write_text(settings(server, turns))
        flags = ("--input", source, "--output", str(target), "--json", *(["--fast"] if turns == "client" else []))
        done = voice("talk", *flags, env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr.decode()
    assert [each["text"] for each in of(done, "user_said")] == QUESTIONS
    assert heard(target)[0] == [expected(question) for question in QUESTIONS]
    assert [each["text"].replace(" ", "") for each in of(done, "assistant_said")] == [expected(q) for q in QUESTIONS]
    assert all(each["gap_ms"] for each in of(done, "turn_metrics"))
    assert server.faults == []
