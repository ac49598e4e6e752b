"""`voice chat` as a process, against a real local server: what is sent, what is shown, what the end is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Voice
from tests.fakes.server import CUT, STALL, FakeServer, Reply
from tests.serving import serving
from tests.work import written

PATH = "/v1/chat/completions"
KEY = "sk-marked-0123456789"


UNKEPT = "[history]\nenabled = false  # a first time is told on stderr: test_cli_history has that"

server = serving(FakeServer)


@pytest.fixture
def work(server: FakeServer, tmp_path: Path) -> dict[str, str]:
    found = written(tmp_path, server.url, ["chat"], UNKEPT, api_key_env="WORK_KEY", chat_model="m1")
    return found | {"WORK_KEY": KEY}


def event(text: str = "", **choice: Any) -> bytes:
    data = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None} | choice]}
    return f"data: {json.dumps(data)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
STOP = event(finish_reason="stop") + DONE


def usage(asked: int, answered: int) -> bytes:
    data = {"choices": [], "usage": {"prompt_tokens": asked, "completion_tokens": answered}}
    return f"data: {json.dumps(data)}\n\n".encode()


def answering(*texts: str, end: bytes = STOP) -> Reply:
    return Reply.sse([*(event(text) for text in texts), end])


def test_an_answer_streams_to_stdout(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("Blue ", "light scatters", "."))
    run = voice("chat", "Why", "is the sky blue?", env=work)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"Blue light scatters.\n", b"")
    (asked,) = server.to(PATH)
    assert asked.json()["messages"] == [{"role": "user", "content": "Why is the sky blue?"}]
    assert asked.json()["model"] == "m1"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_the_answer_is_shown_while_it_is_written(
    server: FakeServer, work: dict[str, str], home: dict[str, str]
) -> None:
    server.on(PATH, Reply.sse([event("first"), STALL]))
    command = [sys.executable, "-m", "voicecli", "chat", "hi"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=home | work) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        process.kill()


def test_every_flag_reaches_the_service(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("ok"))
    flags = "-s|Be brief.|-m|m2|--temperature|0|--max-tokens|7|--top-p|0.5|--seed|3|-n|2|--stop|END|--stop|FIN"
    assert voice("chat", *flags.split("|"), "--", "--hi", env=work).returncode == 0
    body = server.to(PATH)[0].json()
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "--hi"}]
    sent = {name: body[name] for name in ("model", "temperature", "max_tokens", "top_p", "seed", "n", "stop")}
    assert sent == {
        "model": "m2",
        "temperature": 0,
        "max_tokens": 7,
        "top_p": 0.5,
        "seed": 3,
        "n": 2,
        "stop": ["END", "FIN"],
    }


def test_a_flag_that_the_family_lacks_is_refused_before_anything_is_sent(
    server: FakeServer, work: dict[str, str], voice: Voice
) -> None:
    run = voice("chat", "hi", "--category", "law", env=work)
    assert run.returncode == 2
    assert run.stderr.startswith(b"error: openai: does not take --category to chat. Families that do: ")
    assert b"gov" in run.stderr
    assert not server.requests


def test_settings_stand_where_no_flag_is(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("ok"))
    settings = {"VOICE_CHAT_SYSTEM": "Rhyme.", "VOICE_CHAT_TEMPERATURE": "0.3", "VOICE_CHAT_MAX_TOKENS": "9"}
    voice("chat", "hi", "--temperature", "1", env=work | settings)
    body = server.to(PATH)[0].json()
    assert body["messages"][0] == {"role": "system", "content": "Rhyme."}
    assert (body["temperature"], body["max_tokens"]) == (1, 9)


def test_stdin_comes_before_the_question(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("ok"))
    voice("chat", "Summarise.", input="Notes\r\nnaïve\n".encode(), env=work)
    voice("chat", input=b"only this", env=work)
    asked = [request.json()["messages"][-1]["content"] for request in server.to(PATH)]
    assert asked == ["Notes\r\nnaïve\n\nSummarise.", "only this"]


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (b"", b"error: the question is empty."),
        (b" \n", b"error: the question"),
        (b"\x00\x01RIFF", b"error: stdin: is bin"),
    ],
)
def test_nothing_to_ask_is_told(
    stdin: bytes, told: bytes, server: FakeServer, work: dict[str, str], voice: Voice
) -> None:
    run = voice("chat", input=stdin, env=work)
    assert run.returncode == 2
    assert run.stderr.startswith(told)
    assert not server.requests


def test_json_is_one_object_with_everything(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("a\t[", "日", end=event(finish_reason="stop") + usage(3, 4) + DONE))
    run = voice("chat", "hi", "--json", env=work)
    assert run.stdout.count(b"\n") == 1
    assert json.loads(run.stdout) == {
        "text": "a\t[日",
        "reasoning": "",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "complete": True,
        "tools": [],
        "notes": [],
    }


def test_usage_is_told_when_asked_for(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("hi", end=event(finish_reason="stop") + usage(12, 34) + DONE))
    run = voice("chat", "hi", "-u", "-q", env=work)
    assert run.stdout == b"hi\n"
    assert run.stderr == b"usage: 12 tokens asked + 34 answered = 46\n"


def test_an_answer_at_its_length_limit_says_so(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("Once upon", end=event(finish_reason="length") + DONE))
    run = voice("chat", "hi", env=work)
    assert (run.returncode, run.stdout) == (0, b"Once upon\n")
    assert b"length limit" in run.stderr
    assert b"--max-tokens" in run.stderr


def test_an_answer_that_breaks_off_keeps_what_arrived(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, Reply.sse([event("half an "), event("answer"), CUT]))
    run = voice("chat", "hi", env=work)
    assert run.stdout == b"half an answer\n"
    assert run.returncode in (4, 5)
    assert run.stderr.startswith(b"error: work (127.0.0.1")
    told = voice("chat", "hi", "--json", env=work)
    answer, failure = map(json.loads, told.stdout.splitlines())
    assert failure["error"]["code"] == told.returncode
    assert (answer["text"], answer["complete"], told.returncode) == ("half an answer", False, run.returncode)


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply.json({"error": {"message": "bad key \x1b[31m" + KEY}}, 401), 3, "bad key"),
        (Reply.json({"error": {"message": "no quota", "code": "insufficient_quota"}}, 429), 3, "no quota"),
        (Reply.json({"error": {"message": "slow down"}}, 429, retry_after="0"), 6, "slow down"),
        (Reply.json({"error": {"message": "no such model"}}, 404), 2, "no such model"),
        (Reply.text("<html>Bad Gateway</html>", 502), 5, "502"),
        (Reply.sse([]), 5, ""),
    ],
)
def test_failures_have_a_line_and_a_code(
    reply: Reply, code: int, words: str, server: FakeServer, work: dict[str, str], voice: Voice
) -> None:
    server.on(PATH, reply)
    run = voice("chat", "hi", env=work)
    told = run.stderr.decode()
    assert (run.returncode, run.stdout) == (code, b"")
    assert told.startswith("error: work (127.0.0.1")
    assert words in told
    assert KEY not in told
    assert "\x1b" not in told
    assert told.count("\n") == 1


def test_a_missing_key_is_told_before_anything_is_sent(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    file = Path(work["VOICE_CONFIG"])
    file.write_text(file.read_text().replace(server.url, "https://api.example.invalid"))
    run = voice("chat", "hi", env={"VOICE_CONFIG": str(file)})
    assert run.returncode in (2, 3)
    assert b"WORK_KEY" in run.stderr


def test_where_text_goes_is_said_once(voice: Voice, work: dict[str, str], server: FakeServer) -> None:
    """The host can't be reached: the note comes first all the same."""
    file = Path(work["VOICE_CONFIG"])
    file.write_text(file.read_text().replace(server.url, "https://api.example.invalid"))
    first, second = voice("chat", "hi", env=work), voice("chat", "hi", env=work)
    note = b"text goes to api.example.invalid (backend work; said once).\n"
    assert first.stderr.startswith(note)
    assert note not in second.stderr
    assert (first.returncode, second.returncode) == (4, 4)


def interrupted(number: int, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """`voice chat`, sent signal `number` as soon as it has shown five characters."""
    command = [sys.executable, "-m", "voicecli", "chat", "hi"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env) as process:
        assert process.stdout is not None
        first = process.stdout.read(5)
        process.send_signal(number)
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 3
        return subprocess.CompletedProcess(command, process.returncode, first + out, err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_answer_ends_at_once_and_keeps_what_came(
    number: int, code: int, server: FakeServer, work: dict[str, str], home: dict[str, str]
) -> None:
    server.on(PATH, Reply.sse([event("first"), STALL]))
    run = interrupted(number, home | work)
    assert (run.returncode, run.stdout, run.stderr) == (code, b"first\n", b"")


def test_verbose_tells_of_requests_without_the_key(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("ok"))
    run = voice("chat", "hi", "-v", env=work)
    assert (run.returncode, run.stdout) == (0, b"ok\n")
    assert re.match(rb" +0\.\d\d s  .*POST http://127.0.0.1:\d+/v1/chat/completions.*200", run.stderr)
    assert KEY.encode() not in run.stdout + run.stderr
