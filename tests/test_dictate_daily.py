"""Dictation every day: how sentences are written, who types them, and one recorder for a hot key."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.emulator import console
from tests.fakes.openai_server import OpenAIServer
from tests.people import says
from tests.virtual import virtual_devices
from tests.waiting import until
from tests.work import written
from voicecli.commands.dictate import START_S
from voicecli.errors import UsageError
from voicecli.storage.recorder import Recorder
from voicecli.terminal.desktop import typist
from voicecli.terminal.dictating import Manner, shown
from voicecli.text.dictated import Tidying
from voicecli.types import Segment

ALL = Tidying(True, True, {"voice see li": "voicecli", "j. r.": "Jr."})


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Dear Anna, comma. I write new line soon, full stop.", "Dear Anna, I write\nsoon."),
        ("Um, hello uh world, erm.", "hello world"),
        ("the umbrella and the comma's errors", "the umbrella and the comma's errors"),
        ("Run Voice See Li now question mark", "Run voicecli now?"),
        ("嗯，今天下雨逗号我们不去了句号", "今天下雨，我们不去了。"),
        ("new paragraph", "\n\n"),
        ("uh", ""),
    ],
)
def test_spoken_marks_fillers_and_words_of_ones_own(said: str, written: str) -> None:
    assert ALL(said) == written
    assert Tidying()(said) == said


def test_odd_letters_that_match_no_mark_stay() -> None:
    assert Tidying(punctuation=True)("one PERİOD two full ſtop") == "one PERİOD two."


def test_what_is_heard_is_one_line_with_a_level() -> None:
    at, emulator = console(60)
    with shown(at, Manner()) as show:
        show(Segment("how many feet", 0, 1), False)
        assert emulator.rows[-1].startswith("● 0:00 ▁▁▁▁▁▁▁▁ how many feet")
        show(Segment("How many feet are in five miles?", 0, 2), True)
        assert emulator.rows[0] == "How many feet are in five miles?"
    assert emulator.rows == ["How many feet are in five miles?"]


def test_each_sentence_is_typed_by_a_program_of_the_desktop(tmp_path: Path) -> None:
    program, typed = tmp_path / "xdotool", tmp_path / "typed"
    program.write_text(f'#!/bin/sh\necho "$@" >> {typed}\n')
    program.chmod(0o700)
    env = {"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin:/usr/bin"}
    at, _ = console(60)
    with shown(at, Manner(typed=typist(env))) as show:
        show(Segment("-one", 0, 1), False)
        show(Segment("-one.", 0, 1), True)
    assert typed.read_text() == "type --clearmodifiers -- -one. \n"
    with pytest.raises(UsageError, match="nothing that types"):
        typist({"PATH": str(tmp_path)})


def test_a_program_that_hangs_is_told_of_without_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicecli.terminal.desktop.TYPES_S", 0.1)
    program = tmp_path / "xdotool"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o700)
    with pytest.raises(UsageError) as caught:
        typist({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin:/usr/bin"})("my password")
    assert "xdotool did not type it" in str(caught.value) and "password" not in str(caught.value)


def test_there_is_one_recorder_at_a_time(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from voicecli.storage.recorder import Recorder\n"
        "with Recorder(Path(sys.argv[1])).held(): print('held', flush=True); sys.stdin.read()"
    )
    recorder = Recorder(tmp_path / "run")
    assert not recorder.process()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(recorder.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        assert recorder.process() == process.pid and 0 <= recorder.since() < 60
        with pytest.raises(UsageError, match="going on already"), recorder.held():
            pass
        process.kill()  # who is killed leaves no lock behind
    assert recorder.ended(5) and not recorder.process()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("status",), 1, b"not listening"),
        (("stop",), 2, b"no dictation is going on"),
        (("hold",), 2, b"There are: start, stop, toggle, status"),
        (("--replace", "x"), 2, b"there is no ="),
    ],
)
def test_without_a_recorder(voice: Voice, tmp_path: Path, words: tuple[str, ...], code: int, told: bytes) -> None:
    run = voice("dictate", *words, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert run.returncode == code and told in run.stdout + run.stderr


def test_what_the_background_dies_of_is_told_as_if_it_were_here(voice: Voice, tmp_path: Path) -> None:
    audio, settings = '[audio]\ninput = "nowhere"', {"transcribe_model": "m", "api_key_env": "WORK_KEY"}
    env = written(tmp_path, "http://127.0.0.1:9", ["transcribe"], audio, **settings)
    env |= {"WORK_KEY": "k", "XDG_RUNTIME_DIR": str(tmp_path), "LANG": "zh_CN.UTF-8"}
    run = voice("-q", "dictate", "start", "--hotword", "start", env=env)
    said = run.stderr.decode()
    assert run.returncode == 8 and said.startswith("错误：") and said.count("错误：") == 1, said


def test_what_takes_long_to_begin_is_not_said_to_listen(home: dict[str, str], tmp_path: Path) -> None:
    code = "from voicecli import cli; from voicecli.commands import dictate; dictate.START_S = 0; cli.main()"
    env = home | {"XDG_RUNTIME_DIR": str(tmp_path)}
    start = [sys.executable, "-c", code, "dictate", "start", "--replace", "x"]
    run = subprocess.run(start, env=env, capture_output=True)
    assert run.returncode == 0 and b"warning: it does not listen yet" in run.stderr, run.stderr
    until(lambda: any("there is no =" in log.read_text() for log in tmp_path.rglob("dictation.log")))


@pytest.mark.needs_sound
def test_a_hot_key_begins_and_ends_a_dictation(voice: Voice, tmp_path: Path) -> None:
    with virtual_devices() as devices, OpenAIServer() as server:
        env = devices.env | written(
            tmp_path, server.url, ["transcribe"], transcribe_model="digits-hear", api_key_env="WORK_KEY"
        )
        env |= {"WORK_KEY": "k"}
        for begin, end in (("start", "stop"), ("toggle", "toggle")):
            begun = voice("dictate", begin, env=env)
            assert (begun.returncode, begun.stderr) == (0, b"listening; voice dictate stop ends it\n")
            assert voice("dictate", "status", env=env).stdout.startswith(b"listening for ")
            assert b"going on already" in voice("dictate", "start", env=env).stderr
            devices.say(says("4071"), after_s=0.5)
            ended = voice("dictate", end, env=env)
            assert (ended.returncode, ended.stdout) == (0, b"4071\n"), ended.stderr
            assert voice("dictate", "status", env=env).returncode == 1
        began = time.monotonic()
        begun = voice("-q", "dictate", "start", env=env | {"LANG": "zh_CN.UTF-8"})
        assert (begun.returncode, begun.stderr) == (0, b"") and time.monotonic() - began < START_S
        assert voice("dictate", "stop", env=env).returncode == 0
