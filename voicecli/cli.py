"""The Typer app and main(): the one place where an exception becomes an exit code.

Belongs here: the table of commands, the error boundary, the streams. Does not belong here: what a
command does, or an import that `voice --version` and `voice --help` could do without.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from voicecli import __version__
from voicecli.commands.session import Session, agrees, first_run, shared_options
from voicecli.errors import INTERRUPTED, UsageError, VoiceError, culprit
from voicecli.terminal import completing
from voicecli.terminal import restoring as terminal
from voicecli.terminal.console import Console
from voicecli.terminal.failing import crashed, failed
from voicecli.terminal.help import WIDEST, Say, is_code, short, whole
from voicecli.terminal.streams import OutputClosedError, abandon, prepare_streams
from voicecli.verbs import COMMANDS

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter

BUG = 1
WRONG_USAGE: type[Exception] = typer.BadParameter.__bases__[0].__bases__[0]
"""What Typer raises for wrong flags; it has a public name only in some of the versions we allow."""


class LazyGroup(TyperGroup):
    """Knows its commands by name and one line; a command's module is imported when it is invoked."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands = {name: TyperCommand(name, help=each.line) for name, each in COMMANDS.items()}
        self.params.extend(shared_options())

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """All commands by their groups, then the options of every command."""
        options = [each for each in self.params if isinstance(each, TyperOption)]
        rows = [(_flags(each), (each.help or "").split(";")[0]) for each in options]
        formatter.write(whole([*rows, ("-h, --help", "Show this.")], _say(ctx), _columns(ctx)))

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name, _say(ctx)) if name and command else command, rest


def _flags(option: TyperOption) -> str:
    """How an option is typed, its short form first."""
    takes = f" {option.metavar}" if option.metavar and not option.is_flag else ""
    return ", ".join(option.opts) + takes


def _say(ctx: Context) -> Say:
    """What says our sentences in the person's language."""
    return ctx.obj.console.say if isinstance(ctx.obj, Session) else str


def _columns(ctx: Context) -> int:
    """How wide help may be."""
    return min(WIDEST, ctx.obj.console.size()[0] - 1 if isinstance(ctx.obj, Session) else WIDEST)


def load(name: str, say: Say = str) -> Any:
    """The real command called `name`, with the shared options added to it and its subcommands; its help in `say`."""
    module, _, attribute = COMMANDS[name].where.partition(":")
    found = getattr(import_module(module), attribute)
    command: Command = typer.main.get_command(found if isinstance(found, typer.Typer) else _single(name, found))
    command.name = name
    _share(command)
    _dress(command, say)
    return command


def _single(name: str, function: Callable[..., object]) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command(name)(function)
    return app


def _share(command: Command) -> None:
    """Adds the shared options where the command has none of its own of that name."""
    for sub in getattr(command, "commands", {}).values():
        _share(sub)
    taken = {opt for param in command.params for opt in param.opts}
    command.params.extend(option for option in shared_options() if not taken & set(option.opts))


def _dress(command: Any, say: Say) -> None:
    """Help texts in the person's language, laid out by the terminal's width; so for its subcommands."""
    for sub in getattr(command, "commands", {}).values():
        _dress(sub, say)
    for each in (command, *command.params):
        parts = (each.help or "").split("\n\n")
        each.help = "\n\n".join(part if is_code(part) else _told(part, say) for part in parts)

    def write(ctx: Context, formatter: HelpFormatter) -> None:
        from voicecli.terminal.manual import manual

        formatter.write(manual(command, ctx, _columns(ctx), say))

    command.format_help = write


def _told(paragraph: str, say: Say) -> str:
    """Prose as one line: the terminal's width breaks it, and not the source's."""
    return say(" ".join(paragraph.split()))


