"""`voice talk --agent` with agents that nobody here wrote, whose model is a script, on virtual devices.

Each is told something, asked to write a file that is refused by a spoken no and allowed by a spoken yes, interrupted,
and gone on with. What it is installed from: scripts/interop.sh.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.openai_server import Habits, OpenAIServer
from tests.interop.agent_model import HELLO, OVER, Model, scripted
from tests.interop.tools import TOOLS, environment
from tests.people import says
from tests.test_talk_devices import Talk, settings, talking
from tests.test_talk_files import RATE, write
from tests.virtual import VirtualDevices, virtual_devices
from tests.waiting import until

WORDS = {
    "13579": "Please say hello, marker.",
    "24242": "Please WRITE the file.",
    "35353": "Please COUNT.",
    "2468": "Yes, please.",
    "8642": "No, thanks.",
}
TELL, WRITE, COUNT, YES, NO = WORDS
FIRST_S, TURN_S = 150.0, 90.0
NODE = TOOLS / "node/node_modules/.bin"


def program(tool: str, name: str) -> str:
    return str(TOOLS / tool / "node_modules/.bin" / name)


def gemini(model: Model, home: Path) -> tuple[list[str], dict[str, str]]:
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps({"privacy": {"usageStatisticsEnabled": False}}))
    env = {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": model.url}
    return [program("gemini", "gemini"), "--acp", "--model", "gemini-2.5-flash", "--skip-trust"], env


def opencode(model: Model, home: Path) -> tuple[list[str], dict[str, str]]:
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "fake", "models": {"fake-1": {"name": "fake-1"}}}
    provider["options"] = {"baseURL": f"{model.url}/v1", "apiKey": "x"}
    permission = {"edit": "ask", "bash": "ask"}
    (home / ".config/opencode").mkdir(parents=True)
    (home / ".config/opencode/opencode.json").write_text(
        json.dumps({"provider": {"fake": provider}, "model": "fake/fake-1", "permission": permission})
    )
    return [program("opencode", "opencode"), "acp"], {"OPENCODE_DISABLE_MODELS_FETCH": "1"}


def codex(model: Model, home: Path) -> tuple[list[str], dict[str, str]]:
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(
        'model = "fake-1"\nmodel_provider = "fake"\napproval_policy = "untrusted"\n'
        '[model_providers.fake]\nname = "fake"\n'
        f'base_url = "{model.url}/v1"\nwire_api = "responses"\n'
    )
    return [program("codex", "codex-acp")], {}


def claude(model: Model, home: Path) -> tuple[list[str], dict[str, str]]:
    env = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "x", "ANTHROPIC_MODEL": "m", "IS_SANDBOX": "1"}
    env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    return [program("claude", "claude-agent-acp")], env


AGENTS: dict[str, Callable[[Model, Path], tuple[list[str], dict[str, str]]]] = {
    each.__name__: each for each in (gemini, opencode, codex, claude)
}


@pytest.fixture(scope="module")
def devices() -> Iterator[VirtualDevices]:
    with virtual_devices() as found:
        yield found


def running() -> str:
    return subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout


class Spoken:
    """A conversation on the devices."""

    def __init__(self, talk: Talk, devices: VirtualDevices) -> None:
        self.talk, self.devices = talk, devices

    def say(self, digits: str) -> None:
        time.sleep(0.5)
        self.devices.play_into("micfeed", says(digits).tobytes())

    def answer(self, digits: str) -> None:
        """Once more where it is asked once more: a busy machine puts silence into words."""
        self.say(digits)
        if "May it?" in self.hear():
            self.say(digits)
            self.hear()

    def hear(self, within_s: float = TURN_S) -> str:
        """The next reply."""
        return str(self.talk.until("assistant_said", within_s)["text"])


@contextmanager
def spoken(devices: VirtualDevices, env: dict[str, str], folder: Path, config: str, *flags: str) -> Iterator[Spoken]:
    with talking(devices, env, folder, config, "--agent", "it", "--headphones", *flags) as talk:
        talk.until("ready", FIRST_S)
        yield Spoken(talk, devices)
        talk.process.send_signal(signal.SIGINT)
        talk.process.wait(30)  # agents take their time to end where the machine is busy


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_spoken_with(devices: VirtualDevices, tmp_path: Path, name: str) -> None:
    home, made = tmp_path / "home", tmp_path / "made.txt"
    home.mkdir()
    with scripted(tmp_path) as model, OpenAIServer(Habits(heard=lambda digits: WORDS.get(digits, digits))) as services:
        command, more = AGENTS[name](model, home)
        env = environment() | {"HOME": str(home), "PATH": f"{NODE}:{environment()['PATH']}"}
        table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
        config = f"{settings(services)}[agents.it]\ncommand = {json.dumps(command)}\n[agents.it.env]\n{table}"
        with spoken(devices, env, tmp_path, config) as talk:
            talk.say(TELL)
            assert HELLO in talk.hear(FIRST_S)
            assert any("hello, marker" in each for each in model.asked)
            talk.say(WRITE)
            assert "May it?" in talk.hear()
            talk.answer(NO)
            assert not made.exists()
            talk.say(WRITE)
            assert "May it?" in talk.hear()
            talk.answer(YES)
            assert made.read_text() == "made\n"
            talk.say(COUNT)
            talk.talk.until("assistant_delta", TURN_S)
            time.sleep(1.5)
            talk.say(TELL)
            talk.talk.until("interrupted", TURN_S)
            while HELLO not in talk.hear():
                """The end of what was interrupted."""
        before = len(model.asked)
        if name == "gemini":
            time.sleep(61 - time.time() % 60)  # it loses a session that is loaded in the minute of its beginning
        with spoken(devices, env, tmp_path, config, "--continue") as talk:
            assert any("goes on" in each["text"] for each in talk.talk.of("notice"))
            talk.say(TELL)
            assert HELLO in talk.hear(FIRST_S)
            assert any("WRITE" in each for each in model.asked[before:]), "it remembers"
    until(lambda: command[0] not in running(), 10, "the agent's end")


# -- voice mcp ---------------------------------------------------------------------------------------

VOICE = str(Path(sys.executable).parent / "voice")
CLAUDE = str(TOOLS / "claude/node_modules/@anthropic-ai/claude-agent-sdk-linux-x64/claude")


def told(command: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = environment() | {"HOME": str(home), "PATH": f"{NODE}:{environment()['PATH']}"} | more
    nothing = subprocess.DEVNULL
    return subprocess.run(command, env=env, cwd=home, stdin=nothing, capture_output=True, text=True, timeout=250)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_has_nothing_to_say(tmp_path: Path, era: str) -> None:
    asked = ["--cli", "--protocol-era", era, "--strict", "-q", "--connect-timeout", "90000"]
    done = told([program("inspector", "mcp-inspector"), *asked, "--method", "tools/list", VOICE, "mcp"], tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout


LISTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "claude": (CLAUDE, "connected", {"ANTHROPIC_API_KEY": "x", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}),
    "codex": (program("codex-cli", "codex"), "enabled", {}),
    "gemini": (program("gemini", "gemini"), "connected", {"GEMINI_CLI_TRUST_WORKSPACE": "true"}),
    "opencode": (program("opencode", "opencode"), "connected", {"OPENCODE_DISABLE_MODELS_FETCH": "1"}),
    "qwen": (program("qwen", "qwen"), "connected", {}),
}
"""Of each client its program, what its list says of a server that answers (Codex asks none), and what it needs."""


@pytest.mark.parametrize("client", LISTS)
def test_a_client_that_was_told_of_it_is_connected(tmp_path: Path, client: str) -> None:
    command, word, env = LISTS[client]
    assert told([VOICE, "mcp", "install", client], tmp_path).returncode == 0
    done = told([command, "mcp", "list"], tmp_path, **env)
    plain = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    assert re.search(rf"voice\b.*\b{word}\b", plain, re.IGNORECASE), plain


@pytest.mark.timeout(300)
def test_a_long_listen_survives_in_opencode(tmp_path: Path) -> None:
    config, quiet = (
        tmp_path / ".config/opencode/opencode.json",
        write(tmp_path / "q.wav", np.zeros(100 * RATE, np.int16)),
    )
    with scripted(tmp_path) as model, OpenAIServer(Habits()) as services:
        _, env = opencode(model, tmp_path)
        (tmp_path / "voice.toml").write_text(settings(services))
        command = [
            VOICE,
            "--config",
            str(tmp_path / "voice.toml"),
            "mcp",
            "-i",
            quiet,
            "-o",
            str(tmp_path / "said.wav"),
        ]
        servers = {"voice": {"type": "local", "command": command}}
        config.write_text(json.dumps(json.loads(config.read_text()) | {"mcp": servers}))
        done = told([program("opencode", "opencode"), "run", "Please LISTEN."], tmp_path, **env)
    assert OVER in done.stdout, done.stdout + done.stderr
    results = [row["content"] for row in json.loads(model.asked[-1])["messages"] if row["role"] == "tool"]
    assert [json.loads(each) for each in results] == [{"status": "silence"}]
