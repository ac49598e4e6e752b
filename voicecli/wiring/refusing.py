"""What is refused before work begins: options and languages that a backend does not have.

Belongs here: holding what a caller asks for against what a backend can. Does not belong here: choosing it, asking it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

from voicecli.backends.registry import FAMILIES
from voicecli.errors import UsageError
from voicecli.verbs import VERBS, Verb
from voicecli.wiring.choosing import able

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.types import ChatOptions


def check_options(can: Capabilities, verb: Verb, options: object) -> None:
    """UsageError for a set option that is not honoured at `verb`, naming the families that do."""
    assert is_dataclass(options)
    row, taken = VERBS[verb], takes(can, verb)
    for each in fields(options):
        if each.name == "text" or each.name in taken or not _is_set(getattr(options, each.name)):
            continue
        name = each.name
        raise UsageError(
            f"does not take {row.flag(name)} {row.doing}",
            who=can.name,
            cure=_families(lambda it, name=name: name in takes(it, verb), "Families that do: ", "No family does"),  # type: ignore[misc]
        )
    for first, second in can.apart.get(_served_as(can, verb), ()):
        if _is_set(getattr(options, first)) and _is_set(getattr(options, second)):
            what = f"does not take {row.flag(second)} with {row.flag(first)}"
            raise UsageError(what, who=can.name, cure=f"Leave {row.flag(second)} out.")


def with_chat_settings(can: Capabilities, options: ChatOptions, cfg: Config, report: Reporter) -> ChatOptions:
    """`options` with the `[chat]` settings where nothing was asked for and the backend has the option."""
    taken = takes(can, "chat")
    for name in ("temperature", "max_tokens"):
        wanted: float | None = getattr(cfg.chat, name)
        if wanted is None or getattr(options, name) is not None:
            continue
        if name in taken:
            options = replace(options, **{name: wanted})  # type: ignore[arg-type]
        else:
            report.detail(f"[chat] {name} is not for this backend and stays unsent.")
    return options


def check_language(can: Capabilities, verb: Verb, language: str | None, report: Reporter) -> None:
    """UsageError for a language that the backend does not have; a note on its limits when none was asked for."""
    use = VERBS[verb].use
    if not language:
        if notice := can.notices.get(use):
            report.note(f"{can.name}: {notice}.")
        return
    if not _has_language(can, verb, language):
        raise UsageError(
            f"can {use} only {', '.join(sorted(can.languages[use]))}, not '{language}'",
            who=can.name,
            cure=_families(
                lambda it: able(it, verb) and _has_language(it, verb, language), "Families that have it: ", "(none)"
            )
            + ".",
        )


def _has_language(can: Capabilities, verb: Verb, language: str) -> bool:
    has = can.languages.get(VERBS[verb].use)
    return has is None or language.lower().replace("_", "-").split("-")[0] in has


def _families(fit: Callable[[Capabilities], bool], head: str, none: str) -> str:
    names = [family.name for family in FAMILIES.values() if fit(family.at_best)]
    return head + ", ".join(names) if names else none


def takes(can: Capabilities | None, verb: Verb) -> frozenset[str]:
    """The option fields that are honoured at `verb`, over a bridge too; none of an agent, which has no family."""
    return frozenset() if can is None else can.takes.get(_served_as(can, verb), frozenset())


def _served_as(can: Capabilities, verb: Verb) -> Verb:
    """The verb itself, or the one of which a bridge makes it."""
    return verb if can.can(verb) else VERBS[verb].lifted or verb


def _is_set(value: object) -> bool:
    return value is not None and value is not False and value != () and value != ""
