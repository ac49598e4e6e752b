"""A marked key goes through every command, and then every byte that was written anywhere is searched for it.

What is searched: stdout, stderr (with --verbose), and every file below the person's folders, but for the one file
or command that the key was given in. A server that repeats whatever it is told tries to bring it out in an error.
"""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.fakes.server import FakeServer, Reply, Request
from tests.reliability.leaks import HEADER, MARK, PASSWORD, Inside, inside, traces
from tests.serving import serving
from voicecli.config import load
from voicecli.config.keys import resolve_key
from voicecli.types import Secret

Program = Voice | Inside


@pytest.fixture
def run(
    home: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inside]:
    """The program in this process: as good as another, where what it writes is all that matters."""
    with inside(home, tmp_path / "work", capfdbinary, monkeypatch) as it:
        yield it


server = serving(lambda: OpenAIServer(Habits(key=MARK)))


@pytest.fixture
def echo() -> Iterator[FakeServer]:
    """Repeats all that it was told in its refusal, in the body and in a header."""

    def refuse(request: Request) -> Reply:
        told = json.dumps(dict(request.headers))
        return Reply.json({"error": {"message": f"no: {told}"}}, STATUS[0], x_told=told)

    with FakeServer(refuse) as it:
        yield it


STATUS = [400]


def config(folder: Path, url: str, *more: str) -> Path:
    use = "".join(f'{verb} = "work"\n' for verb in ("transcribe", "chat", "speak"))
    models = (
        'chat_model = "digits-chat"\ntranscribe_model = "digits-hear"\nspeak_model = "digits-speak"\nvoice = "echo"\n'
    )
    path = folder / "config.toml"
    lines = "\n".join(more)
    path.write_text(f'[use]\n{use}[backends.work]\nfamily = "openai"\nbase_url = "{url}"\n{models}{lines}\n')
    return path


LINES: list[tuple[str, ...]] = [
    ("transcribe", "digits.wav"),
    ("transcribe", "digits.wav", "--json", "--words"),
    ("transcribe", "digits.wav", "-f", "srt,json", "-o", "out/"),
    ("transcribe", "digits.wav", "--dry-run"),
    ("speak", "Dial 4071.", "-o", "a.wav"),
    ("speak", "Dial 4071.", "-o", "a.mp3", "--cache"),
    ("chat", "After 4071?"),
    ("chat", "--json", "--session", "trip", "After 4071?"),
    ("chat", f"My key is {MARK}, is it not? 12"),
    ("talk", "--fast", "--input", "person.wav", "--output", "b.wav", "--json", "--save", "kept"),
    ("voices", "--json"),
    ("models",),
    ("backends",),
    ("doctor",),
    ("doctor", "--json"),
    ("config", "show"),
    ("config", "show", "--json"),
    ("config", "set", "talk.end_ms", "510"),
    ("config", "path"),
    ("history", "list"),
    ("history", "export", "--all", "-f", "json"),
    ("cache", "ls"),
    ("keys", "list"),
    ("chat", "--nosuch", "x"),
    ("chat", "-m", "no-such-model", "x"),
]

SOURCES = ("variable", "file", "command")


def given(source: str, folder: Path, voice: Program, url: str) -> tuple[dict[str, str], tuple[Path, ...]]:
    """The key out of one source: the variables, and the files in which it may stand."""
    headers = f'headers = {{"X-Auth-Token" = "{HEADER}"}}'
    if source == "variable":
        path = config(folder, url, 'api_key_env = "THE_KEY"', headers)
        return {"VOICE_CONFIG": str(path), "THE_KEY": MARK}, (path,)
    if source == "command":
        key = folder / "key.txt"
        key.write_text(MARK + "\n")
        path = config(folder, url, f'api_key_cmd = ["cat", "{key}"]', headers)
        return {"VOICE_CONFIG": str(path)}, (path, key)
    path = config(folder, url, headers)
    env = {"VOICE_CONFIG": str(path)}
    stored = voice("keys", "set", "work", "-v", input=MARK.encode(), env=env)
    assert stored.returncode == 0
    (key,) = folder.rglob("keys.json")
    assert traces(folder, stored, path, key) == []
    return env, (path, key)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    from tests.people import says

    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "digits.wav", dtmf.encode("4071"), 16_000)
    soundfile.write(folder / "person.wav", says("4071", 16_000), 16_000)
    return folder


