"""Conversations that are kept, as processes: chat and talk that go on, and `voice history`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.server import CUT, STALL, FakeServer, Reply, Request
from tests.person import at_terminal
from tests.test_cli_chat import KEY, PATH, STOP, answering, event
from tests.waiting import until
from tests.work import written
from voicecli.storage.conversations import Conversation, Message, Store
from voicecli.storage.typed import entries


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Answers "re: " and the question."""
    with FakeServer() as running:
        running.on(PATH, lambda request: answering("re: ", request.json()["messages"][-1]["content"]))
        yield running


@pytest.fixture
def work(server: FakeServer, tmp_path: Path) -> dict[str, str]:
    return serving(f"{server.url}/v1", tmp_path)


def serving(base_url: str, folder: Path) -> dict[str, str]:
    """The variables that make the service at `base_url` the backend "work" of every verb."""
    models = {"chat_model": "digits-chat", "transcribe_model": "digits-hear", "speak_model": "digits-speak"}
    url, verbs = base_url.removesuffix("/v1"), ["transcribe", "chat", "speak"]
    return written(folder, url, verbs, '[talk]\nvad = "webrtc"', api_key_env="WORK_KEY", **models) | {"WORK_KEY": KEY}


@pytest.fixture
def file(home: dict[str, str]) -> Path:
    return Path(home["XDG_STATE_HOME"]) / "voicecli" / "history.db"


@pytest.fixture
def kept(file: Path) -> None:
    """Three conversations, the last of them spoken."""
    with Store.open(file) as store:
        for at, (kind, name) in enumerate([("chat", ""), ("chat", "trip"), ("talk", "")], start=1):
            about = Conversation(kind, name, "Be brief." if name else "", "work", "m1")
            reply = Message("assistant", "Yes\x1b[2J, it is. 天空", interrupted=kind == "talk")
            store.write(about, [Message("user", f"question {at}\nof\tthree"), reply])


def asked(request: Request) -> list[str]:
    return [f"{each['role'][0]}: {each['content']}" for each in request.json()["messages"]]


# -- chat ------------------------------------------------------------------------------------------


def test_a_chat_is_kept_and_goes_on(server: FakeServer, work: dict[str, str], voice: Voice, file: Path) -> None:
    first = voice("chat", "-s", "Rhyme.", "one", env=work)
    assert (first.returncode, first.stdout) == (0, b"re: one\n")
    assert first.stderr.decode().startswith(f"conversations are kept in {file} (said once): --private")
    second = voice("chat", "-c", "two", env=work)
    assert (second.stdout, second.stderr) == (b"re: two\n", b"")
    third = voice("chat", "three", env=work)
    assert (third.stdout, third.stderr) == (b"re: three\n", b"")
    assert [asked(each) for each in server.to(PATH)] == [
        ["s: Rhyme.", "u: one"],
        ["s: Rhyme.", "u: one", "a: re: one", "u: two"],
        ["u: three"],
    ]


