"""The program's edges: help, usage, the error boundary and its exit codes, streams, signals, completion."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.conftest import Voice
from voicecli import __version__, cli, errors
from voicecli.commands import session as common
from voicecli.terminal.console import Console
from voicecli.terminal.language import sayer
from voicecli.terminal.streams import OutputClosedError
from voicecli.text.width import cells
from voicecli.verbs import COMMANDS

# -- help and usage --------------------------------------------------------------------------------


def test_the_version(voice: Voice) -> None:
    run = voice("--version")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"voice {__version__}\n".encode(), b"")


def test_help_lists_every_command_with_its_line(voice: Voice) -> None:
    run = voice("--help", env={"COLUMNS": "120"})
    shown = run.stdout.decode()
    assert run.returncode == 0
    for name, line in ((each.name, each.line) for each in COMMANDS.values()):
        assert re.search(rf"{name} +{re.escape(line)}", shown), name


def test_nothing_at_all_shows_the_help(voice: Voice) -> None:
    run = voice()
    assert (run.returncode, run.stderr) == (2, b"")
    assert len(run.stdout.splitlines()) <= 14 and b"voice talk" in run.stdout and b"voice --help" in run.stdout


@pytest.mark.parametrize("group", ["cache", "config", "history", "image", "keys"])
def test_a_group_without_a_command_shows_its_help_as_it_is_laid_out(group: str, voice: Voice) -> None:
    run = voice(group)
    assert run.returncode == 2
    assert run.stderr == voice(group, "--help").stdout


def test_help_is_one_screen_by_groups_and_one_command_by_its_name(voice: Voice) -> None:
    shown = voice("--help").stdout.decode()
    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[:-1] == [f"{group}:" for group in dict.fromkeys(each.group for each in COMMANDS.values())]
    assert "─" not in shown and len(shown.splitlines()) <= 50 and max(map(len, shown.splitlines())) <= 110
    assert voice("help", "talk").stdout == voice("talk", "--help").stdout != b""
    assert voice("help").stdout.decode() == shown


def leaves(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The command line of every command below `command`."""
    subs = getattr(command, "commands", None)
    return [path] if subs is None else [leaf for name, sub in subs.items() for leaf in leaves(sub, (*path, name))]


EVERY = [leaf for name in COMMANDS for leaf in leaves(cli.load(name), (name,))]


def loaded(words: tuple[str, ...]) -> Any:
    command = cli.load(words[0])
    for word in words[1:]:
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_has_help_that_opens_with_examples(words: tuple[str, ...], voice: Voice) -> None:
    run = voice(*words, "-h", env={"COLUMNS": "120"})
    shown = run.stdout.decode()
    assert (run.returncode, run.stderr) == (0, b"")
    assert re.search(rf"Examples: *\n +.*voice {' '.join(words)}", shown)
    assert shown.index("Examples:") < shown.index("Options") and "-completion" not in shown


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_example_parses(words: tuple[str, ...]) -> None:
    """The command lines in the help texts name flags that exist."""
    command = cli.load(words[0])
    for word in words[1:]:
        command = command.commands[word]
    known = {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)} | {"-h", "--help"}
    examples = [line for line in command.help.splitlines() if re.search(rf"voice {' '.join(words)}\b", line)]
    assert examples
    for line in examples:
        ours = re.split(r"[|>]|   +", line.split("voice ", 1)[1])[0]
        unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", ours)
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", unquoted)) <= known, line


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_one_flag_means_one_thing_everywhere(words: tuple[str, ...]) -> None:
    command = loaded(words)
    shared = {
        "-b": "--backend",
        "-q": "--quiet",
        "-v": "--verbose",
        "-m": "--model",
        "-l": "--language",
        "-s": "--system",
        "-f": "--format",
        "-i": "--input",
        "-o": "--output",
        "-u": "--usage",
        "-c": "--continue",
    }
    for param in command.params:
        for short in set(param.opts) & shared.keys():
            assert shared[short] in param.opts
    flags = {opt for param in command.params for opt in param.opts}
    assert {"--backend", "--profile", "--config", "--json", "--quiet", "--verbose"} <= flags


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize("columns", [40, 100])
def test_help_has_every_word_at_any_width(words: tuple[str, ...], columns: int, home: dict[str, str]) -> None:
    env = home | {"COLUMNS": str(columns), "LANG": "zh_CN.UTF-8"}
    out = io.StringIO()
    with redirect_stdout(out):
        assert cli.run([*words, "--help"], env) == 0
    shown, say = out.getvalue(), sayer(env)
    assert max(map(cells, shown.splitlines())) < columns and not set("─│╭") & set(shown)
    bare = "".join(shown.split())
    for param in loaded(words).params:
        assert "".join(say(param.help or "").split()) in bare, param.help


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_the_first_screens_break_no_word_at_any_width(words: tuple[str, ...], home: dict[str, str]) -> None:
    told = []
    for columns in (40, 80, 160):
        out = io.StringIO()
        with redirect_stdout(out):
            cli.run(words, home | {"COLUMNS": str(columns)})
        assert max(map(cells, out.getvalue().splitlines())) < columns
        told.append(out.getvalue().split())
    assert told[0] == told[1] == told[2] and "talk" in told[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("chta",), "error: No such command 'chta'. Did you mean 'chat'? Try: voice --help\n"),
        (("--bakend", "x"), "error: No such option: --bakend"),
        (("chat", "--temprature", "1"), "error: No such option: --temprature"),
        (("chat", "--seed", "x", "hi"), "error: Invalid value for '--seed': 'x' is not a valid whole number."),
        (("transcribe",), "error: local: this needs a model that is not here: "),
        (("config", "nope"), "error: No such command 'nope'. Try: voice config --help\n"),
        (("voices", "superfluous"), "error: Got unexpected extra argument"),
        (("talk", "--private", "--save", "kept"), "error: --private keeps nothing and --save everything."),
        (("transcribe", "--mic", "a.wav"), "error: --mic takes no other input"),
        (("transcribe", "--mic", "-r"), "error: --mic takes no other input"),
        (("transcribe", "a.wav", "--stop-after", "3"), "error: --interim and --stop-after belong to --mic"),
        (("dictate", "begin"), "error: dictate does not know 'begin'. There are: start, stop, toggle, status."),
    ],
)
def test_wrong_flags_are_told_in_one_line(words: tuple[str, ...], told: str, voice: Voice) -> None:
    run = voice(*words)
    assert run.returncode == 2
    assert run.stdout == b""
    assert run.stderr.decode().startswith(told)
    assert run.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    module, _, attribute = COMMANDS[name].where.partition(":")
    assert callable(getattr(import_module(module), attribute))


