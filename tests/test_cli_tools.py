"""Tools of `voice chat`: what a model is offered, who is asked, what is made, shown and left behind."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Voice
from tests.emulator import Emulator
from tests.fakes.pictures import png, png_digits
from tests.fakes.server import STALL, FakeServer, Reply
from tests.person import Person, at_terminal
from tests.serving import serving
from tests.test_cli_chat import DONE, PATH, UNKEPT, answering, event
from tests.work import written
from voicecli.text.clean import clean

DRAWN = "/v1/images/generations"
PIG = png("407")

server = serving(FakeServer)


@pytest.fixture
def work(server: FakeServer, tmp_path: Path) -> dict[str, str]:
    server.on(DRAWN, Reply.json({"data": [{"b64_json": base64.b64encode(PIG).decode()}]}))
    models = {"chat_model": "m1", "image_model": "draws"}
    return written(tmp_path, server.url, ["chat"], UNKEPT, **models)


def calling(name: str, **arguments: Any) -> Reply:
    function = {"name": name, "arguments": json.dumps(arguments)}
    piece = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    return Reply.sse([event(delta=piece), event(finish_reason="tool_calls") + DONE])


DRAW = calling("image_make", prompt="a pig")


def offered(server: FakeServer) -> list[str]:
    return [each["function"]["name"] for each in server.to(PATH)[-1].json().get("tools", [])]


def told(server: FakeServer) -> str:
    """What the model was told of its call, in the last request."""
    message = server.to(PATH)[-1].json()["messages"][-1]
    assert message["role"] == "tool"
    return str(message["content"])


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# -- without a terminal ----------------------------------------------------------------------------


def test_what_costs_nothing_is_used_at_once(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, calling("calculate", request="25 percent of 80"), answering("Twenty."))
    run = voice("chat", "25 percent of 80?", env=work)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"Twenty.\n", b"calculate: That is 20.\n")
    assert told(server) == "That is 20."
    assert offered(server) == ["clock", "convert", "calculate", "image_make", "image_describe"]


def test_where_nobody_can_be_asked_it_is_refused(
    server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    server.on(PATH, DRAW, answering("I may not."))
    run = voice("chat", "Draw a pig.", env=work)
    assert (run.returncode, run.stdout) == (0, b"I may not.\n")
    question = QUESTION.removesuffix(" [y/N]")
    said = f"warning: nobody can be asked: {question} It was not done; --yes allows it.\n"
    assert run.stderr.decode() == said
    assert "nobody can be asked" in told(server)
    assert not server.to(DRAWN)
    assert files(tmp_path / "work") == []


def test_yes_allows_it_beforehand(server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path) -> None:
    server.on(PATH, DRAW, answering("Here it is."))
    run = voice("chat", "--yes", "Draw a pig.", env=work)
    assert (run.returncode, run.stdout) == (0, b"Here it is.\n")
    assert b"image_make: picture-1.png (" in run.stderr
    assert json.loads(told(server)) == {"file": "picture-1.png", "kind": "image/png", "bytes": len(PIG)}
    assert png_digits((tmp_path / "work" / "picture-1.png").read_bytes()) == "407"
    assert voice("-q", "chat", "--yes", "Draw a pig.", env=work).stderr == b""


def test_results_go_where_the_settings_say(
    server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path
) -> None:
    server.on(PATH, DRAW, answering("Here it is."))
    voice("chat", "--yes", "Draw a pig.", env=work | {"VOICE_TOOLS_FOLDER": str(tmp_path / "made")})
    assert (files(tmp_path / "made"), files(tmp_path / "work")) == (["picture-1.png"], [])


def test_scripts_are_told_of_tools(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, calling("calculate", request="7 times 8"), answering("56."))
    run = voice("chat", "--json", "7 times 8?", env=work)
    assert run.stderr == b""
    found = json.loads(run.stdout)
    assert (found["text"], found["tools"]) == (
        "56.",
        [{"name": "calculate", "state": "done", "text": "7 times 8 is 56."}],
    )


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--no-tools"], []),
        (["--tool", "clock"], ["clock"]),
        (["--tool", "image_make", "--tool", "clock"], ["clock", "image_make"]),
        (["-n", "2"], []),
    ],
)
def test_flags_choose(
    server: FakeServer, work: dict[str, str], voice: Voice, flags: list[str], names: list[str]
) -> None:
    server.on(PATH, answering("ok"))
    run = voice("chat", *flags, "hi", env=work)
    assert (run.returncode, offered(server)) == (0, names), run.stderr


def test_settings_choose(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, answering("ok"))
    voice("chat", "hi", env=work | {"VOICE_TOOLS_ENABLED": '["clock", "video_track"]'})
    assert offered(server) == ["clock"]
    assert voice("chat", "hi", env=work | {"VOICE_TOOLS_ENABLED": '["clokc"]'}).returncode == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tool", "clokc"], "--tool: there is no tool 'clokc'. Did you mean clock?"),
        (["--tool", "clock", "-n", "2"], "--tool does not go with --answers"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    server: FakeServer, work: dict[str, str], voice: Voice, flags: list[str], said: str
) -> None:
    run = voice("chat", *flags, "hi", env=work)
    assert run.returncode == 2
    assert said in run.stderr.decode()
    assert not server.requests


def test_the_offline_chat_answers_as_ever(voice: Voice, home: dict[str, str]) -> None:
    assert voice("chat", "what is 7 times 8").stdout == b"7 times 8 is 56.\n"


def test_what_is_sent_along_may_be_used(server: FakeServer, work: dict[str, str], voice: Voice, tmp_path: Path) -> None:
    """From elsewhere too; the model is told its name."""
    photo = tmp_path / "elsewhere.png"
    photo.write_bytes(PIG)
    server.on(PATH, calling("image_describe", picture=str(photo)), answering("A sow."), answering("A pig."))
    run = voice("chat", "--yes", "-a", str(photo), "What is it?", env=work)
    assert (run.returncode, run.stdout) == (0, b"A pig.\n"), run.stderr
    assert json.loads(told(server)) == {"description": "A sow."}
    tools = {each["function"]["name"]: each["function"] for each in server.to(PATH)[0].json()["tools"]}
    assert str(photo) in tools["image_describe"]["parameters"]["properties"]["picture"]["description"]


def test_in_a_folder_that_was_removed(
    server: FakeServer, work: dict[str, str], home: dict[str, str], tmp_path: Path
) -> None:
    server.on(PATH, DRAW, answering("No."))
    line = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m voicecli chat --yes 'Draw a pig.'"
    run = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=home | work, capture_output=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, b"No.\n"), run.stderr
    assert "results cannot be written" in told(server)


@pytest.mark.parametrize("flags", [[], ["--tool", "clock"]])
def test_a_service_that_takes_no_tools_answers_without_them(
    server: FakeServer, work: dict[str, str], voice: Voice, flags: list[str]
) -> None:
    """It is told only where somebody wanted them."""
    refused = {"error": {"message": "m1 does not support tools", "type": "api_error"}}
    server.on(PATH, Reply.json(refused, 400), answering("Hello."))
    run = voice("chat", *flags, "hi", env=work)
    assert (run.returncode, run.stdout, offered(server)) == (0, b"Hello.\n", [])
    assert (b"takes no tools" in run.stderr) is bool(flags)


SERVER = Path(__file__).parent / "toolbox" / "notes_server.py"


def served(work: dict[str, str], *lines: str) -> dict[str, str]:
    """The configuration with a server of tools that somebody else wrote, and one that does not start."""
    file = Path(work["VOICE_CONFIG"])
    tables = f"[mcp.gone]\ncommand = ['/no/such/program']\n[mcp.notes]\ncommand = ['{sys.executable}', '{SERVER}']\n"
    file.write_text(file.read_text() + tables + "\n".join(lines))
    return work


def test_servers_of_tools_go_by_the_same_rules(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, calling("notes_add", note="cows"), answering("Added."))
    run = voice("chat", "--yes", "Add cows.", env=served(work))
    assert (run.returncode, run.stdout) == (0, b"Added.\n"), run.stderr
    assert told(server) == "3 notes; nobody"
    assert offered(server)[-4:] == ["notes_search", "notes_add", "notes_odd_name_", "notes_slow"]
    assert run.stderr.count(b"no tools of gone: [mcp.gone]: there is no program /no/such/program") == 1
    assert b"words for nobody" not in run.stderr


def test_one_tool_of_a_server_and_nobody_to_ask(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on(PATH, calling("notes_add", note="cows"), answering("No."))
    run = voice("chat", "--tool", "notes_add", "--tool", "clock", "Add cows.", env=served(work))
    assert b'nobody can be asked: May I use add of notes: note "cows"?' in run.stderr
    assert offered(server) == ["clock", "notes_add"]
    assert b"gone" not in run.stderr


@pytest.mark.needs_posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_voice_while_a_server_is_mute(
    work: dict[str, str], home: dict[str, str], number: signal.Signals, code: int
) -> None:
    file = Path(work["VOICE_CONFIG"])
    mute = f"[mcp.n]\ncommand = ['{sys.executable}', '-c', 'import signal; signal.signal(15, 1); signal.pause()']\n"
    file.write_text(file.read_text() + mute)
    command = [sys.executable, "-m", "voicecli", "chat", "hi"]
    with subprocess.Popen(command, env=home | work, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting for the tools of n …\n"
        process.send_signal(number)
        assert process.wait(60) == code


# -- at a terminal ---------------------------------------------------------------------------------

Talks = Callable[..., AbstractContextManager[Person]]


@pytest.fixture
def talk(home: dict[str, str], work: dict[str, str], tmp_path: Path) -> Talks:
    (tmp_path / "work").mkdir(exist_ok=True)

    def run(*args: str) -> AbstractContextManager[Person]:
        env = home | work | {"TERM": "xterm", "NO_COLOR": "1"}
        return at_terminal("chat", *args, env=env, folder=tmp_path / "work")

    return run


QUESTION = 'May I make a picture with draws at this machine: "a pig", kept as "picture-1"? [y/N]'


@pytest.mark.parametrize(
    ("typed", "made", "answer"), [("y\n", ["picture-1.png"], "Here it is."), ("\n", [], "Pity."), ("\x04", [], "Pity.")]
)
def test_the_person_is_asked(
    server: FakeServer, talk: Talks, tmp_path: Path, typed: str, made: list[str], answer: str
) -> None:
    server.on(PATH, DRAW, answering(answer))
    with talk("Draw a pig.") as person:
        person.until(QUESTION)
        assert not server.to(DRAWN)
        person.types(typed)
        person.until(answer)
        assert person.leaves() == 0
    assert files(tmp_path / "work") == made
    assert (made[0] if made else "declined") in told(server)


def test_what_the_question_cannot_hold_stands_above_it(server: FakeServer, talk: Talks) -> None:
    """The whole of every argument, whatever the model puts first."""
    prompt = "please " * 30 + "\npath: /tmp/harmless" + "x" * 200 + " END"
    server.on(PATH, calling("image_make", prompt=prompt, size="1x1"), answering("Pity."))
    with talk("Draw a pig.") as person:
        person.until("[y/N]")
        emulator = Emulator(100)
        emulator.feed(person.shown)
        rows = emulator.rows
        assert rows[rows.index("  size:") + 1] == "  | 1x1" and "END" in rows[rows.index("  size:") - 1]
        assert "  | path:" in rows, "and no row of it is without its bar"
        assert all(row.startswith("  | ") for row in rows[rows.index("  prompt:") + 1 : rows.index("  size:")])
        assert ' + 273 characters, size "1x1", kept as "picture-1"? [y/N]' in " ".join(" ".join(rows).split())
        person.types("\n")
        assert person.leaves() == 0


def test_ctrl_c_at_the_question_ends_it(server: FakeServer, talk: Talks) -> None:
    server.on(PATH, DRAW)
    with talk("Draw a pig.") as person:
        person.until(QUESTION)
        person.process.send_signal(signal.SIGINT)
        assert person.leaves() == 130
    assert not server.to(DRAWN)


def test_ctrl_c_while_a_tool_works_leaves_nothing(server: FakeServer, talk: Talks, tmp_path: Path) -> None:
    server.on(PATH, DRAW)
    server.on(DRAWN, Reply([STALL], 200, {"content-type": "application/json"}))
    with talk("--yes", "Draw a pig.") as person:
        person.until("image_make: a pig …")
        while not server.to(DRAWN):
            person.process.poll()
        person.process.send_signal(signal.SIGINT)
        assert person.leaves() == 130
    assert files(tmp_path / "work") == []


def test_a_conversation_goes_on_after_tools(server: FakeServer, talk: Talks, tmp_path: Path) -> None:
    """What was made is known later; a new conversation forgets it."""
    server.on(PATH, DRAW, answering("Here it is."), answering("It is pink."), answering("Nothing."))
    with talk("--private") as person:
        person.prompted()
        assert "image_make: Make a picture after a text." in person.says("/tools", "image_describe: Say")
        person.types("Draw a pig.\r")
        person.until(QUESTION)
        person.types("yes please\n")
        shown = person.until("Here it is.")
        assert "image_make: picture-1.png" in clean(shown)
        person.prompted()
        person.says("Which colour?", "It is pink.")
        sent = server.to(PATH)[-1].json()["messages"]
        assert sent[0] == {"role": "system", "content": "Tools used earlier in this conversation: image_make (done)."}
        assert [each["role"] for each in sent[1:]] == ["user", "assistant", "tool", "assistant", "user"]
        assert "picture-1.png" in sent[3]["content"]
        person.says("/clear", "a new conversation.")
        person.says("What did you do?", "Nothing.")
        assert "image_make" not in json.dumps(server.to(PATH)[-1].json()["messages"])
        assert person.leaves("\x04") == 0
    assert files(tmp_path / "work") == ["picture-1.png"]


def test_a_server_runs_as_long_as_the_conversation(server: FakeServer, talk: Talks, work: dict[str, str]) -> None:
    """The second question finds what the first one left; interrupting one ends no server."""
    served(work)
    add = calling("notes_add", note="cows")
    server.on(PATH, add, answering("Once."), calling("notes_slow", seconds=60), add, answering("Twice."))
    with talk("--private", "--tool", "notes", "--yes") as person:
        person.prompted()
        person.says("Add.", "Once.")
        assert told(server) == "3 notes; nobody"
        person.types("Wait.\r")
        person.until("notes_slow")
        person.process.send_signal(signal.SIGINT)
        person.until("stopped.")
        person.prompted()
        person.says("Add.", "Twice.")
        assert told(server) == "4 notes; nobody"
        assert person.leaves("\x04") == 0
