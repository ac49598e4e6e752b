"""Which layer outranks which, and the one Config that results: flags, VOICE_* variables, profile, file, defaults.

Belongs here: finding the layers, filling what nobody named, building the frozen settings.
Does not belong here: what keys exist (model), how values are checked (schema, layers), keys of services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from functools import reduce
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from voicecli.backends.local.settings import LocalSettings
from voicecli.backends.registry import FAMILIES
from voicecli.config import files
from voicecli.config.layers import Given, Layer, ValueOrigin, check, check_profiles, dotted, nest, overlay
from voicecli.config.model import FOLLOWS, NAMED, ORDERED, Config, Use
from voicecli.config.schema import (
    Misfit,
    brief,
    default_of,
    entries_of,
    fit,
    keys_of,
    sections,
    settings_of,
)
from voicecli.errors import ConfigError
from voicecli.storage.atomic import expand
from voicecli.text.clean import made_visible
from voicecli.text.nearest import did_you_mean
from voicecli.types import Backend, Verb

T = TypeVar("T")

LOCAL = "local"
"""The backend that is always there."""
OPENAI = "openai"
BASIC_VERBS: tuple[Verb, ...] = ("transcribe", "chat", "speak")
"""The verbs that [use] gives a backend each, named or not."""
OPENAI_DEFAULTS: Mapping[str, str] = FAMILIES[OPENAI].presets[0].whole
"""The backend that stands for OPENAI_API_KEY when no file defines one of that name."""


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file, checked: its own layer and that of each profile."""

    path: Path | None = None
    layer: Layer = field(default_factory=dict)
    profiles: Mapping[str, Layer] = field(default_factory=dict)


def load(
    env: Mapping[str, str],
    *,
    path: Path | None = None,
    profile: str | None = None,
    flags: Mapping[str, object] = MappingProxyType({}),
) -> Config:
    """The configuration of this run. `flags` maps dotted keys to values; None means not given.

    Raises ConfigError that names the file, variable or flag, the key, and the cure.
    """
    return resolve(env, find(env, path), profile or env.get("VOICE_PROFILE") or "", flags)


def find(env: Mapping[str, str], path: Path | None = None) -> File:
    """The file of this run, read and checked; an empty File when there is none and none was asked for."""
    where = files.config_path(env, path)
    try:
        return parse(files.read(where), where)
    except FileNotFoundError:
        if path is None and not env.get("VOICE_CONFIG"):
            return File()
    asked = "--config" if path is not None else "VOICE_CONFIG"
    raise ConfigError(f"there is no such file ({asked})", who=str(where), cure="voice config init writes one.")


def parse(text: str, path: Path) -> File:
    """The layers of a file's text. Raises ConfigError."""
    raw = files.parse(text, path)
    profiles = raw.pop("profiles", {})

    def origin(name: str) -> ValueOrigin:
        return ValueOrigin(str(path), dotted, lambda _: f"profile {name}" if name else f"file {path}")

    return File(path, check(raw, origin("")), check_profiles(profiles, origin))


def resolve(env: Mapping[str, str], file: File, profile: str = "", flags: Mapping[str, object] | None = None) -> Config:
    """The layers laid over each other, the gaps filled, and the whole built. Raises ConfigError."""
    written = overlay(file.layer, _profile(file, profile))
    layers = [BUILT_IN, written, from_variables(env), from_flags(flags or {})]
    merged = reduce(overlay, layers)
    fallback = _fallback(env, written)
    merged["use"] = _filled(_tables(merged, "use"), fallback)
    merged = _with_openai(env, merged)
    return _build(merged, file, profile, _guessed(merged, fallback))


def _profile(file: File, name: str) -> Layer:
    if name and name not in file.profiles:
        have = f"There are: {', '.join(sorted(file.profiles))}." if file.profiles else "None is defined."
        raise ConfigError(
            f"there is no profile {brief(name)}", who=str(file.path or "no configuration file"), cure=have
        )
    return file.profiles.get(name, {})


def variables() -> dict[str, tuple[str, ...]]:
    """Each VOICE_* variable and the setting it stands for, as the sections have them."""
    return {_variable(name, key): (name, key) for name, table in sections().items() for key in keys_of(table)}


