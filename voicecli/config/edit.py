"""Writing the configuration file: the first one, and changing one key of it.

Belongs here: the starting text, and edits that keep a person's comments and order. A file that could not
be loaded afterwards is never written. Does not belong here: what the keys mean, printing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from voicecli.backends.family import Preset
from voicecli.backends.registry import FAMILIES
from voicecli.config import files
from voicecli.config.layers import ValueOrigin, dotted, hint_for
from voicecli.config.model import Config
from voicecli.config.resolve import BASIC_VERBS, LOCAL, OPENAI, OPENAI_DEFAULTS, parse, resolve
from voicecli.config.schema import Misfit, brief, fit
from voicecli.errors import ConfigError

Changes: TypeAlias = Mapping[tuple[str, ...], Any]
"""Values by where they stand, as the file has them."""

START = """\
# Settings of voice. Flags and VOICE_* variables beat them: 'voice config show' tells what holds and why.
# Keys of services do not belong here: use api_key_env, api_key_cmd, or 'voice keys set NAME'.

# Which backend serves which verb. Without this, everything stays on this machine (or goes to OPENAI_API_KEY's service).
{use}
# A service: any number of them, each under a name of yours.
{backend}
# What the model is told before every conversation.
# [chat]
# system = "Answer briefly: your words are spoken."

# Devices by a part of their name, or by index; 'voice devices' lists them.
# [audio]
# input = "USB"
# output = "Headphones"

# [talk]
# end_ms = 500         # silence that ends a turn
# headphones = false   # true: the microphone cannot hear the loudspeaker

# 'voice --profile travel ...' lays this over the rest.
# [profiles.travel.use]
# chat = "local"
"""


@dataclass(frozen=True, slots=True)
class FoundBackend:
    """A backend for a first configuration: its table, and the keys of `[use]` that it has something for."""

    name: str
    table: Mapping[str, str]
    verbs: tuple[str, ...]


def presets() -> list[Preset]:
    """The services that a variable sets up; those that can everything come first."""
    known = [preset for family in FAMILIES.values() for preset in family.presets]
    return sorted(known, key=lambda preset: -len(preset.uses))


def keyed(env: Mapping[str, str]) -> list[FoundBackend]:
    """The services whose keys are set. The keys themselves are not looked at."""
    return [found_in(preset, env) for preset in presets() if env.get(preset.variable)]


def found_in(preset: Preset, env: Mapping[str, str]) -> FoundBackend:
    """A service that is known, at the address of one's own where OPENAI_BASE_URL names one."""
    address = env.get("OPENAI_BASE_URL") if preset.name == OPENAI else ""
    return FoundBackend(preset.name, {**preset.whole, **({"base_url": address} if address else {})}, preset.uses)


def starting_text(env: Mapping[str, str], found: Sequence[FoundBackend] = ()) -> str:
    """A first configuration: with what was found, or the service of OPENAI_API_KEY, else all of it as comments.

    Of several that have something for a verb the first gets it.
    """
    found = found or [each for each in keyed(env) if each.name == OPENAI]
    if not found:
        table = {**OPENAI_DEFAULTS, "api_key_env": "WORK_API_KEY"}
        use = _lines("[use]", dict.fromkeys(BASIC_VERBS, "work"), "# ")
        return START.format(use=use, backend=_lines("[backends.work]", table, "# "))
    serving: dict[str, str] = {
        verb: next((each.name for each in found if verb in each.verbs), LOCAL) for verb in BASIC_VERBS
    }
    tables = "\n".join(_lines(f"[backends.{each.name}]", each.table, "") for each in found)
    return START.format(use=_lines("[use]", serving, ""), backend=tables)


def _lines(head: str, table: Mapping[str, str], mark: str) -> str:
    import tomlkit

    lines = [head, *(f"{key} = {tomlkit.item(value).as_string()}" for key, value in table.items())]
    return "".join(f"{mark}{line}\n" for line in lines)


