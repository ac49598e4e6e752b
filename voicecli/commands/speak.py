"""`voice speak`: text to sound, out of the loudspeaker or into a file.

Belongs here: the flags, and where the text comes from. Does not belong here: how it is said (usecases.speaking).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Input, Language, Model, Output, Temperature, TopP, VoiceName, taking, wished
from voicecli.commands.session import Session
from voicecli.errors import InputError, UsageError
from voicecli.terminal import completing
from voicecli.usecases.inputs import STD
from voicecli.usecases.speaking.goals import FORMATS, Goal

if TYPE_CHECKING:
    from voicecli.types import AudioClip
    from voicecli.usecases.speaking.saying import Saying, Text


@dataclass(frozen=True, slots=True)
class SpeakFlags:
    """The flags of `voice speak`."""

    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="What to say.")] = None
    input: Input = None
    output: Output = None
    format: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(FORMATS)}; others, as aac, where the service makes them.",
            autocompletion=completing.words(*FORMATS, "aac"),
        ),
    ] = None
    play: Annotated[bool, typer.Option("--play", help="With -o: out of the loudspeaker too.")] = False
    srt: Annotated[
        Path | None, typer.Option("--srt", metavar="FILE", help="Write subtitles, timed by counted samples.")
    ] = None
    vtt: Annotated[Path | None, typer.Option("--vtt", metavar="FILE", help="The same as WebVTT.")] = None
    by_line: Annotated[bool, typer.Option("--by-line", help="Say each line as soon as it is there.")] = False
    voice: VoiceName = None
    language: Language = None
    model: Model = None
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="FACTOR", min=0.1, max=10, help="1 is normal, 1.5 is faster.")
    ] = None
    pitch: Annotated[float | None, typer.Option("--pitch", metavar="NUMBER", help="On the family's own scale.")] = None
    volume: Annotated[
        float, typer.Option("--volume", metavar="FACTOR", min=0, max=10, help="1 is as the service sends it.")
    ] = 1.0
    instructions: Annotated[
        str | None, typer.Option("--instructions", metavar="TEXT", help="How to say it, in words.")
    ] = None
    style: Annotated[str | None, typer.Option("--style", metavar="NAME", help="A speaking style.")] = None
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="A recording of the voice to imitate.")
    ] = None
    temperature: Temperature = None
    top_p: TopP = None
    literal: Annotated[bool, typer.Option("--literal", help="Read markdown, addresses and emoji sign by sign.")] = False
    cache: Annotated[
        bool, typer.Option("--cache", help="Keep the sound on this machine, and ask for the same words only once.")
    ] = False
    newest: Annotated[bool, typer.Option("--newest", help="End what an earlier --newest is still reading.")] = False
    hook: Annotated[
        bool,
        typer.Option(
            "--hook", help="Say what an agent's hook gives (JSON, on stdin or as TEXT), short; return at once."
        ),
    ] = False


@taking(SpeakFlags)
def speak(ctx: typer.Context, flags: SpeakFlags) -> None:
    """Read a text aloud, or into a file.

    Examples:
      voice speak "Good morning."
      voice speak -i chapter.txt -o chapter.mp3 --srt chapter.srt
      voice chat "Tell me a story." | voice speak
      fortune | voice speak --voice en-us+f2
      voice speak "Hello" -o - -f wav | aplay

    What is piped in is spoken while it still arrives, sentence by sentence. The file's extension tells its
    format; --format overrides it. A file appears only when it is whole.
    """
    from voicecli.terminal.reading import reading
    from voicecli.types import SpeechRequest
    from voicecli.usecases.speaking.saying import Saying

    session = common.session(ctx)
    if flags.hook:
        _hook(session, flags.text)
        return
    titles = tuple((path, kind) for path, kind in ((flags.srt, "srt"), (flags.vtt, "vtt")) if path is not None)
    goal = replace(Goal.named(flags.output, flags.format), play=flags.play, volume=flags.volume, titles=titles)
    _check(session, goal, flags.input, flags.reference)
    voice, reference = common.voice_name(flags.voice), _reference(flags.reference)
    request = wished(SpeechRequest, flags, text="", format=None, voice=voice, reference=reference)
    said = _text(session, flags.text, flags.input, streamed=flags.by_line or not (goal.file or goal.native))
    session.check("speak", replace(request, text=said if isinstance(said, str) else ""))
    how = flags.literal, flags.by_line, flags.cache
    show = reading(session.console) if goal.sounds and not goal.file else None
    saying = Saying(session.services(), request, goal, *how, session.console.write_bytes, show)
    _say(session, saying, said, newest=flags.newest)


def _hook(session: Session, given: list[str] | None) -> None:
    """Speaks an agent's last words in another process, and returns at once: the agent waits for its hook.

    Nothing is an error: a hook that fails would stop the agent.
    """
    import subprocess

    from voicecli.dialogue.answering import in_short
    from voicecli.usecases.speaking.hooks import hooked

    try:
        said = in_short(hooked(given[-1] if given else sys.stdin.read() if sys.stdin is not None else ""))
    except (ValueError, RecursionError) as exc:
        session.console.warn(f"no agent's hook gave this: {exc}")
        return
    if said:
        command = [sys.executable, "-m", "voicecli", "speak", "--newest", "--input", "-"]
        nowhere = subprocess.DEVNULL
        speaks = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True, text=True
        )
        assert speaks.stdin is not None
        speaks.stdin.write(said)
        speaks.stdin.close()


def _check(session: Session, goal: Goal, input: str | None, reference: Path | None) -> None:
    """What can't go together is refused before anything is read or sent."""
    from voicecli.usecases.writing import refuse_terminal

    if session.json and goal.path == STD:
        raise UsageError("--json and -o - both want stdout", cure="Give one of them.")
    refuse_terminal(goal.path, session.console.out_is_terminal, "sound", "hello.wav")
    goal.check(input, reference)


def _reference(path: Path | None) -> AudioClip | None:
    if path is None:
        return None
    from voicecli.audio import files

    return files.read_clip(path)


def _text(session: Session, words: list[str] | None, input: str | None, *, streamed: bool) -> Text:
    """What to say. Raises UsageError and InputError for nothing."""
    from voicecli.terminal import given
    from voicecli.usecases.inputs import arriving

    if streamed and given.by_pipe(words, input) and sys.stdin is not None and not session.console.in_is_terminal:
        return arriving(sys.stdin.buffer)
    cure = 'Say: voice speak "…", or -i FILE, or pipe a text into it.'
    text = given.text(session.console, words, input, cure=cure)
    if not text.strip():
        raise InputError("there is nothing to say", cure="The text is empty.")
    return text


def _say(session: Session, saying: Saying, text: Text, *, newest: bool) -> None:
    from voicecli.storage.floor import newest as alone

    state, goal = saying.services.config.state_dir, saying.goal
    told = common.run(lambda: alone(lambda: saying.say(text), state) if newest else saying.say(text))
    if told is None:
        return
    if session.json:
        found: dict[str, Any] = {"output": goal.path, "format": goal.container} if goal.path else {"output": None}
        seconds = {} if told.seconds is None else {"seconds": round(told.seconds, 3)}
        session.console.json_line(found | {"pieces": told.pieces} | seconds)
