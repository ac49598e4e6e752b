"""`voice speak` as a process: text with digits in, their tones out, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.forms import heard
from tests.fakes.server import STALL, FakeServer, Reply, Request
from tests.waiting import until
from tests.work import written
from voicecli.errors import UsageError
from voicecli.usecases.speaking.goals import FORMATS, Goal

PATH = "/v1/audio/speech"
RATE = 24_000


def tones(text: str) -> bytes:
    """The digits in `text` as the service speaks them: s16le, 24 kHz, mono."""
    digits = "".join(each for each in text if each.isdecimal())
    return dtmf.encode(digits, RATE).tobytes() if digits else np.zeros(RATE // 4, np.int16).tobytes()


class Speaking:
    """Answers with samples, or in the container that is asked for; keeps what it was asked."""

    def __init__(self, server: FakeServer) -> None:
        self.server, self.url = server, server.url
        server.on(PATH, self.answer)

    def answer(self, request: Request) -> Reply:
        asked = request.json()
        if asked["response_format"] == "pcm":
            data = tones(asked["input"])
            return Reply([data[:1001], data[1001:]], headers={"content-type": "audio/pcm"})
        return Reply(
            b"\xff\xf1" + asked["input"].encode(), headers={"content-type": f"audio/{asked['response_format']}"}
        )

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [request.json() for request in self.server.to(PATH)]


def served() -> Iterator[Speaking]:
    """A fixture's body."""
    with FakeServer() as server:
        yield Speaking(server)


def configured(speaking: Speaking, tmp_path: Path) -> dict[str, str]:
    """Another: the variables with which it speaks."""
    return written(tmp_path, speaking.url, ["speak"], speak_model="m1", voice="v1")


def working(tmp_path: Path) -> Path:
    """Another: where the program runs."""
    return tmp_path / "work"


speaking, work, folder = pytest.fixture(served), pytest.fixture(configured), pytest.fixture(working)


# -- files -----------------------------------------------------------------------------------------


def test_the_extension_tells_the_format_and_a_line_what_was_written(
    work: dict[str, str], voice: Voice, folder: Path
) -> None:
    run = voice("speak", "Call 0123456789 now.", "-o", "a.mp3", env=work)
    assert (run.returncode, run.stdout) == (0, b"")
    assert run.stderr.startswith(b"wrote a.mp3 (1.4 s, ") and run.stderr.endswith(b" kB)\n")
    assert heard((folder / "a.mp3").read_bytes()) == "0123456789"
    assert [each.name for each in folder.iterdir()] == ["a.mp3"]
    assert voice("speak", "1", "-o", "a.mp3", env=work).stderr.startswith(b"replaced a.mp3 (")
    assert voice("speak", "-q", "1", "-o", "a.mp3", env=work).stderr == b""


def test_a_wav_is_sample_for_sample_what_was_sent(work: dict[str, str], voice: Voice, folder: Path) -> None:
    voice("speak", "147", "-o", "a.wav", env=work)
    samples, rate = soundfile.read(folder / "a.wav", dtype="int16")
    assert rate == RATE
    assert samples.tobytes() == tones("147")


def test_the_flag_overrides_the_extension(work: dict[str, str], voice: Voice, folder: Path) -> None:
    assert voice("speak", "5", "-o", "a.bin", "-f", "flac", env=work).returncode == 0
    assert (folder / "a.bin").read_bytes()[:4] == b"fLaC"


def test_stdout_takes_a_wav_without_a_length(work: dict[str, str], voice: Voice) -> None:
    run = voice("speak", "258", "-o", "-", env=work)
    assert run.stdout[:4] == b"RIFF"
    assert int.from_bytes(run.stdout[40:44], "little") == 0x7FFFFFFF
    assert run.stdout[44:] == tones("258")


def test_the_first_sound_leaves_before_the_last_has_come(
    speaking: Speaking, work: dict[str, str], home: dict[str, str]
) -> None:
    speaking.server.on(PATH, Reply([tones("1") * 4, STALL], headers={"content-type": "audio/pcm"}))
    command = [sys.executable, "-m", "voicecli", "speak", "1", "-o", "-", "-f", "pcm"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=home | work) as process:
        assert process.stdout is not None
        assert process.stdout.read(2000) == tones("1")[:2000]
        process.kill()


