"""`voice speak`: text to sound, out of the loudspeaker or into a file.

Belongs here: the flags, where the text comes from, where the sound goes, which format it gets.
Does not belong here: decoding and encoding (audio), cutting text (dialogue, text_in), how a service is spoken to.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Input, Language, Model, Output, Session, Temperature, TopP, VoiceName
from voicecli.errors import InputError, ServiceError, UsageError, VoiceError
from voicecli.storage.atomic import is_same
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.commands.sound_out import Goal, Told
    from voicecli.commands.text_in import Cut, Reading
    from voicecli.types import Backend, SpeechRequest

FORMATS = ("wav", "mp3", "flac", "ogg", "opus", "aiff", "pcm")
"""What can be written over every backend; others only where the service itself makes them."""

ALIASES = {"wave": "wav", "oga": "ogg", "aif": "aiff", "raw": "pcm", "s16le": "pcm"}
STD = "-"

LONG = 600
"""Characters from which on a text takes long enough to show how far it is."""

ABOUT_THE_VOICE = (400, 404, 422)
"""How services answer to a voice that they do not know."""


_Text = Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="What to say.")]
_Format = Annotated[
    str | None,
    typer.Option(
        "-f",
        "--format",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; others, as aac, where the service makes them.",
        autocompletion=completing.words(*FORMATS, "aac"),
    ),
]
_Play = Annotated[bool, typer.Option("--play", help="With -o: out of the loudspeaker too.")]
_Srt = Annotated[Path | None, typer.Option("--srt", metavar="FILE", help="Write subtitles, timed by counted samples.")]
_Vtt = Annotated[Path | None, typer.Option("--vtt", metavar="FILE", help="The same as WebVTT.")]
_ByLine = Annotated[bool, typer.Option("--by-line", help="Say each line as soon as it is there.")]
_Speed = Annotated[
    float | None, typer.Option("--speed", metavar="FACTOR", min=0.1, max=10, help="1 is normal, 1.5 is faster.")
]
_Pitch = Annotated[float | None, typer.Option("--pitch", metavar="NUMBER", help="On the family's own scale.")]
_Volume = Annotated[
    float, typer.Option("--volume", metavar="FACTOR", min=0, max=10, help="1 is as the service sends it.")
]
_Instructions = Annotated[str | None, typer.Option("--instructions", metavar="TEXT", help="How to say it, in words.")]
_Style = Annotated[str | None, typer.Option("--style", metavar="NAME", help="A speaking style.")]
_Reference = Annotated[
    Path | None, typer.Option("--reference", metavar="FILE", help="A recording of the voice to imitate.")
]
_Literal = Annotated[bool, typer.Option("--literal", help="Read markdown, addresses and emoji sign by sign.")]
_Cache = Annotated[
    bool, typer.Option("--cache", help="Keep the sound on this machine, and ask for the same words only once.")
]


def speak(
    ctx: typer.Context,
    text: _Text = None,
    input: Input = None,
    output: Output = None,
    format: _Format = None,
    play: _Play = False,
    srt: _Srt = None,
    vtt: _Vtt = None,
    by_line: _ByLine = False,
    voice: VoiceName = None,
    language: Language = None,
    model: Model = None,
    speed: _Speed = None,
    pitch: _Pitch = None,
    volume: _Volume = 1.0,
    instructions: _Instructions = None,
    style: _Style = None,
    reference: _Reference = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    literal: _Literal = False,
    cache: _Cache = False,
) -> None:
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
    from voicecli.types import SpeechRequest

    session = common.session(ctx)
    _spare(reference, output, srt, vtt)
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
    titles = [(path, kind) for path, kind in ((srt, "srt"), (vtt, "vtt")) if path is not None]
    goal = replace(plan(input, output, format), play=play, volume=volume, cues=bool(titles))
    _check_goal(session, goal, [path for path, _ in titles], input)
    family, backend = session.choose("speak")
    job = Job(session, family, backend, _checked(session, family, request, goal), goal, cache)
    source = _source(session, text or [], input, streamed=goal.path in ("", STD) or by_line)
    _report(session, job.run(source, literal=literal, by_line=by_line), goal, titles)


def _checked(session: Session, family: Capabilities, request: SpeechRequest, goal: Goal) -> SpeechRequest:
    """The request in the format that the goal needs. UsageError for what the family does not take."""
    if goal.native:
        _check_native(family, goal)
        request = replace(request, format=goal.container)
    session.check(family, "speak", request)
    return request


def _report(session: Session, told: Told, goal: Goal, titles: list[tuple[Path, str]]) -> None:
    for path, kind in titles:
        write_subtitles(told, path, kind)
    if session.json:
        what = {"output": goal.path, "format": goal.container} if goal.path else {"output": None}
        line: dict[str, Any] = what | {"pieces": told.pieces}
        session.console.json_line(line | ({"seconds": round(told.samples / told.rate, 3)} if told.rate else {}))


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


def _check_target(target: Path, input: str | None, flag: str = "-o") -> None:
    """Before anything is paid for: the file can be made, and it is not the input."""
    if target.is_dir():
        raise UsageError(f"{flag} {target} is a folder", cure="Name a file in it.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{flag} {target}: there is no such folder", cure=f"Make it: mkdir -p {target.parent}")
    if input not in (None, STD) and is_same(target, Path(str(input))):
        raise UsageError(f"{flag} {target} is the input", cure=f"Choose another {flag}.")


def _check_goal(session: Session, goal: Goal, titles: list[Path], input: str | None) -> None:
    """What can't go together is refused before anything is sent."""
    if session.json and goal.path == STD:
        raise UsageError("--json and -o - both want stdout", cure="Give one of them.")
    if goal.play and not goal.path:
        raise UsageError("--play is for -o", cure="Without -o it is played anyway.")
    if goal.native and not goal.as_sent:
        cure = f"Write one of: {', '.join(FORMATS)}."
        raise UsageError(f"{goal.container} is passed on as the service makes it, unplayed and untimed", cure=cure)
    for path in titles:
        _check_target(path, input, "--srt" if path.suffix != ".vtt" else "--vtt")
        if goal.path not in ("", STD) and path.absolute() == Path(goal.path).absolute():
            raise UsageError(f"-o and the subtitles are both {path}", cure="Choose another name.")


