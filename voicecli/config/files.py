"""The configuration's place on disk: which file and folders, reading it, and writing any small file whole.

Belongs here: paths, reading with limits, TOML syntax errors in our words, atomic writing.
Does not belong here: what the keys mean.
"""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError
from voicecli.storage.atomic import in_turn, private_folder, replace_file

TEMPLATES = "templates"
"""The folder beside the configuration that holds system prompts, each in a file of its own."""

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

LARGEST = 1 << 20
"""Bytes of the largest file that is read as a configuration."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where this user's configuration, state, cache and data live. They need not exist."""

    config: Path
    state: Path
    cache: Path
    data: Path


def folders() -> Folders:
    """The platform's folders of this user (XDG on Linux, Library on macOS, AppData on Windows)."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("voicecli", appauthor=False)
    return Folders(*(_at_home(dirs, f"user_{kind}_path") for kind in ("config", "state", "cache", "data")))


def runtime_folder() -> Path:
    """Where this user's running processes leave word for one another; gone after a restart."""
    from platformdirs import PlatformDirs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the folder it takes without XDG_RUNTIME_DIR, as under cron
        return _at_home(PlatformDirs("voicecli", appauthor=False), "user_runtime_path")


NOWHERE = Path("/nonexistent/voicecli")
"""The folders of who has no home: no HOME, and a number that no user has (a container). Nothing is found or kept
there."""


def _at_home(dirs: PlatformDirs, name: str) -> Path:
    try:
        path: Path = getattr(dirs, name)
    except RuntimeError:  # older ones give the tilde back
        return NOWHERE
    return NOWHERE if path.parts[0].startswith("~") else path


def config_path(env: Mapping[str, str], path: Path | None = None) -> Path:
    """The file that is used if it exists: `--config`, else VOICE_CONFIG, else config.toml in the folder."""
    if path is None and env.get("VOICE_CONFIG"):
        path = Path(env["VOICE_CONFIG"])
    if path is None:
        return folders().config / "config.toml"
    try:
        return path.expanduser()
    except RuntimeError:  # "~nobody/…"
        return path


def read(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError; FileNotFoundError when there is none."""
    try:
        with path.open("rb") as file:
            refuse_writable(os.fstat(file.fileno()).st_mode, path)
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError) as exc:  # the latter below HOME=/dev/null, as services have it
        raise FileNotFoundError(*exc.args) from None
    except (OSError, ValueError) as exc:  # ValueError: a zero byte in the name
        raise ConfigError(f"cannot be read: {reason(exc)}", who=str(path)) from None
    if len(data) > LARGEST:
        raise ConfigError(f"is larger than {LARGEST >> 20} MiB, which no configuration is", who=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"line {line} is not UTF-8", who=str(path), cure="Save the file as UTF-8.") from None


def read_else(path: Path, text: str) -> str:
    """The text of a configuration file; `text` when there is none. Raises ConfigError."""
    try:
        return read(path)
    except FileNotFoundError:
        return text


def refuse_writable(mode: int, path: Path) -> None:
    """ConfigError for a file that everybody on this machine may change: it names programs that are run."""
    if os.name == "posix" and stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        raise ConfigError("others on this machine may change it", who=str(path), cure=f"chmod o-w {path}")


def parse(text: str, path: Path) -> dict[str, object]:
    """The tables of a TOML text. Raises ConfigError with file, line and column."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(_syntax(str(exc), text), who=str(path)) from None
    except RecursionError:
        raise ConfigError("is nested too deeply", who=str(path)) from None
    except ValueError as exc:  # a number of thousands of digits, an impossible date
        raise ConfigError(f"holds a value that cannot be read ({exc})"[:200], who=str(path)) from None


def _syntax(message: str, text: str) -> str:
    """tomllib says `Expected '=' (at line 3, column 7)`, or `(at end of document)`."""
    what, _, where = message.rpartition(" (at ")
    if not what:
        return message
    if where.startswith("end"):
        lines = text.split("\n")
        where = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return f"{where.rstrip(')')}: {what}"


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Writes a file whole or not at all: temporary file beside it, synced, renamed.

    A link is followed, so that a file kept elsewhere stays there. Without `mode` an existing file keeps
    its own and a new one is private. Raises ConfigError when it cannot be written.
    """
    try:
        path = Path(os.path.realpath(path))
        private_folder(path.parent)
        if path.exists():
            _refuse_odd(path)
            mode = mode or stat.S_IMODE(path.stat().st_mode)
        replace_file(path, text.encode(), mode or 0o600)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"cannot be written: {reason(exc)}", who=str(path)) from None


def _refuse_odd(path: Path) -> None:
    """Renaming over a device would take it away from the whole system, and a read-only file is meant so."""
    if not path.is_file():
        raise OSError(0, "it is no ordinary file")
    if not os.access(path, os.W_OK):
        raise OSError(0, "the file is read-only")


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Around reading a file, changing it and writing it back: other processes wait their turn. ConfigError."""
    folder = Path(os.path.realpath(path)).parent
    try:
        with suppress(OSError):  # writing tells it better
            private_folder(folder)
        with in_turn(_lock_of(folder)):
            yield
    except TimeoutError as exc:
        raise ConfigError(f"cannot be changed: {reason(exc)}", who=str(path), cure="Try again in a moment.") from None


def _lock_of(folder: Path) -> Path:
    """What is locked while a file of `folder` is changed: in a place of ours, so that nothing is left beside it."""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return folders().state / "turns" / name


def reason(exc: Exception) -> str:
    """An OSError's own words without the path, which the message names already."""
    return (getattr(exc, "strerror", None) or str(exc)).lower()