def test_a_format_that_only_the_service_makes_is_asked_of_it(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    assert voice("speak", "7", "-o", "a.aac", env=work).returncode == 0
    assert (folder / "a.aac").read_bytes() == b"\xff\xf17"
    assert speaking.asked[0]["response_format"] == "aac"


def test_json_tells_what_was_written(work: dict[str, str], voice: Voice) -> None:
    run = voice("speak", "7", "-o", "a.wav", "--json", env=work)
    assert json.loads(run.stdout) == {"output": "a.wav", "format": "wav", "pieces": 1, "seconds": 0.14}


# -- text ------------------------------------------------------------------------------------------


def test_text_from_arguments_a_file_and_stdin(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "t.txt").write_text("From a file: 2.", encoding="utf-8-sig")
    voice("speak", "Say", "1.", "-o", "a.wav", env=work)
    voice("speak", "-i", "t.txt", "-o", "a.wav", env=work)
    voice("speak", "-o", "a.wav", input=b"From stdin: 3.", env=work)
    voice("speak", "-", "-o", "a.wav", input=b"From a dash: 4.", env=work)
    voice("speak", "-o", "a.wav", "--", "-5 degrees", env=work)
    said = [each["input"] for each in speaking.asked]
    assert said == ["Say 1.", "From a file: 2.", "From stdin: 3.", "From a dash: 4.", "-5 degrees"]


def test_every_flag_reaches_the_service(speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path) -> None:
    flags = "--voice|v2|-m|m2|--speed|1.5|--instructions|Whisper."
    assert voice("speak", "1", "-o", "a.wav", *flags.split("|"), env=work).returncode == 0
    (asked,) = speaking.asked
    assert {name: asked[name] for name in ("voice", "model", "speed", "instructions")} == {
        "voice": "v2",
        "model": "m2",
        "speed": 1.5,
        "instructions": "Whisper.",
    }


def test_a_long_voice_is_read_from_a_file(speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path) -> None:
    (folder / "v.txt").write_text("UEsDB" * 1000 + "\n")
    voice("speak", "1", "-o", "a.wav", "--voice", "@v.txt", env=work)
    assert speaking.asked[0]["voice"] == "UEsDB" * 1000


def test_markdown_is_read_as_a_person_would(speaking: Speaking, work: dict[str, str], voice: Voice) -> None:
    voice("speak", "This is **bold**.", "-o", "a.wav", env=work)
    voice("speak", "This is **bold**.", "-o", "a.wav", "--literal", env=work)
    assert [each["input"] for each in speaking.asked] == ["This is bold.", "This is **bold**."]


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (("speak", "-o", "a.wav"), b"", b"there is nothing to say"),
        (("speak", "-o", "a.wav"), b"  \n", b"there is nothing to say"),
        (("speak", "-o", "a.wav"), b"\x00\x01", b"stdin: is binary"),
        (("speak", "hi", "-i", "t.txt", "-o", "a.wav"), b"", b"there is a text and -i"),
        (("speak", "-i", "none.txt", "-o", "a.wav"), b"", b"none.txt: there is no such file"),
        (("speak", "hi", "-o", "nofolder/a.wav"), b"", b"there is no such folder"),
        (("speak", "hi", "-o", "."), b"", b"is a folder"),
        (("speak", "hi", "-o", "noextension"), b"", b"no extension"),
        (("speak", "-i", "t.txt", "-o", "t.txt", "-f", "wav"), b"", b"is the input"),
        (("speak", "hi", "-f", "wav"), b"", b"--format is for -o"),
        (("speak", "hi", "-o", "-", "--json"), b"", b"both want stdout"),
        (("speak", "hi", "-o", "a.wav", "--style", "sad"), b"", b"does not take --style to speak"),
        (("speak", "hi", "-o", "a.wav", "--speed", "0"), b"", b"Invalid value for '--speed'"),
        (("speak", "hi", "--play"), b"", b"--play is for -o"),
        (("speak", "hi", "-o", "a.aac", "--play"), b"", b"aac is passed on"),
        (("speak", "hi", "-o", "a.aac", "--volume", "2"), b"", b"aac is passed on"),
        (("speak", "hi", "-o", "a.wav", "--srt", "a.wav"), b"", b"are both"),
        (("speak", "hi", "-o", "a.wav", "--srt", "none/a.srt"), b"", b"--srt none/a.srt: there is no such folder"),
        (("speak", "hi", "-o", "a.wav", "--volume", "-1"), b"", b"--volume"),
        (("speak", "hi", "-o", "t.txt", "-f", "wav", "--reference", "t.txt"), b"", b"is the input"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    words: tuple[str, ...],
    stdin: bytes,
    told: bytes,
    speaking: Speaking,
    work: dict[str, str],
    voice: Voice,
    folder: Path,
) -> None:
    (folder / "t.txt").write_text("text")
    run = voice(*words, input=stdin, env=work)
    assert run.returncode == 2
    assert told in run.stderr
    assert not speaking.asked
    assert [each.name for each in folder.iterdir()] == ["t.txt"]
    assert (folder / "t.txt").read_text() == "text"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_no_half_file(
    number: int, code: int, speaking: Speaking, work: dict[str, str], home: dict[str, str], folder: Path
) -> None:
    speaking.server.on(PATH, Reply([tones("1"), STALL], headers={"content-type": "audio/pcm"}))
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "voicecli", "speak", "1", "-o", "a.wav"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=home | work, cwd=folder
    ) as run:
        until(lambda: list(folder.iterdir()), what="the temporary file stands beside the goal")
        run.send_signal(number)
        _, err = run.communicate(timeout=60)
        assert (run.returncode, err) == (code, b"")
    assert list(folder.iterdir()) == []


