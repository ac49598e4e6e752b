"""`voice speak` out of a loudspeaker and `voice devices`, on virtual sound devices."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import dtmf
from tests.conftest import Voice
from tests.emulator import Emulator
from tests.fakes.forms import heard
from tests.fakes.server import STALL, Reply
from tests.reliability.terminal import Terminal
from tests.test_cli_speak import PATH, Speaking, served, tones
from tests.virtual import RATE, Recording, VirtualDevices, sounds
from tests.waiting import until
from tests.work import written

pytestmark = pytest.mark.needs_sound


speaking = pytest.fixture(served)


@pytest.fixture
def work(speaking: Speaking, devices: VirtualDevices, tmp_path: Path) -> dict[str, str]:
    audio = '[audio]\noutput = "virtual-speaker"'
    return devices.env | written(tmp_path, speaking.url, ["speak"], audio, speak_model="m1")


@contextmanager
def settled(devices: VirtualDevices) -> Iterator[Recording]:
    """A recording that the sound server has got used to: the first moments after its start are not reliable."""
    with devices.recording() as recording:
        recording.passes(0.6)
        yield recording


def test_every_digit_sounds_once_and_to_its_end(work: dict[str, str], voice: Voice, devices: VirtualDevices) -> None:
    with settled(devices) as recording:
        run = voice("speak", "0123456789", env=work)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    assert dtmf.decode(recording.assistant, RATE) == "0123456789"


def test_the_sentence_that_sounds_is_shown(work: dict[str, str], home: dict[str, str], tmp_path: Path) -> None:
    text = "The first one is 12345678, and it is long enough. The second one is 87654321, and so is it."
    with Terminal([sys.executable, "-m", "voicecli", "speak", text], home | work, tmp_path) as terminal:
        terminal.until(lambda text: "♪ The first one is 12345678, and it is long enough." in text)
        terminal.until(lambda text: "The second one" in text.partition("enough.")[2])
        assert terminal.ended() == 0
        assert terminal.faults() == []
        emulator = Emulator(80)
        emulator.feed(terminal.text)
        assert emulator.text == ""


def test_what_is_piped_in_is_spoken(work: dict[str, str], voice: Voice, devices: VirtualDevices) -> None:
    with settled(devices) as recording:
        assert voice("speak", input=b"Number 147 is next.\n", env=work).returncode == 0
    assert dtmf.decode(recording.assistant, RATE) == "147"


def test_ctrl_c_silences_it_at_once(
    speaking: Speaking, work: dict[str, str], home: dict[str, str], devices: VirtualDevices
) -> None:
    speaking.server.on(PATH, Reply([tones("12345"), STALL], headers={"content-type": "audio/pcm"}))
    command = [sys.executable, "-m", "voicecli", "speak", "1"]
    with (
        settled(devices) as recording,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=home | work) as process,
    ):
        until(lambda: sounds(recording.assistant), 30, "it sounds")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert time.monotonic() - began < 3


def test_a_device_that_is_not_there_is_8_and_names_those_that_are(work: dict[str, str], voice: Voice) -> None:
    run = voice("speak", "1", env=work | {"VOICE_AUDIO_OUTPUT": "no such thing"})
    assert run.returncode == 8
    assert run.stderr.startswith(b"error: ")
    assert b"virtual-speaker" in run.stderr
    assert b"Traceback" not in run.stderr


def test_devices_are_listed_by_name(work: dict[str, str], voice: Voice) -> None:
    names = [each["name"] for each in json.loads(voice("devices", "--json", env=work).stdout)]
    assert {"virtual-mic", "virtual-speaker"} <= set(names)
    table = voice("devices", env=work).stdout.decode()
    assert any("virtual-speaker" in line.split("\t") for line in table.splitlines())


def test_a_level_test_records_and_plays_back(work: dict[str, str], voice: Voice, devices: VirtualDevices) -> None:
    run = voice("devices", "--test", "--json", env=work | {"VOICE_AUDIO_INPUT": "virtual-mic"})
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert 2.0 <= told["seconds"] < 2.2
    assert told["level_dbfs"] <= 0


def test_a_level_test_tells_of_the_microphone_though_no_loudspeaker_opens(work: dict[str, str], voice: Voice) -> None:
    run = voice("devices", "--test", "--json", env=work | {"VOICE_AUDIO_OUTPUT": "no such thing"})
    assert run.returncode == 8 and json.loads(run.stdout.splitlines()[0])["seconds"] >= 2.0
    run = voice("devices", "--test", env=work | {"VOICE_AUDIO_OUTPUT": "no such", "VOICE_AUDIO_INPUT": "none either"})
    assert run.returncode == 8 and b"none either" in run.stderr and run.stderr.count(b"error: ") == 1


def test_a_voice_is_heard_before_it_is_chosen(
    speaking: Speaking, work: dict[str, str], voice: Voice, devices: VirtualDevices
) -> None:
    run = voice("voices", "--sample", "nova", env=work)
    assert run.returncode == 0, run.stderr
    assert {each["voice"] for each in speaking.asked} == {"nova"}


def test_a_file_and_the_loudspeaker_get_the_same(
    work: dict[str, str], voice: Voice, devices: VirtualDevices, tmp_path: Path
) -> None:
    with settled(devices) as recording:
        assert voice("speak", "One 123. Two 456.", "-o", "a.flac", "--play", env=work).returncode == 0
    assert dtmf.decode(recording.assistant, RATE) == "123456"
    assert heard((tmp_path / "work" / "a.flac").read_bytes()) == "123456"