def test_shared_flags_work_before_and_after_the_command(voice: Voice, tmp_path: Path) -> None:
    for words in (("--json", "backends"), ("backends", "--json")):
        assert voice(*words).stdout.startswith(b'{"backends"')
    before = voice("--config", "/no/such.toml", "backends")
    after = voice("backends", "--config", "/no/such.toml")
    assert before.returncode == after.returncode == 2
    assert before.stderr == after.stderr != b""


def test_the_flag_after_the_command_wins(voice: Voice) -> None:
    run = voice("-b", "first", "chat", "-b", "second", "hi")
    assert b"'second'" in run.stderr
    assert b"'first'" not in run.stderr


def test_completion_knows_commands_and_flags(voice: Voice) -> None:
    def complete(line: str) -> list[str]:
        words = line.split(" ")
        env = {"_VOICE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return voice(env=env).stdout.decode().split()

    assert complete("voice tr") == ["transcribe"]
    assert "--temperature" in complete("voice chat --te")
    assert "--backend" in complete("voice chat --b")


# -- the error boundary ----------------------------------------------------------------------------


class Captured:
    """A console on streams in memory."""

    def __init__(self) -> None:
        self.err = io.StringIO()
        self.console = Console({}, io.StringIO(), self.err)

    def settle(self, exc: BaseException) -> tuple[int, str]:
        return cli.settle(exc, self.console), self.err.getvalue()


CODES = {
    errors.VoiceError: 1,
    errors.UsageError: 2,
    errors.ConfigError: 2,
    errors.InputError: 2,
    errors.RefusedError: 3,
    errors.UnreachableError: 4,
    errors.ServiceError: 5,
    errors.ProtocolError: 5,
    errors.DroppedError: 5,
    errors.RateLimitedError: 6,
    errors.DeviceError: 8,
    errors.SomeFailedError: 9,
    errors.NoSpeechError: 10,
}


def test_every_error_of_ours_has_its_code_in_this_table() -> None:
    def below(kind: type[errors.VoiceError]) -> set[type[errors.VoiceError]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    assert {each for each in below(errors.VoiceError) if each.__module__.startswith("voicecli.errors")} == set(CODES)


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_errors_of_ours_become_a_line_and_a_code(kind: type[errors.VoiceError], code: int) -> None:
    told = Captured().settle(kind("failed", who="work (api.example.org)", cure="Do this."))
    assert told == (code, "error: work (api.example.org): failed. Do this.\n")


def test_the_docstring_draws_the_same_codes() -> None:
    drawn = dict(re.findall(r"(\w+Error) +(\d+)", errors.__doc__ or ""))
    assert drawn == {kind.__name__: str(code) for kind, code in CODES.items()}


def test_an_error_inside_task_groups_is_found() -> None:
    inner = errors.RefusedError("the key was refused")
    group = BaseExceptionGroup("tasks", [ValueError("follows"), BaseExceptionGroup("more", [inner])])
    assert Captured().settle(group) == (3, "error: the key was refused\n")


def test_ctrl_c_is_130_and_says_nothing() -> None:
    assert Captured().settle(KeyboardInterrupt()) == (130, "")


def test_a_reader_that_left_is_no_failure() -> None:
    assert Captured().settle(OutputClosedError()) == (0, "")
    assert Captured().settle(BrokenPipeError()) == (0, "")
    assert Captured().settle(BaseExceptionGroup("tasks", [OutputClosedError(), ValueError()])) == (0, "")


def test_a_bug_is_a_traceback_and_1_without_values() -> None:
    def fails() -> None:
        key = "sk-verysecret"
        raise RuntimeError("surprise" + key[:0])

    try:
        fails()
    except RuntimeError as exc:
        code, told = Captured().settle(exc)
    assert code == 1
    assert "this is a bug in voice: RuntimeError: surprise" in told and "Traceback" not in told
    path = Path(told.partition("the file ")[2].strip())
    kept = path.read_text()
    assert "Traceback" in kept and not path.stat().st_mode & 0o077
    told += kept
    assert not re.search(r"key = 'sk|^\W*key\b.*=.*verysecret'", told.replace('key = "sk-verysecret"', ""))


def test_an_end_of_input_that_nobody_asked_for_is_a_bug() -> None:
    """Typer turns every EOFError into an Abort."""
    abort = typer.Abort()
    abort.__cause__ = EOFError("a broken file")
    code, told = Captured().settle(abort)
    assert code == 1
    assert "EOFError: a broken file" in told


def test_escape_sequences_in_a_message_do_not_reach_the_terminal() -> None:
    _, told = Captured().settle(errors.ServiceError("\x1b]0;owned\x07bad \x1b[2Jnews"))
    assert told == "error: bad news\n"


def test_what_typer_raises_for_wrong_flags_is_known() -> None:
    """The base class that the boundary asks for, whatever this version of Typer calls it."""
    assert cli.WRONG_USAGE.__name__ == "ClickException"
    assert issubclass(typer.BadParameter, cli.WRONG_USAGE)


# -- streams ---------------------------------------------------------------------------------------


def shell(home: dict[str, str], line: str) -> subprocess.CompletedProcess[bytes]:
    """A line of shell with `voice` in it; the exit code is that of the first command of a pipe."""
    script = f'set -o pipefail\nvoice() {{ "{sys.executable}" -m voicecli "$@"; }}\n{line}'
    return subprocess.run(["bash", "-c", script], capture_output=True, env=home, timeout=60, check=False)


POSIX = sys.platform != "win32"


@pytest.mark.parametrize(
    "line",
    [
        "voice --help | true",
        "voice --version | true",
        "voice backends | true",
        "voice chat --help | head -n 1 >/dev/null",
        "voice --help >&-",
        "voice backends >&-",
        "voice --version >&- 2>&-",
    ],
)
def test_a_closed_stdout_ends_quietly(line: str, home: dict[str, str]) -> None:
    run = shell(home, f"{line}; echo ${{PIPESTATUS[0]}}")
    assert run.stdout.split() == [b"0"]
    assert run.stderr == b""


@pytest.mark.parametrize("line", ["voice nope 2>&-", "voice chat 2>&- <&-"])
def test_a_closed_stderr_changes_no_exit_code(line: str, home: dict[str, str]) -> None:
    assert shell(home, line).returncode == 2


def test_an_ascii_terminal_is_no_reason_to_crash(voice: Voice) -> None:
    run = voice("chat", "-b", "naïve-日本", "hi", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert run.returncode == 2
    assert b"Traceback" not in run.stderr


# -- signals ---------------------------------------------------------------------------------------

WAITING = """
import asyncio, sys
from voicecli import cli
from voicecli.commands import session as common

async def work():
    try:
        print("running", flush=True)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up", flush=True)
        {after}

def invoke(argv, session):
    return common.run(work)

cli.invoke = invoke
cli.main()
"""


def signalled(number: int, after: str = "pass") -> subprocess.CompletedProcess[str]:
    """A process whose async work is interrupted by signal `number`."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING.format(after=after)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess([], process.returncode, first + out, err)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1)]
)
def test_a_signal_cancels_cleans_up_and_tells(number: int, code: int) -> None:
    run = signalled(number)
    assert (run.returncode, run.stdout, run.stderr) == (code, "running\ncleaned up\n", "")


def test_a_signal_counts_even_when_cleaning_up_fails() -> None:
    run = signalled(signal.SIGTERM, after="raise OSError('late trouble')")
    assert (run.returncode, run.stderr) == (143, "")


def test_run_gives_back_the_result_and_the_handlers() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert common.run(work) == 7
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    code = (
        "import asyncio, os, signal\n"
        "from voicecli.commands import session as common\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "async def work():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    await asyncio.sleep(0)\n"
        "    return 'still here'\n"
        "print(common.run(work))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "still here\n"


def test_the_environment_of_tests_is_a_strangers(home: dict[str, str]) -> None:
    assert not {name for name in home if name.startswith(("VOICE_", "OPENAI_"))}
    assert os.environ["PATH"] == home["PATH"]


def test_a_recording_that_is_not_there_is_told_of_before_a_model_is_asked_for(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["transcribe", "nofile.wav", "--backend", "local"], home) == 2
    assert capsys.readouterr().err == "error: nofile.wav: there is no such file. Check the path.\n"