PREFIX = "VOICE_"
OTHERS = frozenset({"VOICE_CONFIG", "VOICE_PROFILE"})
"""Variables that stand for no setting."""


def unknown_variables(env: Mapping[str, str]) -> list[str]:
    """What is to be said of variables that look like ours and are not: each by name, with the nearest that is."""
    known = variables().keys() | OTHERS
    strange = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    return [
        f"{made_visible(name, but='')[:80]} is no variable of voice. {did_you_mean(name, known, likeness=0.8)}".strip()
        for name in strange
    ]


def _variable(section: str, key: str) -> str:
    return f"VOICE_{key}".upper() if section == "use" else f"VOICE_{section}_{key}".upper()


def from_variables(env: Mapping[str, str]) -> Layer:
    """The layer of the environment. An empty variable counts as not set; unknown ones are told of elsewhere."""
    given = {path: env[name] for name, path in variables().items() if env.get(name)}

    def name(path: tuple[str, ...]) -> str:
        return _variable(*path)

    return check(nest(given), ValueOrigin("", name, name, text=True))


def from_flags(flags: Mapping[str, object]) -> Layer:
    """The layer of the command line."""
    given = {tuple(key.split(".")): value for key, value in flags.items() if value is not None}
    return check(nest(given), ValueOrigin("", _flag, lambda path: f"flag {_flag(path)}"))


def _flag(path: tuple[str, ...]) -> str:
    """The flag that sets a key: one flag means one thing whatever the verb."""
    key = path[-1]
    if path[0] == "use":
        return "--backend"
    return "--model" if key.endswith("_model") else f"--{key.replace('_', '-')}"


BUILT_IN: Layer = {"backends": {LOCAL: {"family": Given(LOCAL, "default")}}}


def _fallback(env: Mapping[str, str], written: Layer) -> Given:
    """The backend of the verbs for which nobody named one."""
    named = [name for name in _tables(written, "backends") if name != LOCAL]
    if _tables(written, "use").keys() & set(BASIC_VERBS):
        return Given(LOCAL, "default")
    if len(named) == 1:
        return Given(named[0], "the only backend")
    if env.get("OPENAI_API_KEY"):
        return Given(OPENAI, "OPENAI_API_KEY")
    return Given(LOCAL, "default")


def _filled(use: Layer, fallback: Given) -> Layer:
    """`[use]` with a backend for every verb; "" counts as unset."""
    given = {verb: each for verb, each in use.items() if cast(Given, each).value}
    return given | {verb: given.get(verb, fallback) for verb in BASIC_VERBS}


def _tables(layer: Layer, name: str) -> Layer:
    return cast(Layer, layer.get(name, {}))


def _guessed(merged: Layer, fallback: Given) -> frozenset[str]:
    if fallback.value == LOCAL:
        return frozenset()
    return frozenset(
        verb for verb, given in _tables(merged, "use").items() if verb in BASIC_VERBS and given == fallback
    )


def _with_openai(env: Mapping[str, str], merged: Layer) -> Layer:
    """Adds the backend "openai" when it is used, nobody defined it, and its key is in the environment."""
    used = any(cast(Given, given).value == OPENAI for given in _tables(merged, "use").values())
    if not used or "family" in _tables(_tables(merged, "backends"), OPENAI) or not env.get("OPENAI_API_KEY"):
        return merged
    table: Layer = {key: Given(value, "default") for key, value in OPENAI_DEFAULTS.items()}
    table["api_key_env"] = Given("OPENAI_API_KEY", "OPENAI_API_KEY")
    if env.get("OPENAI_BASE_URL"):
        table["base_url"] = Given(_openai_address(env["OPENAI_BASE_URL"]), "OPENAI_BASE_URL")
    return overlay({"backends": {OPENAI: table}}, merged)


def _openai_address(text: str) -> str:
    try:
        return cast(str, fit(text, keys_of(Backend)["base_url"])) or OPENAI_DEFAULTS["base_url"]
    except Misfit as exc:
        raise ConfigError(f"OPENAI_BASE_URL {exc}") from None


