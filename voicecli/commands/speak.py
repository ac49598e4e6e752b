"""`voice speak`: text to sound, out of the loudspeaker or into a file.

Belongs here: the flags, where the text comes from, where the sound goes, which format it gets.
Does not belong here: decoding and encoding (audio), cutting text (dialogue), how a service is spoken to.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import common
from voicecli.commands.common import Format, Input, Language, Model, Output, Session, Temperature, TopP, VoiceName
from voicecli.errors import InputError, ServiceError, UsageError

if TYPE_CHECKING:
    from voicecli.backends.registry import Family
    from voicecli.commands.sound_out import Goal
    from voicecli.types import SpeechRequest

FORMATS = ("wav", "mp3", "flac", "ogg", "opus", "aiff", "pcm")
"""What can be written over every backend; others only where the service itself makes them."""

ALIASES = {"wave": "wav", "oga": "ogg", "aif": "aiff", "raw": "pcm", "s16le": "pcm"}
STD = "-"


def speak(
    ctx: typer.Context,
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="What to say.")] = None,
    input: Input = None,
    output: Output = None,
    format: Format = None,
    voice: VoiceName = None,
    language: Language = None,
    model: Model = None,
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="FACTOR", min=0.1, max=10, help="1 is normal, 1.5 is faster.")
    ] = None,
    pitch: Annotated[float | None, typer.Option("--pitch", metavar="NUMBER", help="On the family's own scale.")] = None,
    instructions: Annotated[
        str | None, typer.Option("--instructions", metavar="TEXT", help="How to say it, in words.")
    ] = None,
    style: Annotated[str | None, typer.Option("--style", metavar="NAME", help="A speaking style.")] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="A recording of the voice to imitate.")
    ] = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    literal: Annotated[
        bool, typer.Option("--literal", help="Read markdown, addresses and emoji sign by sign.")
    ] = False,
) -> None:
    """Read a text aloud, or into a file.

    Examples:
      voice speak "Good morning."
      voice speak -i chapter.txt -o chapter.mp3
      fortune | voice speak --voice en-us+f2
      voice speak "Hello" -o - -f wav | aplay

    The file's extension tells its format; --format overrides it. A file appears only when it is whole.
    """
    from voicecli.types import SpeechRequest

    session = common.session(ctx)
    request = SpeechRequest(
        text="",
        voice=common.voice_name(voice),
        model=model,
        language=language,
        speed=speed,
        pitch=pitch,
        instructions=instructions,
        style=style,
        reference=_reference(reference),
        temperature=temperature,
        top_p=top_p,
    )
    goal = plan(input, output, format)
    if session.json and goal.path == STD:
        raise UsageError("--json and -o - both want stdout", cure="Give one of them.")
    family, backend = session.choose("speak")
    if goal.native:
        request = replace(request, format=goal.container)
    session.check(family, "speak", request)
    pieces = cut(_text(session, text or [], input), family, literal, language)
    _check_pieces(pieces, goal)
    requests = [replace(request, text=piece) for piece in pieces]
    common.run(lambda: _speak(session, backend.name, requests, goal))
    if session.json and goal.path:
        session.console.json_line({"output": goal.path, "format": goal.container, "pieces": len(pieces)})


# -- what to say, and where ------------------------------------------------------------------------


def plan(input: str | None, output: str | None, format: str | None) -> Goal:
    """The goal that -i, -o and -f name. Raises UsageError."""
    from voicecli.commands.sound_out import Goal

    if output is None:
        if format is not None:
            raise UsageError("--format is for -o", cure="Add -o FILE.")
        return Goal("", "pcm")
    if output != STD:
        _check_target(Path(output), input)
    extension = (format or ("wav" if output == STD else Path(output).suffix[1:])).lower()
    container = ALIASES.get(extension, extension)
    if not container:
        raise UsageError(f"-o {output} has no extension to tell the format", cure=f"Add -f: {', '.join(FORMATS)}.")
    return Goal(output, container, native=container not in FORMATS)


def _check_target(target: Path, input: str | None) -> None:
    """Before anything is paid for: the file can be made, and it is not the input."""
    if target.is_dir():
        raise UsageError(f"-o {target} is a folder", cure="Name a file in it.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"-o {target}: there is no such folder", cure=f"Make it: mkdir -p {target.parent}")
    if input not in (None, STD) and target.exists() and target.samefile(input):
        raise UsageError(f"-o {target} is the input", cure="Choose another -o.")


def _text(session: Session, words: list[str], input: str | None) -> str:
    """The text of the arguments, else of -i, else of stdin. Raises UsageError and InputError for none."""
    if words and input is not None:
        raise UsageError("there is a text and -i", cure="Give one of them.")
    if words and words != [STD]:
        text = " ".join(words)
    elif input not in (None, STD):
        text = common.read_text(Path(input))
    elif session.console.in_is_terminal:
        raise UsageError("no text was given", cure='Say: voice speak "…", or -i FILE, or pipe a text into it.')
    else:
        text = session.console.piped_text()
    if not text.strip():
        raise InputError("there is nothing to say", cure="The text is empty.")
    return text


def _reference(path: Path | None) -> Any:
    if path is None:
        return None
    from voicecli.audio import files

    return files.read_clip(path)


def cut(text: str, family: Family, literal: bool, language: str | None) -> list[str]:
    """Pieces within the family's limits, in words as a person would read them. Raises InputError for none."""
    from voicecli.dialogue.sentences import split_text
    from voicecli.dialogue.spoken import speakable

    words = text if literal else speakable(text, language)
    limits = family.limits
    pieces = split_text(words, limit=limits.speech_characters, limit_bytes=limits.speech_bytes)
    if not pieces:
        raise InputError("there is nothing to say", cure="The text has no words; --literal reads every sign.")
    return pieces


def _check_pieces(pieces: list[str], goal: Goal) -> None:
    """A container that we can't make ourselves can't be joined either; aac is made to be."""
    if goal.native and goal.container != "aac" and len(pieces) > 1:
        cure = f"Write one of: {', '.join(FORMATS)}."
        raise UsageError(f"the text needs {len(pieces)} requests, and {goal.container} can't be joined", cure=cure)


# -- saying it -------------------------------------------------------------------------------------


async def _speak(session: Session, name: str, requests: list[SpeechRequest], goal: Goal) -> None:
    from voicecli.commands import sound_out

    try:
        async with session.open("speak") as speaker:
            await sound_out.deliver(session, speaker, requests, goal)
    except ServiceError as exc:
        if exc.who == "speech":  # sound that could not be decoded: the codec does not know whose it was
            exc.who = name
        raise
