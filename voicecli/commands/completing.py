"""What a shell offers when a value is completed: backends, profiles, models, voices, devices, formats, settings.

Belongs here: the names, quickly, and none where anything goes wrong. Does not belong here: flags, long requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from voicecli.commands.common import Session
    from voicecli.types import Verb

PATIENCE_S = 0.3
"""A person who presses Tab should not notice a wait; starting the program takes a tenth of a second more."""

PATIENCE = "_VOICE_COMPLETE_WAIT_S"
"""The variable that makes it longer, for who would rather wait."""


def _completer(names: Callable[[Session], Iterable[str]], *, slow: bool = False) -> Callable[[Any, str], list[str]]:
    """For Typer's `autocompletion`: the names that begin as what was typed. A shell must never see a traceback.

    `slow` names come from a service or a sound system, and are waited for no longer than PATIENCE_S.
    """

    def complete(ctx: Any, incomplete: str) -> list[str]:
        try:
            session = ctx.find_root().obj
            session.console.silence()
            found = _in_time(session, names) if slow else names(session)
            wanted = incomplete.casefold()
            return [_typed(session, name) for name in found if name.casefold().startswith(wanted)]
        except Exception:
            return []

    # Typer tells the parameters by their annotations, which must be classes.
    import typer

    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str, "return": list}
    return complete


def _in_time(session: Session, names: Callable[[Session], Iterable[str]]) -> list[str]:
    """The names, or a program that has ended: what hangs in a look-up or a driver would hold its exit up."""
    import threading

    found: list[str] = []

    def look() -> None:
        try:
            found.extend(names(session))
        except Exception:
            found.clear()

    worker = threading.Thread(target=look, daemon=True)
    worker.start()
    worker.join(float(session.env.get(PATIENCE, PATIENCE_S)))
    if worker.is_alive():
        session.console.leave_at_once()
    return found


def _typed(session: Session, name: str) -> str:
    """The name as it would be typed: bash takes what it is offered word for word."""
    if session.env.get("_VOICE_COMPLETE") != "complete_bash":
        return name
    import re

    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", name)


# -- names -----------------------------------------------------------------------------------------


def _backends(session: Session) -> Iterable[str]:
    from voicecli.backends.registry import FAMILIES

    local = [each.name for each in FAMILIES.values() if each.local]
    return sorted({*session.config().backends, *local})


def _profiles(session: Session) -> Iterable[str]:
    return session.config().profiles


def _voices(session: Session) -> Iterable[str]:
    return [each.name for each in _listed(session, "voices")]


def _models(session: Session) -> Iterable[str]:
    return _listed(session, "models")


def _listed(session: Session, verb: Verb) -> list[Any]:
    """What a service lists. A key that a program must be asked for is not: it might ask the person."""
    import asyncio

    from voicecli import wiring

    _, backend = wiring.choose(verb, session.config(), session.backend)
    if backend.api_key_cmd:
        return []

    async def listed() -> list[Any]:
        async with session.open(verb) as catalog:
            return list(await getattr(catalog, verb)())

    return asyncio.run(listed())


def _devices(kind: Literal["input", "output"]) -> Callable[[Session], Iterable[str]]:
    def named(session: Session) -> Iterable[str]:
        from voicecli.audio.devices import list_devices

        return dict.fromkeys(each.name for each in list_devices() if each.channels(kind))

    return named


def _sounds(session: Session) -> Iterable[str]:
    from voicecli.commands.speak import FORMATS

    return (*FORMATS, "aac")


def _texts(session: Session) -> Iterable[str]:
    from voicecli.commands.transcribe_plan import FORMATS

    return FORMATS


def _exports(session: Session) -> Iterable[str]:
    from voicecli.commands.history import FORMATS

    return FORMATS


def _settings(session: Session) -> Iterable[str]:
    return sorted(session.config().sources)


def _templates(session: Session) -> Iterable[str]:
    from voicecli.commands.chat import TEMPLATES

    folder = session.config().config_dir / TEMPLATES
    return sorted(each.stem for each in folder.glob("*") if each.is_file())


def _tools(session: Session) -> Iterable[str]:
    from voicecli.toolbox.offer import known

    return (*known(), *session.config().mcp)


def words(*choices: str) -> Callable[[Any, str], list[str]]:
    """For a flag that knows a few words."""
    return _completer(lambda session: choices)


backends = _completer(_backends)
profiles = _completer(_profiles)
models = _completer(_models, slow=True)
voices = _completer(_voices, slow=True)
microphones = _completer(_devices("input"), slow=True)
loudspeakers = _completer(_devices("output"), slow=True)
sounds = _completer(_sounds)
texts = _completer(_texts)
exports = _completer(_exports)
settings = _completer(_settings)
templates = _completer(_templates)
tools = _completer(_tools)