def write_start(path: Path, env: Mapping[str, str], *, force: bool = False, found: Sequence[FoundBackend] = ()) -> None:
    """Writes the first configuration file. Raises ConfigError when there is one already and not `force`."""
    refuse_existing(path, force=force)
    text = starting_text(env, found)
    validate(text, path, env)
    with files.changing(path):
        refuse_existing(path, force=force)  # another process may have been faster
        files.write_whole(path, text)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises ConfigError when there is a file already and not `force`."""
    if path.exists() and not force:
        raise ConfigError("exists already", who=str(path), cure="--force writes over it.")


def set_value(path: Path, key: str, text: str, env: Mapping[str, str]) -> object:
    """Sets one dotted key in the file (made if need be) from text, and returns the value as written.

    Everything else in the file stays as it is, comments and what other processes set meanwhile too. Raises
    ConfigError, and then writes nothing.
    """
    where = parts(key)
    value = _value(where, text)
    change(path, {where: value}, env)
    return value


def change(path: Path, changes: Changes, env: Mapping[str, str], start: str = "") -> None:
    """Sets many keys at once in the file, or in a new one that begins as `start`. Raises ConfigError: nothing is."""
    with files.changing(path):
        new = _changed(path, changes, start)
        validate(new, path, env)
        files.write_whole(path, new)


def drafted(path: Path, changes: Changes, env: Mapping[str, str], start: str = "", profile: str = "") -> Config:
    """The configuration that `change` would make, which writes nothing. Raises ConfigError."""
    return resolve(env, parse(_changed(path, changes, start), path), profile)


def _changed(path: Path, changes: Changes, start: str) -> str:
    text = files.read_else(path, start)
    files.parse(text, path)
    for where, value in changes.items():
        text = edited(text, where, value, path)
    return text


def unset_value(path: Path, key: str, env: Mapping[str, str]) -> object:
    """Takes one dotted key (or a whole table) out of the file, and returns what stood there.

    Raises ConfigError where it does not stand there, or where the rest would not load; then nothing is written.
    """
    where = parts(key)
    with files.changing(path):
        old = files.read_else(path, "")
        found: Any = files.parse(old, path)
        for part in where:
            if not isinstance(found, dict) or part not in found:
                raise ConfigError(
                    f"{dotted(where)} is not set", who=str(path), cure="'voice config list' shows what is."
                )
            found = found[part]
        new = _without(old, where, path)
        validate(new, path, env)
        files.write_whole(path, new)
    return found


def _without(text: str, where: tuple[str, ...], path: Path) -> str:
    """The text without one key. As in `edited`, what tomlkit made is compared."""
    wanted: Any = files.parse(text, path)
    _table_in(wanted, where).pop(where[-1])
    new = _rewritten(text, lambda document: _table_in(document, where).remove(where[-1]))
    if _filled(files.parse(new, path)) != _filled(wanted):
        raise ConfigError(f"{dotted(where)} cannot be taken out of this file", who=str(path), cure="Change it by hand.")
    return new


def _table_in(table: Any, where: tuple[str, ...]) -> Any:
    for part in where[:-1]:
        table = table[part]
    return table


def _filled(table: object) -> object:
    """Without the tables in which nothing stands: a table that lost its last key may go or stay."""
    if not isinstance(table, dict):
        return table
    filled = {name: _filled(each) for name, each in table.items()}
    return {name: each for name, each in filled.items() if each != {}}


def replace_text(path: Path, text: str, env: Mapping[str, str]) -> None:
    """Writes the whole file anew. Raises ConfigError, and then writes nothing."""
    validate(text, path, env)
    with files.changing(path):
        files.write_whole(path, text)


def parts(key: str) -> tuple[str, ...]:
    """A dotted key as TOML reads it, quotes and all. Raises ConfigError."""
    import tomllib

    try:
        tree: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
    except (ValueError, RecursionError):
        tree = {}
    found: list[str] = []
    while isinstance(tree, dict) and len(tree) == 1:
        ((name, tree),) = tree.items()
        found.append(name)
    if tree != 0 or not found:
        raise ConfigError(
            f"{brief(key)} is not a key", cure="Keys look like talk.end_ms; voice config show lists them."
        )
    return tuple(found)


def _value(path: tuple[str, ...], text: str) -> object:
    hint = hint_for(path, ValueOrigin("", dotted, dotted))
    try:
        value = fit(text, hint, text=True)
    except Misfit as exc:
        raise ConfigError(f"{dotted(path)} {exc}") from None
    return list(value) if isinstance(value, tuple) else value


def edited(text: str, where: tuple[str, ...], value: object, path: Path) -> str:
    """The text with one value changed. tomlkit keeps the rest, and is not trusted to: what it made is compared."""
    new = _rewritten(text, lambda document: _put(document, where, value))
    wanted = files.parse(text, path)
    _put_plain(wanted, where, value)
    if not new or files.parse(new, path) != wanted:
        raise ConfigError(f"{dotted(where)} cannot be set in this file", who=str(path), cure="Change it by hand.")
    return new


def _rewritten(text: str, change: Callable[[Any], None]) -> str:
    """The text after `change` of its tomlkit document; "" where tomlkit cannot do it."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        change(document)
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError, KeyError, AttributeError):
        return ""


def _put(document: Any, where: tuple[str, ...], value: Any) -> None:
    import tomlkit

    table = document
    for depth, part in enumerate(where[:-1]):
        if part not in table:
            table[part] = tomlkit.table(is_super_table=depth < len(where) - 2)
        table = table[part]
    table[where[-1]] = value


def _put_plain(table: dict[str, Any], where: tuple[str, ...], value: object) -> None:
    for part in where[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{dotted(where)} cannot be set: {part} is no table")
    table[where[-1]] = value


def validate(text: str, path: Path, env: Mapping[str, str]) -> None:
    """Whether the text would load, alone and under each of its profiles. Raises ConfigError."""
    file = parse(text, path)
    service = {name: env[name] for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if name in env}
    for profile in ("", *file.profiles):
        resolve(service, file, profile)
