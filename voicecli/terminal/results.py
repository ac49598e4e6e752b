"""Results of a command at their goal: a text, or a file that a service made.

Belongs here: what commands with -o have to refuse and to say alike. Does not belong here: the work (usecases), flags.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from voicecli.errors import UsageError
from voicecli.text.jsonline import dump_json
from voicecli.usecases.inputs import STD
from voicecli.usecases.writing import output as writing
from voicecli.usecases.writing import refuse_target, refuse_terminal

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.terminal.console import Console
    from voicecli.types import Backend
    from voicecli.usecases.media import Made, Making
    from voicecli.verbs import Verb
    from voicecli.wiring.services import Services


class Commanded(Protocol):
    """A command that runs: its console, and the services it works with."""

    @property
    def console(self) -> Console: ...
    def choose(self, verb: Verb) -> tuple[Capabilities, Backend]: ...
    def check(self, verb: Verb, options: object) -> None: ...
    def services(self) -> Services: ...


def give(console: Console, text: str, output: str | None, value: object = None) -> None:
    """A text to stdout, or whole into a file; with --json `value` in its place."""
    text = dump_json(value) if console.json and value is not None else text
    if output in (None, STD):
        console.result(text)
        return
    with writing(Path(str(output)), console) as file:
        file.file.write((text.rstrip("\n") + "\n").encode("utf-8", "replace"))


def making(here: Commanded, verb: Verb, output: str | None, input: str | None, example: str) -> Making:
    """Where -o leads what a service makes. Raises UsageError before anything is sent: none, or one that cannot be."""
    from voicecli.usecases.media import Making

    console = here.console
    if output is None:
        raise UsageError("where to?", cure=f"Give -o {example}, or -o - for a pipe.")
    if output == STD and console.json:
        raise UsageError("--json and -o - both want stdout", cure="Give one of them.")
    refuse_terminal(output, console.out_is_terminal, "it", example)
    refuse_target(output, input)
    here.choose(verb)
    return Making(here.services(), output, console.write_bytes)


def converted(
    here: Commanded,
    run: Callable[[Callable[[], Awaitable[Made]]], Made],
    verb: Verb,
    file: str,
    output: str | None,
    example: str,
) -> None:
    """A command that sends a picture or a video, and writes the file that comes back."""
    from voicecli.usecases.media import opened

    what = "video" if verb.startswith("video") else "picture"
    maker = making(here, verb, output, file, example)
    with opened(file, what, here.console.piped_bytes) as source:
        made = run(lambda: maker.converted(verb, what, source))
    tell(here.console, maker, made)


def tell(console: Console, maker: Making, made: Made) -> None:
    """What was written, for scripts; people were told."""
    if console.json:
        console.json_line({"output": maker.path, "format": made.extension, "bytes": made.size})
