"""`voice talk` as a process on virtual sound devices, against a real local server that decodes what it hears.

One stereo recording holds the person on the left and the assistant on the right: the digits at both ends
and the gaps between are read off it, and compared with what the program says of itself.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import dtmf
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.virtual import RATE, VirtualDevices, gaps_ms, sounds, virtual_devices

pytestmark = pytest.mark.needs_sound

TURNS = 5


class Talk:
    """A `voice talk --json` that runs; its events arrive in `events`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def until(self, event: str, seconds: float = 60) -> dict[str, Any]:
        """Reads events up to the next one of this name."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {event!r} within {seconds} s: {self.events[-5:]}")
            if not line:
                errors = self.process.stderr.read() if self.process.stderr else ""
                pytest.fail(f"ended before {event!r}: {self.events[-5:]} {errors}")
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return self.events[-1]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    def close(self) -> None:
        """Leaves, as by Ctrl-C, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.reader.join(5)
            for stream in (self.process.stdout, self.process.stderr):
                assert stream is not None
                stream.close()


def settings(server: OpenAIServer) -> str:
    return f"""
[use]
transcribe = "work"
chat = "work"
speak = "work"
[backends.work]
family = "openai"
base_url = "{server.base_url}"
chat_model = "digits-chat"
transcribe_model = "digits-hear"
speak_model = "digits-speak"
voice = "echo"
"""


