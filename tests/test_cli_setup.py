"""`voice setup` and what a bare `voice` offers: by flags, and by keys on a terminal."""

from __future__ import annotations

import socket
import sys
import threading
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests import weights
from tests.conftest import Voice
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.virtual import RATE, Samples, VirtualDevices, virtual_devices
from voicecli.backends.openai.family import PORTS
from voicecli.text.clean import clean

MODELS = ("digits-chat", "whisper-digits", "tts-digits")
START = [sys.executable, "-m", "voicecli"]


def config(home: dict[str, str]) -> Path:
    return Path(home["XDG_CONFIG_HOME"]) / "voicecli" / "config.toml"


def read(home: dict[str, str]) -> dict[str, Any]:
    return tomllib.loads(config(home).read_text())


class Keys:
    """Presses what a person presses, and counts."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.count, self.seen = terminal, 0, 0

    def at(self, shown: str, keys: bytes) -> None:
        self.terminal.until(lambda text: shown in text[self.seen :])
        self.seen = len(self.terminal.text)
        self.count += len(keys)
        self.terminal.press(keys)


def left_out(keys: Keys) -> None:
    """Without models and devices: both fetches declined, the rest says itself that it is left out."""
    keys.at("fetch it now", b"n\n")
    keys.at("fetch it now", b"n\n")


# -- by flags --------------------------------------------------------------------------------------


def test_by_flags_a_file_is_written_once_and_a_second_time_changed(voice: Voice, home: dict[str, str]) -> None:
    done = voice("setup", "--use", "groq", "--key-env", "MINE", "--microphone", "USB", "--yes")
    assert done.returncode == 0, done.stderr
    assert b"Now: voice talk" in done.stdout
    assert b"groq is not tried: MINE is not set." in done.stderr
    written = read(home)
    assert written["use"] == {"transcribe": "groq", "chat": "groq", "speak": "local"}
    assert written["backends"]["groq"]["api_key_env"] == "MINE"
    assert written["audio"] == {"input": "USB"}
    config(home).write_text(config(home).read_text() + "# mine\n")
    assert voice("setup", "--loudspeaker", "Head", "--yes").returncode == 0
    assert read(home) == written | {"audio": {"input": "USB", "output": "Head"}}
    assert "# mine" in config(home).read_text()


def test_an_address_serves_what_it_lists_and_its_key_is_tried(voice: Voice, home: dict[str, str]) -> None:
    with OpenAIServer(Habits(key="right", models=MODELS)) as server:
        words = ("setup", "--use", server.base_url, "--key-env", "MINE", "--yes")
        refused = voice(*words, env={"MINE": "wrong"})
        assert refused.returncode == 3
        assert not config(home).exists()
        assert voice(*words, env={"MINE": "right"}).returncode == 0
        (backend,) = read(home)["backends"].values()
        assert backend["transcribe_model"] == "whisper-digits"
        assert voice("chat", "12", env={"MINE": "right"}).stdout == b"23.\n"


@pytest.mark.parametrize(
    ("words", "cure"),
    [((), b"--use local --yes"), (("--use", "nosuch", "--yes"), b"There are: local"), (("--key-env", "A"), b"--use")],
)
def test_what_cannot_be_done_without_a_person(
    voice: Voice, home: dict[str, str], words: tuple[str, ...], cure: bytes
) -> None:
    done = voice("setup", *words)
    assert done.returncode == 2
    assert cure in done.stderr
    assert not config(home).exists()


# -- on a terminal -----------------------------------------------------------------------------------


def test_a_bare_voice_offers_it_and_offline_it_takes_a_dozen_keys(home: dict[str, str], tmp_path: Path) -> None:
    with Terminal(START, home, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.at("Set it up now", b"\n")
        keys.at("Number or name", b"1\n")
        left_out(keys)
        keys.at("Talk now?", b"n\n")
        assert "The microphone is left out" in terminal.text
        assert terminal.ended() == 0
        assert terminal.faults() == []
        assert keys.count <= 12
    assert set(read(home)["use"].values()) == {"local"}


def test_a_second_time_it_shows_what_is_set_and_enter_changes_nothing(home: dict[str, str], tmp_path: Path) -> None:
    config(home).parent.mkdir()
    config(home).write_text('use = { chat = "w" } # mine\n[backends.w]\nfamily = "openai"\nbase_url = "http://h/v1"\n')
    before = config(home).read_bytes()
    with Terminal([*START, "setup"], home, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.at("as it is: local, w", b"\n")
        left_out(keys)
        terminal.until(lambda text: "is as it was" in text)
        assert terminal.ended() == 0
    assert config(home).read_bytes() == before


def test_who_says_no_is_not_asked_again(home: dict[str, str], tmp_path: Path) -> None:
    for offered in (True, False):
        with Terminal(START, home, tmp_path) as terminal:
            if offered:
                Keys(terminal).at("Set it up now", b"n\n")
            assert terminal.ended() == 2
            assert offered or "Set it up" not in terminal.text
    assert not config(home).exists()


def test_a_service_by_its_address_with_a_key_that_is_not_shown(home: dict[str, str], tmp_path: Path) -> None:
    with (
        OpenAIServer(Habits(key="right-key", models=MODELS)) as server,
        Terminal([*START, "setup"], home, tmp_path) as terminal,
    ):
        keys = Keys(terminal)
        keys.at("Number or name", b"nobody\n")
        keys.at("Number or name", b"7\n")
        keys.at("Address", b"b\n")
        keys.at("Number or name", b"7\n")
        keys.at("Address", server.base_url.encode() + b"\n")
        keys.at("Key for", b"wrong-key\n")
        keys.at("Key for", b"right-key\n")
        terminal.until(lambda text: "Now: voice talk" in text)
        assert terminal.ended() == 0
        assert "-key" not in terminal.text
        assert terminal.faults() == []
    assert [each["chat_model"] for each in read(home)["backends"].values()] == ["digits-chat"]
    assert "right-key" not in config(home).read_text()
    assert "right-key" in (config(home).parent / "keys.json").read_text()


def test_leaving_writes_nothing(home: dict[str, str], tmp_path: Path) -> None:
    with Terminal([*START, "setup"], home, tmp_path) as terminal:
        Keys(terminal).at("Number or name", b"\x03")
        assert terminal.ended() in (-2, 130)
        assert terminal.faults() == []
    assert not config(home).exists()


class Person(Keys):
    """One who presses keys and speaks, and hears what is answered."""

    def __init__(self, terminal: Terminal, devices: VirtualDevices) -> None:
        super().__init__(terminal)
        self.devices = devices

    def chooses_sound(self) -> None:
        """The microphone by its level, heard once; the loudspeaker by ear."""
        self.terminal.until(lambda text: "Which microphone" in text)
        speaking = threading.Thread(target=self.devices.say, args=(says("189", RATE),))
        speaking.start()
        self.terminal.until(lambda text: "▮▮▮▮" in text)
        speaking.join()
        self.at("Which microphone", b"\n")
        self.terminal.until(lambda text: "Say something" in text and "listening to" in text)
        self.devices.say(says("189", RATE))
        self.terminal.until(lambda text: "I heard: " in text)
        with self.devices.recording() as heard:
            self.at("Which loudspeaker", b"")
            self.terminal.pass_time(1.5)
        assert abs(heard.assistant).max() > 5000
        self.at("", b"\n")

    def talks(self, spoken: Samples, answer: str) -> Samples:
        """From the offer to talk to an answer on the screen; what sounded of it. Leaves."""
        self.at("Talk now?", b"\n")
        assert self.count <= 12
        self.terminal.until(lambda text: "ready: " in text, 60)
        self.seen = len(self.terminal.text)
        with self.devices.recording() as heard:
            self.devices.say(spoken, after_s=0.3)
            self.terminal.until(lambda text: text.rfind("listening") > text.rfind("voice:", self.seen) > 0, 60)
        assert answer in clean(self.terminal.text[self.seen :])
        assert self.terminal.leave() == 0
        assert self.terminal.faults() == []
        return heard.assistant


@pytest.mark.needs_sound
def test_a_fresh_person_talks_with_a_server_of_this_machine(home: dict[str, str], tmp_path: Path) -> None:
    with (
        virtual_devices() as devices,
        OpenAIServer(Habits(models=MODELS), port=free(PORTS)),
        Terminal(START, home | devices.env, tmp_path) as terminal,
    ):
        person = Person(terminal, devices)
        person.at("Set it up now", b"\n")
        person.at("Number or name", b"\n")
        person.chooses_sound()
        assert "I heard: 189" in terminal.text
        person.at("Which voice", b"2")
        person.at("› 2", b"\n")
        heard = person.talks(says("189", RATE), "290.")
        assert abs(heard).max() > 5000
    (backend,) = read(home)["backends"].values()
    assert backend["voice"] == "ash"


@pytest.mark.needs_sound
@pytest.mark.needs_models
def test_a_fresh_person_talks_offline(home: dict[str, str], tmp_path: Path) -> None:
    with virtual_devices() as devices, Terminal(START, home | devices.env | weights.ENV, tmp_path) as terminal:
        person = Person(terminal, devices)
        person.at("Set it up now", b"\n")
        person.at("Number or name", b"1\n")
        person.chooses_sound()
        terminal.until(lambda text: "Which voice" in text or "Talk now?" in text)
        if "Which voice" in terminal.text:
            person.at("", b"\n")
        heard = person.talks(weights.spoken("What is seven times twelve?", RATE), "84")
        assert abs(heard).max() > 5000


def free(ports: Sequence[int]) -> int:
    """One at which nobody listens."""
    for port in ports:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("every usual port is taken")
