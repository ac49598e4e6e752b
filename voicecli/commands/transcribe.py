"""`voice transcribe`: recordings to text.

Belongs here: the flags, which input goes where, what a result looks like, what counts as failed.
Does not belong here: reading sound (audio.files), how a service is spoken to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import common
from voicecli.commands.common import Format, Language, Model, Output, Session, Temperature
from voicecli.errors import InputError, NoSpeechError, SomeFailedError, UsageError, VoiceError

if TYPE_CHECKING:
    from voicecli.backends.registry import Family
    from voicecli.types import AudioClip, TranscribeOptions, Transcript

FORMATS = {"text": "txt", "json": "json"}
"""What -f knows, and the extension of its files."""

STDIN = "-"
UNSURE = "\x1b[33m"


def transcribe(
    ctx: typer.Context,
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="Recordings; - is stdin.")],
    format: Format = None,
    output: Output = None,
    language: Language = None,
    model: Model = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="What the recording is about, names in it.")
    ] = None,
    hotword: Annotated[
        list[str] | None, typer.Option("--hotword", metavar="WORD", help="A word to expect; repeatable.")
    ] = None,
    temperature: Temperature = None,
) -> None:
    """Turn recordings into text.

    Examples:
      voice transcribe interview.mp3
      voice transcribe meeting.wav -l zh -o meeting.txt
      voice transcribe *.flac -o texts/
      curl -s https://example.org/a.ogg | voice transcribe - -f json

    One recording goes to stdout or to the file -o; of several, each becomes a file beside its recording
    or in the folder -o.
    """
    session = common.session(ctx)
    kind = common.one_of(format or ("json" if session.json else "text"), tuple(FORMATS), "--format")
    jobs = plan(inputs, output, FORMATS[kind])
    family, _ = session.choose("transcribe")
    options = _options(family, language, model, prompt, tuple(hotword or ()), temperature)
    session.check(family, "transcribe", options)
    jobs = _with_stdin(session, jobs)
    _judge(common.run(lambda: _do_all(session, family, options, jobs, kind)))


# -- what to do ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and the file that its text goes to; None is stdout. `data` is what was piped in."""

    source: str
    target: Path | None
    data: bytes = field(default=b"", repr=False)


def plan(inputs: list[str], output: str | None, extension: str) -> list[Job]:
    """Where each text goes. Raises UsageError for what would overwrite a recording or another text."""
    if inputs.count(STDIN) > 1:
        raise UsageError("stdin can be read once", cure="Give - once.")
    if output == STDIN or (len(inputs) == 1 and output is None):
        return [Job(source, None) for source in inputs]
    folder = Path(output) if output else None
    if len(inputs) == 1 and folder and not (output or "").endswith(("/", "\\")) and not folder.is_dir():
        return _safe([Job(inputs[0], folder)])
    if folder and folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {output} is a file, and there are {len(inputs)} recordings", cure="Name a folder.")
    return _safe([Job(source, _beside(source, folder, extension)) for source in inputs])


def _beside(source: str, folder: Path | None, extension: str) -> Path:
    name = "stdin" if source == STDIN else Path(source).stem
    return (folder or (Path() if source == STDIN else Path(source).parent)) / f"{name}.{extension}"


def _safe(jobs: list[Job]) -> list[Job]:
    """The jobs, none of which writes over an input or over another's text."""
    sources = {Path(job.source).resolve() for job in jobs if job.source != STDIN}
    seen: set[Path] = set()
    for job in jobs:
        if job.target is None:
            continue
        if job.target.resolve() in sources:
            raise UsageError(f"{job.target} would be overwritten, and it is a recording", cure="Choose another -o.")
        if job.target.resolve() in seen:
            raise UsageError(f"two recordings would be written to {job.target}", cure="Transcribe them one by one.")
        seen.add(job.target.resolve())
    return jobs


def _options(
    family: Family,
    language: str | None,
    model: str | None,
    prompt: str | None,
    hotwords: tuple[str, ...],
    temperature: float | None,
) -> TranscribeOptions:
    """Hotwords go into the prompt where the family has only that."""
    from voicecli import wiring
    from voicecli.types import TranscribeOptions

    taken = wiring.takes(family, "transcribe")
    if hotwords and "hotwords" not in taken and "prompt" in taken:
        prompt, hotwords = " ".join(filter(None, [prompt, ", ".join(hotwords) + "."])), ()
    return TranscribeOptions(language=language, model=model, prompt=prompt, temperature=temperature, hotwords=hotwords)


def _with_stdin(session: Session, jobs: list[Job]) -> list[Job]:
    """The jobs, with what was piped in. Read here, where Ctrl-C ends a wait for it at once."""
    if not any(job.source == STDIN for job in jobs):
        return jobs
    data = session.console.piped_bytes()
    if not data:
        raise InputError("is empty", who="stdin", cure="Pipe a recording into it.")
    return [replace(job, data=data) if job.source == STDIN else job for job in jobs]


# -- doing it --------------------------------------------------------------------------------------


