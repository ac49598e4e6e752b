"""What a shell offers when a value is completed: backends, profiles, models, voices, devices, formats, settings.

Belongs here: the names, quickly, and none where anything goes wrong. Does not belong here: flags, long requests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from voicecli.errors import UsageError

if TYPE_CHECKING:
    from typer import Context

    from voicecli.config import Config
    from voicecli.terminal.console import Console
    from voicecli.verbs import Verb
    from voicecli.wiring.opening import Opens


class Asking(Protocol):
    """Whose command line is completed: what is needed of a session."""

    env: Mapping[str, str]
    console: Console
    backend: str | None

    def config(self) -> Config: ...

    @property
    def open(self) -> Opens: ...


PATIENCE_S = 0.3
"""A person who presses Tab should not notice a wait; starting the program takes a tenth of a second more."""

ASKED = "_VOICE_COMPLETE"
"""The variable by which a shell asks; the command line is then empty."""

PATIENCE = "_VOICE_COMPLETE_WAIT_S"
"""The variable that makes it longer, for who would rather wait."""


Names = Callable[[Asking], Iterable[str]]
Completer = Callable[["Context", str], list[str]]


def _completer(names: Names, *, slow: bool = False) -> Completer:
    """For Typer's `autocompletion`: the names that begin as what was typed. A shell must never see a traceback.

    `slow` names come from a service or a sound system, and are waited for no longer than PATIENCE_S.
    """
    return _completer_by(lambda typed: (names, slow))


def _completer_by(choose: Callable[[dict[str, object]], tuple[Names, bool]]) -> Completer:
    """The same, where the names (and whether they are slow) depend on what was typed before, by parameters."""

    def complete(ctx: Context, incomplete: str) -> list[str]:
        try:
            session = ctx.find_root().obj
            session.console.err = None
            names, slow = choose(ctx.params)
            found = _in_time(session, names) if slow else names(session)
            wanted = incomplete.casefold()
            return [_typed(session, name) for name in found if fits(name) and name.casefold().startswith(wanted)]
        except Exception:
            return []

    # Typer tells the parameters by their annotations, which must be classes.
    import typer

    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str, "return": list}
    return complete


def _in_time(session: Asking, names: Names) -> list[str]:
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
        os._exit(0)
    return found


def fits(name: str) -> bool:
    """Whether a name may be offered. Shells evaluate what they are offered, some of them twice: a service's or a
    device's name with a backslash or a control in it is not passed on. No honest name has one."""
    return "\\" not in name and name.isprintable()


ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
  local line
  local -a offered shown
  for line in "${(@f)$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _TYPER_COMPLETE_FISH_ACTION=get-args \\
      %(autocomplete_var)s=complete_fish %(prog_name)s 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    offered+=("${line%%%%$'\\t'*}")
    shown+=("${line/$'\\t'/  -- }")
  done
  if (( $#offered )); then
    compadd -l -d shown -- "${offered[@]}"
  else
    _files
  fi
}

if [[ ${funcstack[1]} == "_%(prog_name)s" ]]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""
"""What zsh is given instead of Typer's script, which evaluates the names: here they are data, a line each."""


FLAGS = ("--install-completion", "--show-completion")


def use_own_script(argv: Sequence[str]) -> None:
    """From now on `--show-completion` and `--install-completion` have ours for zsh, and obey the shell that is named
    behind them, where Typer would ask who started it. Typer has no public place for either. UsageError: no such shell.
    """
    from typer import _completion_shared, completion

    scripts = _completion_shared._completion_scripts
    scripts["zsh"] = ZSH
    at = next(number for number, each in enumerate(argv) if each in FLAGS)
    named = next((each for each in argv[at + 1 : at + 2] if not each.startswith("-")), "")
    if named and named not in scripts:
        raise UsageError(
            f"there is no completion for the shell '{named[:40]}'", cure=f"There is: {', '.join(scripts)}."
        )
    if named:
        vars(_completion_shared)["_get_shell_name"] = vars(completion)["_get_shell_name"] = lambda: named


def _typed(session: Asking, name: str) -> str:
    """The name as it would be typed: bash takes what it is offered word for word."""
    if session.env.get(ASKED) != "complete_bash":
        return name
    import re

    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", name)


# -- names -----------------------------------------------------------------------------------------


def _backends(session: Asking) -> Iterable[str]:
    from voicecli.backends.registry import built_in

    return sorted({*session.config().backends, *built_in()})


def _voices(session: Asking) -> Iterable[str]:
    return [each.name for each in _listed(session, "voices")]


def _models(session: Asking) -> Iterable[str]:
    return _listed(session, "models")


def _listed(session: Asking, verb: Verb) -> list[Any]:
    """What a service lists. A key that a program must be asked for is not: it might ask the person."""
    import asyncio

    from voicecli import wiring

    _, backend = wiring.choose(verb, session.config(), session.backend)
    if backend.api_key_cmd:
        return []

    async def listed() -> list[object]:
        async with session.open(verb) as catalog:
            return list(await getattr(catalog, verb)())

    return asyncio.run(listed())


def _devices(kind: Literal["input", "output"]) -> Names:
    def named(session: Asking) -> Iterable[str]:
        from voicecli.audio.devices import list_devices

        return dict.fromkeys(each.name for each in list_devices() if each.channels(kind))

    return named


def _values(typed: dict[str, object]) -> tuple[Names, bool]:
    """What a setting may be, and whether that takes a service or a sound system to know."""
    import re

    key = str(typed.get("key"))
    for pattern, names, slow in _VALUES:
        if found := re.fullmatch(pattern, key):
            return _at(found.groupdict().get("backend"), names), slow
    return (lambda session: _choices(key)), False


def _at(backend: str | None, names: Names) -> Names:
    """The names that a backend has, rather than the one that is used."""

    def named(session: Asking) -> Iterable[str]:
        session.backend = backend or session.backend
        return names(session)

    return named


def _choices(key: str) -> Iterable[str]:
    from voicecli.config.edit import parts
    from voicecli.config.layers import ValueOrigin, dotted, hint_for
    from voicecli.config.schema import choices_of

    return choices_of(hint_for(parts(key), ValueOrigin("", dotted, dotted)))


def _families(session: Asking) -> Iterable[str]:
    from voicecli.backends.registry import FAMILIES

    return FAMILIES


_PROFILE = r"(?:profiles\.[^.]+\.)?"
_VALUES: tuple[tuple[str, Names, bool], ...] = (
    (rf"{_PROFILE}audio\.input", _devices("input"), True),
    (rf"{_PROFILE}audio\.output", _devices("output"), True),
    (rf"{_PROFILE}use\.\w+", _backends, False),
    (rf"{_PROFILE}backends\.[^.]+\.family", _families, False),
    (rf"{_PROFILE}backends\.(?P<backend>[^.]+)\.\w+_model", _models, True),
    (rf"{_PROFILE}backends\.(?P<backend>[^.]+)\.voice", _voices, True),
)
"""Settings whose values are names: which, and whether they are slow. What others may be, their types tell."""


def _templates(session: Asking) -> Iterable[str]:
    from voicecli.config.files import TEMPLATES

    folder = session.config().config_dir / TEMPLATES
    return sorted(each.stem for each in folder.glob("*") if each.is_file())


def _tools(session: Asking) -> Iterable[str]:
    from voicecli.toolbox.offer import known

    return (*known(), *session.config().mcp)


def words(*choices: str) -> Completer:
    """For a flag that knows a few words."""
    return _completer(lambda session: choices)


backends = _completer(_backends)
profiles = _completer(lambda session: session.config().profiles)
models = _completer(_models, slow=True)
voices = _completer(_voices, slow=True)
microphones = _completer(_devices("input"), slow=True)
loudspeakers = _completer(_devices("output"), slow=True)
settings = _completer(lambda session: sorted(session.config().sources))
values = _completer_by(_values)
templates = _completer(_templates)
tools = _completer(_tools)
