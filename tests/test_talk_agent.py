"""`voice talk --agent`, spoken over files and typed at a terminal, with a scripted agent (tests/fakes/agent.py)."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Voice
from tests.fakes import agent as script
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.serving import serving
from tests.test_talk_devices import settings
from tests.test_talk_files import RATE, heard, of, write
from tests.waiting import until

pytestmark = pytest.mark.needs_posix

ASK, YES, TELL, NO = WORDS = {
    "13579": "say I will.; may made4071.txt",
    "2468": "Yes, please.",
    "97531": "say Just 86420.",
    "8642": "No, thanks.",
}
"""What a person means who says these digits."""


server = serving(lambda: OpenAIServer(Habits(heard=lambda digits: WORDS.get(digits, digits))))


@pytest.fixture
def env(server: OpenAIServer, tmp_path: Path) -> dict[str, str]:
    log = json.dumps(str(tmp_path / "log"))
    command = json.dumps([sys.executable, script.__file__])
    agents = [
        f"[agents.{name}]\ncommand = {command[:-1]}{more}]\nenv = {{ AGENT_LOG = {log} }}\n" for name, more in NAMED
    ]
    (tmp_path / "config.toml").write_text(settings(server) + "".join(agents))
    return {"VOICE_CONFIG": str(tmp_path / "config.toml")}


NAMED = [("script", ""), ("locked", ', "sign-in"'), ("stubborn", ', "children"')]


def left(folder: Path) -> bool:
    return script.group_lives(int((folder / "log.pid").read_text()))


@pytest.mark.parametrize("answer", [YES, NO])
def test_a_spoken_yes_makes_the_file_and_a_spoken_no_none(
    voice: Voice, env: dict[str, str], tmp_path: Path, answer: str
) -> None:
    quiet = np.zeros(RATE, np.int16)
    spoken = [quiet, *(part for each in (ASK, answer) for part in (says(each, RATE), quiet))]
    source, target = write(tmp_path / "said.wav", np.concatenate(spoken)), tmp_path / "replies.wav"
    talk = ("talk", "--agent", "script", "--input", source, "--output", str(target), "--fast", "--json")
    done = voice(*talk, env=env)
    assert done.returncode == 0, done.stderr.decode()
    assert "4071" in "".join(heard(target)[0])
    first, second = (each["text"] for each in of(done, "assistant_said"))
    assert first.split("\n\n") == ["I will. ", "The agent wants to write made4071.txt, one line. May it?"]
    assert second == ("I wrote it." if answer == YES else "It was not done.")
    assert any("+made" in each["text"] for each in of(done, "notice"))
    assert bool(list(tmp_path.rglob("made4071.txt"))) is (answer == YES)
    assert not left(tmp_path)


def test_with_speak_none_only_what_is_asked_sounds(voice: Voice, env: dict[str, str], tmp_path: Path) -> None:
    quiet = np.zeros(RATE, np.int16)
    source = write(tmp_path / "said.wav", np.concatenate([quiet, says(TELL, RATE), quiet, says(ASK, RATE), quiet]))
    target = tmp_path / "replies.wav"
    talk = ("talk", "--agent", "script", "--speak", "none", "--input", source, "--output", str(target), "--fast")
    done = voice(*talk, "--json", env=env)
    assert [each["text"].split("\n\n")[0] for each in of(done, "assistant_said")] == ["Just 86420.", "I will. "]
    assert "".join(heard(target)[0]) == "4071"


def test_a_sign_in_names_the_command_and_has_its_code(voice: Voice, env: dict[str, str]) -> None:
    done = voice("talk", "--agent", "locked", "--input", os.devnull, "--output", "-", env=env)
    assert (done.returncode, b"--login" in done.stderr) == (3, True), done.stderr.decode()


def test_continue_goes_on_with_the_last_session_here(voice: Voice, env: dict[str, str], tmp_path: Path) -> None:
    talk = ("talk", "--agent", "script", "--input", os.devnull, "--output", str(tmp_path / "r.wav"), "--fast")
    none = voice(*talk, "--continue", env=env)
    assert b"no session of script in this folder" in none.stderr
    voice(*talk, env=env)
    assert b"script cannot go on with the earlier session" in voice(*talk, "--continue", env=env).stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--agent", "scrip"), b"Did you mean script?"),
        (("--agent", "/no/such/program --acp"), b"is not there"),
        (("--agent", "script", "--tool", "clock"), b"--tool is for a model of ours"),
    ],
)
def test_what_cannot_be_is_said(voice: Voice, env: dict[str, str], flags: tuple[str, ...], words: bytes) -> None:
    done = voice("talk", *flags, env=env)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr.decode()


def at_a_terminal(env: dict[str, str], home: dict[str, str], folder: Path, agent: str) -> Terminal:
    source = write(folder / "quiet.wav", np.zeros(60 * RATE, np.int16))
    files = ("--input", source, "--output", str(folder / "replies.wav"))
    return Terminal([sys.executable, "-m", "voicecli", "talk", "--agent", agent, *files], home | env, folder)


def test_typed_words_decide_and_interrupt(env: dict[str, str], home: dict[str, str], tmp_path: Path) -> None:
    with at_a_terminal(env, home, tmp_path, "script") as terminal:
        terminal.until(lambda text: "in its mode Manual" in text)
        terminal.press(b"may made.txt\r")
        terminal.until(lambda text: "May it?" in text)
        terminal.pass_time(2)
        assert not (tmp_path / "made.txt").exists()
        terminal.press(b"yes\r")
        terminal.until(lambda text: "I wrote it." in text)
        assert (tmp_path / "made.txt").exists()
        terminal.press(b"say 987.; wait 30; say never\r")
        terminal.pass_time(1.5)
        terminal.press(b"count 4\r")
        terminal.until(lambda text: "0 1 2 3" in text)
        terminal.press(b"\x03")
        assert terminal.ended() == 0
    sent = [json.loads(line).get("method") for line in (tmp_path / "log").read_text().splitlines()]
    assert sent[-3:] == ["session/prompt", "session/cancel", "session/prompt"]
    assert not left(tmp_path)


CLOSED = "closed"
"""The window of the terminal."""


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, CLOSED])
def test_whatever_ends_it_leaves_nothing_of_the_agent(
    env: dict[str, str], home: dict[str, str], tmp_path: Path, way: signal.Signals | str
) -> None:
    with at_a_terminal(env, home, tmp_path, "stubborn") as terminal:
        terminal.until(lambda text: "in its mode Manual" in text)
        terminal.press(b"say 987.; wait 60\r")
        terminal.pass_time(1.5)
        if isinstance(way, signal.Signals):
            terminal.send(way)
            assert terminal.ended() == {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGKILL: -9}[way]
        else:
            terminal.close()
        until(lambda: not left(tmp_path), 3, "nothing is left of the agent")