@contextmanager
def talking(devices: VirtualDevices, home: dict[str, str], folder: Path, config: str, *flags: str) -> Iterator[Talk]:
    (folder / "config.toml").write_text(config)
    env = home | devices.env | {"VOICE_CONFIG": str(folder / "config.toml"), "VOICE_HISTORY_ENABLED": "false"}
    command = [sys.executable, "-m", "voicecli", "talk", "--json", *flags]
    process = subprocess.Popen(
        command,
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    talk = Talk(process)
    try:
        yield talk
    finally:
        talk.close()


def digits_in(samples: Any) -> list[str]:
    """The digits of every stretch of sound, in order."""
    return [dtmf.decode(samples[max(0, a - 480) : b + 480], RATE) for a, b in sounds(samples, quietest=1000)]


def expected(question: str) -> str:
    return "".join(str((int(each) + 1) % 10) for each in question)


def test_every_digit_of_a_conversation_on_the_virtual_devices(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    """Every digit right at both ends, no turn lost, and the gaps that are told are those that are heard."""
    rng = random.Random(7)
    questions = ["".join(rng.choice("0123456789") for _ in range(rng.randint(5, 9))) for _ in range(TURNS)]
    habits = Habits(hear_s=0.15, first_token_s=0.2, token_s=0.015, first_sound_s=0.15)
    with OpenAIServer(habits) as server, talking(devices, home, tmp_path, settings(server)) as talk:
        talk.until("ready")
        with devices.recording() as recording:
            for question in questions:
                devices.say(says(question), after_s=0.45)  # half-duplex: the ears open 300 ms after the reply
                talk.until("turn_metrics")
    assert talk.process.wait(60) == 0
    assert talk.of("turn_lost") == []
    assert [each["text"] for each in talk.of("user_said")] == questions
    assert digits_in(recording.assistant) == [expected(question) for question in questions]
    heard, told = gaps_ms(recording, quietest=1000), [each["gap_ms"] for each in talk.of("turn_metrics")]
    errors = sorted(abs(a - b) for a, b in zip(heard, told, strict=True))
    assert errors[TURNS // 2] <= 40
    assert errors[-2] <= 90


def test_barge_in_with_headphones_stops_the_reply_and_keeps_the_first_word(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    habits = Habits(hear_s=0.1, script=["1234567890 1234567890 1234567890 1234567890.", "55555."])
    with OpenAIServer(habits) as server, talking(devices, home, tmp_path, settings(server), "--headphones") as talk:
        talk.until("ready")
        with devices.recording() as recording:
            devices.say(says("13579"), after_s=0.3)
            talk.until("assistant_delta")
            devices.say(says("2468024"), after_s=2.5)
            talk.until("interrupted")
            talk.until("turn_metrics")
            talk.until("turn_metrics")
    # The question before it only asks for a long reply; the interruption must be whole.
    assert [each["text"] for each in talk.of("user_said")][1:] == ["2468024"]
    assert talk.of("assistant_said")[0]["interrupted"]
    assert digits_in(recording.assistant)[-1] == "55555"


def test_a_microphone_that_vanishes_ends_with_code_8_and_says_so(home: dict[str, str], tmp_path: Path) -> None:
    home = home | {"VOICE_AUDIO_RETURN_S": "0"}
    with virtual_devices() as own, OpenAIServer() as server, talking(own, home, tmp_path, settings(server)) as talk:
        talk.until("ready")
        own.unload(own.module("source_name=mic"))
        os.kill(own.daemon.pid, signal.SIGKILL)
        assert talk.process.wait(60) == 8
        assert talk.process.stderr is not None
        message = talk.process.stderr.read()
        assert "error:" in message
        assert "Traceback" not in message


def test_devices_that_come_back_find_the_conversation_where_it_was(home: dict[str, str], tmp_path: Path) -> None:
    with virtual_devices() as own, OpenAIServer() as server, talking(own, home, tmp_path, settings(server)) as talk:
        talk.until("ready")
        own.say(says("13579"), after_s=0.3)
        talk.until("turn_metrics")
        own.stop()
        assert "waits for it" in talk.until("notice")["text"]
        own.start()
        assert "listening again" in talk.until("notice")["text"]
        own.say(says("24680"), after_s=0.3)  # what has just been opened may lose its first moment
        talk.until("turn_metrics")
    assert [each["text"] for each in talk.of("user_said")] == ["13579", "24680"]
    assert talk.of("turn_lost") == []


def test_other_devices_are_taken_while_it_talks(devices: VirtualDevices, home: dict[str, str], tmp_path: Path) -> None:
    with OpenAIServer() as server:
        (tmp_path / "config.toml").write_text(settings(server))
        env = home | devices.env | {"VOICE_CONFIG": str(tmp_path / "config.toml")}
        with Terminal([sys.executable, "-m", "voicecli", "talk", "--private"], env, tmp_path) as terminal:
            terminal.until(lambda text: "ready: " in text)
            for line, told in (
                ("/mic", "virtual-mic"),
                ("/mic nosuch", "is not there"),
                ("/mic virtual-mic", "listening again (virtual-mic, default)"),
                ("/speaker virtual-speaker", "listening again (virtual-mic, virtual-speaker)"),
            ):
                terminal.press(f"{line}\r".encode())
                terminal.until(partial(contains, what=told))
            with devices.recording() as heard:
                devices.say(says("4071"), after_s=0.3)
                terminal.until(lambda text: text.rfind("listening") > text.rfind("5182.") > 0)
            assert terminal.leave() == 0
    assert digits_in(heard.assistant) == ["5182"]


def contains(text: str, what: str) -> bool:
    return what in text


def test_a_wrong_key_ends_with_code_3(devices: VirtualDevices, home: dict[str, str], tmp_path: Path) -> None:
    with (
        OpenAIServer(Habits(key="right")) as server,
        talking(
            devices, home | {"WRONG": "sk-wrong-key"}, tmp_path, settings(server) + 'api_key_env = "WRONG"\n'
        ) as talk,
    ):
        talk.until("ready")
        devices.play_into("micfeed", np.concatenate([says("13579"), np.zeros(RATE, np.int16)]).tobytes())
        assert talk.process.wait(60) == 3
        assert talk.process.stderr is not None
        message = talk.process.stderr.read()
        assert "work" in message
        assert "sk-wrong-key" not in message
        assert "Traceback" not in message


def test_a_server_that_is_down_costs_turns_and_the_last_loss_is_the_code(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    with OpenAIServer() as server:
        config = settings(server)
    with talking(devices, home, tmp_path, config) as talk:
        talk.until("ready")
        devices.play_into("micfeed", np.concatenate([says("13579"), np.zeros(RATE, np.int16)]).tobytes())
        lost = talk.until("turn_lost")
        assert lost["code"] == 4
        assert Path(lost["recording"]).read_bytes()[:4] == b"RIFF"
        talk.process.send_signal(signal.SIGINT)
        assert talk.process.wait(60) == 4


def test_leaving_is_soon_done_even_while_it_speaks(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    habits = Habits(script=["1234567890 " * 10])
    with OpenAIServer(habits) as server, talking(devices, home, tmp_path, settings(server)) as talk:
        talk.until("ready")
        devices.play_into("micfeed", says("13579").tobytes())
        talk.until("assistant_delta")
        devices.say(after_s=1.0)
        begin = time.monotonic()
        talk.process.send_signal(signal.SIGINT)
        assert talk.process.wait(60) == 0
        assert time.monotonic() - begin < 3
