"""Layers of settings: checking one against the schema, and laying one over another.

A layer is a tree of tables whose leaves are `Given(value, source)`. Belongs here: pure functions from raw
tables to layers, their merging, and the messages about keys that do not exist. Does not belong here:
files, folders, and which layer outranks which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Union

from voicecli.config.model import NAMED
from voicecli.config.schema import (
    DEEPEST,
    Misfit,
    brief,
    entries_of,
    fit,
    keys_of,
    kind,
    named_keys,
    sections,
)
from voicecli.errors import ConfigError
from voicecli.text.clean import made_visible
from voicecli.text.nearest import nearest

Path = tuple[str, ...]


class Given(NamedTuple):
    """A value that somebody gave, and who."""

    value: Any
    source: str


Layer = dict[str, Union[Given, "Layer"]]


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """Where a layer comes from: how messages name it (`who`) and its keys (`label`), and the source of a value.

    `text`: the values are strings still to be read, as in variables.
    """

    who: str
    label: Callable[[Path], str]
    source: Callable[[Path], str]
    text: bool = False


def dotted(path: Path) -> str:
    """`backends.work.base_url`; parts that need quotes in TOML get them."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{made_visible(part, but="")[:80]}"' for part in path)


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"\w[\w-]{0,63}")


def nest(flat: Mapping[Path, object]) -> dict[str, object]:
    """Tables from paths: {("talk", "vad"): x} is {"talk": {"vad": x}}."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        table = tree
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return tree


def overlay(under: Layer, over: Layer) -> Layer:
    """What holds when `over` is laid on `under`: tables are merged key by key, anything else is replaced."""
    result = dict(under)
    for name, value in over.items():
        old = result.get(name)
        result[name] = overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def check(raw: Mapping[str, object], origin: ValueOrigin, at: Path = ()) -> Layer:
    """A layer from raw tables (those of a file without its profiles, or of one profile).

    Raises ConfigError that names the first unknown key or wrong value, with the nearest right key.
    """
    known = {name: keys_of(table) for name, table in sections().items()}
    layer: Layer = {}
    for name, value in raw.items():
        path = (*at, name)
        if name in NAMED:
            layer[name] = _named(value, path, origin, partial(_entry, origin, named_keys(name)))
        elif name in known:
            layer[name] = _table(value, path, known[name], origin)
        else:
            raise unknown(path, origin, [*known, *NAMED, "profiles"])
    return layer


def check_profiles(raw: object, origin: Callable[[str], ValueOrigin]) -> dict[str, Layer]:
    """The layer of each profile; `origin` is asked with a profile's name."""

    def one(table: object, path: Path) -> Layer:
        return check(_is_table(table, path, origin(path[-1])), origin(path[-1]), path)

    layers: Any = _named(raw, ("profiles",), origin(""), one)
    return dict(layers)


def _named(raw: object, at: Path, origin: ValueOrigin, one: Callable[[object, Path], Layer]) -> Layer:
    """A table of tables that the person names: [backends.NAME], [profiles.NAME]."""
    layer: Layer = {}
    for name, table in _is_table(raw, at, origin).items():
        path = (*at, name)
        check_name(name, dotted(path), origin.who)
        layer[name] = one(table, path)
    return layer


def _entry(origin: ValueOrigin, hints: Mapping[str, object], table: object, path: Path) -> Layer:
    return _table(table, path, hints, origin)


def check_name(name: str, shown: str = "", who: str = "") -> None:
    """Raises ConfigError unless `name` is fit for a backend, a profile, or a stored key."""
    if not _NAME.fullmatch(name):
        what = f"{shown or brief(name)} is no usable name"
        raise ConfigError(what, who=who, cure="Names are up to 64 letters, digits, - and _, and begin without -.")


def _is_table(raw: object, path: Path, origin: ValueOrigin) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{dotted(path)} must be a table, as in [{dotted(path)}], not {kind(raw)}", who=origin.who)
    return raw