def _check_native(family: Capabilities, goal: Goal) -> None:
    """A format that we can't write must be one that the service is asked for by name. Raises UsageError."""
    from voicecli import wiring
    from voicecli.backends.registry import FAMILIES

    if "format" in wiring.takes(family, "speak"):
        return
    others = [each.name for each in FAMILIES.values() if "format" in wiring.takes(each.at_best, "speak")]
    cure = f"Write one of: {', '.join(FORMATS)}. Families that may make others: {', '.join(others)}."
    raise UsageError(f"makes no {goal.container}, and we can't write it", who=family.name, cure=cure)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the text comes from: `text`, or, when that is None, stdin as it arrives."""

    text: str | None


def _source(session: Session, words: list[str], input: str | None, *, streamed: bool) -> Source:
    """The text of the arguments, else of -i, else of stdin. Raises UsageError and InputError for none."""
    if words and input is not None:
        raise UsageError("there is a text and -i", cure="Give one of them.")
    if words and words != [STD]:
        text = " ".join(words)
    elif input not in (None, STD):
        text = common.read_text(Path(input))
    elif session.console.in_is_terminal:
        raise UsageError("no text was given", cure='Say: voice speak "…", or -i FILE, or pipe a text into it.')
    elif streamed and sys.stdin is not None:
        return Source(None)
    else:
        text = session.console.piped_text()
    if not text.strip():
        raise InputError("there is nothing to say", cure="The text is empty.")
    return Source(text)


def _spare(reference: Path | None, *targets: Path | str | None) -> None:
    """The recording of a voice is not written over. Raises UsageError."""
    for each in targets:
        if reference is not None and each not in (None, STD) and is_same(Path(str(each)), reference):
            raise UsageError(f"{each} is the --reference", cure="Choose another name to write to.")


def _reference(path: Path | None) -> Any:
    if path is None:
        return None
    from voicecli.audio import files

    return files.read_clip(path)


# -- saying it -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """One text on its way to its goal."""

    session: Session
    family: Capabilities
    backend: Backend
    request: SpeechRequest
    goal: Goal
    cache: bool = False

    def run(self, source: Source, *, literal: bool = False, by_line: bool = False) -> Told:
        """Says it. Raises InputError when there is nothing to say."""
        from voicecli.commands.text_in import Cut, Reading

        cut = Cut.FULL if by_line else self._cut(source)
        reading = Reading(self.family.limits, cut, literal, self.request.language, by_line)
        if self.goal.native and self.goal.container != "aac":
            common.run(lambda: self._check_joined(source, reading))
        return common.run(lambda: self._said(source, reading))

    def _cut(self, source: Source) -> Cut:
        """Who listens wants the first words soon; who reads along wants sentences; a file wants few requests."""
        from voicecli.commands.text_in import Cut

        if self.goal.cues:
            return Cut.SENTENCES
        listened = source.text is None or self.goal.play or self.goal.path in ("", STD)
        return Cut.SOON if listened and not self.goal.native else Cut.FULL

    async def _check_joined(self, source: Source, reading: Reading) -> None:
        """A container that we can't make ourselves can't be joined either; aac is made to be."""
        async with aclosing(_pieces(source, reading)) as pieces:
            count = len([piece async for piece in pieces])
        if count > 1:
            what = f"the text needs {count} requests, and {self.goal.container} can't be joined"
            raise UsageError(what, cure=f"Write one of: {', '.join(FORMATS)}.")

    async def _said(self, source: Source, reading: Reading) -> Told:
        from voicecli.commands.sound_out import deliver

        goal = replace(self.goal, arriving=source.text is None)
        async with aclosing(_pieces(source, reading)) as found:
            pieces = found if source.text is None else await _with_something(found)
            try:
                async with self.session.open("speak") as opened, aclosing(self._requests(pieces)) as requests:
                    with self._progress(len(source.text or "")) as done:
                        return await deliver(self.session, self._cached(opened), requests, goal, done)
            except VoiceError as exc:
                if isinstance(exc, ServiceError) and exc.who == "speech":
                    exc.who = self.backend.name  # sound that could not be decoded: the codec does not know whose
                if exc.status in ABOUT_THE_VOICE:
                    await self._suggest_voice(exc)
                if exc.status in ABOUT_THE_VOICE and goal.native and not exc.cure:
                    exc.cure = f"Surely written are: {', '.join(FORMATS)}."
                raise

    async def _requests(self, pieces: AsyncIterator[str]) -> AsyncGenerator[SpeechRequest]:
        some = False
        async for piece in pieces:
            some = True
            yield replace(self.request, text=piece)
        if not some:
            raise _nothing()

    def _progress(self, size: int) -> Any:
        from contextlib import nullcontext

        if size < LONG:
            return nullcontext(lambda characters: None)
        return self.session.console.progress("speaking", size)

    def _cached(self, speaker: Any) -> Any:
        if not self.cache:
            return speaker
        from voicecli.commands.speech_cache import CachedSpeaker
        from voicecli.storage.cache import MEGABYTE

        config = self.session.config()
        return CachedSpeaker(speaker, self.family.identity("speak"), config.cache_dir, config.cache.max_mb * MEGABYTE)

    async def _suggest_voice(self, exc: VoiceError) -> None:
        """Where the service does not have the voice: which it has that is called much like it."""
        from difflib import get_close_matches

        name = self.request.voice or self.backend.voice
        if not name or not self.family.can("voices") or (known := await self._voices()) is None or name in known:
            return
        near = get_close_matches(name.lower(), known, 1, 0.5)
        hint = f"Did you mean the voice '{near[0]}'? " if near else f"It lists no voice '{name[:40]}'. "
        exc.cure = f"{hint}'voice voices' lists them."

    async def _voices(self) -> list[str] | None:
        """The names that the service lists, as far as it lists any; None when it does not tell."""
        import asyncio

        try:
            async with asyncio.timeout(3), self.session.open("voices") as catalog:
                return [each.name for each in await catalog.voices()] or None
        except (VoiceError, TimeoutError):
            return None


def _pieces(source: Source, reading: Reading) -> AsyncGenerator[str]:
    from voicecli.commands import text_in
    from voicecli.text.reasoning import without

    if source.text is None:
        return text_in.pieces(text_in.arriving(sys.stdin.buffer), reading)
    return text_in.pieces(text_in.whole(source.text if reading.literal else without(source.text)), reading)


async def _with_something(pieces: AsyncIterator[str]) -> AsyncGenerator[str]:
    """The same pieces; InputError now when there are none."""
    first = await anext(pieces, None)
    if first is None:
        raise _nothing()
    return _before(first, pieces)


async def _before(first: str, pieces: AsyncIterator[str]) -> AsyncGenerator[str]:
    yield first
    async for piece in pieces:
        yield piece


def _nothing() -> InputError:
    return InputError("there is nothing to say", cure="The text has no words; --literal reads every sign.")


def write_subtitles(told: Told, path: Path, kind: str) -> None:
    """What was said when, by counted samples: exact however long it took. UsageError: it can't be written."""
    from voicecli.audio import files
    from voicecli.text import subtitles
    from voicecli.types import Segment, Transcript

    segments = tuple(Segment(cue.text, cue.start / told.rate, cue.end / told.rate) for cue in told.cues)
    whole = Transcript(" ".join(each.text for each in segments), segments=segments)
    render = {"srt": subtitles.srt, "vtt": subtitles.vtt}[kind]
    layout = subtitles.Layout(max_seconds=float("inf"))  # a slow voice is no reason to break a sentence
    with files.atomic(path) as file:
        file.write(render(subtitles.cues(whole, layout)).encode("utf-8"))
