"""Where a backend's key comes from: a variable, a password manager's command, or the key file.

Belongs here: the lookup when a backend is opened, and the key file (`voice keys`), which only its owner
may read. Does not belong here: the configuration file (keys never stand in it), headers, printing.
No message ever repeats a key, or what a command printed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from voicecli.config.files import LARGEST, changing, reason, write_whole
from voicecli.errors import ConfigError, RefusedError
from voicecli.types import Backend, Secret

COMMAND_TIMEOUT_S = 10.0
LONGEST = 16_384
"""Characters of the longest key that is taken for one; some tokens are several thousand long."""


def resolve_key(backend: Backend, env: Mapping[str, str], config_dir: Path) -> Backend:
    """`backend` with its key, or as it is when it has none (its adapter then sends a placeholder).

    The variable `api_key_env` is asked first, then the command `api_key_cmd`, then the key file. Blocks
    while the command runs, up to 10 s. Raises ConfigError when a source that was named gives nothing,
    RefusedError when the command fails.
    """
    if key := env.get(backend.api_key_env) if backend.api_key_env else None:
        return _with(backend, key, backend.api_key_env)
    if backend.api_key_cmd:
        program, key = _run(backend, env)
        return _with(backend, key, f"command {program}")
    if key := stored(config_dir).get(backend.name):
        return _with(backend, key, "key file")
    if backend.api_key_env:
        raise ConfigError(
            f"the variable {backend.api_key_env} (api_key_env) is not set",
            who=backend.name,
            cure=f"Set it, or store the key: voice keys set {backend.name}",
        )
    return backend


def key_status(backend: Backend, env: Mapping[str, str], config_dir: Path) -> tuple[str, str]:
    """What is known of a key without running a command: "set", "not set" or "asked when used", and the source."""
    if backend.api_key_env and env.get(backend.api_key_env):
        return "set", backend.api_key_env
    if backend.api_key_cmd:
        return "asked when used", f"command {_program(_words(backend))}"
    if backend.name in stored(config_dir):
        return "set", "key file"
    return "not set", backend.api_key_env or "default"


def _with(backend: Backend, text: str, source: str) -> Backend:
    return replace(backend, key=Secret(checked(text, f"{backend.name}: the key from {source}")), key_source=source)


def checked(text: str, what: str) -> str:
    """A key as a header can carry it. Raises ConfigError about `what`."""
    key = text.strip()
    if not key:
        raise ConfigError(f"{what} is empty")
    if len(key) > LONGEST or any(not "!" <= each <= "~" for each in key):
        raise ConfigError(
            f"{what} is not a key: it is too long, or holds blanks or characters that no header can carry"
        )
    return key


# -- the command -----------------------------------------------------------------------------------


def _run(backend: Backend, env: Mapping[str, str]) -> tuple[str, str]:
    """The program's name and the first line that it printed. It gets no stdin: that may be the person's text."""
    import subprocess

    words = _words(backend)
    program = _program(words)
    try:
        # All of the environment: the person's own command may need any of it (GNUPGHOME, OP_SESSION_…, VAULT_TOKEN).
        done = subprocess.run(
            words,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise _failed(backend, program, f"gave no key within {COMMAND_TIMEOUT_S:g} s") from None
    except (OSError, ValueError) as exc:
        raise _failed(backend, program, f"could not be run: {reason(exc)}") from None
    if done.returncode:
        raise _failed(backend, program, f"failed with exit code {done.returncode}")
    line = done.stdout.lstrip().partition(b"\n")[0]
    return program, line.decode("utf-8", "replace")


def _words(backend: Backend) -> list[str]:
    """The command as a program and its arguments; no shell ever reads it."""
    import shlex

    command = backend.api_key_cmd
    try:
        words = list(command) if not isinstance(command, str) else shlex.split(command, posix=os.name != "nt")
    except ValueError:
        words = []
    if not words or not words[0]:
        what = "api_key_cmd cannot be read as a command"
        raise ConfigError(what, who=backend.name, cure='Write it as a list: api_key_cmd = ["pass", "show", "…"].')
    return words


def _program(words: list[str]) -> str:
    """The program's name alone: its path is of no use, and arguments may be secret."""
    return Path(words[0]).name


def _failed(backend: Backend, program: str, what: str) -> RefusedError:
    cure = f"Run it by hand to see why, or store the key: voice keys set {backend.name}"
    return RefusedError(f"the command {program} (api_key_cmd) {what}", who=backend.name, cure=cure)


# -- the key file ----------------------------------------------------------------------------------


def key_file(config_dir: Path) -> Path:
    """The file in which `voice keys set` keeps keys: JSON, one entry a backend."""
    return config_dir / "keys.json"


def stored(config_dir: Path) -> dict[str, str]:
    """The keys of the key file by backend. Raises ConfigError when others may read it, or it is broken."""
    path = key_file(config_dir)
    try:
        with path.open("rb") as file:
            _refuse_open_doors(os.fstat(file.fileno()), path)
            content = json.loads(file.read(LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise ConfigError(f"cannot be read: {reason(exc)}", who=str(path)) from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in content.values()):
        raise ConfigError(
            "is not a key file", who=str(path), cure="Delete it, and set the keys again: voice keys set NAME"
        )
    return content


def _refuse_open_doors(found: os.stat_result, path: Path) -> None:
    """ConfigError where somebody else may read the keys, or may have put them there."""
    if os.name != "posix":
        return
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError("others on this machine may read the keys", who=str(path), cure=f"chmod 600 {path}")
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError("the keys belong to another user", who=str(path), cure=f"chown {os.geteuid()} {path}")
    folder = path.parent.stat()
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        what = "others on this machine may put a file of theirs in its place"
        raise ConfigError(what, who=str(path), cure=f"chmod o-w {path.parent}")


def store(config_dir: Path, name: str, key: str) -> None:
    """Keeps `key` for the backend `name`. Raises ConfigError when it is no key or cannot be written."""
    key = checked(key, f"the key for {name}")
    with changing(key_file(config_dir)):
        _write(config_dir, stored(config_dir) | {name: key})


def remove(config_dir: Path, name: str) -> None:
    """Forgets the key of `name`. Raises ConfigError when there is none."""
    with changing(key_file(config_dir)):
        keys = stored(config_dir)
        if name not in keys:
            have = f"There are keys for: {', '.join(sorted(keys))}." if keys else "None is stored."
            raise ConfigError(f'no key is stored for "{name}"', cure=have)
        del keys[name]
        _write(config_dir, keys)


def _write(config_dir: Path, keys: Mapping[str, str]) -> None:
    write_whole(key_file(config_dir), json.dumps(dict(sorted(keys.items())), indent=2) + "\n", mode=0o600)