def _table(raw: object, at: Path, hints: Mapping[str, object], origin: ValueOrigin) -> Layer:
    layer: Layer = {}
    for name, value in _is_table(raw, at, origin).items():
        path = (*at, name)
        if name not in hints:
            raise _refused_key(path, origin) if _is_key(path) else unknown(path, origin, list(hints))
        entries = entries_of(hints[name])
        if entries is None:
            layer[name] = _leaf(value, path, hints[name], origin)
        else:
            layer[name] = _free(_is_table(value, path, origin), path, entries, origin)
    return layer


def _free(raw: dict[str, object], at: Path, hint: object, origin: ValueOrigin) -> Layer:
    """A table of any keys (headers, extra); tables inside are merged like all others."""
    layer: Layer = {}
    for name, value in raw.items():
        path = (*at, name)
        if len(path) > DEEPEST:
            raise ConfigError(f"{dotted(at[:3])} is nested too deeply", who=origin.who)
        nested = value if isinstance(value, dict) and hint is Any else None
        layer[name] = _leaf(value, path, hint, origin) if nested is None else _free(nested, path, hint, origin)
    return layer


def _leaf(value: object, path: Path, hint: object, origin: ValueOrigin) -> Given:
    try:
        return Given(fit(value, hint, text=origin.text), origin.source(path))
    except Misfit as exc:
        raise ConfigError(f"{origin.label(path)} {exc}", who=origin.who) from None


def _is_key(path: Path) -> bool:
    return "backends" in path and path[-1].lower() in ("api_key", "apikey", "key", "token", "secret", "password")


def _refused_key(path: Path, origin: ValueOrigin) -> ConfigError:
    """A key in a file that is shared, backed up and shown on screens is a key that leaks."""
    name = path[-2]
    return ConfigError(
        f"{dotted(path)}: a key does not belong in this file",
        who=origin.who,
        cure=f'Take it out (and take a new key, if others saw it), then: voice keys set {name}, or api_key_env = "…".',
    )


def unknown(path: Path, origin: ValueOrigin, known: list[str]) -> ConfigError:
    """The error about a key that does not exist, with the nearest that does, here or in another table."""
    *table, name = path
    near = nearest(name, known)
    best = dotted((*table, near)) if near else _elsewhere(name)
    cure = f"Did you mean {best}?" if best else f"There are: {', '.join(sorted(known))}."
    return ConfigError(f"{origin.label(path)} is not a setting", who=origin.who, cure=cure)


def _whole_table(path: Path, origin: ValueOrigin, section: str) -> ConfigError:
    names = ", ".join(sorted(keys_of(sections()[section])))
    return ConfigError(f"{origin.label(path)} is a table of settings", who=origin.who, cure=f"It has: {names}.")


def _elsewhere(name: str) -> str:
    """A key of that name in some other table: `end_ms` at the top is talk.end_ms."""
    places = {key: f"{section}.{key}" for section, table in sections().items() for key in keys_of(table)}
    for section in NAMED:
        places = {key: f"{section}.NAME.{key}" for key in named_keys(section)} | places
    return places.get(nearest(name, places), "")


def hint_for(path: Path, origin: ValueOrigin) -> object:
    """The annotation of one setting. Raises ConfigError when there is none of that name."""
    rest = path[2:] if path[0] == "profiles" else path
    section = rest[0] if rest else ""
    names = rest[2:] if section in NAMED else rest[1:]
    if section in sections() and not names:
        raise _whole_table(path, origin, section)
    if section not in {**sections(), **NAMED} or not names:
        raise unknown(path, origin, [*sections(), *NAMED])
    keys = named_keys(section) if section in NAMED else keys_of(sections()[section])
    hint = keys.get(names[0])
    entries = entries_of(hint) if hint is not None else None
    if hint is None or (len(names) > 1) != (entries is not None):
        raise _refused_key(path, origin) if _is_key(path) else unknown(path, origin, list(keys))
    return hint if entries is None else entries
