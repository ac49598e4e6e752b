"""`voice transcribe` over long recordings: every digit once and in order, at its time, and nothing paid for twice.

A few minutes instead of hours, as bare samples, which no service takes as they are; benchmarks/transcribe.py has hours.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pysubs2
import pytest
import soundfile

from tests import long
from tests.conftest import ROOT, Voice
from tests.fakes.server import Reply
from tests.serving import serving
from tests.waiting import until
from tests.work import written

SECONDS = 180
QUIET = ((60, 90),)
RAW = ("--raw", "s16le:16000:1")


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[long.Said]]:
    """Three minutes of speech, half a minute of which is silent, as samples; and its digits."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    said = long.write(path, SECONDS, quiet=QUIET)
    samples, _ = soundfile.read(path, dtype="int16")
    return samples.tobytes(), said


recogniser = serving(long.Recogniser)


@pytest.fixture
def work(recogniser: long.Recogniser, tmp_path: Path) -> dict[str, str]:
    return configured(recogniser, tmp_path)


def configured(recogniser: long.Recogniser, folder: Path, model: str = "whisper-1") -> dict[str, str]:
    return written(folder, recogniser.base_url.removesuffix("/v1"), ["transcribe"], transcribe_model=model)


@pytest.fixture
def folder(tmp_path: Path, voice: Voice, taped: tuple[bytes, list[long.Said]]) -> Path:
    (tmp_path / "work" / "long.raw").write_bytes(taped[0])
    return tmp_path / "work"


Taped = tuple[bytes, list[long.Said]]


def test_every_digit_once_and_in_order_at_its_time(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path, taped: Taped
) -> None:
    run = voice("transcribe", "long.raw", *RAW, "-f", "srt", "-f", "json", "-o", "out", env=work)
    assert run.returncode == 0, run.stderr
    said = taped[1]
    cues = pysubs2.load(str(folder / "out" / "long.srt"))
    digits = [(digit, cue) for cue in cues for digit in cue.plaintext.replace(" ", "")]
    assert [digit for digit, _ in digits] == [each.digit for each in said]
    for (_, cue), each in zip(digits, said, strict=True):
        assert cue.start - 50 <= 1000 * each.start
        assert 1000 * each.end <= cue.end + 50
    whole = json.loads((folder / "out" / "long.json").read_text())
    assert whole["duration"] == SECONDS
    assert [word["text"] for word in whole["words"]] == [each.digit for each in said]


