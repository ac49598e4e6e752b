"""Turns that were lost: their recordings are kept, offered when the service is back, and sent again on a key."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import long
from tests.clock import run
from tests.conftest import Voice
from tests.dialogue.talking import Brain, Ears, Room
from tests.dialogue.talking import Voice as Speech
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.server import Reply
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.serving import serving
from tests.test_talk_devices import settings
from tests.test_talk_files import conversation, events, write
from voicecli.dialogue import events as ev
from voicecli.errors import ServiceError
from voicecli.wiring import talk_files
from voicecli.wiring.talk_files import KeptTurns

PCM = bytes(range(256)) * 250


def answered(text: str = "so") -> ev.AssistantSaid:
    return ev.AssistantSaid(text, False)


def lost(path: str) -> ev.TurnLost:
    return ev.TurnLost("down", 4, path)


def test_a_recording_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = KeptTurns(tmp_path)
    path = Path(kept.keep(3, PCM))
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept.take() == PCM
    assert kept.take() == b""


def test_what_was_lost_is_offered_once_the_service_answers(tmp_path: Path) -> None:
    kept = KeptTurns(tmp_path)
    path = kept.keep(1, PCM)
    assert kept.after(lost(path)) == ""
    assert kept.after(ev.UserSaid("hello")) == ""
    offer = kept.after(answered())
    assert "Ctrl-R" in offer
    assert offer.endswith(f"voice transcribe {path}")
    assert kept.after(answered()) == ""


def test_a_turn_that_was_answered_at_last_is_kept_no_more(tmp_path: Path) -> None:
    kept = KeptTurns(tmp_path)
    first, second = kept.keep(1, PCM), kept.keep(2, PCM)
    assert kept.take() == PCM
    assert Path(first).exists()
    assert second in kept.after(answered())
    assert not Path(first).exists()
    assert Path(second).exists()


def test_one_that_is_lost_again_is_kept_anew(tmp_path: Path) -> None:
    kept = KeptTurns(tmp_path)
    kept.keep(1, PCM)
    assert kept.take() == PCM
    kept.after(lost(kept.keep(2, PCM)))
    assert len(list(tmp_path.iterdir())) == 1
    assert kept.take() == PCM


def test_one_that_could_not_be_kept_anew_is_not_removed(tmp_path: Path) -> None:
    kept = KeptTurns(tmp_path)
    kept.keep(1, PCM)
    kept.take()
    kept.after(lost(""))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("most", "most_bytes", "left"), [(5, 10**9, 5), (100, 3 * (len(PCM) + 44), 3), (100, 1, 1)])
def test_the_newest_stay(tmp_path: Path, most: int, most_bytes: int, left: int) -> None:
    kept = KeptTurns(tmp_path, most, most_bytes)
    paths = []
    for turn in range(12):
        paths.append(Path(kept.keep(turn, PCM)))
        os.utime(paths[-1], (turn, turn))
    kept.keep(99, PCM)
    assert len(list(tmp_path.iterdir())) == left
    assert all(path.exists() for path in paths[len(paths) - left + 1 :])


def test_the_next_conversation_tells_of_them_once(tmp_path: Path) -> None:
    KeptTurns(tmp_path).keep(1, PCM)
    assert f"voice transcribe -r {tmp_path}" in KeptTurns(tmp_path).earlier()
    assert KeptTurns(tmp_path).earlier() == ""
    assert KeptTurns(tmp_path / "nowhere").earlier() == ""


def test_a_minute_of_a_turn_fits_many_times() -> None:
    assert talk_files.MAX_BYTES > 20 * 60 * 32_000


# -- in a conversation -------------------------------------------------------------------------------


def test_the_recording_is_heard_again_and_answered() -> None:
    ears = Ears([ServiceError("down", who="work"), "what is the time"])
    room = Room(ears, Brain(["Noon."]), Speech(), lost=[b"\x00\x40" * 16_000])

    def again(room: Any) -> None:
        room.talk.keys.again()

    run(room.run([("loud", 1.0), ("quiet", 2.0), again, ("reply", 0), ("quiet", 3.0), again]))
    assert [each.text for each in room.of(ev.UserSaid)] == ["what is the time"]
    assert [each.text for each in room.of(ev.AssistantSaid)] == ["Noon."]
    assert len(ears.clips) == 2
    assert ears.clips[1].seconds == 1.0
    assert [each.text for each in room.of(ev.Notice)] == ["no lost turn is kept"]


server = serving(OpenAIServer)


def test_a_conversation_offers_what_it_lost(voice: Voice, server: OpenAIServer, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(settings(server))
    usual, asked = server.transcribed, iter(range(99))

    async def first_down(request: Any) -> Reply:
        return Reply.json({"error": {"message": "down"}}, 400) if next(asked) == 0 else await usual(request)

    server.on("/v1/audio/transcriptions", first_down)
    source = write(tmp_path / "q.wav", conversation())
    command = ("talk", "--input", source, "--output", "a.wav", "--fast", "--json", "--draft", "off")
    done = voice(*command, env={"VOICE_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr
    (loss,) = [each for each in events(done) if each["event"] == "turn_lost"]
    (notice,) = [each["text"] for each in events(done) if each["event"] == "notice" and "lost" in each["text"]]
    assert notice.endswith(loss["recording"])
    samples = np.frombuffer(Path(loss["recording"]).read_bytes()[44:], np.int16)
    assert "".join(tone.digit for tone in long.find(samples, 16_000)) == "13579"
    again = voice(*command, env={"VOICE_CONFIG": str(config)})
    notices = [each["text"] for each in events(again) if each["event"] == "notice"]
    assert any("earlier conversations" in each for each in notices), json.dumps(notices)


def test_a_key_sends_it_again(server: OpenAIServer, home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(settings(server))
    usual, asked = server.transcribed, iter(range(99))

    async def first_down(request: Any) -> Reply:
        return Reply.json({"error": {"message": "down"}}, 400) if next(asked) == 0 else await usual(request)

    server.on("/v1/audio/transcriptions", first_down)
    quiet = np.zeros(16_000, np.int16)
    said = [quiet, says("4071", 16_000), *[quiet] * 3, says("938", 16_000), *[quiet] * 30]
    source = write(tmp_path / "q.wav", np.concatenate(said))
    command = [sys.executable, "-m", "voicecli", "talk", "--input", source, "--output", "a.wav", "--draft", "off"]
    env = home | {"VOICE_CONFIG": str(tmp_path / "config.toml"), "COLUMNS": "200"}
    with Terminal(command, env, tmp_path) as terminal:
        terminal.until(lambda text: "turn lost" in text)
        terminal.until(lambda text: "Ctrl-R" in text and text.rfind("listening") > text.rfind("049") > 0)
        terminal.press(b"\x12")
        terminal.until(lambda text: text.rfind("listening") > text.rfind("5182") > 0)
        assert terminal.leave() == 0
    assert not list(Path(home["XDG_STATE_HOME"]).rglob("lost-*.wav"))


def test_two_conversations_of_one_second_have_a_folder_each(tmp_path: Path) -> None:
    async def both() -> None:
        with talk_files.Recording(tmp_path, 16_000) as one, talk_files.Recording(tmp_path, 16_000) as other:
            assert one.folder != other.folder

    asyncio.run(both())
    assert len(list(tmp_path.iterdir())) == 2
