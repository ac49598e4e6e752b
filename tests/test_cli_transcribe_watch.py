"""`voice transcribe --watch FOLDER`: what comes into a folder is transcribed when it is finished, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.test_cli_transcribe import Recogniser, folder, recogniser, recording, work  # noqa: F401
from tests.waiting import until
from voicecli.usecases.transcribing.plan import Inputs, plan, recordings_in
from voicecli.usecases.transcribing.watching import Arrivals


def test_a_recording_is_given_once_when_it_is_finished(tmp_path: Path) -> None:
    arrivals = Arrivals(lambda: plan(Inputs(tuple(recordings_in(tmp_path)), True), None, ("text",)))

    def finished() -> list[str]:
        return [Path(job.source.name).name for job in arrivals.finished()]

    (tmp_path / "done.wav").write_bytes(b"RIFF")
    (tmp_path / "done.txt").touch()
    (tmp_path / "empty.wav").touch()
    grows = tmp_path / "grows.mp3"
    with grows.open("wb") as file:
        for _ in range(3):
            file.write(b"more")
            file.flush()
            assert finished() == []
        if sys.platform == "linux":  # elsewhere nobody tells who writes
            assert finished() == []
    assert finished() == ["grows.mp3"]
    assert finished() == []
    grows.write_bytes(b"another")
    assert finished() == []
    assert finished() == ["grows.mp3"]


def test_what_comes_in_is_written_until_ctrl_c(
    work: dict[str, str],  # noqa: F811
    home: dict[str, str],
    folder: Path,  # noqa: F811
) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "in").mkdir()
    recording(folder / "in" / "666.wav", "666")
    command = [sys.executable, "-m", "voicecli", "transcribe", "--watch", "in", "-o", "out/", "-f", "json"]
    with subprocess.Popen(command, env=home | work, cwd=folder, stderr=subprocess.PIPE) as process:
        assert process.stderr and process.stderr.readline() == b"watching in; Ctrl-C ends\n"
        assert b"unlucky" in process.stderr.readline()
        recording(folder / "in" / "a.wav", "12")
        until((folder / "out" / "a.json").exists)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 9
        assert process.stderr.read() == b"error: 1 of 2 recordings failed\n"
    assert sorted(each.name for each in (folder / "in").iterdir()) == ["666.wav", "a.wav"]


@pytest.mark.parametrize(("words", "told"), [(("a.wav",), b"no other input"), ((), b"there is no such folder")])
def test_what_cannot_be_watched(voice: Voice, work: dict[str, str], words: tuple[str, ...], told: bytes) -> None:  # noqa: F811
    run = voice("transcribe", "--watch", "nowhere", *words, env=work)
    assert run.returncode == 2 and told in run.stderr
