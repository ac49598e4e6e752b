"""`voice setup` and what a bare `voice` offers: by flags, and by keys on a terminal."""

from __future__ import annotations

import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Voice
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.reliability.terminal import Terminal
from tests.virtual import RATE, virtual_devices

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
        terminal.until(lambda text: "Now: voice talk" in text)
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


@pytest.mark.needs_sound
def test_sound_is_chosen_by_level_and_by_ear_to_a_conversation(home: dict[str, str], tmp_path: Path) -> None:
    with virtual_devices() as devices, OpenAIServer(Habits(models=MODELS)) as server:
        digits = says("189", RATE).tobytes()
        use = ("--use", server.base_url)
        with Terminal([*START, "setup", *use], home | devices.env, tmp_path) as terminal:
            keys = Keys(terminal)
            speaking = threading.Thread(target=devices.play_into, args=("micfeed", digits))
            terminal.until(lambda text: "Which microphone" in text)
            speaking.start()
            terminal.until(lambda text: "▮▮▮▮" in text)
            speaking.join()
            keys.at("Which microphone", b"\n")
            terminal.until(lambda text: "Say something" in text and "listening to" in text)
            devices.play_into("micfeed", digits)
            terminal.until(lambda text: "I heard: 189" in text)
            with devices.recording() as heard:
                keys.at("Which loudspeaker", b" ")
                terminal.pass_time(1.5)
            assert abs(heard.assistant).max() > 5000
            keys.at("", b"\n")
            keys.at("Which voice", b"2")
            keys.at("› 2", b"\n")
            terminal.until(lambda text: "Now: voice talk" in text)
            assert terminal.ended() == 0
            assert terminal.faults() == []
        assert [each["verb"] for each in server.log][:2] == ["models", "transcribe"]
    (backend,) = read(home)["backends"].values()
    assert backend["voice"] == "ash"
