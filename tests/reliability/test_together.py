"""Many processes of one person at once: what they share is never corrupted, and nothing of it is lost."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile

from tests import dtmf
from tests.fakes.openai_server import OpenAIServer
from tests.serving import serving
from tests.test_talk_devices import settings

MANY = 4


def together(env: dict[str, str], lines: Sequence[Sequence[str]], folder: Path, input: bytes = b"") -> list[str]:
    """All of them at once; what each wrote to stdout. They must all do well."""
    pipe = subprocess.PIPE
    commands = ([sys.executable, "-m", "voicecli", *line] for line in lines)
    processes = [subprocess.Popen(each, env=env, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe) for each in commands]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write(input)
        each.stdin.close()
        each.stdin = None
    done = [each.communicate(timeout=120) for each in processes]
    assert [each.returncode for each in processes] == [0] * len(lines), [err.decode() for _, err in done]
    return [out.decode() for out, _ in done]


server = serving(OpenAIServer)


@pytest.fixture
def env(server: OpenAIServer, home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "config.toml"
    config.write_text("# mine\n" + settings(server))
    return home | {"VOICE_CONFIG": str(config)}


def test_settings_made_at_once_are_all_made(env: dict[str, str], tmp_path: Path) -> None:
    wanted = {
        "talk.end_ms": 510,
        "talk.end_ms_max": 1500,
        "talk.pre_roll_ms": 320,
        "chat.max_tokens": 77,
        "chat.system": "Be brief.",
        "history.keep_days": 12,
        "audio.input": "USB",
        "audio.output": "Boat",
    }
    together(env, [("config", "set", key, str(value)) for key, value in wanted.items()], tmp_path)
    text = Path(env["VOICE_CONFIG"]).read_text()
    made = tomllib.loads(text)
    assert {key: made[key.split(".")[0]][key.split(".")[1]] for key in wanted} == wanted
    assert text.startswith("# mine\n")
    assert made["backends"]["work"]["voice"] == "echo"
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".config")]


def test_one_of_many_makes_the_first_configuration(home: dict[str, str], tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-m", "voicecli", "config", "init"], env=home, cwd=tmp_path, stdin=null)
        for null in [subprocess.DEVNULL] * 4
    ]
    assert sorted(each.wait(timeout=60) for each in processes) == [0, 2, 2, 2]


def test_keys_stored_at_once_are_all_stored(env: dict[str, str], home: dict[str, str], tmp_path: Path) -> None:
    config = Path(env["VOICE_CONFIG"])
    config.write_text("".join(f'[backends.b{number}]\nfamily = "openai"\n' for number in range(MANY)))
    together(env, [("keys", "set", f"b{number}") for number in range(MANY)], tmp_path, b"sk-secret\n")
    (file,) = Path(home["XDG_CONFIG_HOME"]).rglob("keys.json")
    assert json.loads(file.read_text()) == {f"b{number}": "sk-secret" for number in range(MANY)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_conversations_held_at_once_are_all_kept(env: dict[str, str], tmp_path: Path) -> None:
    lines = [("chat", f"After {number}{number}{number}?") for number in range(MANY)]
    answers = together(env, lines, tmp_path)
    (listed,) = together(env, [("history", "list", "--json")], tmp_path)
    kept = json.loads(listed)["conversations"]
    assert len(kept) == MANY
    assert {each["opening"] for each in kept} == {line[1] for line in lines}
    (exported,) = together(env, [("history", "export", "--all", "-f", "json")], tmp_path)
    said = [json.loads(line)["messages"][1]["content"].strip() for line in exported.splitlines()]
    assert sorted(said) == sorted(each.strip() for each in answers)


def test_one_conversation_continued_at_once_loses_no_message(env: dict[str, str], tmp_path: Path) -> None:
    lines = [("chat", "--session", "trip", f"After {number}{number}{number}?") for number in range(MANY)]
    together(env, lines, tmp_path)
    (exported,) = together(env, [("history", "export", "trip", "-f", "json")], tmp_path)
    messages = json.loads(exported)["messages"]
    assert {each["content"] for each in messages if each["role"] == "user"} == {line[-1] for line in lines}
    assert len(messages) == 2 * MANY


def test_a_cache_that_is_filled_at_once_serves_everybody(env: dict[str, str], tmp_path: Path) -> None:
    lines = [("speak", "--cache", "Dial 4 0 7 1 now.", "-o", f"{number}.wav") for number in range(MANY)]
    together(env, lines, tmp_path)
    assert len({(tmp_path / f"{number}.wav").read_bytes() for number in range(MANY)}) == 1
    (listed,) = together(env, [("cache", "ls", "--json")], tmp_path)
    assert '"entries": 1' in listed
    together(env, [("cache", "clear")] * MANY, tmp_path)


def test_one_target_written_at_once_is_one_of_them(env: dict[str, str], tmp_path: Path) -> None:
    lines = [("speak", f"Dial {number}{number}{number}.", "-o", "same.wav") for number in range(MANY)]
    together(env, lines, tmp_path)
    samples, rate = soundfile.read(tmp_path / "same.wav", dtype="int16")
    assert dtmf.decode(samples, rate) in {str(number) * 3 for number in range(MANY)}
    assert not list(tmp_path.glob(".*.part"))


KEEPER = """
import sys
from pathlib import Path
from voicecli.wiring.talk_files import KeptTurns
kept = KeptTurns(Path(sys.argv[1]))
for turn in range(30):
    assert kept.keep(turn, bytes([turn]) * 4000)
"""


def test_lost_turns_of_many_conversations_stay_whole_and_few(tmp_path: Path) -> None:
    folder = tmp_path / "lost"
    processes = [subprocess.Popen([sys.executable, "-c", KEEPER, str(folder)]) for _ in range(MANY)]
    assert [each.wait(timeout=60) for each in processes] == [0] * MANY
    kept = [path for path in folder.iterdir() if path.suffix == ".wav"]
    assert len(kept) == len(list(folder.iterdir())) <= 20
    assert {len(path.read_bytes()) for path in kept} == {4044}
