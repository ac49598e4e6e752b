"""What all commands share: the session, and the flags of every command.

Belongs here: Session, what it asks of a person. Does not belong here: flags that only some commands have (flags),
anything only one command needs, an import that costs time (asyncio, config and wiring are imported when used).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from voicecli.errors import UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from typer._click.core import Parameter

    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.terminal.console import Console
    from voicecli.types import Backend, Verb
    from voicecli.wiring.opening import Opens
    from voicecli.wiring.services import Services

T = TypeVar("T")


class Session:
    """One run of `voice`: its environment, its console, and what the shared flags said."""

    def __init__(self, env: Mapping[str, str], console: Console) -> None:
        self.env = env
        self.console = console
        self.backend: str | None = None
        self.profile: str | None = None
        self.config_path: Path | None = None
        self._config: Config | None = None
        self._listens = False

    @property
    def file(self) -> Path:
        """The configuration file of this run, be it there or not."""
        from voicecli.config.files import config_path

        return config_path(self.env, self.config_path)

    def config(self, flags: Mapping[str, object] | None = None) -> Config:
        """The resolved configuration; `flags` are dotted keys that beat file and environment."""
        from voicecli.config import load, unknown_variables

        if flags:
            return load(self.env, path=self.config_path, profile=self.profile, flags=flags)
        if self._config is None:
            self._config = load(self.env, path=self.config_path, profile=self.profile, flags={})
            for text in unknown_variables(self.env):
                self.console.note(text)
        return self._config

    def choose(self, verb: Verb) -> tuple[Capabilities, Backend]:
        """The backend that serves `verb` in this run. Raises ConfigError."""
        from voicecli import wiring
        from voicecli.verbs import VERBS

        config = self.config()
        if self.backend is None and VERBS[verb].use in config.guessed:
            config = self._config = run(lambda: wiring.settle(config, [verb], self.env, self.console))
        return wiring.choose(verb, config, self.backend)

    def services(self) -> Services:
        """What a use case works with in this run."""
        from voicecli.wiring.services import Services

        config = self.config()
        if not self._listens:
            from voicecli.terminal.masking import listen_for_waiting

            self._listens = True
            listen_for_waiting(self.console.note)
        return Services(config, self.env, self.console, self.backend)

    @property
    def open(self) -> Opens:
        """Called with a verb: the adapter that serves it in this run."""
        return self.services().open

    def check(self, verb: Verb, options: object) -> None:
        """Refuses options and languages that the backend of `verb` lacks; fetches a missing local model.

        Raises UsageError, and ConfigError where the model stays missing.
        """
        family, backend = self.choose(verb)
        self.services().check(family, verb, options)
        if family.name == "local" and not (getattr(options, "model", None) or getattr(options, "voice", None)):
            language = getattr(options, "language", None)
            if verb == "transcribe":
                from voicecli.backends.local.building import begin

                begin(backend, language)  # half of what a short recording takes
            from voicecli.text.language import code_of
            from voicecli.usecases.models import provide

            language = language or code_of(getattr(options, "text", "")) or None
            run(lambda: provide(self.config(), [(verb, backend)], language, self.console, self.ask))

    @property
    def ask(self) -> Callable[[str], Awaitable[str]] | None:
        """Puts a question to the person; None where nobody can be asked."""
        from voicecli.terminal.asking import ask

        if not self.console.in_is_terminal or not self.console.err_is_terminal or self.console.quiet:
            return None
        return lambda question: ask(self.console, question)

    @property
    def json(self) -> bool:
        return self.console.json

    def answer(self, data: object, text: str) -> None:
        """A result: `data` where JSON is asked for, else `text`."""
        self.console.json_line(data) if self.json else self.console.result(text)

    def done(self, data: object, note: str) -> None:
        """What was done: `data` where JSON is asked for, else `note`, on stderr."""
        self.console.json_line(data) if self.json else self.console.note(note)


def session(ctx: typer.Context) -> Session:
    """The session of this run."""
    found = ctx.find_root().obj
    assert isinstance(found, Session), "main() puts the session there"
    return found


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work` to its end, as terminal.running does, which is loaded for it."""
    from voicecli.terminal.running import run as in_loop

    return in_loop(work)