async def _do_all(
    session: Session, family: Family, options: TranscribeOptions, jobs: list[Job], kind: str
) -> list[VoiceError | None]:
    """One after the other over one open adapter; a failure costs its recording only."""
    outcomes: list[VoiceError | None] = []
    async with session.open("transcribe") as recogniser:
        for job in jobs:
            try:
                transcript = await _one(session, family, recogniser, options, job)
                _deliver(session, job, transcript, kind)
                outcomes.append(None)
            except VoiceError as exc:
                if len(jobs) == 1:
                    raise
                name = _shown(job.source)
                session.console.error(str(exc) if exc.who == name else f"{name}: {exc}")
                outcomes.append(exc)
    return outcomes


async def _one(session: Session, family: Family, recogniser: Any, options: TranscribeOptions, job: Job) -> Transcript:
    import asyncio

    clip = await asyncio.to_thread(load, job, family)
    final: Transcript | None = None
    with session.console.progress(f"transcribing {_shown(job.source)}"):
        async with recogniser.transcribe(clip, options) as transcripts:
            async for transcript in transcripts:
                final = transcript
    if final is None or not final.text.strip():
        raise NoSpeechError("no speech was found in it", who=_shown(job.source))
    return final


def load(job: Job, family: Family) -> AudioClip:
    """The recording as `family` takes it: as it is where that fits, else as FLAC or WAV at 16 kHz.

    Raises InputError for what can't be read or stays too large.
    """
    from voicecli.audio import files, pcm
    from voicecli.types import MIC, AudioClip

    name = _shown(job.source)
    # A live recogniser, behind a bridge or not, takes plain samples.
    native = family.can("transcribe") and not family.limits.plain
    clip = files.clip_of(job.data, name) if job.source == STDIN else files.read_clip(Path(job.source))
    if native and fits(clip, family):
        return clip
    container = "flac" if native and "flac" in family.limits.containers else "wav"
    samples = pcm.resample(*files.decode(clip.data, name), MIC.rate)
    clip = AudioClip(files.encode(samples, MIC.rate, container), container, MIC.seconds(samples), clip.name)
    if fits(clip, family):
        return clip
    raise InputError(
        f"is too long: {len(clip.data):,} bytes as {container}{_length(clip)}, and {family.name} takes {_most(family)}",
        who=name,
        cure="Cut it into shorter recordings.",
    )


def fits(clip: AudioClip, family: Family) -> bool:
    """Whether `family` takes the clip as it is."""
    limits = family.limits
    small = limits.upload_bytes is None or len(clip.data) <= limits.upload_bytes
    short = limits.upload_seconds is None or clip.seconds is None or clip.seconds <= limits.upload_seconds
    return clip.container in limits.containers and small and short


def _length(clip: AudioClip) -> str:
    return f", {clip.seconds:.0f} s" if clip.seconds else ""


def _most(family: Family) -> str:
    limits = family.limits
    size = f"{limits.upload_bytes:,} bytes" if limits.upload_bytes else ""
    seconds = f"{limits.upload_seconds:.0f} s" if limits.upload_seconds else ""
    return " and ".join(filter(None, [size, seconds]))


# -- giving it -------------------------------------------------------------------------------------


def _deliver(session: Session, job: Job, transcript: Transcript, kind: str) -> None:
    console = session.console
    if job.target is not None:
        _save(job.target, render(job.source, transcript, kind))
        console.note(f"wrote {job.target}")
    elif kind == "json":
        console.json_line(as_json(job.source, transcript))
    elif console.out_is_terminal and any(word.unsure for word in transcript.words):
        console.styled(
            [(f"{w.text}? " if w.unsure else f"{w.text} ", UNSURE if w.unsure else "") for w in transcript.words]
        )
        console.end_line()
    else:
        console.result(transcript.text.strip())


def _save(target: Path, text: str) -> None:
    from voicecli.audio import files

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"can't be made: {exc.strerror}", who=str(target.parent), cure="Choose another -o.") from exc
    with files.atomic(target) as file:
        file.write(text.encode("utf-8", "replace"))


def render(source: str, transcript: Transcript, kind: str) -> str:
    """The text of a result file."""
    from voicecli.console import clean, dump_json

    if kind == "json":
        return dump_json(as_json(source, transcript)) + "\n"
    return clean(transcript.text.strip()) + "\n"


def as_json(source: str, transcript: Transcript) -> dict[str, Any]:
    """A transcript as it is written by --json: times in seconds from the start of the recording."""
    return {
        "source": _shown(source),
        "text": transcript.text.strip(),
        "language": transcript.language,
        "duration": transcript.duration,
        "segments": transcript.segments,
        "words": transcript.words,
        "tags": transcript.tags,
    }


def _shown(source: str) -> str:
    return "stdin" if source == STDIN else source


def _judge(outcomes: list[VoiceError | None]) -> None:
    """Nothing failed: fine. All failed alike: that error's code. Some, or differently: 9."""
    failed = [each for each in outcomes if each is not None]
    if not failed:
        return
    what = f"{len(failed)} of {len(outcomes)} recordings failed"
    if len(failed) == len(outcomes) and len({each.exit_code for each in failed}) == 1:
        raise type(failed[0])(what)
    raise SomeFailedError(what)