def test_pieces_are_short_and_silence_is_not_sent(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    assert voice("transcribe", "long.raw", *RAW, "-j", "2", env=work).returncode == 0
    lengths = [each["seconds"] for each in recogniser.log]
    assert max(lengths) <= 90
    assert sum(lengths) < SECONDS - 28
    assert all(each["bytes"] < 0.7 * 32_000 * each["seconds"] for each in recogniser.log), "FLAC, not samples"


def test_never_more_requests_at_a_time_than_asked(voice: Voice, folder: Path, tmp_path: Path) -> None:
    with long.Recogniser(pace=0.004) as server:
        work = configured(server, tmp_path)
        assert voice("transcribe", "long.raw", *RAW, "-j", "2", env=work).returncode == 0
        spans = [(each["came"], each["left"]) for each in server.log]
        together = [sum(a <= came < b for a, b in spans) for came, _ in spans]
        assert max(together) == 2


def test_what_was_finished_is_not_sent_again(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    first = voice("transcribe", "long.raw", *RAW, env=work)
    count = len(recogniser.log)
    assert voice("transcribe", "long.raw", *RAW, env=work).stdout == first.stdout
    assert len(recogniser.log) == count
    assert voice("transcribe", "long.raw", *RAW, "-l", "de", env=work).returncode == 0
    assert len(recogniser.log) == 2 * count, "asked differently is another question"
    assert voice("transcribe", "long.raw", *RAW, "--no-cache", env=work).stdout == first.stdout
    assert len(recogniser.log) == 3 * count


def test_killed_at_half_it_goes_on_where_it_was(
    voice: Voice, home: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    with long.Recogniser(pace=0.02) as server:
        work = configured(server, tmp_path)
        expected = voice("transcribe", "long.raw", *RAW, "-f", "srt", "--no-cache", env=work).stdout
        server.log.clear()
        command = [sys.executable, "-m", "voicecli", "transcribe", "long.raw", *RAW, "-f", "srt", "-j", "1"]
        env = home | work | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE) as process:
            until(lambda: len(server.log) >= 3)
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        first = [each["sha"] for each in server.log]
        run = voice("transcribe", "long.raw", *RAW, "-f", "srt", env=work)
        assert run.stdout == expected
        again = [each["sha"] for each in server.log[len(first) :]]
        # The last answer may not have arrived before the end.
        assert len(set(first) & set(again)) <= 1
        assert len(again) <= len(set(first) | set(again)) - 2


def test_ctrl_c_leaves_no_half_file(voice: Voice, home: dict[str, str], folder: Path, tmp_path: Path) -> None:
    with long.Recogniser(pace=0.02) as server:
        command = [sys.executable, "-m", "voicecli", "transcribe", "long.raw", *RAW, "-o", "a.txt", "-j", "1"]
        env = home | configured(server, tmp_path) | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=env, cwd=folder, stderr=subprocess.PIPE) as process:
            until(lambda: len(server.log) >= 3)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert re.fullmatch(r"stopped at .* min; the same command goes on from there\n", err.decode())
        assert [each.name for each in folder.iterdir()] == ["long.raw"]


def test_a_failing_piece_fails_the_recording_and_the_rest_is_kept(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path, taped: Taped
) -> None:
    answers = iter([None, None, Reply.json({"error": {"message": "out of luck"}}, 400)])
    usual = recogniser.transcribed

    async def unlucky(request: object) -> Reply:
        return next(answers, None) or await usual(request)  # type: ignore[arg-type]

    recogniser.on("/v1/audio/transcriptions", unlucky)
    run = voice("transcribe", "long.raw", *RAW, "-j", "1", "-o", "a.txt", env=work)
    assert run.returncode == 5
    assert b"out of luck" in run.stderr
    assert sorted(each.name for each in folder.iterdir()) == ["long.raw"]
    assert len(recogniser.log) == 2, "no more pieces after a failure"
    assert voice("transcribe", "long.raw", *RAW, "-o", "a.txt", env=work).returncode == 0
    assert (folder / "a.txt").read_text().split() == [each.digit for each in taped[1]]
    shas = [each["sha"] for each in recogniser.log]
    assert len(set(shas)) == len(shas), "what was answered is not asked again"


def test_a_recogniser_without_times_gets_shorter_pieces(
    voice: Voice, folder: Path, tmp_path: Path, taped: Taped
) -> None:
    """A model known to tell none: the pieces' own times must do, so they are short."""
    with long.Recogniser(words=False) as server:
        run = voice("transcribe", "long.raw", *RAW, "-f", "srt", env=configured(server, tmp_path, "gpt-4o-transcribe"))
        assert max(each["seconds"] for each in server.log) <= 30
        cues = pysubs2.SSAFile.from_string(run.stdout.decode(), format_="srt")
        assert "".join(cue.plaintext for cue in cues).replace(" ", "") == "".join(each.digit for each in taped[1])


def test_a_dry_run_shows_the_pieces_and_sends_nothing(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    run = voice("transcribe", "long.raw", *RAW, "--dry-run", "--json", env=work)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert not recogniser.log
    assert voice("transcribe", "long.raw", *RAW, env=work).returncode == 0
    sent = sorted((each["bytes"], round(each["seconds"], 3)) for each in recogniser.log)
    assert sorted((row["bytes"], row["seconds"]) for row in rows) == sent
    assert all(
        json.loads(line)["known"]
        for line in voice("transcribe", "long.raw", *RAW, "--dry-run", "--json", env=work).stdout.splitlines()
    )


def test_the_cache_is_listed_and_cleared(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path, home: dict[str, str]
) -> None:
    assert voice("transcribe", "long.raw", *RAW, env=work).returncode == 0
    listed = json.loads(voice("cache", "ls", "--json", env=work).stdout)
    assert listed["pieces"]["entries"] == len(recogniser.log) > 0
    files = [path for path in Path(listed["folder"]).rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert voice("cache", "clear", "--older-than", "1", env=work).stderr == b"removed 0 entries\n"
    assert json.loads(voice("cache", "clear", "--json", env=work).stdout) == {"removed": len(files)}
    assert json.loads(voice("cache", "ls", "--json", env=work).stdout)["pieces"]["entries"] == 0
