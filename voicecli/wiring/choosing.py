"""Which backend serves a verb, and whether it is able to.

Belongs here: choosing among what is configured, and the words for a choice that cannot be. Does not belong here:
opening adapters, what a backend is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.backends.registry import FAMILIES, built_in
from voicecli.errors import ConfigError
from voicecli.text.nearest import did_you_mean
from voicecli.verbs import VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.types import Backend


def choose(verb: Verb, cfg: Config, name: str | None = None) -> tuple[Capabilities, Backend]:
    """The backend that serves `verb`: `name`, or the one that `[use]` says. ConfigError when it can't."""
    backend = backend_named(cfg, name or used_for(verb, cfg))
    able_to = family_of(backend)
    if not able(able_to, verb):
        raise ConfigError(
            f"'{able_to.name}' does not offer {verb.replace('_', ' ')}",
            who=backend.name,
            cure=f"Choose another with --backend or [use]: {_who_can(verb, cfg)}",
        )
    return able_to, backend


def used_for(verb: Verb, cfg: Config) -> str:
    """The name under `[use]` for `verb`; where nobody named one, a backend that is used anyway and can do it."""
    name: str = getattr(cfg.use, VERBS[verb].use)
    return name or _nobody_named(verb, cfg)


def _nobody_named(verb: Verb, cfg: Config) -> str:
    """The first that serves chat, speech or recognition and has the verb; else the only other one; else chat's."""
    able_ones = [backend.name for backend in _who_is_able(verb, cfg)]
    used = [name for name in (cfg.use.chat, cfg.use.speak, cfg.use.transcribe) if name in able_ones]
    return next(iter(used), able_ones[0] if len(able_ones) == 1 else cfg.use.chat)


def backend_named(cfg: Config, name: str) -> Backend:
    """`[backends.NAME]`, or the built-in family of that name with its defaults. ConfigError for neither."""
    if name in cfg.backends:
        return cfg.backends[name]
    if name in built_in():
        return FAMILIES[name].plain()
    known = sorted({*cfg.backends, *built_in()})
    raise ConfigError(f"no backend is called '{name}'", cure=f"Known are: {', '.join(known)}{_hint(name, known)}")


def family_of(backend: Backend) -> Capabilities:
    """What `backend` can do, as it is configured; ConfigError naming the nearest family where there is none."""
    if backend.family not in FAMILIES:
        raise ConfigError(
            f"no family is called '{backend.family}'",
            who=f"[backends.{backend.name}]",
            cure=f"Known are: {', '.join(FAMILIES)}{_hint(backend.family, list(FAMILIES))}",
        )
    return FAMILIES[backend.family].of(backend)


def able(can: Capabilities, verb: Verb) -> bool:
    """Whether a verb is served, by itself or over a bridge."""
    lifted = VERBS[verb].lifted
    return can.can(verb) or (lifted is not None and can.can(lifted))


def _who_is_able(verb: Verb, cfg: Config) -> Iterator[Backend]:
    return (b for b in cfg.backends.values() if b.family in FAMILIES and able(family_of(b), verb))


def _who_can(verb: Verb, cfg: Config) -> str:
    """Configured backends that serve `verb`, then families."""
    backends = [backend.name for backend in _who_is_able(verb, cfg)]
    families = [family.name for family in FAMILIES.values() if able(family.at_best, verb)]
    parts = [f"backends {', '.join(backends)}"] if backends else []
    return "; ".join([*parts, f"families {', '.join(families)}"])


def _hint(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return f". {hint}" if hint else ""
