"""What a shell offers after Tab: the program asked as the shells ask it."""

from __future__ import annotations

import json
import shlex
import socket
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.server import FakeServer, Reply
from tests.virtual import virtual_devices

CONFIG = """
[use]
speak = "work"
[backends.work]
family = "openai"
base_url = "{url}/v1"
[backends.ears]
family = "selfhosted"
[profiles.home.use]
chat = "work"
"""


PATIENT = {"_VOICE_COMPLETE_WAIT_S": "30"}
"""How busy the machine is must not decide what is offered."""


def asked(line: str) -> dict[str, str]:
    """What bash sets when somebody presses Tab behind `line`."""
    return {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_VOICE_COMPLETE": "complete_bash"}


def offered(voice: Voice, line: str, env: dict[str, str]) -> list[str]:
    run = voice(env=env | asked(line) | PATIENT)
    assert run.stderr == b""
    return run.stdout.decode().split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("voice chat -b wo", ["work"]),
        ("voice -b ea", ["ears"]),
        ("voice speak --profile ", ["home"]),
        ("voice speak -f m", ["mp3"]),
        ("voice speak --voice sh", ["shimmer"]),
        ("voice speak -b nothing --voice a", []),
        ("voice chat --tool image_", ["image_make", "image_describe", "image_enhance", "image_animate"]),
        ("voice talk --tool t", ["timer"]),
    ],
)
def test_names_are_completed(line: str, names: list[str], voice: Voice, tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/audio/voices", Reply.json({"voices": [{"id": "alloy"}, {"id": "shimmer"}]}))
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=server.url))
        assert offered(voice, line, {"VOICE_CONFIG": str(file)}) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("use.chat w", ["work"]),
        ("profiles.home.use.chat l", ["local"]),
        ("backends.ears.family q", ["qiniu"]),
        ("backends.work.chat_model sm", ["small"]),
        ("backends.work.voice sh", ["shimmer"]),
        ("talk.barge_in o", ["off", "on"]),
        ("talk.headphones ", ["false", "true"]),
        ("history.enabled t", ["true"]),
        ("talk.end_ms ", []),
        ("no.such.key ", []),
    ],
)
def test_values_of_settings_are_completed(line: str, names: list[str], voice: Voice, tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", Reply.json({"data": [{"id": "small"}, {"id": "large"}]}))
        server.on("/v1/audio/voices", Reply.json({"voices": [{"id": "alloy"}, {"id": "shimmer"}]}))
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=server.url))
        assert sorted(offered(voice, f"voice config set {line}", {"VOICE_CONFIG": str(file)})) == names


def test_a_broken_configuration_offers_nothing_and_says_nothing(voice: Voice, tmp_path: Path) -> None:
    file = tmp_path / "voice.toml"
    file.write_text("[[[")
    assert offered(voice, "voice chat -b wo", {"VOICE_CONFIG": str(file)}) == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("voice transcribe -f v", ["verbose_json", "vtt"]),
        ("voice history export -f j", ["json"]),
        ("voice talk --draft a", ["asr", "auto"]),
        ("voice config set talk.end", ["talk.end_ms", "talk.end_ms_max", "talk.end_ms_min", "talk.end_words"]),
    ],
)
def test_what_the_program_knows_itself_is_completed(line: str, names: list[str], voice: Voice) -> None:
    assert offered(voice, line, {}) == names


def test_models_and_templates_are_completed(voice: Voice, tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", Reply.json({"data": [{"id": "small"}, {"id": "large"}]}))
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=server.url))
        templates = tmp_path / "config" / "voicecli" / "templates"
        templates.mkdir(parents=True)
        (templates / "review.md").write_text("Review $input")
        assert offered(voice, "voice chat -b work -m sm", {"VOICE_CONFIG": str(file)}) == ["small"]
        assert offered(voice, "voice chat -t re", {"VOICE_CONFIG": str(file)}) == ["review"]


HOSTILE = [r"gpt-4o\`touch pwned;true\`", r"gpt-4o\$(touch pwned)"]


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_names_that_a_shell_would_run_are_not_offered(shell: str, voice: Voice, tmp_path: Path) -> None:
    """Typer's script for zsh evaluates what it gets, twice; who installed it once still has it."""
    names = [*HOSTILE, "gpt-4o-mini"]
    with FakeServer() as server:
        server.on("/v1/models", Reply.json({"data": [{"id": name} for name in names]}))
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=server.url))
        line = "voice chat -b work -m gp"
        env = asked(line) | {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        env |= {"_VOICE_COMPLETE": f"complete_{shell}", "VOICE_CONFIG": str(file)}
        run = voice(env=env | PATIENT)
    assert b"gpt-4o-mini" in run.stdout and b"touch" not in run.stdout


def test_zsh_gets_names_as_data(voice: Voice) -> None:
    run = voice("--show-completion", "zsh")
    assert run.returncode == 0
    assert b"compadd -l -d shown -- " in run.stdout and b"eval" not in run.stdout


@pytest.mark.parametrize(
    ("shell", "file"),
    [("bash", ".bash_completions/voice.sh"), ("zsh", ".zfunc/_voice"), ("fish", ".config/fish/completions/voice.fish")],
)
def test_the_shell_that_is_named_is_meant_whoever_started_it(
    shell: str, file: str, voice: Voice, home: dict[str, str]
) -> None:
    run = voice("--install-completion", shell)
    assert run.returncode == 0 and run.stdout.startswith(f"{shell} completion installed".encode())
    installed = (Path(home["HOME"]) / file).read_bytes().strip()
    assert installed == voice("--show-completion", shell).stdout.strip()


def test_an_unknown_shell_gets_nothing_of_another(voice: Voice, home: dict[str, str]) -> None:
    run = voice("--install-completion", "ksh")
    assert run.returncode == 2 and b"'ksh'. There is: bash, zsh, fish" in run.stderr
    assert list(Path(home["HOME"]).iterdir()) == []


def test_a_service_that_hangs_is_not_waited_for(voice: Voice, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        run = voice(env={"VOICE_CONFIG": str(file)} | asked("voice speak --voice a"), timeout=10)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def test_no_key_is_asked_for(voice: Voice, tmp_path: Path) -> None:
    file = tmp_path / "voice.toml"
    mark = tmp_path / "asked"
    key = f'api_key_cmd = ["touch", "{mark}"]\n[backends.ears]'
    file.write_text(CONFIG.format(url="http://127.0.0.1:9").replace("[backends.ears]", key))
    assert offered(voice, "voice speak --voice a", {"VOICE_CONFIG": str(file)}) == []
    assert not mark.exists()


@pytest.mark.needs_sound
def test_devices_are_completed_and_typed_as_bash_takes_them(voice: Voice) -> None:
    with virtual_devices() as devices:
        listed = json.loads(voice("devices", "--json", env=devices.env).stdout)
        names = {each["name"] for each in listed if each["outputs"]}
        for line in ("voice talk --speaker ", "voice config set audio.output "):
            run = voice(env=devices.env | asked(line) | PATIENT)
            assert {shlex.split(line)[0] for line in run.stdout.decode().splitlines()} == names
            assert run.stderr == b""