def test_a_session_goes_on_by_its_name(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    for words in (("--session", "a", "one"), ("two",), ("three", "--session", "a"), ("--session=b", "-c", "four")):
        assert voice("chat", *words, env=work).returncode == 0
    assert [len(asked(each)) for each in server.to(PATH)] == [1, 1, 3, 1]


def test_what_arrived_of_a_broken_answer_is_kept(
    server: FakeServer, work: dict[str, str], voice: Voice, file: Path
) -> None:
    server.on(PATH, Reply.sse([event("half an "), event("answer"), CUT]))
    assert voice("chat", "one", env=work).returncode in (4, 5)
    shown = voice("history", "show", env=work).stdout.decode()
    assert shown == "you:   one\nvoice: half an answer (interrupted)\n"
    server.on(PATH, answering("ok"))
    voice("chat", "-c", "go on", env=work)
    assert asked(server.to(PATH)[-1]) == ["u: one", "a: half an answer…", "u: go on"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_arrived_before_the_person_left_is_kept(
    number: int, server: FakeServer, work: dict[str, str], home: dict[str, str], voice: Voice
) -> None:
    server.on(PATH, Reply.sse([event("first"), STALL]))
    command = [sys.executable, "-m", "voicecli", "chat", "one"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=home | work
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        process.send_signal(number)
    assert voice("history", "show", env=work).stdout == b"you:   one\nvoice: first (interrupted)\n"


def test_a_question_that_got_no_answer_is_not_kept_to_be_asked_twice(
    server: FakeServer, work: dict[str, str], voice: Voice
) -> None:
    voice("chat", "one", env=work)
    server.on(PATH, Reply.json({"error": {"message": "bad"}}, 401))
    assert voice("chat", "-c", "two", env=work).returncode == 3
    server.on(PATH, answering("ok"))
    voice("chat", "-c", "two", env=work)
    assert asked(server.to(PATH)[-1]) == ["u: one", "a: re: one", "u: two"]


def test_a_long_conversation_is_sent_within_its_budget(
    server: FakeServer, work: dict[str, str], voice: Voice, file: Path
) -> None:
    with Store.open(file) as store:
        old = [Message(role, f"{at} " + "word " * 100) for at in range(20) for role in ("user", "assistant")]
        store.write(Conversation("chat"), old)
    voice("chat", "-c", "-s", "Rhyme.", "two", env=work | {"VOICE_CHAT_MAX_HISTORY_TOKENS": "600"})
    system, oldest, *_, newest = asked(server.to(PATH)[0])
    assert (system, newest) == ("s: Rhyme.", "u: two")
    assert oldest.startswith("u: 18 ")
    with Store.open(file) as store:
        assert store.recent()[0].messages == 42, "all of it is kept"


@pytest.mark.parametrize("flags", [[], ["-c"], ["--session", "a"]])
def test_a_damaged_history_stops_no_answer(
    flags: list[str], server: FakeServer, work: dict[str, str], voice: Voice, file: Path
) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(b"damaged" * 1000)
    run = voice("chat", *flags, "one", env=work)
    assert (run.returncode, run.stdout) == (0, b"re: one\n")
    assert run.stderr.decode() == (
        f"warning: the conversation is not kept: {file}: is damaged. Move it away, and a new one is begun.\n"
    )
    for words in (("list",), ("show",), ("search", "x"), ("rm", "--all", "--yes"), ("export",)):
        broken = voice("history", *words, env=work)
        assert (broken.returncode, broken.stdout) == (2, b""), words
        assert broken.stderr.decode().startswith(f"error: {file}: is damaged."), words


def test_a_reader_that_leaves_costs_nothing_of_what_came(
    server: FakeServer, work: dict[str, str], home: dict[str, str], voice: Voice
) -> None:
    server.on(PATH, Reply.sse([event("line\n"), *(each for _ in range(20) for each in (0.02, event("more\n"))), STOP]))
    script = f'"{sys.executable}" -m voicecli chat one </dev/null | head -n 1; echo ${{PIPESTATUS[0]}}'
    run = subprocess.run(["bash", "-c", script], capture_output=True, env=home | work, timeout=60, check=False)
    assert run.stdout == b"line\n0\n"
    assert voice("history", "show").stdout.startswith(b"you:   one\nvoice: line\nmore")


# -- talk ------------------------------------------------------------------------------------------


def questions(path: Path, *digits: str) -> Path:
    """A recording of a person who dials each of `digits`, and waits."""
    rate, quiet = 16_000, np.zeros(16_000, np.int16)
    sound = [part for each in digits for part in (quiet, dtmf.encode(each, rate, level=0.5), quiet)]
    sf.write(path, np.concatenate(sound), rate, subtype="PCM_16")
    return path


@pytest.fixture
def spoken(tmp_path: Path, voice: Voice) -> Iterator[Callable[..., Any]]:
    """`spoken("1234", flags=[…])`: a talk over files; what the chat model was sent, and the process."""
    with OpenAIServer() as server:
        env = serving(server.base_url, tmp_path)

        def run(*digits: str, flags: list[str]) -> tuple[list[Any], subprocess.CompletedProcess[bytes]]:
            sound = questions(tmp_path / "in.wav", *digits)
            files = ["--input", str(sound), "--output", str(tmp_path / "out.wav"), "--fast"]
            before = len(server.to(PATH))
            done = voice("talk", *files, *flags, env=env)
            return [asked(each) for each in server.to(PATH)[before:]], done

        yield run


def test_a_talk_is_kept_and_goes_on_in_writing_and_in_speech(spoken: Any, voice: Voice, tmp_path: Path) -> None:
    _, first = spoken("1234", "5678", flags=[])
    assert first.returncode == 0, first.stderr
    assert b"conversations are kept in" in first.stderr
    whole = json.loads(voice("history", "show", "--json").stdout)
    assert (whole["kind"], whole["model"]) == ("talk", "digits-chat")
    contents = [each["content"] for each in whole["messages"]]
    assert contents == ["1234", "2345.", "5678", "6789."]
    sent, second = spoken("9012", flags=["-c"])
    assert second.returncode == 0, second.stderr
    assert [re.sub(r"\W+$", "", each) for each in sent[-1]] == ["u: 1234", "a: 2345", "u: 5678", "a: 6789", "u: 9012"]
    assert json.loads(voice("history", "show", "--json").stdout)["messages"][-1]["content"] == "0123."


def test_a_private_talk_leaves_nothing(spoken: Any, home: dict[str, str]) -> None:
    _, run = spoken("1234", flags=["--private"])
    assert run.returncode == 0, run.stderr
    assert b"2345" in run.stdout
    left = [each for each in Path(home["XDG_STATE_HOME"]).rglob("*") if each.is_file()]
    assert left == []


# -- voice history ---------------------------------------------------------------------------------


def test_before_anything_is_kept_there_is_nothing_and_no_file(voice: Voice, file: Path) -> None:
    assert voice("history", "list").stdout == b""
    assert json.loads(voice("history", "list", "--json").stdout) == {"conversations": []}
    assert json.loads(voice("history", "search", "x", "--json").stdout) == {"messages": []}
    assert voice("history", "rm", "--all", "--yes").returncode == 0
    for words in (("show",), ("show", "1"), ("export",)):
        run = voice("history", *words)
        assert (run.returncode, run.stdout) == (2, b"")
        assert run.stderr.startswith(b"error: no conversation is kept")
    assert not file.exists()


@pytest.mark.usefixtures("kept")
def test_the_list(voice: Voice) -> None:
    head, *rows = [line.split("\t") for line in voice("history", "list").stdout.decode().splitlines()]
    assert head == ["id", "last", "kind", "messages", "name", "begins with"]
    assert [[row[0], *row[2:]] for row in rows] == [
        ["3", "talk", "2", "", "question 3 of three"],
        ["2", "chat", "2", "trip", "question 2 of three"],
        ["1", "chat", "2", "", "question 1 of three"],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[1]) for row in rows)
    some = voice("history", "list", "-n", "1")
    assert some.stdout.count(b"\n") == 2
    assert some.stderr == b"2 more: -n 0 lists all.\n"
    found = json.loads(voice("history", "list", "--json").stdout)["conversations"]
    assert [(each["id"], each["name"], each["kind"], each["messages"]) for each in found] == [
        (3, None, "talk", 2),
        (2, "trip", "chat", 2),
        (1, None, "chat", 2),
    ]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("which", "number"), [((), 3), (("2",), 2), (("trip",), 2)])
def test_show(which: tuple[str, ...], number: int, voice: Voice) -> None:
    shown = voice("history", "show", *which).stdout.decode()
    mark = " (interrupted)" if number == 3 else ""
    assert shown == f"you:   question {number}\nof\tthree\nvoice: Yes, it is. 天空{mark}\n"
    whole = json.loads(voice("history", "show", *which, "--json").stdout)
    assert (whole["id"], whole["backend"], whole["model"]) == (number, "work", "m1")
    assert [(each["role"], each["interrupted"]) for each in whole["messages"]] == [
        ("user", False),
        ("assistant", number == 3),
    ]
    assert whole["messages"][1]["content"] == "Yes\x1b[2J, it is. 天空"


@pytest.mark.usefixtures("kept")
def test_an_unknown_conversation_is_told(voice: Voice) -> None:
    for words in (("show", "trap"), ("export", "trap"), ("rm", "1", "trap")):
        run = voice("history", *words)
        assert run.returncode == 2
        assert run.stderr == b"error: there is no conversation 'trap'. Did you mean 'trip'?\n"
    assert json.loads(voice("history", "list", "--json").stdout)["conversations"][-1]["id"] == 1


@pytest.mark.usefixtures("kept")
def test_search(voice: Voice) -> None:
    lines = voice("history", "search", "QUESTION", "2").stdout.decode().splitlines()
    assert [line.split("\t")[0::2] for line in lines] == [["id", "who"], ["2", "you"]]
    assert lines[1].endswith("question 2 of three")
    found = json.loads(voice("history", "search", "天空", "--json", "-n", "2").stdout)["messages"]
    assert [(each["id"], each["role"], each["interrupted"]) for each in found] == [
        (3, "assistant", True),
        (2, "assistant", False),
    ]
    nothing = voice("history", "search", "whale")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, b"", b"Nothing was found.\n")