app = typer.Typer(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voice {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """The `voice` program."""
    prepare_streams()
    with terminal.kept():
        code = run(sys.argv[1:], dict(os.environ))
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends the program; at once where a thread is inside PortAudio: libraries cleaned up under it would crash."""
    threads = sys.modules.get("voicecli.audio.threads")
    if threads is not None and threads.inside():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    gc.freeze()  # searching all that was loaded for cycles takes up to half a second, for nothing
    sys.exit(code)


def run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs one command line and returns its exit code; what went wrong is said on stderr."""
    console = Console(env)
    try:
        try:
            returned = invoke(argv, Session(env, console))
        finally:
            console.rows.clear()
        console.flush()
        return returned if isinstance(returned, int) else 0
    except BaseException as exc:
        return settle(exc, console)


def invoke(argv: Sequence[str], session: Session) -> object:
    if not argv and completing.ASKED not in session.env:
        typer.echo(short(session.console.say, session.console.size()[0] - 1), nl=False)
        if not first_run(session):
            return UsageError.exit_code
        command(["setup"], session)
        if not agrees(session, "Talk now? [Y/n]"):
            return 0
        argv, session = ["talk"], Session(session.env, session.console)
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    if set(completing.FLAGS) & set(argv):
        completing.use_own_script(argv)
    return command(argv, session)


def command(argv: Sequence[str], session: Session) -> object:
    """Runs one command line. Raises what it raises."""
    return typer.main.get_command(app).main(list(argv), prog_name="voice", standalone_mode=False, obj=session)


def settle(exc: BaseException, console: Console) -> int:
    """Says what `exc` means to a person and returns the exit code."""
    exc = culprit(exc)
    if isinstance(exc, typer.Abort):
        return _aborted(exc, console)
    if _nobody_reads(exc):
        abandon(console.out)
        return 0
    if isinstance(exc, VoiceError):
        failed(console, exc.exit_code, exc.message, exc.cure)
        return exc.exit_code
    if isinstance(exc, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(exc, WRONG_USAGE):
        return _usage(exc, console)
    if isinstance(exc, typer.Exit):
        return int(exc.exit_code)
    if isinstance(exc, SystemExit):
        return exc.code if isinstance(exc.code, int) else 1
    if isinstance(exc, OSError) and exc.errno in MACHINE:
        return _machine(exc, console)
    return _bug(exc, console)


MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is full",
    errno.EFBIG: "a file became too large for its disk",
    errno.EROFS: "the disk can only be read",
    errno.EIO: "the disk (or another device) failed",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is no memory left",
}
"""What is wrong with the machine, wherever it was met: no bug of ours, and no fault of the person's."""


def _machine(exc: OSError, console: Console) -> int:
    where = f"{exc.filename}: " if isinstance(exc.filename, str) else ""
    failed(console, UsageError.exit_code, f"{where}{MACHINE[exc.errno or 0]}")
    return UsageError.exit_code


def _aborted(exc: BaseException, console: Console) -> int:
    """Typer makes an Abort of every EOFError: from a person it is Ctrl-D at a question, else it is a bug."""
    return INTERRUPTED if console.in_is_terminal else _bug(exc.__cause__ or exc, console)


def _nobody_reads(exc: BaseException) -> bool:
    """Whether `exc` only says that stdout was closed; Typer and Rich turn EPIPE into SystemExit."""
    cause = exc.__context__ if isinstance(exc, SystemExit) else exc
    if isinstance(exc, BaseExceptionGroup):
        return any(_nobody_reads(each) for each in exc.exceptions)
    return isinstance(cause, (OutputClosedError, BrokenPipeError))


def _usage(exc: Any, console: Console) -> int:
    """Wrong flags: what is wrong, and where the help is."""
    ctx = getattr(exc, "ctx", None)
    message = exc.format_message().strip()
    if type(exc).__name__ == "NoArgsIsHelpError":  # of the typer that is installed, or of its own copy of click
        console.usage(message)
    elif message:
        cure = f"Try: {ctx.command_path} --help" if ctx is not None else ""
        failed(console, int(exc.exit_code), _in_words(" ".join(message.split())), cure)
    return int(exc.exit_code)


def _in_words(message: str) -> str:
    """Without the names that programs have for numbers: `'x' is not a valid int range.`"""
    import re

    message = re.sub(r"(?<= is not a valid )int(eger| range)?\.$", "whole number.", message)
    return re.sub(r"(?<= is not a valid )float( range)?\.$", "number.", message)


def _bug(exc: BaseException, console: Console) -> int:
    crashed(console, exc, BUG)
    return BUG