@pytest.mark.parametrize("source", SOURCES)
def test_no_command_writes_it_anywhere(
    source: str, voice: Voice, run: Inside, work: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    program: Program = run if source == "variable" else voice
    env, but = given(source, tmp_path, program, server.base_url)
    found, codes = {}, {}
    # The commands differ little in where the key comes from: all of them once, in processes of their own only some.
    for line in LINES if source == "variable" else LINES[::6]:
        done = program(*line, "-v", env=env)
        codes[line] = done.returncode
        if where := traces(tmp_path, done, *but):
            found[line] = where
    if (told := found.pop(LINES[8], None)) is not None:
        # What a person writes into a question is theirs: it goes out, but is not kept.
        assert not [place for place in told if place not in ("stdout",)]
    assert found == {}
    # The doctor may find that this machine has no sound.
    assert [line for line, code in codes.items() if code and line[0] != "doctor" and line not in LINES[-2:]] == []


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_service_that_repeats_it_brings_nothing_out(
    status: int, voice: Voice, run: Inside, work: Path, echo: FakeServer, tmp_path: Path
) -> None:
    STATUS[0] = status
    program: Program = voice if status == 401 else run
    env, but = given("variable", tmp_path, program, echo.url)
    for line in (LINES[0], LINES[6], LINES[9]) if status == 400 else (LINES[4],):
        done = program(*line, "-v", env=env)
        assert done.returncode not in (0, 1), done.stderr
        assert traces(tmp_path, done, *but) == [], done.stderr.decode()


ADDRESSES = {
    "base_url": 'base_url = "http://me:{}@127.0.0.1:9/v1"',
    "base_urls": 'base_urls = ["http://me:{}@127.0.0.1:9/v1"]',
    "proxy": 'base_url = "http://127.0.0.2:9/v1"\nproxy = "http://me:{}@127.0.0.1:9"',
    "live_url": 'base_url = "http://127.0.0.1:9/v1"\nlive_url = "ws://me:{}@127.0.0.1:9/x?token={}"',
    "query": 'base_url = "http://127.0.0.1:9/v1"\nlive_url = "ws://127.0.0.1:9/x?token={}"',
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_password_in_an_address_is_not_shown(name: str, run: Inside, work: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    address = ADDRESSES[name].replace("{}", PASSWORD)
    path.write_text(
        f'[use]\nchat = "w"\ntranscribe = "w"\n[backends.w]\nfamily = "openai"\nchat_model = "m"\n{address}\n'
    )
    for line in (("chat", "hello"), ("config", "show"), ("transcribe", "digits.wav")):
        done = run(*line, "-v", env={"VOICE_CONFIG": str(path)})
        assert traces(tmp_path, done, path) == [], (line, done.stderr.decode(), done.stdout.decode())


@pytest.mark.parametrize(
    ("line", "env"),
    [
        (("transcribe", f"http://me:{PASSWORD}@127.0.0.1:9/a.wav"), {}),
        (("transcribe", f"http://127.0.0.1:9/a.wav?sig={PASSWORD}", "--json"), {}),
        (
            ("chat", "-b", "openai", "hello"),
            {"OPENAI_API_KEY": MARK, "OPENAI_BASE_URL": f"http://me:{PASSWORD}@127.0.0.1:9"},
        ),
        (("chat", "-b", "openai", "hello"), {"OPENAI_API_KEY": MARK, "OPENAI_BASE_URL": "http://127.0.0.1:9"}),
        (("config", "set", "backends.w.api_key", MARK), {}),
        (("config", "set", "backends.w.base_url", f"http://me:{PASSWORD}@h"), {}),
        (("config", "init"), {"OPENAI_API_KEY": MARK, "QINIU_API_KEY": MARK}),
        (("keys", "set", "openai", MARK), {}),
    ],
    ids=range(8),
)
def test_a_secret_on_the_command_line_goes_no_further(
    line: tuple[str, ...], env: dict[str, str], run: Inside, tmp_path: Path
) -> None:
    done = run(*line, "-v", env=env)
    assert traces(tmp_path, done) == [], done.stderr.decode()


def test_a_file_that_holds_a_key_is_refused_without_it(run: Inside, tmp_path: Path) -> None:
    path = config(tmp_path, "http://127.0.0.1:9", f'api_key = "{MARK}"')
    for line in (("chat", "hello"), ("config", "show"), ("doctor",)):
        done = run(*line, "-v", env={"VOICE_CONFIG": str(path)})
        assert traces(tmp_path, done, path) == [], done.stderr.decode()


def test_a_key_has_no_face(tmp_path: Path) -> None:
    """In reprs, tracebacks, copies and pickles."""
    path = config(tmp_path, "http://127.0.0.1:9", 'api_key_env = "K"', f'headers = {{"X-Auth" = "{HEADER}"}}')
    loaded = load({"K": MARK, "VOICE_CONFIG": str(path)})
    backend = resolve_key(loaded.backends["work"], {"K": MARK}, tmp_path)
    assert backend.key == Secret(MARK)
    faces: list[Any] = [
        backend,
        loaded,
        backend.key,
        [backend.key],
        f"{backend.key}",
    ]
    try:
        raise ValueError(backend)
    except ValueError as exc:
        faces += traceback.format_exception(exc)
    for face in faces:
        assert MARK not in repr(face) + str(face)
        assert HEADER not in repr(face) + str(face)
    with pytest.raises(TypeError):
        pickle.dumps(backend.key)
