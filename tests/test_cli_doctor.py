"""`voice doctor`: what is wrong is found, named with its cure, and told by the exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.conftest import Voice
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.fakes.server import STALL, FakeServer, Reply
from tests.test_cli_terminal import ESC, Terminal, terminal  # noqa: F401
from tests.virtual import VirtualDevices
from voicecli.audio.devices import Device
from voicecli.errors import ConfigError, DeviceError, UnreachableError
from voicecli.types import Backend, Secret
from voicecli.usecases import checkup

KEY = "sk-doctor-0123456789-never-shown"

# -- what the facts mean -----------------------------------------------------------------------------

PROGRAM = checkup.program("1.0", "3.11.4", "Linux")
PACKAGES = checkup.packages({"typer": "0.28.0"}, {})
SETTINGS = checkup.configuration("/c.toml", True, "", {"chat": "work"}, [])
WORK = Backend("work", "openai", key=Secret(KEY), key_source="WORK_KEY")
WELL = checkup.Visit(WORK, ("h",), ("chat",), ("chat", "transcribe_live"), "ok", 12.34, 3, None)
DOWN = checkup.Visit(WORK, ("h",), ("chat",), problem=UnreachableError("refused", who="work (h)", cure="Start it"))
MIC = Device(0, "mic", "ALSA", 1, 0, 48_000)
DEAF = DeviceError("no microphone found", who="audio", cure="Connect one")


def test_all_well_is_code_0_and_a_row_each() -> None:
    report = checkup.CheckupReport(
        PROGRAM, PACKAGES, SETTINGS, (checkup.reached(WELL),), checkup.sound("PortAudio 19", MIC, MIC)
    )
    assert report.exit_code == 0
    *lines, gap, last = checkup.lines(report)
    parts = ("program", "packages", "configuration", "work", "microphone", "loudspeaker")
    assert [line.split()[:2] for line in lines] == [["✓", part] for part in parts]
    assert (gap, last) == ("", "Everything works.")
    assert lines[3].split(maxsplit=2)[2] == (
        "openai (h); used to chat; key from WORK_KEY; answered in 12 ms: ok; able to chat, transcribe live; "
        "models listed: 3"
    )


def test_one_is_counted_as_one() -> None:
    (line, *_) = checkup.lines(
        checkup.CheckupReport(PROGRAM, PACKAGES, SETTINGS, (checkup.reached(replace(WELL, models=1, voices=1)),))
    )[3:]
    assert line.endswith("; voices listed: 1; models listed: 1")


def test_the_first_problem_tells_the_code_and_each_has_its_cure() -> None:
    deaf = checkup.sound("PortAudio 19", DEAF, MIC)
    report = checkup.CheckupReport(PROGRAM, PACKAGES, SETTINGS, (checkup.reached(DOWN), checkup.reached(WELL)), deaf)
    assert report.exit_code == 4
    assert checkup.lines(report)[:5] == [
        "✗ work (h): refused",
        "  Start it",
        "✗ microphone: audio: no microphone found",
        "  Connect one",
        "",
    ]
    assert checkup.closing(report).startswith("2 problems found")
    idle = checkup.reached(replace(DOWN, used_for=()))
    assert checkup.lines(checkup.CheckupReport(PROGRAM, PACKAGES, SETTINGS, (idle,)))[0].startswith("! ")
    told = checkup.document(report)
    assert told["code"] == 4 and [each["ok"] for each in told["backends"]] == [False, True]
    assert told["problems"] == [
        {"part": "work", "who": "work (h)", "what": "refused", "cure": "Start it", "code": 4},
        {"part": "microphone", "who": "audio", "what": "no microphone found", "cure": "Connect one", "code": 8},
    ]
    assert checkup.CheckupReport(PROGRAM, PACKAGES, SETTINGS, sound=deaf).exit_code == 8


def test_a_broken_installation_and_a_broken_configuration_are_code_2() -> None:
    broken = checkup.packages({"webrtcvad-wheels": "2.0"}, {"webrtcvad-wheels": "ImportError: no"})
    assert checkup.CheckupReport(PROGRAM, broken, SETTINGS).exit_code == 2
    settings = checkup.configuration("/c.toml", True, "", {}, [ConfigError("talk.x is not a setting")])
    assert checkup.CheckupReport(PROGRAM, PACKAGES, settings).exit_code == 2


def test_a_package_that_lost_a_file_is_named_and_one_of_python_alone_is_not_loaded(tmp_path: Path) -> None:
    """`pip` was stopped half-way, a disk was full: what it wrote down is there, a file is not."""
    packages = Path(typer.__file__).parents[1]
    about = next(packages.glob("pypinyin-*.dist-info"))
    shutil.copytree(about, tmp_path / about.name)
    shutil.copytree(packages / "pypinyin", tmp_path / "pypinyin")
    (tmp_path / "pypinyin" / "phrases_dict.json").unlink()
    look = "from voicecli.usecases.examining import fault_of; print(fault_of('pypinyin'), 'pypinyin' in sys.modules)"
    for path, told in ((tmp_path, "pypinyin/phrases_dict.json is missing False"), (packages, " False")):
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {look}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{told}\n"


# -- as a process ------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Habits(key=KEY)) as running:
        yield running


@pytest.fixture
def work(server: OpenAIServer, tmp_path: Path) -> dict[str, str]:
    return settings(tmp_path, server.base_url) | {"WORK_KEY": KEY}


def settings(folder: Path, *urls: str, more: str = "") -> dict[str, str]:
    """A configuration with a backend at each address: work, work1, work2 …"""
    tables = "".join(
        f'[backends.work{number or ""}]\nfamily = "openai"\nbase_url = "{url}"\napi_key_env = "WORK_KEY"\n{more}'
        for number, url in enumerate(urls)
    )
    use = "".join(f'{verb} = "work"\n' for verb in ("transcribe", "chat", "speak"))
    (folder / "voice.toml").write_text(f"[use]\n{use}{tables}")
    return {"VOICE_CONFIG": str(folder / "voice.toml")}


def examined(voice: Voice, env: dict[str, str], *flags: str, code: int) -> dict[str, Any]:
    """What `voice doctor --json` tells, with this code."""
    run = voice("doctor", "--json", *flags, env=env)
    assert run.returncode == code, run.stdout + run.stderr
    assert KEY.encode() not in run.stdout + run.stderr
    assert b"Traceback" not in run.stderr
    told: dict[str, Any] = json.loads(run.stdout)
    assert told["v"] == 1 and told["code"] == code
    return told


def test_one_backend_that_is_well(server: OpenAIServer, work: dict[str, str], voice: Voice) -> None:
    told = examined(voice, work, "-b", "work", code=0)
    assert told["problems"] == [] and told["sound"] == {}
    assert told["packages"].keys() >= {"typer", "httpx", "soundfile", "webrtcvad-wheels"}
    (found,) = told["backends"]
    assert found["ok"] and 0 < found["latency_ms"] < 5000
    assert (found["family"], found["hosts"], found["key"]) == ("openai", ["127.0.0.1"], "WORK_KEY")
    assert found["models"] == 3 and found["voices"] is None
    server.on("/v1/audio/voices", Reply.json({"voices": ["zoe", "al"]}))
    assert examined(voice, work, "-b", "work", code=0)["backends"][0]["voices"] == 2


def test_a_wrong_key_is_refused_and_not_shown(work: dict[str, str], voice: Voice) -> None:
    told = examined(voice, work | {"WORK_KEY": "sk-another-key"}, "-b", "work", code=3)
    (problem,) = told["problems"]
    assert problem["code"] == 3 and "WORK_KEY" in problem["cure"]
    assert "sk-another-key" not in json.dumps(told)


def test_a_key_that_is_not_there_names_the_cure(server: OpenAIServer, work: dict[str, str], voice: Voice) -> None:
    told = examined(voice, {name: value for name, value in work.items() if name != "WORK_KEY"}, "-b", "work", code=2)
    assert "voice keys set work" in told["problems"][0]["cure"]
    assert server.requests == []


def test_what_is_down_and_what_hangs_are_asked_at_once(work: dict[str, str], voice: Voice, tmp_path: Path) -> None:
    with FakeServer() as hanging:
        hanging.on("/v1/models", Reply(first=[STALL]))
        url = f"{hanging.url}/v1"
        env = work | settings(tmp_path, url, url, url, "http://127.0.0.1:9/v1", more="timeout_s = 1.0\n")
        began = time.monotonic()
        run = voice("doctor", "--json", env=env)
        assert time.monotonic() - began < 10
    told = json.loads(run.stdout)
    assert run.returncode == told["code"] == 4
    slow = [each for each in told["problems"] if "sent nothing for 1 s" in each["what"]]
    assert [each["part"] for each in slow] == ["work", "work1", "work2"]
    assert all("timeout_s" in each["cure"] for each in slow)
    (down,) = [each for each in told["problems"] if each["part"] == "work3"]
    assert "nothing listens there" in down["what"] and "Start it" in down["cure"]


def test_a_typo_in_the_configuration_is_the_first_problem(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "voice.toml").write_text("[talk]\nend_mss = 500\n")
    told = examined(voice, {"VOICE_CONFIG": str(tmp_path / "voice.toml")}, code=2)
    assert told["problems"][0]["part"] == "configuration"
    assert "talk.end_ms" in told["problems"][0]["cure"]
    assert told["backends"] == []


def test_use_of_a_backend_that_cannot_is_a_problem(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "voice.toml").write_text(
        '[use]\nchat = "lab"\ntranscribe = "lab"\nspeak = "lab"\n[backends.lab]\nfamily = "opnai"\n'
    )
    told = examined(voice, {"VOICE_CONFIG": str(tmp_path / "voice.toml")}, code=2)
    (problem,) = [each for each in told["problems"] if each["part"] == "lab"]
    assert "Did you mean 'openai'?" in problem["cure"]


def test_what_a_conversation_is_offered_and_a_server_that_cannot_start(work: dict[str, str], voice: Voice) -> None:
    offered = ["clock", "timer", "convert", "calculate", "image_describe"]
    assert examined(voice, work, "-b", "work", code=0)["configuration"]["tools"] == offered
    file = Path(work["VOICE_CONFIG"])
    file.write_text(file.read_text() + '[mcp.notes]\ncommand = ["/no/such/program"]\n')
    told = examined(voice, work, "-b", "work", code=2)
    assert told["configuration"]["tools"] == [*offered, "notes"]
    (problem,) = told["problems"]
    assert (problem["who"], problem["what"]) == ("[mcp.notes]", "there is no program /no/such/program")


def test_a_backend_that_there_is_not_is_refused(work: dict[str, str], voice: Voice) -> None:
    run = voice("doctor", "-b", "wrok", env=work)
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"Did you mean 'work'?" in run.stderr


def test_a_pipe_gets_a_line_each(work: dict[str, str], voice: Voice) -> None:
    run = voice("doctor", "-b", "work", env=work)
    *lines, _, last = run.stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [["✓", name] for name in NAMES] and last == "Everything works."


NAMES = ("program", "packages", "configuration", "work")


@pytest.mark.parametrize("columns", [40, 200])
def test_it_fits_every_terminal(
    work: dict[str, str],
    terminal: Terminal,  # noqa: F811
    columns: int,
) -> None:
    code, shown = terminal("doctor", "-b", "work", env=work | {"NO_COLOR": "1", "CI": "1"}, columns=columns)
    assert code == 0 and ESC not in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert "work" in shown and KEY not in shown
    code, shown = terminal("doctor", "-b", "work", env=work, columns=columns)
    assert code == 0 and ESC in shown and KEY not in shown


@pytest.mark.needs_sound
def test_sound_devices_are_named_and_a_wrong_name_is_code_8(
    devices: VirtualDevices, work: dict[str, str], voice: Voice
) -> None:
    told = examined(voice, work | devices.env | {"VOICE_AUDIO_INPUT": "virtual-mic"}, code=0)
    assert told["sound"]["microphone"]["device"] == "virtual-mic"
    assert "PortAudio" in told["sound"]["loudspeaker"]["library"]
    told = examined(voice, work | devices.env | {"VOICE_AUDIO_OUTPUT": "no such thing"}, code=8)
    (problem,) = told["problems"]
    assert problem["part"] == "loudspeaker" and "virtual-speaker" in problem["cure"]
