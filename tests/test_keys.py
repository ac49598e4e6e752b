"""Where a key comes from, in which order, and that neither it nor a command's output is ever repeated."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.config import keys
from voicecli.config.keys import checked, key_file, key_status, remove, resolve_key, store, stored
from voicecli.errors import ConfigError, RefusedError, VoiceError
from voicecli.types import Backend, Secret

ENV = dict(os.environ)


def printing(code: str) -> tuple[str, ...]:
    """A command that runs a line of Python."""
    return (sys.executable, "-c", code)


def backend(**settings: object) -> Backend:
    return Backend("work", "openai", **settings)  # type: ignore[arg-type]


def test_the_variable_comes_before_the_command_and_the_command_before_the_file(tmp_path: Path) -> None:
    full = backend(api_key_env="WORK_KEY", api_key_cmd=printing("print('sk-cmd')"))
    store(tmp_path, "work", "sk-file")
    by_variable = resolve_key(full, ENV | {"WORK_KEY": "sk-env\n"}, tmp_path)
    assert (by_variable.key, by_variable.key_source) == (Secret("sk-env"), "WORK_KEY")
    by_command = resolve_key(full, ENV, tmp_path)
    assert by_command.key == Secret("sk-cmd") and by_command.key_source.startswith("command python")
    by_file = resolve_key(backend(api_key_env="WORK_KEY"), ENV, tmp_path)
    assert (by_file.key, by_file.key_source) == (Secret("sk-file"), "key file")


def test_a_backend_without_a_key_stays_as_it_is(tmp_path: Path) -> None:
    store(tmp_path, "other", "sk-file")
    assert resolve_key(backend(), ENV, tmp_path) == backend()


def test_a_variable_that_is_not_set_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_key(backend(api_key_env="WORK_KEY"), {}, tmp_path)
    assert str(caught.value) == (
        "work: the variable WORK_KEY (api_key_env) is not set. Set it, or store the key: voice keys set work"
    )


def test_a_command_gives_its_first_line_and_is_read_by_no_shell(tmp_path: Path) -> None:
    listed = backend(api_key_cmd=printing("print('sk-1'); print('user: me')"))
    assert resolve_key(listed, ENV, tmp_path).key == Secret("sk-1")
    text = backend(api_key_cmd=f'"{sys.executable}" -c "print(\'sk-$HOME;x\')"')
    if os.name == "posix":
        assert resolve_key(text, ENV, tmp_path).key == Secret("sk-$HOME;x")


def test_a_command_sees_our_environment_and_none_of_our_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['FROM'] + repr(sys.stdin.read()))"
    assert resolve_key(backend(api_key_cmd=printing(code)), ENV | {"FROM": "sk"}, tmp_path).key == Secret("sk''")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            printing("print('marked'); import sys; print('marked', file=sys.stderr); sys.exit(3)"),
            "failed with exit code 3",
        ),
        (("no-such-program-marked"[:15], "marked"), "could not be run: no such file"),
        (printing("print()"), "is empty"),
        (printing("print('two marked')"), "is not a key"),
        (printing("import sys; sys.stdout.buffer.write(b'\\xffmarked')"), "is not a key"),
        (printing("print('marked' * 9999)"), "is not a key"),
        ("pass 'unclosed marked", "api_key_cmd cannot be read as a command"),
        ((), ""),
        ("  ", "api_key_cmd cannot be read as a command"),
    ],
)
def test_a_command_that_gives_no_key_is_named_and_what_it_said_is_not(
    tmp_path: Path, command: str | tuple[str, ...], told: str
) -> None:
    if command == ():
        assert resolve_key(backend(api_key_cmd=command), ENV, tmp_path).key is None
        return
    with pytest.raises(VoiceError) as caught:
        resolve_key(backend(api_key_cmd=command), ENV, tmp_path)
    assert isinstance(caught.value, (ConfigError, RefusedError))
    assert told in str(caught.value) and "marked" not in str(caught.value)


def test_a_command_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COMMAND_TIMEOUT_S", 0.3)
    with pytest.raises(RefusedError, match=r"gave no key within 0\.3 s"):
        resolve_key(backend(api_key_cmd=printing("import threading; threading.Event().wait()")), ENV, tmp_path)


def test_the_status_of_a_key_runs_no_command(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    asked = backend(api_key_env="WORK_KEY", api_key_cmd=printing(f"open({str(proof)!r}, 'w')"))
    assert key_status(asked, {}, tmp_path)[0] == "asked when used" and not proof.exists()
    assert key_status(asked, {"WORK_KEY": "x"}, tmp_path) == ("set", "WORK_KEY")
    assert key_status(backend(api_key_env="WORK_KEY"), {}, tmp_path) == ("not set", "WORK_KEY")
    assert key_status(backend(), {}, tmp_path) == ("not set", "default")


def test_neither_a_key_nor_a_command_is_in_a_repr(tmp_path: Path) -> None:
    command = printing("print('sk-marked')")
    found = resolve_key(backend(api_key_cmd=command, headers={"X": "sk-marked"}), ENV, tmp_path)
    assert found.key and found.key.reveal() == "sk-marked"
    assert "sk-marked" not in repr(found) + str(found.key) + repr({"b": found})


# -- the key file ----------------------------------------------------------------------------------


def test_keys_are_kept_side_by_side_and_forgotten_one_by_one(tmp_path: Path) -> None:
    place = tmp_path / "not" / "there" / "yet"
    assert stored(place) == {}
    store(place, "work", " sk-1\n")
    store(place, "home", "sk-2")
    store(place, "work", "sk-3")
    assert stored(place) == {"home": "sk-2", "work": "sk-3"}
    remove(place, "home")
    assert stored(place) == {"work": "sk-3"} and list(place.iterdir()) == [key_file(place)]


@pytest.mark.needs_posix
def test_the_file_is_private_whatever_it_and_the_umask_were(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store(tmp_path, "work", "sk-1")
        assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    for mode in (0o604, 0o640, 0o601):
        key_file(tmp_path).chmod(mode)
        for use in (lambda: stored(tmp_path), lambda: store(tmp_path, "x", "sk-2"), lambda: remove(tmp_path, "work")):
            with pytest.raises(ConfigError, match="others on this machine may read the keys"):
                use()


@pytest.mark.needs_posix
def test_a_key_file_that_somebody_else_may_have_put_there_is_refused(tmp_path: Path) -> None:
    store(tmp_path, "work", "sk-1")
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="put a file of theirs in its place"):
        stored(tmp_path)
    tmp_path.chmod(0o1777)
    assert stored(tmp_path) == {"work": "sk-1"}
    if os.geteuid() == 0:
        os.chown(key_file(tmp_path), 12345, -1)
        with pytest.raises(ConfigError, match="belong to another user"):
            stored(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"work": 3}', "null", '{"work": "sk-marked"', "[" * 99999])
def test_a_broken_key_file_is_told_and_its_content_is_not(tmp_path: Path, content: str) -> None:
    key_file(tmp_path).write_text(content)
    key_file(tmp_path).chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        resolve_key(backend(), ENV, tmp_path)
    assert "is not a key file" in str(caught.value) and "marked" not in str(caught.value)


def test_a_key_file_with_a_bad_key_in_it_is_no_header(tmp_path: Path) -> None:
    key_file(tmp_path).write_text(json.dumps({"work": "sk\r\nX-Evil: 1"}))
    key_file(tmp_path).chmod(0o600)
    with pytest.raises(ConfigError, match="work: the key from key file is not a key"):
        resolve_key(backend(), ENV, tmp_path)


@given(st.text(max_size=20))
def test_only_what_a_header_can_carry_is_a_key(text: str) -> None:
    try:
        key = checked(text, "it")
    except ConfigError:
        return
    assert key.isascii() and key.isprintable() and " " not in key and key in text