def _build(merged: Layer, file: File, profile: str, guessed: frozenset[str]) -> Config:
    sources: dict[str, str] = {}
    who = str(file.path or "")
    tables: dict[str, Any] = {
        name: _section(table, _tables(merged, name), (name,), sources, who) for name, table in sections().items()
    }
    tables |= {
        kind: MappingProxyType(
            {
                name: _named(kind, name, cast(Layer, layer), sources, who)
                for name, layer in _tables(merged, kind).items()
            }
        )
        for kind in NAMED
    }
    places = files.folders()
    models_dir = expand(tables["models"].folder) if tables["models"].folder else places.data / "models"
    tables["backends"] = MappingProxyType(
        {name: _with_models(each, models_dir) for name, each in tables["backends"].items()}
    )
    config = Config(
        **tables,
        path=file.path,
        profile=profile,
        profiles=tuple(file.profiles),
        sources=MappingProxyType(sources),
        guessed=guessed,
        config_dir=places.config,
        state_dir=places.state,
        cache_dir=places.cache,
        models_dir=models_dir,
    )
    _check_use(config)
    _check_order(config)
    return config


def _named(kind: str, name: str, layer: Layer, sources: dict[str, str], who: str) -> object:
    """`[kind.name]`: a backend's table is its family's. ConfigError for a key that the family lacks."""
    family = cast(Given, layer["family"]).value if kind == "backends" and "family" in layer else ""
    table: Any = settings_of(family)
    for key in layer.keys() - keys_of(table).keys() if table else ():
        have = [each.name for each in FAMILIES.values() if key in keys_of(cast(Any, each.settings))]
        what = f"{dotted((kind, name, key))} is not a setting of the family '{family}'"
        raise ConfigError(what, who=who, cure=f"Families that have it: {', '.join(have)}.")
    return _section(table or NAMED[kind], layer, (kind, name), sources, who, name=name)


def _with_models(backend: Backend, folder: Path) -> Backend:
    """A local backend is told where its models lie, where its table does not say."""
    if isinstance(backend, LocalSettings) and not backend.models_folder:
        return replace(backend, models_folder=str(folder))
    return backend


def _section(table: type[T], layer: Layer, at: tuple[str, ...], sources: dict[str, str], who: str, **also: str) -> T:
    """One frozen table from its layer, and its sources noted."""
    values: dict[str, Any] = dict(also)
    for key, hint in keys_of(cast(Any, table)).items():
        path = (*at, key)
        if entries_of(hint) is not None:
            values[key] = _free(cast(Layer, layer.get(key, {})), path, sources)
            continue
        default = default_of(table, key)
        if key not in layer and default is MISSING:
            raise ConfigError(f"{dotted(path)} is missing", who=who, cure=f"Add it to [{dotted(at)}].")
        values[key], sources[dotted(path)] = cast(Given, layer.get(key, Given(default, "default")))
    return table(**values)


def _free(layer: Layer, at: tuple[str, ...], sources: dict[str, str]) -> dict[str, object]:
    table: dict[str, Any] = {}
    for name, each in layer.items():
        if isinstance(each, dict):
            table[name] = _free(each, (*at, name), sources)
        else:
            table[name], sources[dotted((*at, name))] = each
    return table


def _check_use(config: Config) -> None:
    for verb in keys_of(Use):
        name = getattr(config.use, verb)
        if name not in config.backends and (name or verb in BASIC_VERBS):
            raise _missing(name, config.sources[f"use.{verb}"], config.backends)


def _missing(name: str, source: str, have: Mapping[str, Backend]) -> ConfigError:
    unset = "OPENAI_API_KEY is not set." if name == OPENAI else ""
    cure = " ".join(filter(None, [did_you_mean(name, have), unset, f"There are: {', '.join(sorted(have))}."]))
    return ConfigError(
        f"there is no backend {brief(name)}", who=source.removeprefix("file ").removeprefix("flag "), cure=cure
    )


def _check_order(config: Config) -> None:
    for low, high in ORDERED:
        least, most = attrgetter(low, high)(config)
        if least > most and not (low in FOLLOWS and config.sources[low] == "default"):
            told = [f"{key} ({value}, {config.sources[key]})" for key, value in ((low, least), (high, most))]
            raise ConfigError(f"{told[0]} must not be more than {told[1]}")