@pytest.mark.usefixtures("kept")
def test_rm_removes_what_is_named_without_asking_a_pipe(voice: Voice, file: Path) -> None:
    run = voice("history", "rm", "trip", "1", "1")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"2 conversations removed.\n")
    assert b"question 3" in file.read_bytes()
    assert b"question 2" not in file.read_bytes()
    assert json.loads(voice("history", "rm", "3", "--json").stdout) == {"removed": 1}


def typed(file: Path, *lines: tuple[float, str]) -> Path:
    """What the prompt of chat has written: lines, and how many seconds ago each was typed."""
    path = file.with_name("typed")
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [(datetime.fromtimestamp(time.time() - ago), text) for ago, text in lines]
    path.write_text("".join(f"\n# {at}\n" + "".join(f"+{each}\n" for each in t.split("\n")) for at, t in entries))
    return path


def texts(path: Path) -> list[str]:
    return [each.text for each in entries(path)]


def test_rm_removes_what_was_typed(voice: Voice, file: Path) -> None:
    """Of one conversation by its words and its time, with --all everything, also where no conversation is left."""
    with Store.open(file) as store:
        asked = Message("user", "[a.txt]\nlong\n\nhow blue\nis it?")
        store.write(Conversation("chat"), [asked, Message("assistant", "very")])
        store.write(Conversation("chat"), [Message("user", "else"), Message("assistant", "yes")])
    day = 86_400.0
    path = typed(file, (9 * day, "how blue\nis it?"), (8 * day, "old"), (1, "/system I am Bob"))
    assert texts(path) == ["how blue\nis it?", "old", "/system I am Bob"]
    assert voice("history", "rm", "1").returncode == 0
    assert texts(path) == ["old"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert voice("history", "rm", "--all", "--yes").returncode == 0
    assert not path.exists()
    typed(file, (1, "again"))
    assert voice("history", "rm", "--all", "--yes").stderr == b"0 conversations removed.\n"
    assert not path.exists()


def test_what_was_typed_too_long_ago_is_forgotten(voice: Voice, file: Path) -> None:
    with Store.open(file) as store:
        store.write(Conversation("chat"), [Message("user", "hi"), Message("assistant", "ho")])
    path = typed(file, (9 * 86_400.0, "old"), (1, "new"))
    assert voice("history", "list", env={"VOICE_HISTORY_KEEP_DAYS": "5"}).returncode == 0
    assert texts(path) == ["new"]


@pytest.mark.needs_posix
def test_on_a_disk_without_room_the_history_is_listed_and_the_message_says_so(file: Path, home: dict[str, str]) -> None:
    """A limit of zero bytes for files is what SQLite takes for such a disk."""
    with Store.open(file) as store:
        store.write(Conversation("chat"), [Message("user", "sky"), Message("assistant", "blue")])

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = f"ulimit -f 0; exec {sys.executable} -B -m voicecli history {' '.join(words)}"
        return subprocess.run(["sh", "-c", line], env=home, capture_output=True, text=True, timeout=60)

    listed, removed = run("list"), run("rm", "1")
    assert (listed.returncode, "sky" in listed.stdout) == (0, True), listed.stderr
    assert removed.returncode == 2 and "the disk is full" in removed.stderr, removed.stderr


@pytest.mark.usefixtures("kept")
def test_rm_all_wants_a_yes(voice: Voice) -> None:
    for words in ((), ("--all", "1")):
        assert b"say which conversations, or --all" in voice("history", "rm", *words).stderr
    run = voice("history", "rm", "--all")
    assert run.returncode == 2
    assert b"--yes" in run.stderr
    assert voice("history", "rm", "--all", "--yes").stderr == b"3 conversations removed.\n"
    assert voice("history", "list").stderr == b"No conversation is kept.\n"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("keys", "code", "left"), [("y\n", 0, 0), ("n\n", 0, 3), ("\n", 0, 3), ("\x03", 130, 3), ("\x04", 130, 3)]
)
def test_on_a_terminal_rm_asks(
    keys: str, code: int, left: int, home: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    env = home | {"TERM": "xterm"}
    with at_terminal("history", "rm", "--all", env=env, folder=tmp_path, keys=True) as person:
        assert "Remove 3 conversations?" in person.until("[y/N]")

        def pressed() -> bool:
            person.types(keys)  # a Ctrl-C just before it reads is not seen by Python until the next
            with suppress(subprocess.TimeoutExpired):
                person.process.wait(3)  # a second one while it ends would kill it
            return person.process.returncode is not None

        until(pressed, 30)
        assert person.process.returncode == code
    assert len(json.loads(voice("history", "list", "--json").stdout)["conversations"]) == left


@pytest.mark.usefixtures("kept")
def test_export_as_markdown_and_as_json(voice: Voice, tmp_path: Path) -> None:
    text = voice("history", "export", "trip").stdout.decode()
    assert re.fullmatch(
        r"# trip\n\nchat, \d{4}-\d\d-\d\d \d\d:\d\d(?: – .*)?\n\n\*\*system\*\*\n\nBe brief\.\n\n"
        r"\*\*you\*\*\n\nquestion 2\nof\tthree\n\n\*\*voice\*\*\n\nYes, it is\. 天空\n",
        text,
    )
    assert b"**voice** (interrupted)" in voice("history", "export").stdout
    for words in (("-f", "json"), ("--json",)):
        assert json.loads(voice("history", "export", "1", *words).stdout)["id"] == 1
    run = voice("history", "export", "--all", "-o", str(tmp_path / "all.json"))
    assert (run.returncode, run.stdout) == (0, b"")
    assert b"wrote " in run.stderr and b"all.json (" in run.stderr
    lines = (tmp_path / "all.json").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2, 3]
    assert voice("history", "export", "trip", "-o", str(tmp_path / "a.md")).returncode == 0
    assert (tmp_path / "a.md").read_text() == text


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "1", "--all"), b"or --all, not both"),
        (("export", "-f", "pdf"), b"--format does not know 'pdf'. It knows: markdown, json."),
        (("export", "-o", "/dev/null/a.md"), b"error: /dev/null/a.md: "),
        (("search",), b"WORDS"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], told: bytes, voice: Voice) -> None:
    run = voice("history", *words)
    assert run.returncode == 2
    assert told in run.stderr
    assert run.stdout == b""


def test_what_is_too_old_is_not_shown(voice: Voice, file: Path) -> None:
    with Store.open(file, now=lambda: time.time() - 10 * 86_400) as store:
        store.write(Conversation("chat"), [Message("user", "qxzjvk")])
    assert json.loads(voice("history", "list", "--json").stdout)["conversations"]
    run = voice("history", "list", "--json", env={"VOICE_HISTORY_KEEP_DAYS": "9"})
    assert json.loads(run.stdout) == {"conversations": []}
    assert b"qxzjvk" not in file.read_bytes()


def test_rm_all_removes_the_sound_of_lost_turns(voice: Voice, file: Path) -> None:
    for name in ("lost-turns", "lost-dictation"):
        (file.parent / name).mkdir(parents=True)
        (file.parent / name / "lost-1.wav").write_bytes(b"RIFF")
    assert voice("history", "rm", "--all", "--yes").returncode == 0
    assert [each.name for each in file.parent.iterdir() if each.name.startswith("lost")] == []
