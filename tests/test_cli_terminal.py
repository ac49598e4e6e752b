"""The program on a real (pseudo) terminal: colour where it is welcome, no waiting for a person who was not asked."""

from __future__ import annotations

import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.emulator import Emulator
from tests.fakes.server import STALL, FakeServer, Reply
from tests.person import at_terminal
from tests.test_cli_chat import PATH, STOP, event
from tests.work import written
from voicecli.text.clean import clean

ESC = "\x1b"
Terminal = Callable[..., tuple[int, str]]


@pytest.fixture
def terminal(home: dict[str, str], tmp_path: Path) -> Terminal:
    """`terminal("chat", env={…})`: all three streams on a terminal of 80 columns; exit code and what was shown."""

    def run(*args: str, env: dict[str, str] | None = None, columns: int = 80) -> tuple[int, str]:
        variables = home | {"TERM": "xterm-256color"} | (env or {})
        with at_terminal(*args, env=variables, folder=tmp_path, rows=24, columns=columns) as person:
            shown = person.rest()
            return person.process.wait(timeout=60), shown

    return run


@pytest.fixture
def work(tmp_path: Path) -> Iterator[tuple[FakeServer, dict[str, str]]]:
    with FakeServer() as server:
        file = tmp_path / "voice.toml"
        file.write_text(
            f'[use]\nchat = "work"\n[backends.work]\nfamily = "openai"\nbase_url = "{server.url}"\nchat_model = "m"\n'
        )
        yield server, {"VOICE_CONFIG": str(file)}


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("chat", "--json"), 'Ask: voice chat "…"'),
        (("speak",), 'Say: voice speak "…"'),
        (("speak", "-o", "a.wav"), 'Say: voice speak "…"'),
        (("transcribe", "-"), "stdin"),
    ],
)
def test_a_person_who_gave_nothing_is_told_what_to_do(words: tuple[str, ...], cure: str, terminal: Terminal) -> None:
    code, shown = terminal(*words, columns=200)
    assert code == 2
    assert cure in shown


def test_errors_are_coloured(terminal: Terminal) -> None:
    code, shown = terminal("chta", columns=200)
    assert code == 2
    assert shown.startswith(f"{ESC}[31m")
    assert clean(shown) == "error: No such command 'chta'. Did you mean 'chat'?\n  → Try: voice --help\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("words", [("chta",), ("backends",)])
def test_colour_is_left_out_on_request(words: tuple[str, ...], env: dict[str, str], terminal: Terminal) -> None:
    _, shown = terminal(*words, env=env)
    assert f"{ESC}[" not in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_help_has_no_colour_on_request(env: dict[str, str], terminal: Terminal) -> None:
    """Rich keeps bold under NO_COLOR; colour it must not have."""
    _, shown = terminal("--help", env=env)
    for code in range(30, 50):
        assert f"[{code}m" not in shown


def test_forced_colour_reaches_a_pipe(home: dict[str, str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "voicecli", "chta"], env=home | {"FORCE_COLOR": "1"}, capture_output=True, check=False
    )
    assert run.stderr.startswith(b"\x1b[31m")


@pytest.mark.parametrize("columns", [30, 60, 200])
def test_tables_fit_the_terminal(columns: int, terminal: Terminal) -> None:
    code, shown = terminal("backends", env={"NO_COLOR": "1"}, columns=columns)
    assert code == 0
    assert max(len(line) for line in shown.splitlines()) <= columns
    assert "backend" in shown


def test_reasoning_is_shown_dim_to_a_person(work: tuple[FakeServer, dict[str, str]], terminal: Terminal) -> None:
    server, env = work
    server.on(PATH, Reply.sse([event(delta={"reasoning_content": "hmm"}), event("yes"), STOP]))
    code, shown = terminal("chat", "--private", "well?", env=env)
    assert code == 0
    assert f"{ESC}[2mhmm{ESC}[0m" in shown
    assert seen(shown) == "hmm\nyes"
    assert terminal("chat", "--private", "well?", "-q", env=env) == (0, "yes\n")


def seen(shown: str, columns: int = 300) -> str:
    """What a person sees in the end."""
    emulator = Emulator(columns)
    emulator.feed(shown)
    return emulator.text


@pytest.mark.parametrize("columns", [40, 60, 100, 160])
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}], ids=["colour", "plain"])
def test_the_final_screen_holds_every_word(
    columns: int, env: dict[str, str], work: tuple[FakeServer, dict[str, str]], terminal: Terminal
) -> None:
    server, home = work
    words = "Use <name> here\nthe next row 你好，世界 ends"
    server.on(PATH, Reply.sse([event(delta={"reasoning_content": "hmm"}), *map(event, (words[:7], words[7:])), STOP]))
    code, shown = terminal("chat", "--private", "--no-tools", "well?", env=home | env, columns=columns)
    emulator = Emulator(columns)
    emulator.feed(shown)
    assert code == 0 and emulator.bare == "hmm" + "".join(words.split())
    assert emulator.rows[:2] == ["hmm", "Use <name> here"]


def test_an_error_stands_on_a_line_of_its_own(work: tuple[FakeServer, dict[str, str]], terminal: Terminal) -> None:
    server, env = work
    server.on(PATH, Reply.sse([event("half an")]))
    code, shown = terminal("chat", "--private", "well?", env=env | {"NO_COLOR": "1"}, columns=300)
    assert code == 5
    assert seen(shown).startswith("half an\nerror: work ")


@pytest.mark.parametrize(("words", "what"), [(("speak", "hi"), "sound"), (("image", "make", "a pig"), "it")])
def test_bytes_are_not_written_to_a_terminal(words: tuple[str, ...], what: str, terminal: Terminal) -> None:
    code, shown = terminal(*words, "-o", "-")
    assert code == 2
    assert f"a terminal cannot show {what}" in shown and "Give -o " in shown


def test_a_person_is_shown_how_a_vector_begins(work: tuple[FakeServer, dict[str, str]], terminal: Terminal) -> None:
    server, env = work
    server.on("/v1/embeddings", Reply.json({"data": [{"index": 0, "embedding": [0.5] * 300}]}))
    code, shown = terminal("embed", "-b", "work", "-m", "e", "hello", env=env)
    assert code == 0
    assert "hello: [0.5000, 0.5000, 0.5000, 0.5000, …] 300 numbers\n" in clean(shown)


def test_a_person_sees_which_voice_is_the_usual_one(
    work: tuple[FakeServer, dict[str, str]], terminal: Terminal
) -> None:
    server, env = work
    server.on("/v1/audio/voices", Reply.json({"voices": ["zoe", "al"]}))
    file = Path(env["VOICE_CONFIG"])
    file.write_text(file.read_text() + 'voice = "al"\n')
    shown = clean(terminal("voices", "-b", "work", env=env)[1])
    assert [line.strip() for line in shown.strip().splitlines()] == ["voice", "zoe", "al *"]


def test_ctrl_c_leaves_no_mark_in_the_text_and_the_terminal_as_it_was(home: dict[str, str], tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on(PATH, Reply.sse([event("half"), STALL]))
        env = home | {"TERM": "xterm-256color"} | written(tmp_path, server.url, ["chat"], chat_model="m")
        with at_terminal("chat", "--private", "hi", env=env, folder=tmp_path, keys=True) as person:
            before = termios.tcgetattr(person.terminal)
            person.until("half")
            shown = person.shown
            person.types("\x03")
            shown += person.rest()
            assert person.process.wait(timeout=60) == 130
            assert seen(shown) == "half" and termios.tcgetattr(person.terminal) == before