def voice_name(value: str | None) -> str | None:
    """`--voice NAME`, or the text of FILE for `--voice @FILE` (a voice may be thousands of characters)."""
    if value is None or not value.startswith("@"):
        return value
    from voicecli.usecases.inputs import read_text

    return read_text(Path(value[1:])).strip()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of our own for the time of the block. Raises UsageError where there is no room for one."""
    from tempfile import TemporaryDirectory

    try:
        folder = TemporaryDirectory(prefix="voice-", ignore_cleanup_errors=True)
    except OSError as exc:
        what = "there is no room for temporary files"
        raise UsageError(what, cure="Make room on the disk, or set TMPDIR to a folder elsewhere.") from exc
    with folder as name:
        yield Path(name)


def first_run(found: Session) -> bool:
    """Whether a person who has set nothing up wants to do it now. Who says no is not asked again."""
    if not (found.console.out_is_terminal and found.ask):
        return False
    from voicecli.config.files import folders
    from voicecli.usecases.setup import is_first_run

    no = folders().state / "declined-setup"
    if not is_first_run(found.file.exists(), no.exists(), found.env):
        return False
    return agrees(found, "Nothing is set up yet. Set it up now? [Y/n]", no)


def agrees(found: Session, question: str, declined: Path | None = None) -> bool:
    """Whether a person says yes; Enter does. A no makes the file `declined`. False where nobody can be asked."""
    from voicecli.usecases.leave import agreed

    ask = found.ask
    return ask is not None and run(lambda: agreed(ask, question, declined))


# -- the flags that every command has, before and after its name -----------------------------------


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: T) -> T:
    """Notes a shared flag on the session; given twice, the one after the command's name wins."""
    if value and isinstance(ctx.obj, Session) and param.name:
        target, name = _SHARED[param.name]
        if name == "verbose" and not ctx.obj.console.verbose:
            from voicecli.terminal.masking import listen

            listen(ctx.obj.console.detail)
        setattr(ctx.obj if target == "session" else ctx.obj.console, name, value)
    return value


_SHARED = {
    "backend": ("session", "backend"),
    "profile": ("session", "profile"),
    "config": ("session", "config_path"),
    "json": ("console", "json"),
    "quiet": ("console", "quiet"),
    "verbose": ("console", "verbose"),
}
_PANEL = "For every command"


def _common(*names: str, **how: Any) -> Any:
    """An option of every command."""
    return typer.Option(*names, callback=_remember, expose_value=False, rich_help_panel=_PANEL, **how)


_BACKEND = "The backend to use, instead of the configured one."


def _shared(
    backend: Annotated[
        str | None, _common("-b", "--backend", metavar="NAME", help=_BACKEND, autocompletion=completing.backends)
    ] = None,
    profile: Annotated[
        str | None,
        _common(
            "--profile",
            metavar="NAME",
            help="Lay this profile over the configuration.",
            autocompletion=completing.profiles,
        ),
    ] = None,
    config: Annotated[Path | None, _common("--config", metavar="FILE", help="Use this configuration file.")] = None,
    json: Annotated[bool, _common("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, _common("-q", "--quiet", help="Say nothing but results and errors.")] = False,
    verbose: Annotated[bool, _common("-v", "--verbose", help="Tell of requests and timings.")] = False,
) -> None:
    """Never called: its parameters become options of every command."""


def shared_options() -> list[Parameter]:
    """Fresh option objects for a command."""
    return [copy(each) for each in _made()]


@cache
def _made() -> list[Parameter]:
    """Typer makes them from the signature above."""
    app = typer.Typer(add_completion=False)
    app.command()(_shared)
    return list(typer.main.get_command(app).params)
