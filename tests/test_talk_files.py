"""`voice talk` with files in place of devices: the same loop, paced and on the audio's own clock."""

from __future__ import annotations

import json
import re
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.serving import serving
from tests.test_talk_devices import expected, settings

RATE = 16_000
QUESTIONS = ["13579", "24680", "112233"]

Done = subprocess.CompletedProcess[bytes]


server = serving(lambda: OpenAIServer(Habits(hear_s=0.05, first_token_s=0.05, first_sound_s=0.05)))


@pytest.fixture
def config(server: OpenAIServer, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "config.toml"
    path.write_text(settings(server))
    return {"VOICE_CONFIG": str(path)}


def conversation(pause_s: float = 1.0) -> NDArray[np.int16]:
    quiet = np.zeros(round(RATE * pause_s), np.int16)
    return np.concatenate([quiet, *[part for question in QUESTIONS for part in (says(question, RATE), quiet)]])


def write(path: Path, samples: NDArray[np.int16]) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return str(path)


def events(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def of(done: Done, name: str) -> list[dict[str, Any]]:
    return [each for each in events(done) if each["event"] == name]


def heard(path: Path) -> tuple[list[str], int, int]:
    """The digits of each reply on a tape, its length in samples, its rate."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    text = dtmf.find(samples, rate)
    replies: list[str] = []
    last = float("-inf")
    for tone in text:
        if tone.start - last > 0.4:
            replies.append("")
        replies[-1] += tone.digit
        last = tone.end
    return replies, len(samples), rate


def test_a_fast_conversation_hears_and_says_every_digit(voice: Voice, config: dict[str, str], tmp_path: Path) -> None:
    source, target = write(tmp_path / "questions.wav", conversation()), tmp_path / "answers.wav"
    done = voice("talk", "--input", source, "--output", str(target), "--fast", "--json", env=config)
    assert done.returncode == 0, done.stderr.decode()
    assert events(done)[0]["event"] == "ready"
    assert [each["text"] for each in of(done, "user_said")] == QUESTIONS
    assert heard(target)[0] == [expected(question) for question in QUESTIONS]
    for each in of(done, "turn_metrics"):
        assert 300 <= each["gap_ms"] <= 1200
        assert each["end_ms"] >= 300


def test_the_tape_is_silent_where_the_assistant_listens_and_as_long_as_the_conversation(
    voice: Voice, config: dict[str, str], tmp_path: Path
) -> None:
    source, target = write(tmp_path / "questions.wav", conversation()), tmp_path / "answers.wav"
    done = voice("talk", "--input", source, "--output", str(target), "--fast", "--json", env=config)
    replies, samples, rate = heard(target)
    assert len(replies) == 3
    spoken = sum(len(expected(each)) for each in QUESTIONS) * (dtmf.TONE_MS + dtmf.GAP_MS) / 1000
    assert len(conversation()) / RATE + spoken - 1 < samples / rate < len(conversation()) / RATE + spoken + 8
    assert done.returncode == 0


def test_a_paced_conversation_takes_its_time_and_is_the_same(
    voice: Voice, config: dict[str, str], tmp_path: Path
) -> None:
    source, target = write(tmp_path / "questions.wav", conversation()), tmp_path / "answers.wav"
    done = voice("talk", "--input", source, "--output", str(target), "--json", env=config)
    assert [each["text"] for each in of(done, "user_said")] == QUESTIONS
    assert heard(target)[0] == [expected(question) for question in QUESTIONS]
    assert events(done)[-1]["t_ms"] >= len(conversation()) / RATE * 1000 * 0.9


def test_pipes_at_both_ends(voice: Voice, config: dict[str, str]) -> None:
    done = voice(
        "talk", "--input", "-", "--output", "-", "--fast", "--quiet", input=conversation().tobytes(), env=config
    )
    assert done.returncode == 0, done.stderr.decode()
    samples = np.frombuffer(done.stdout, np.int16)
    assert "".join(tone.digit for tone in dtmf.find(samples, RATE)) == "".join(expected(each) for each in QUESTIONS)
    assert "13579" in done.stderr.decode()


@pytest.mark.parametrize(
    ("flags", "told"), [((), r"(?m)^ +\d+\.\d s$"), (("--report",), r"recognition \d+ .*gap \d+ ms")]
)
def test_plain_lines_tell_what_was_said_and_how_long_it_took(
    voice: Voice, config: dict[str, str], tmp_path: Path, flags: tuple[str, ...], told: str
) -> None:
    source = write(tmp_path / "questions.wav", conversation())
    done = voice("talk", "--input", source, "--output", str(tmp_path / "a.wav"), "--fast", *flags, env=config)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert out.splitlines()[:2] == ["you:   13579", "voice: 24680."]
    assert re.search(told, err)
    assert ("gap" in err) == bool(flags)


def test_save_keeps_the_transcript_and_both_sides(voice: Voice, config: dict[str, str], tmp_path: Path) -> None:
    source, folder = write(tmp_path / "questions.wav", conversation()), tmp_path / "kept"
    done = voice(
        *("talk", "--input", source, "--output", str(tmp_path / "a.wav"), "--fast", "--save", str(folder)), env=config
    )
    assert done.returncode == 0, done.stderr.decode()
    (one,) = folder.iterdir()
    assert heard(one / "assistant.wav")[0] == [expected(question) for question in QUESTIONS]
    assert heard(one / "user.wav")[0] == QUESTIONS
    lines = [json.loads(line) for line in (one / "transcript.jsonl").read_text().splitlines()]
    assert [each["text"] for each in lines if each["event"] == "user_said"] == QUESTIONS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input", "nowhere.wav", "--output", "a.wav"], "nowhere.wav"),
        (["--input", "no-audio.wav", "--output", "a.wav"], "no-audio.wav"),
        (["--json", "--output", "-"], "stdout"),
        (["--fast"], "--fast"),
        (["--ptt", "--input", "x.wav"], "--ptt"),
        (["--draft", "maybe"], "draft"),
    ],
)
def test_wrong_usage_is_one_clear_message(
    voice: Voice, config: dict[str, str], tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "work" / "no-audio.wav").write_text("this is no audio at all")
    done = voice("talk", *words, env=config)
    assert done.returncode == 2
    error = done.stderr.decode()
    assert "error:" in error
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "work" / "a.wav").exists()


def test_a_server_that_dies_in_the_middle_of_an_answer(
    voice: Voice, server: OpenAIServer, config: dict[str, str], tmp_path: Path
) -> None:
    from tests.fakes.server import Act, Reply

    first = b'data: {"choices":[{"index":0,"delta":{"content":"12345. "},"finish_reason":null}]}\n\n'
    server.on("/v1/chat/completions", Reply.sse([first, 0.3, Act.RESET]))
    source = write(tmp_path / "q.wav", np.concatenate([says("13579", RATE), np.zeros(RATE, np.int16)]))
    target = tmp_path / "a.wav"
    done = voice("talk", "--input", source, "--output", str(target), "--json", "--draft", "off", env=config)
    (lost,) = of(done, "turn_lost")
    assert lost["code"] in (4, 5)
    assert "work" in lost["reason"]
    assert done.returncode == lost["code"]
    assert heard(target)[0] == ["12345"]
    assert b"Traceback" not in done.stderr


def test_what_was_said_in_noise_only_is_no_turn(voice: Voice, config: dict[str, str], tmp_path: Path) -> None:
    noise = (np.random.default_rng(3).standard_normal(RATE * 20) * 300).astype(np.int16)
    done = voice(
        *("talk", "--input", write(tmp_path / "n.wav", noise), "--output", str(tmp_path / "a.wav")),
        *("--fast", "--json"),
        env=config,
    )
    assert done.returncode == 0
    assert [each["event"] for each in events(done)] == ["ready"]
