"""The terminal is as it was: after Ctrl-C at any moment, after each signal, a crash, and while the program is stopped.

Everything runs on a real pseudo-terminal under a small shell (tests/reliability/terminal.py). The moments are seeded.
"""

from __future__ import annotations

import random
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.emulator import Emulator
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.test_talk_devices import settings
from voicecli.text.clean import clean

VOICE = [sys.executable, "-m", "voicecli"]
RATE = 16_000


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Habits(hear_s=0.3, first_token_s=0.2, token_s=0.05)) as it:
        yield it


@pytest.fixture
def env(server: OpenAIServer, home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "config.toml"
    config.write_text(settings(server))
    quiet = np.zeros(RATE, np.int16)
    soundfile.write(tmp_path / "q.wav", np.concatenate([quiet, says("4071", RATE), *[quiet] * 40]), RATE)
    for number in range(6):
        soundfile.write(tmp_path / f"{number}.wav", says("4071", RATE), RATE)
    return home | {"VOICE_CONFIG": str(config)}


TALK = ["talk", "--input", "q.wav", "--output", "a.wav"]
COMMANDS: dict[str, tuple[list[str], str]] = {
    "talk": (TALK, "listening"),
    "talk json": ([*TALK, "--json"], '"ready"'),
    "chat": (["chat"], "\x1b[?2004h"),
    "transcribe": (["transcribe", *(f"{number}.wav" for number in range(6)), "-o", "out/"], "⠋ transcribing"),
    "answer": (["chat", "--private", "--plain", "After 40718293?"], "5"),
}
"""Command lines, and what shows that they are at work."""
WORKS_S = {"transcribe": 0.2, "answer": 0.2}
"""For how long they surely are; the others go on until they are ended."""


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_after_a_signal(name: str, number: signal.Signals, env: dict[str, str], tmp_path: Path) -> None:
    line, working = COMMANDS[name]
    with Terminal([*VOICE, *line], env, tmp_path) as terminal:
        terminal.until(lambda text: working in text)
        terminal.pass_time(random.Random(f"{name}{number}").uniform(0, WORKS_S.get(name, 0.6)))
        terminal.send(number)
        if name == "chat" and number == signal.SIGINT:
            # At its prompt Ctrl-C only takes back the line, as in every shell.
            terminal.pass_time(0.3)
            terminal.press(b"\x04")
        code = terminal.ended()
        assert terminal.faults() == []
        assert "Traceback" not in terminal.text
        wanted = {signal.SIGINT: (0, 130), signal.SIGTERM: (143, 0), signal.SIGHUP: (129, 0)}[number]
        assert code in (*wanted, -number)  # the latter in its very last moments, when all is said


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGUSR1], ids=lambda each: each.name)
def test_after_a_signal_that_ends_on_the_spot(
    name: str, number: signal.Signals, env: dict[str, str], tmp_path: Path
) -> None:
    line, working = COMMANDS[name]
    with Terminal([*VOICE, *line], env, tmp_path) as terminal:
        terminal.until(lambda text: working in text)
        terminal.send(number)
        assert terminal.ended() == -number
        assert terminal.faults() == []
        assert not list(tmp_path.glob("core*"))


@pytest.mark.parametrize("moment", range(4))
def test_ctrl_c_at_any_moment_of_a_start(moment: int, env: dict[str, str], tmp_path: Path) -> None:
    """Between nothing and the running screen, where least is ready for it."""
    with Terminal([*VOICE, *TALK], env, tmp_path) as terminal:
        terminal.pass_time(random.Random(moment).uniform(0.05, 1.5))
        terminal.press(b"\x03")
        if terminal.ended() not in (0, 130, -2):
            pytest.fail(terminal.text)
        assert terminal.faults() == []
        emulator = Emulator(80)
        emulator.feed(terminal.text)
        assert "›" not in emulator.text and "starting" not in emulator.text


