"""`voice chat` as a conversation on a (pseudo) terminal, and what else goes with a question."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from tests import long
from tests.conftest import Voice
from tests.fakes.forms import spoken
from tests.fakes.server import STALL, FakeServer, Reply, Request
from tests.person import Person, at_terminal
from tests.serving import serving
from tests.test_cli_chat import KEY, PATH, STOP, answering, event
from tests.virtual import virtual_devices
from tests.work import written
from voicecli.terminal.conversing import FILES
from voicecli.terminal.prompt import completer_of
from voicecli.text.clean import clean

server = serving(FakeServer)


@pytest.fixture
def work(server: FakeServer, tmp_path: Path) -> dict[str, str]:
    models = {"chat_model": "m1", "transcribe_model": "ears", "speak_model": "mouth"}
    found = written(tmp_path, server.url, ["chat", "transcribe", "speak"], api_key_env="WORK_KEY", **models)
    return found | {"WORK_KEY": KEY}


def asked(server: FakeServer) -> list[list[tuple[str, Any]]]:
    return [[(each["role"], each["content"]) for each in request.json()["messages"]] for request in server.to(PATH)]


# -- a conversation --------------------------------------------------------------------------------


Talks = Callable[..., Any]


@pytest.fixture
def talk(home: dict[str, str], work: dict[str, str], tmp_path: Path) -> Talks:
    @contextmanager
    def run(*args: str, env: dict[str, str] | None = None) -> Iterator[Person]:
        variables = home | work | {"TERM": "xterm", "NO_COLOR": "1"} | (env or {})
        with at_terminal("chat", *args, env=variables, folder=tmp_path) as person:
            person.prompted()
            yield person

    return run


def test_a_conversation_remembers_and_ends_with_ctrl_d(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, answering("Paris."), answering("It rains."))
    with talk("--private") as person:
        person.says("Capital of France?", "Paris.")
        person.says("And the weather?", "It rains.")
        assert person.leaves("\x04") == 0
    assert asked(server)[1] == [
        ("user", "Capital of France?"),
        ("assistant", "Paris."),
        ("user", "And the weather?"),
    ]


def test_pasted_lines_are_one_question(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, answering("ok"))
    with talk("--private") as person:
        person.says("\x1b[200~first\nsecond\n\nthird\x1b[201~", "ok")
        assert person.leaves("/exit\r") == 0
    assert asked(server) == [[("user", "first\nsecond\n\nthird")]]


def test_commands_change_what_follows(server: FakeServer, talk: Talks, tmp_path: Path) -> None:
    server.on(PATH, *(answering(word) for word in ("uno", "due", "tre", "quattro")))
    (tmp_path / "notes.txt").write_text("the notes")
    with talk("--private") as person:
        for line, shown in (
            ("/help", "/retry"),
            ("/nothing", "there is no command /nothing"),
            ("/system Be brief.", "system prompt: Be brief."),
            ("/model", "model: m1"),
            ("/model m2", "model: m2"),
            ("one", "uno"),
            ("/retry", "due"),
            ("/attach notes.txt", "goes with the next question"),
            ("with notes", "tre"),
            ("/save talk.md", "wrote talk.md ("),
            ("/clear", "a new conversation"),
            ("again", "quattro"),
        ):
            person.says(line, shown)
        assert person.leaves("/exit\r") == 0
    system = ("system", "Be brief.")
    talk_so_far = [system, ("user", "one"), ("assistant", "due")]
    assert asked(server) == [
        [system, ("user", "one")],
        [system, ("user", "one")],
        [*talk_so_far, ("user", "[notes.txt]\nthe notes\n\nwith notes")],
        [system, ("user", "again")],
    ]
    assert server.to(PATH)[0].json()["model"] == "m2"
    assert (tmp_path / "talk.md").read_text().startswith("**user**\n\none\n\n**assistant**\n\ndue\n")


def test_tab_completes_commands_and_the_files_behind_them(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    def offered(line: str) -> list[str]:
        document = Document(line, len(line))
        return [
            each.text
            for each in completer_of({"/attach": "", "/help": ""}, FILES).get_completions(document, CompleteEvent())
        ]

    assert offered("/he") == ["/help"]
    assert offered(f"/attach {tmp_path}/no") == ["tes.txt"]
    assert offered("he") == []


def test_one_connection_serves_the_whole_conversation(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, *(answering(word) for word in ("uno", "due")), Reply.json({}, 400), answering("tre"))
    with talk("--private") as person:
        for line, shown in (("one", "uno"), ("two", "due"), ("three", "error: "), ("four", "tre")):
            person.says(line, shown)
        assert person.leaves("\x04") == 0
    assert server.connections == 1


@pytest.mark.needs_sound
def test_answers_are_read_aloud_while_that_is_on(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, *(answering(word) for word in ("Uno.", "Due.", "Tre.")))
    server.on("/v1/audio/speech", Reply(spoken("1", "wav"), 200, {"content-type": "audio/wav"}))
    with virtual_devices() as devices, talk("--private", env=devices.env) as person:
        for line, shown in (
            ("/speak perhaps", "/speak does not know"),
            ("/voice", "/voice needs a name"),
            ("/voice nova", "answers are read aloud"),
            ("one", "Uno."),
            ("/voice echo", "answers are read aloud"),
            ("two", "Due."),
            ("/speak off", "answers are not read aloud"),
            ("three", "Tre."),
        ):
            person.says(line, shown)
        assert person.leaves("/exit\r") == 0
        assert "not read aloud:" not in clean(person.shown), clean(person.shown)
    heard = [(each.json()["input"], each.json()["voice"]) for each in server.to("/v1/audio/speech")]
    assert heard == [("Uno.", "nova"), ("Due.", "echo")]


def test_an_error_costs_the_turn_and_not_the_conversation(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, Reply.json({"error": {"message": "no such model"}}, 400), answering("fine"))
    with talk("--private") as person:
        person.says("one", "error: work")
        person.says("two", "fine")
        assert person.leaves("\x04") == 0
    assert asked(server)[1] == [("user", "two")]


def test_ctrl_c_stops_an_answer_and_keeps_what_arrived(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, Reply.sse([event("Once upon\n\nA time\n"), STALL]), answering("fine"))
    with talk("--private") as person:
        person.types("a story\r")
        person.until("Once upon")
        os.kill(person.process.pid, 2)
        person.until("stopped.")
        person.prompted()
        person.says("go on", "fine")
        assert person.leaves("\x04") == 0
    assert asked(server)[1][1][1].startswith("Once upon")


def test_what_was_typed_is_kept_for_its_owner_alone(server: FakeServer, talk: Talks, tmp_path: Path) -> None:
    server.on(PATH, answering("fine"))
    for flags, kept in ((("--private",), False), ((), True)):
        with talk(*flags) as person:
            person.says("a question", "fine")
            person.says(f"my key is {KEY}", "fine")
            assert person.leaves("\x04") == 0
        found = list((tmp_path / "state").rglob("typed"))
        assert bool(found) is kept
    assert found[0].stat().st_mode & 0o777 == 0o600
    assert "a question" in found[0].read_text() and "my key is ****" in found[0].read_text()


def test_markdown_is_rendered_for_a_person_unless_plain(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, answering("# Title\n\nSome **bo", "ld** word.\n\n- item\n"))
    with talk("--private") as person:
        person.types("one\r")
        shown = person.until("• item")
    assert "Some bold word." in shown
    assert "Title\n\nSome bold word." in shown, "a heading is not in the middle of a wide terminal"
    with talk("--private", "--plain") as person:
        person.types("one\r")
        assert "Some **bold** word." in person.until("- item")


# -- one question ----------------------------------------------------------------------------------


def test_a_pipe_gets_markdown_as_it_is(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("# T\n\n**b**\n"))
    assert voice("chat", "--private", "x", env=work).stdout == b"# T\n\n**b**\n"


def test_a_template_goes_around_the_question(
    server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    server.on(PATH, answering("ok"))
    folder = tmp_path / "templates"
    for place in (tmp_path / "config" / "voicecli" / "templates", folder):
        place.mkdir(parents=True)
        (place / "review.md").write_text("Review $input, please.\n")
        (place / "short").write_text("Be short.")
    for words in (("-t", "review", "this"), ("-t", "short", "Why?"), ("-t", str(folder / "review.md"), "that")):
        run = voice("chat", "--private", *words, env=work)
        assert run.returncode == 0, run.stderr
    assert [each[-1][1] for each in asked(server)] == [
        "Review this, please.",
        "Be short.\n\nWhy?",
        "Review that, please.",
    ]
    run = voice("chat", "--private", "-t", "nothing", "x", env=work)
    assert run.returncode == 2
    assert b"review, short" in run.stderr


def test_a_schema_is_sent_and_the_answer_held_to_json(
    server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    (tmp_path / "s.json").write_text('{"type": "object"}')
    (tmp_path / "bad.json").write_text("{")
    server.on(PATH, answering('{"a": 1}'), answering("Sure! Here"))
    run = voice("chat", "--private", "--schema", str(tmp_path / "s.json"), "x", env=work)
    assert (run.returncode, json.loads(run.stdout)) == (0, {"a": 1})
    sent = server.to(PATH)[0].json()["response_format"]
    assert sent == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    assert voice("chat", "--private", "--schema", str(tmp_path / "s.json"), "x", env=work).returncode == 5
    assert voice("chat", "--private", "--schema", str(tmp_path / "bad.json"), "x", env=work).returncode == 2
    assert len(server.to(PATH)) == 2


def test_files_go_along(server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path) -> None:
    server.on(PATH, answering("ok"))
    server.on("/v1/audio/transcriptions", Reply.json({"text": "said 123"}))
    (tmp_path / "a.txt").write_text("a text\n")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n1234")
    (tmp_path / "c.mp3").write_bytes(spoken("123", "mp3"))
    files = [part for name in ("a.txt", "b.png", "c.mp3") for part in ("-a", str(tmp_path / name))]
    run = voice("chat", "--private", *files, "What is it?", env=work)
    assert run.returncode == 0, run.stderr
    text, picture = asked(server)[0][0][1]
    assert text == {"type": "text", "text": "[a.txt]\na text\n\n[c.mp3]\nsaid 123\n\nWhat is it?"}
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgox")


@pytest.mark.parametrize("private", [True, False])
def test_a_long_recording_goes_in_pieces_and_is_kept_unless_private(
    private: bool, server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    server.on(PATH, answering("ok"))
    flags = ["--private"] if private else []
    with long.Recogniser() as ears:
        config = tmp_path / "voice.toml"
        config.write_text(
            config.read_text().replace('transcribe = "work"', 'transcribe = "ears"')
            + f'\n[backends.ears]\nfamily = "openai"\nbase_url = "{ears.base_url}"\n'
            + 'transcribe_model = "whisper-1"\n'
        )
        said = long.write(tmp_path / "long.flac", 200)
        soundfile.write(tmp_path / "long.aiff", *soundfile.read(tmp_path / "long.flac"))  # sent nowhere as it is
        for _ in range(2):
            run = voice("chat", *flags, "-a", str(tmp_path / "long.aiff"), "And?", env=work)
            assert run.returncode == 0, run.stderr
        pieces = len(ears.log)
    assert max(each["seconds"] for each in ears.log) <= 90
    sent = asked(server)[0][-1][1]
    assert "".join(sent.removeprefix("[long.aiff]").removesuffix("And?").split()) == "".join(s.digit for s in said)
    assert asked(server)[1][-1][1] == sent
    alone = len({each["sha"] for each in ears.log})
    assert pieces == (2 * alone if private else alone)


def test_an_empty_pipe_is_told_of(server: FakeServer, work: dict[str, str], home: dict[str, str]) -> None:
    server.on(PATH, answering("ok"))
    command = [sys.executable, "-m", "voicecli", "chat", "hi"]
    run = subprocess.run(command, input=b"", env=home | work, capture_output=True, check=True)
    assert run.stdout == b"ok\n" and b"warning: nothing came through the pipe" in run.stderr


def test_a_picture_may_be_piped_in(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("A pig."))
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
    run = voice("chat", "--private", "-a", "-", "What is this?", input=png, env=work)
    assert (run.returncode, run.stdout) == (0, b"A pig.\n"), run.stderr
    (question,) = asked(server)[0]
    assert [each["type"] for each in question[1]] == ["text", "image_url"]
    run = voice("chat", "--private", "What is this?", input=png, env=work)
    assert run.returncode == 2 and b"'voice chat -a'" in run.stderr
    run = voice("chat", "--private", "-a", "-", "What is this?", env=work)
    assert run.returncode == 2 and b"stdin: is empty" in run.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_silent_pipe_that_is_attached_can_be_left(
    number: int, code: int, work: dict[str, str], home: dict[str, str]
) -> None:
    command, pipe = [sys.executable, "-m", "voicecli", "chat", "--private", "-a", "-", "hi"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stderr=pipe, env=home | work) as process:
        assert process.stdin and process.stderr
        process.stdin.write(b"a" * 200_000)  # more than a pipe holds: by then it is read
        process.send_signal(number)
        assert process.wait(60) == code
        assert b"Fatal" not in process.stderr.read()


def test_a_dash_is_stdin_and_no_question(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("4"))
    assert voice("chat", "--private", "-", input=b"2 + 2?", env=work).stdout == b"4\n"
    assert asked(server) == [[("user", "2 + 2?")]]


@pytest.mark.parametrize(
    ("name", "data"), [("none.txt", None), ("zero.bin", b"\0\1\2"), ("gb.txt", "你好，世界。".encode("gb18030"))]
)
def test_a_file_that_cannot_go_along_is_told_before_anything_is_sent(
    name: str, data: bytes | None, server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    run = voice("chat", "--private", "-a", str(tmp_path / name), "x", env=work)
    assert run.returncode == 2
    assert name.encode() in run.stderr
    assert not server.requests


def test_50_mb_are_asked_and_a_reader_that_leaves_ends_it_quietly(
    server: FakeServer, work: dict[str, str], home: dict[str, str]
) -> None:
    server.on(PATH, Reply.sse([*(event("word " * 50) for _ in range(2000)), STOP]))
    big = "head -c 50000000 /dev/zero | tr '\\0' 'a'"
    script = f'{big} | "{sys.executable}" -m voicecli chat --private "Go." | head -c 10; echo " ${{PIPESTATUS[2]}}"'
    run = subprocess.run(["bash", "-c", script], capture_output=True, env=home | work, timeout=60, check=False)
    assert (run.stdout, run.stderr) == (b"word word  0\n", b"")
    assert len(server.to(PATH)[0].body) > 50_000_000


def test_a_voice_that_fails_does_not_cost_the_answer(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    def refuse(request: Request) -> Reply:
        return Reply.json({"error": {"message": "no voice today"}}, 400)

    server.on(PATH, answering("All is well. ", "Go on."))
    server.on("/v1/audio/speech", refuse)
    run = voice("chat", "--private", "--speak", "x", env=work)
    assert (run.returncode, run.stdout) == (0, b"All is well. Go on.\n")
    assert b"warning: the answer is not read aloud" in run.stderr


# -- the conversation's own commands ---------------------------------------------------------------


def test_a_conversation_says_who_answers_where_it_goes_on_and_as_what_it_was_kept(
    server: FakeServer, talk: Talks
) -> None:
    server.on(PATH, answering("blue it is"), answering("red then"))
    with talk() as person:
        assert "m1 at 127.0.0.1" in person.shown and "/help lists commands" in person.shown
        person.says("which colour?", "blue it is")
        person.says("/usage", "usage so far:")
        person.types("quit\r")
        person.until("kept as 1 · voice chat -c goes on")
        assert person.leaves() == 0
    with talk("-c") as person:
        assert "you:   which colour?" in person.shown and "voice: blue it is" in person.shown
        person.says("/undo", "taken back: which colour?")
        person.says("/history", "nothing was said yet")
        assert person.leaves(":q\r") == 0
    assert len(server.to(PATH)) == 1


def test_a_question_is_written_in_the_editor_and_the_code_of_its_answer_copied(
    server: FakeServer, talk: Talks, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "two\\nlines" >> "$1"\n')
    editor.chmod(0o755)
    server.on(PATH, answering("So:\n\n```python\nprint(1)\n```\n\nDone."))
    with talk("--private", env={"EDITOR": str(editor), "VISUAL": ""}) as person:
        person.says("/edit say: ", "Done.")
        assert asked(server)[0][-1] == ("user", "say:two\nlines")
        assert "9 characters copied" in person.says("/copy code", "copied, by the terminal.")
        assert person.leaves("exit\r") == 0
    assert base64.b64encode(b"print(1)\n").decode() in person.shown
