"""`voice talk` with tools, spoken: "Draw a pig and tell me what you see in it", to a local server that calls tools.

The picture holds digits, and so do the question about it, what is seen in it and the answer: what went wrong
anywhere on the way is a wrong digit. Once over files, as fast as it goes, once on virtual sound devices.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Voice
from tests.fakes.openai_pictures import MODELS, OpenAIPictures
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.fakes.openai_tools import Call
from tests.fakes.pictures import png_digits
from tests.fakes.server import STALL, Reply
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.serving import serving
from tests.test_talk_devices import settings, talking
from tests.test_talk_files import RATE, heard, of, write
from tests.virtual import VirtualDevices
from tests.waiting import until

DRAWING = "/v1/images/generations"
PIG = "4071"
SEEN, ANSWER = "5182", "6293"
"""What a look at the picture tells, and what the model makes of that: one more each time."""

WORDS = {"13579": "Draw a pig and tell me what you see in it.", "2468": "Yes, please.", "8642": "No, thanks."}
"""What a person means who says these digits."""
DRAW, YES, NO = WORDS


def painter(messages: list[dict[str, Any]]) -> list[Call]:
    """A model that draws when it is told to, and looks at what it has drawn."""
    last = messages[-1]
    if last["role"] == "user" and last["content"].startswith("Draw"):
        return [("image_make", json.dumps({"prompt": f"a pig {PIG}"}))]
    used = messages[-2]["tool_calls"][0]["function"]["name"] if last["role"] == "tool" else ""
    if used == "image_make" and (made := re.search(r"[\w./-]+\.png", last["content"])):
        return [("image_describe", json.dumps({"picture": made[0]}))]
    return []


def habits(**more: Any) -> Habits:
    return Habits(models=MODELS, calls=painter, heard=meant, **more)


def meant(digits: str) -> str:
    """Devices of a busy machine damage digits: what is left tells what was meant."""

    def fits(said: str) -> bool:
        return len(digits) == len(said) and all(each in (right, "?") for each, right in zip(digits, said, strict=True))

    return next((words for said, words in WORDS.items() if fits(said)), digits)


def with_pictures(server: OpenAIServer) -> str:
    return settings(server) + 'image_model = "digits-draw"\n'


def states(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["name"], each["state"]) for each in told]


STALLED = Reply([b'{"data": [{"b64_json": "', STALL], 200, {"content-type": "application/json"})
"""A picture that never comes to its end."""

DONE = [
    *(("image_make", state) for state in ("asked", "working", "done")),
    *(("image_describe", state) for state in ("working", "done")),
]


# -- over files --------------------------------------------------------------------------------------


server = serving(lambda: OpenAIPictures(habits()))


def spoken(folder: Path, *said: str) -> str:
    quiet = np.zeros(RATE, np.int16)
    return write(
        folder / "said.wav", np.concatenate([quiet, *(part for each in said for part in (says(each, RATE), quiet))])
    )


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


@pytest.mark.parametrize("answer", [YES, NO])
def test_a_pig_is_drawn_looked_at_and_told_of_after_a_spoken_yes_alone(
    voice: Voice, server: OpenAIPictures, tmp_path: Path, answer: str
) -> None:
    (tmp_path / "config.toml").write_text(with_pictures(server))
    source, target = spoken(tmp_path, DRAW, answer), tmp_path / "replies.wav"
    env = {"VOICE_CONFIG": str(tmp_path / "config.toml")}
    done = voice("talk", "--input", source, "--output", str(target), "--fast", "--json", env=env)
    assert done.returncode == 0, done.stderr.decode()
    assert [each["text"] for each in of(done, "user_said")] == [WORDS[DRAW], WORDS[answer]]
    assert heard(target)[0][0] == PIG + "1"  # "May I make a picture with …: a pig 4071, kept as picture-1?"
    assert f"a pig {PIG}" in of(done, "assistant_said")[0]["text"]
    if answer == NO:
        assert states(of(done, "tool")) == [("image_make", "asked"), ("image_make", "declined")]
        assert pictures(tmp_path) == [] and server.to(DRAWING) == []
        return
    assert states(of(done, "tool")) == DONE
    assert heard(target)[0][1:] == [ANSWER]
    (picture,) = pictures(tmp_path)
    assert png_digits(picture.read_bytes()) == PIG
    # What is said while a tool works is no part of the reply.
    assert [each["text"] for each in of(done, "assistant_said")][1:] == [f"{ANSWER}."]
    said = [entry["body"]["input"] for entry in server.log if entry["verb"] == "speak"]
    assert said[-3:] == ["One moment.", "A moment more.", f"{ANSWER}."]


@pytest.mark.needs_posix
def test_ctrl_c_while_it_is_opened_leaves(
    voice: Voice, server: OpenAIServer, home: dict[str, str], tmp_path: Path
) -> None:
    """A server of tools is waited for, which is begun before anything is heard."""
    begun = tmp_path / "begun"
    code = f"import pathlib, sys; pathlib.Path({str(begun)!r}).touch(); sys.stdin.read()"
    tables = f"[mcp.slow]\ncommand = [{sys.executable!r}, '-c', {code!r}]\n"
    (tmp_path / "config.toml").write_text(settings(server) + tables)
    command = [sys.executable, "-m", "voicecli", "talk", "--input", spoken(tmp_path, DRAW), "--output", "replies.wav"]
    env = home | {"VOICE_CONFIG": str(tmp_path / "config.toml")}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env, cwd=tmp_path) as process:
        until(begun.exists)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
    assert (process.returncode, b"bug" in told) == (130, False), told


@pytest.mark.needs_posix
def test_a_key_in_the_middle_of_a_tool_stops_it(server: OpenAIPictures, home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(with_pictures(server))
    server.on(DRAWING, STALLED)
    source = spoken(tmp_path, DRAW, YES)
    command = [sys.executable, "-m", "voicecli", "talk", "--input", source, "--output", "replies.wav"]
    with Terminal(command, home | {"VOICE_CONFIG": str(tmp_path / "config.toml")}, tmp_path) as terminal:
        terminal.until(lambda text: f"image_make: a pig {PIG} …" in text and server.to(DRAWING))
        terminal.pass_time(1.0)
        assert server.hangups == [] and "working" in terminal.text
        terminal.press(b"\x18")
        pressed = time.monotonic()
        terminal.until(lambda text: server.hangups, 5)
        assert server.hangups[0].at - pressed < 1.0
        assert terminal.ended() == 0
    assert pictures(tmp_path) == []


# -- on devices --------------------------------------------------------------------------------------


@pytest.mark.needs_sound
def test_interrupted_in_the_middle_of_a_tool_nothing_is_left_running(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    with (
        OpenAIPictures(habits(hear_s=0.1)) as server,
        talking(devices, home, tmp_path, with_pictures(server), "--headphones") as talk,
    ):
        server.on(DRAWING, STALLED)
        talk.until("ready")
        devices.say(says(DRAW), after_s=0.3)
        talk.until("turn_metrics")
        devices.say(says(YES), after_s=0.3)
        while talk.until("tool")["state"] != "working":
            pass
        devices.say(after_s=2.5)  # a person who goes on within two seconds takes the turn back
        assert server.hangups == []
        devices.play_into("micfeed", says("777777").tobytes())
        assert talk.until("interrupted")["by"] == "speech"
        interrupted = time.monotonic()
        talk.until("turn_metrics")
        (hangup,) = [each for each in server.hangups if each.path == DRAWING]
        assert hangup.at - interrupted < 1.0
        talk.until("turn_metrics")
    assert talk.process.wait(60) == 0
    assert pictures(tmp_path) == []
    assert [path.name for path in tmp_path.rglob("*") if "part" in path.name] == []
    assert ("image_make", "done") not in states(talk.of("tool"))
