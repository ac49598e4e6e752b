"""`voice config` and `voice keys` as a person or a script meets them: the program in its own process."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.person import at_terminal

BACKEND = '[use]\nchat = "work"\n[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'


@pytest.fixture
def path(home: dict[str, str]) -> Path:
    path = Path(home["XDG_CONFIG_HOME"]) / "voicecli" / "config.toml"
    path.parent.mkdir()
    return path


def out(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_from_init_to_a_setting_that_holds(voice: Voice, path: Path) -> None:
    assert out(voice("config", "path")).strip() == str(path)
    assert out(voice("config", "init")).strip() == str(path)
    again = voice("config", "init")
    assert again.returncode == 2 and b"exists already. --force" in again.stderr
    out(voice("config", "set", "talk.end_ms", "450"))
    shown = json.loads(out(voice("config", "show", "--json")))
    assert shown["settings"]["talk.end_ms"] == {"value": 450, "source": f"file {path}"}
    assert shown["path"] == str(path)


def test_show_tells_where_each_value_comes_from(voice: Voice, path: Path) -> None:
    path.write_text(f"{BACKEND}[profiles.travel.talk]\nvad = 'webrtc'\n")
    lines = out(
        voice("config", "show", "--profile", "travel", "-b", "local", env={"VOICE_TALK_END_MS": "450"})
    ).splitlines()
    assert 'talk.vad\t"webrtc"\tprofile travel' in lines
    assert "talk.end_ms\t450\tVOICE_TALK_END_MS" in lines
    assert 'use.chat\t"local"\tflag --backend' in lines
    assert f'backends.work.family\t"openai"\tfile {path}' in lines
    assert "chat.temperature\t-\tdefault" in lines


def test_no_secret_is_shown(voice: Voice, path: Path) -> None:
    path.write_text(
        f"""{BACKEND}api_key_cmd = "echo sk-marked"
        proxy = "http://me:sk-marked@127.0.0.1:3128"
        live_url = "wss://host/x?key=sk-marked"
        headers = {{ Authorization = "sk-marked", X-Api-Key = "sk-marked", X-Team = "shown" }}
        extra = {{ auth_token = "sk-marked", max_tokens = 3, chat = {{ tools = [{{ key = "sk-marked" }}] }} }}
        [audio]\ndevice = "ws://me:sk-marked@host:8000"
        [backends.env]\nfamily = "openai"\napi_key_env = "SOME"\n[backends.none]\nfamily = "openai"\n"""
    )
    for flag in ("--json", "--verbose"):
        done = voice("config", "show", flag, env={"SOME": "sk-marked"})
        assert b"sk-marked" not in done.stdout + done.stderr and b"shown" in done.stdout
    shown = json.loads(out(voice("config", "show", "--json", env={"SOME": "x"})))["settings"]
    assert shown["backends.work.api_key"] == {"value": "asked when used", "source": "command echo"}
    assert shown["backends.env.api_key"] == {"value": "set", "source": "SOME"}
    assert shown["backends.none.api_key"]["value"] == "not set"
    assert shown["backends.work.extra.max_tokens"]["value"] == 3
    assert shown["audio.device"]["value"] == "ws://****@host:8000"
    assert shown["backends.work.proxy"]["value"] == "http://****@127.0.0.1:3128"


def test_a_command_of_blanks_is_told_of(voice: Voice, path: Path) -> None:
    path.write_text(f"""{BACKEND}api_key_cmd = " "\n""")
    done = voice("config", "show")
    assert done.returncode == 2 and b"work: api_key_cmd cannot be read as a command" in done.stderr


def test_a_secret_that_is_set_is_not_repeated(voice: Voice, path: Path) -> None:
    path.write_text(BACKEND)
    done = voice("config", "set", "backends.work.headers.Authorization", "sk-marked", "--json")
    assert b"sk-marked" not in done.stdout + done.stderr and "sk-marked" in path.read_text()


def test_a_typo_is_told_without_a_traceback(voice: Voice, path: Path) -> None:
    path.write_text("[talk]\nend_mss = 1\n")
    done = voice("config", "show")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode() == f"error: {path}: talk.end_mss is not a setting. Did you mean talk.end_ms?\n"


def test_another_file_by_flag_and_by_variable(voice: Voice, tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    assert out(voice("config", "init", "--config", str(one))).strip() == str(one)
    assert out(voice("config", "path", env={"VOICE_CONFIG": str(two)})).strip() == str(two)
    assert one.exists() and not two.exists()


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_stored_listed_and_forgotten_and_never_shown(voice: Voice, path: Path) -> None:
    path.write_text(BACKEND)
    said = [voice("keys", "set", "work", input=b"sk-marked\nmore\n"), voice("keys", "list")]
    said += [voice("config", "show"), voice("keys", "rm", "work"), voice("keys", "list", "--json")]
    assert all(done.returncode == 0 and b"sk-marked" not in done.stdout + done.stderr for done in said)
    assert said[1].stdout == b"work\n"
    assert b'backends.work.api_key\t"set"\tkey file' in said[2].stdout
    assert json.loads(said[4].stdout) == {"keys": []}


def test_one_setting_is_printed_as_a_script_wants_it(voice: Voice, path: Path) -> None:
    path.write_text(BACKEND + "[talk]\nend_ms = 450\n")
    assert voice("config", "get", "talk.end_ms").stdout == b"450\n"
    assert voice("config", "get", "backends.work.family").stdout == b"openai\n"
    assert voice("config", "get", "chat.temperature").stdout == b"\n"
    assert voice("config", "get", "backends.work.voice").stdout == b"\n"
    told = json.loads(voice("config", "get", "talk.end_ms", "--json").stdout)
    assert told == {"key": "talk.end_ms", "value": 450, "source": f"file {path}"}
    done = voice("config", "get", "talk.nope")
    assert (done.returncode, done.stdout) == (2, b"") and b"talk.nope is not a setting" in done.stderr


def test_keys_tell_scripts_what_they_did(voice: Voice, path: Path) -> None:
    stored = voice("keys", "set", "work", "--json", input=b"sk-marked")
    assert json.loads(stored.stdout) == {"stored": "work", "file": str(path.parent / "keys.json")}
    assert json.loads(voice("keys", "rm", "work", "--json").stdout) == {"removed": "work"}


def test_a_stored_key_is_its_owner_s_alone(voice: Voice, path: Path) -> None:
    out(voice("keys", "set", "work", input=b"sk-1"))
    file = path.parent / "keys.json"
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o640)
        done = voice("keys", "list")
        assert done.returncode == 2 and f"chmod 600 {file}".encode() in done.stderr


@pytest.mark.parametrize("given", [b"", b"\n", b"two words\n", b"\xff\n", b"sk-1\x00\n", b"x" * 99999])
def test_what_is_no_key_is_not_stored(voice: Voice, path: Path, given: bytes) -> None:
    done = voice("keys", "set", "work", input=given)
    assert done.returncode == 2 and b"Traceback" not in done.stderr
    assert not (path.parent / "keys.json").exists()


def test_a_name_that_no_backend_has_is_told(voice: Voice, path: Path) -> None:
    path.write_text(BACKEND)
    done = voice("keys", "set", "wrk", input=b"sk-1")
    assert done.returncode == 0 and b'No backend is called "wrk" yet. There are: local, work.' in done.stderr
    assert voice("keys", "set", "../x", input=b"sk-1").returncode == 2


def test_a_broken_configuration_does_not_keep_a_key_from_being_stored(voice: Voice, path: Path) -> None:
    path.write_text("[talk\n")
    out(voice("keys", "set", "work", input=b"sk-1"))


def test_forgetting_what_is_not_stored_names_what_is(voice: Voice) -> None:
    out(voice("keys", "set", "work", input=b"sk-1"))
    done = voice("keys", "rm", "wrk")
    assert done.returncode == 2 and b"There are keys for: work." in done.stderr


@pytest.mark.needs_posix
def test_on_a_terminal_the_key_is_asked_for_and_not_echoed(home: dict[str, str], tmp_path: Path) -> None:
    with at_terminal("keys", "set", "work", env=home, folder=tmp_path) as person:
        seen = person.until("Key for work: ")  # the blank comes when nothing is echoed any more
        person.types("sk-typed\n")
        seen += person.rest()
        assert person.process.wait(60) == 0
    assert "sk-typed" not in seen and "The key for work is in" in seen
    stored = Path(home["XDG_CONFIG_HOME"]) / "voicecli" / "keys.json"
    assert json.loads(stored.read_text()) == {"work": "sk-typed"}


def test_a_setting_is_taken_out_again_and_the_rest_stays(voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "voice.toml"
    text = '# mine\n[talk]\nend_ms = 450  # slow\nheadphones = true\n[backends.work]\nfamily = "openai"\n'
    path.write_text(text)
    env = {"VOICE_CONFIG": str(path)}
    assert b"talk.end_ms = 450\n" in voice("config", "list", env=env).stdout
    assert voice("config", "unset", "talk.end_ms", env=env).returncode == 0
    assert path.read_text() == text.replace("end_ms = 450  # slow\n", "")
    assert voice("config", "unset", "backends.work", env=env).returncode == 0
    assert "work" not in path.read_text() and "headphones = true" in path.read_text()
    again = voice("config", "unset", "talk.end_ms", env=env)
    assert again.returncode == 2 and b"talk.end_ms is not set" in again.stderr


def test_an_editor_changes_the_file_only_to_what_loads(voice: Voice, tmp_path: Path) -> None:
    path, editor = tmp_path / "voice.toml", tmp_path / "editor"
    env = {"VOICE_CONFIG": str(path), "EDITOR": str(editor)}
    for line, code in (("[talk]\\nend_ms = 450", 0), ("[talk]\\nend_msx = 450", 2)):
        editor.write_text(f'#!/bin/sh\nprintf "{line}\\n" > "$1"\n')
        editor.chmod(0o755)
        run = voice("config", "edit", env=env)
        assert run.returncode == code, run.stderr
        assert path.read_text() == "[talk]\nend_ms = 450\n"
    assert b"Nothing was changed" in run.stderr and (tmp_path / ".voice.draft.toml").exists()
    for broken in ("/nowhere/editor", "vi 'a"):
        run = voice("config", "edit", env=env | {"EDITOR": broken})
        assert run.returncode == 2 and f"the editor {broken} cannot be run" in run.stderr.decode()
    run = voice("config", "edit", env=env | {"EDITOR": "sed -i 's/x = 450/ = 460/'"})
    assert b"What you wrote last time" in run.stderr and path.read_text() == "[talk]\nend_ms = 460\n"
    assert voice("config", "edit", env=env | {"EDITOR": "/nowhere/editor"}).returncode == 2
    assert not (tmp_path / ".voice.draft.toml").exists(), "nobody wrote anything in it"
