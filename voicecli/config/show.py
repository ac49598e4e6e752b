"""The configuration as rows to be shown: every key, its value, where it comes from; secrets masked.

Belongs here: which rows there are and what is masked. Does not belong here: printing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from voicecli.config.keys import key_status
from voicecli.config.layers import dotted
from voicecli.config.model import NAMED, Config
from voicecli.config.resolve import LOCAL
from voicecli.config.schema import keys_of, sections
from voicecli.types import Backend

MASK = "****"
_SECRET = re.compile(r"key|token|secret|passw|auth|cookie|credential|signature|session", re.IGNORECASE)


class SettingRow(NamedTuple):
    key: str
    value: Any
    source: str


def rows(config: Config, env: Mapping[str, str]) -> list[SettingRow]:
    """All sections in full, and of each backend, server and agent what is set. No command is run to look for keys."""
    found = [
        SettingRow(dotted(at), shown(at, getattr(getattr(config, at[0]), at[1])), config.sources[dotted(at)])
        for at in ((name, key) for name, table in sections().items() for key in keys_of(table))
    ]
    for backend in config.backends.values():
        found += _backend(backend, config, env)
    for section, named in (("mcp", config.mcp), ("agents", config.agents)):
        for name, table in named.items():
            found += _set_keys(table, (section, name), config)
    return found


def _backend(backend: Backend, config: Config, env: Mapping[str, str]) -> list[SettingRow]:
    at = ("backends", backend.name)
    found = _set_keys(backend, at, config)
    if backend.family != LOCAL:
        found.append(SettingRow(dotted((*at, "api_key")), *key_status(backend, env, config.config_dir)))
    return found


def _set_keys(table: object, at: tuple[str, str], config: Config) -> list[SettingRow]:
    found: list[SettingRow] = []
    for key in keys_of(cast(Any, type(table))):
        value = getattr(table, key)
        leaves = _leaves((*at, key), value) if isinstance(value, Mapping) else [((*at, key), value)]
        found += [
            SettingRow(dotted(path), masked(path[2:], leaf), config.sources[dotted(path)])
            for path, leaf in leaves
            if leaf not in ("", (), None)
        ]
    return found


def _leaves(path: tuple[str, ...], value: object) -> list[tuple[tuple[str, ...], object]]:
    if not isinstance(value, Mapping):
        return [(path, value)]
    return [leaf for name, each in value.items() for leaf in _leaves((*path, name), each)]


def shown(path: tuple[str, ...], value: object) -> object:
    """The value of any setting as it may be shown."""
    path = path[2:] if path[0] == "profiles" else path
    if path == ("audio", "device"):
        return _masked_url(str(value))
    return masked(path[2:], value) if path[0] in NAMED else value


def masked(path: tuple[str, ...], value: object) -> object:
    """A value of a backend, a server or an agent as it may be shown. `path` begins with its key."""
    if path[0] in ("headers", "extra", "env"):
        return _masked_free(path[-1], value)
    return _MASKS.get(path[0], lambda same: same)(value)


def _masked_free(name: str, value: object) -> object:
    """Settings of a person's own naming: text under a telling name is not shown. Numbers are no secrets."""
    if isinstance(value, Mapping):
        return {key: _masked_free(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked_free(name, each) for each in value]
    return MASK if isinstance(value, str) and _SECRET.search(name) else value


def _masked_command(command: str | tuple[str, ...]) -> str:
    """The program alone: its arguments may be secret."""
    words = command.split() if isinstance(command, str) else command
    return " ".join([*words[:1], "…"])


def _masked_url(url: str) -> str:
    """Without the password, and without what stands after ?."""
    url = re.sub(r"(?<=://)[^/?#]*@", f"{MASK}@", url)
    return re.sub(r"[?#].*", f"?{MASK}", url)


_MASKS: dict[str, Any] = {
    "api_key_cmd": _masked_command,
    "command": _masked_command,
    "proxy": _masked_url,
    "live_url": _masked_url,
}