@pytest.mark.parametrize("name", ["talk", "chat"])
def test_keys_that_leave(name: str, env: dict[str, str], tmp_path: Path) -> None:
    line, working = COMMANDS[name]
    with Terminal([*VOICE, *line], env, tmp_path) as terminal:
        terminal.until(lambda text: working in text)
        assert terminal.leave() == 0
        assert terminal.faults() == []


@pytest.mark.parametrize("name", ["talk", "chat", "transcribe"])
@pytest.mark.parametrize("how", ["key", "signal"])
def test_while_it_is_stopped_and_when_it_goes_on(name: str, how: str, env: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-Z, or SIGTSTP from elsewhere: the shell finds its terminal, `fg` finds the program as it was."""
    line, working = COMMANDS[name]
    with Terminal([*VOICE, *line], env, tmp_path) as terminal:
        terminal.until(lambda text: working in text)
        if how == "key":
            terminal.press(b"\x1a")
        else:
            terminal.send(signal.SIGTSTP)
        terminal.stopped()
        assert terminal.faults() == []
        terminal.fg()
        if name == "transcribe":
            assert terminal.ended() == 0
        else:
            shown = len(terminal.shown)
            terminal.until(lambda text: len(terminal.shown) > shown)
            assert terminal.leave() == 0
        assert terminal.faults() == []


def test_what_is_typed_before_it_is_ready_is_asked(env: dict[str, str], tmp_path: Path) -> None:
    """From the prompt's first moment on; the rows of the start leave nothing behind."""
    with Terminal([*VOICE, *TALK, "--private"], env, tmp_path) as terminal:
        terminal.until(lambda text: "› " in text)
        terminal.press(b"early 5\r")
        terminal.until(lambda text: "ready: " in text and "you:   early 5" in clean(text))
        assert terminal.leave() == 0
        assert terminal.faults() == [] and "starting" not in whole(terminal.text, 80)


def test_a_line_wider_than_the_window_is_whole_and_the_prompt_stays(env: dict[str, str], tmp_path: Path) -> None:
    """While it is typed, and after its Enter; so is a text of several lines that is pasted."""
    with Terminal([*VOICE, *TALK, "--private"], env, tmp_path) as terminal:
        termios.tcsetwinsize(terminal.ours, (24, 40))
        terminal.until(lambda text: "listening" in text)
        wide = "好，今天天气很好，我们去公园散步吧，然后再回家吃饭，好不好呢？"
        terminal.press(f"{wide}3".encode())
        terminal.until(lambda text: f"›{wide}3" in whole(text))
        terminal.press(b"\r")
        terminal.until(lambda text: f"you:{wide}3voice:4." in whole(text) and "›" in whole(text))
        # What is typed before the reply is over is said in one with what it answers.
        terminal.until(lambda text: text.rfind("listening") > text.rfind("4."))
        terminal.press(b"\x1b[200~one 5\ntwo 6\nthree 7\x1b[201~")
        terminal.until(lambda text: "›one5" in whole(text) and "three7" in whole(text))
        terminal.press(b"\r")
        terminal.until(lambda text: "voice:678." in whole(text))
        assert terminal.leave() == 0


def whole(text: str, columns: int = 40) -> str:
    """What the window shows at the end, without blanks: rows may be broken anywhere."""
    emulator = Emulator(columns)
    emulator.feed(text)
    return emulator.bare


CRASH = """
import asyncio, sys
from voicecli import cli
from voicecli.terminal import screen
from voicecli.dialogue.conversation import Dialogue

def feed(self, frame):
    raise ZeroDivisionError("a bug of ours")

Dialogue.feed = feed
cli.main()
"""


def test_after_a_crash(env: dict[str, str], tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", CRASH, *TALK], env, tmp_path) as terminal:
        assert terminal.ended() == 1
        assert "a bug of ours" in terminal.text
        assert terminal.faults() == []