def test_a_full_pipe_that_closes_ends_quietly(speaking: Speaking, work: dict[str, str], home: dict[str, str]) -> None:
    long = [tones("0123456789") for _ in range(20)]
    speaking.server.on(PATH, Reply(long, headers={"content-type": "audio/pcm"}))
    script = f'"{sys.executable}" -m voicecli speak 1 -o - </dev/null | head -c 100 >/dev/null; echo ${{PIPESTATUS[0]}}'
    run = subprocess.run(["bash", "-c", script], capture_output=True, env=home | work, timeout=60, check=False)
    assert (run.stdout, run.stderr) == (b"0\n", b"")


# -- planning (pure) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "format", "container", "native"),
    [
        ("a.wav", None, "wav", False),
        ("a.MP3", None, "mp3", False),
        ("a.oga", None, "ogg", False),
        ("a.raw", None, "pcm", False),
        ("a.aac", None, "aac", True),
        ("-", None, "wav", False),
        ("-", "opus", "opus", False),
        ("a.wav", "flac", "flac", False),
    ],
)
def test_the_goal(
    output: str,
    format: str | None,
    container: str,
    native: bool,
) -> None:
    goal = Goal.named(output, format)
    assert (goal.path, goal.container, goal.native) == (output, container, native)


def test_the_formats_are_those_that_can_be_written() -> None:
    from voicecli.audio.encoder import WRITABLE

    assert set(FORMATS) == set(WRITABLE)


def test_without_a_goal_it_is_the_loudspeaker() -> None:
    assert Goal.named(None, None).path == ""


def test_a_link_to_the_input_is_the_input(tmp_path: Path) -> None:
    text, link = tmp_path / "t.txt", tmp_path / "t.wav"
    text.write_text("text")
    os.link(text, link)
    with pytest.raises(UsageError, match="is the input"):
        Goal.named(str(link), None).check(str(text))


def test_a_format_that_nobody_here_makes_is_refused_by_its_name(voice: Voice) -> None:
    run = voice("speak", "-b", "local", "hello", "-o", "hello.xyz")
    assert run.returncode == 2
    assert b"error: local: makes no xyz, and we can't write it. Write one of: wav, mp3," in run.stderr
