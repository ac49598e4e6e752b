"""`voice transcribe`: recordings to text.

Belongs here: the flags, running the jobs, what counts as failed. Does not belong here: which recordings and
where their texts go (transcribe_plan), sending (transcribe_work), what a result looks like
(transcribe_results), dictation (dictate).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Language, Model, Output, Session, Temperature
from voicecli.commands.transcribe_plan import FORMATS, STDIN, Inputs, Job, Source, inputs_of, names_in, plan
from voicecli.errors import InputError, NoSpeechError, SomeFailedError, UsageError, VoiceError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.audio.pieces import Raw
    from voicecli.backends.family import Capabilities
    from voicecli.commands.transcribe_work import Settings, Work
    from voicecli.text.subtitles import Layout
    from voicecli.types import Backend, TranscribeOptions, Transcript, Verb

TIMED = frozenset({"verbose_json", "srt", "vtt", "tsv", "lrc"})
"""Formats for which times are asked for."""

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags asked for."""

    formats: tuple[str, ...]
    lanes: int | None = None
    raw: Raw | None = None
    cached: bool = True
    skip: bool = False
    copy: bool = False
    words: bool = False
    download_mb: float = 2000.0
    asked: dict[str, Any] = field(default_factory=dict)


_Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE...]", help="Recordings, folders (with -r), addresses; - is stdin."),
]
_Format = Annotated[
    list[str] | None,
    typer.Option(
        "-f",
        "--format",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; repeatable.",
        autocompletion=completing.words(*FORMATS),
    ),
]
_Input = Annotated[list[str] | None, typer.Option("-i", "--input", metavar="FILE", help="A recording too; repeatable.")]
_Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Take the recordings in folders.")]
_FilesFrom = Annotated[
    str | None,
    typer.Option("--files-from", metavar="FILE", help="Read the names of recordings from FILE; - is stdin."),
]
_Raw = Annotated[
    str | None, typer.Option("--raw", metavar="SPEC", help="The recordings are bare samples: s16le:16000:1.")
]
_Prompt = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT", help="What the recording is about, names in it.")
]
_Hotword = Annotated[list[str] | None, typer.Option("--hotword", metavar="WORD", help="A word to expect; repeatable.")]
_Words = Annotated[bool, typer.Option("--words", help="Tell the time of every word: see above.")]
_Diarize = Annotated[bool, typer.Option("--diarize", help="Tell speakers apart.")]
_Translate = Annotated[bool, typer.Option("--translate", help="Write in English what is said in any language.")]
_MaxChars = Annotated[
    int | None,
    typer.Option(
        "--max-chars",
        metavar="N",
        min=2,
        help="The widest subtitle line, in cells: 42, or 32 for Chinese, whose characters take two.",
    ),
]
_MaxLines = Annotated[
    int, typer.Option("--max-lines", metavar="N", min=1, max=20, help="The most lines of a subtitle.")
]
_Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", metavar="N", min=1, max=32, help="Requests at a time: 4, on this machine 1."),
]
_SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out recordings whose texts are there already.")
]
_NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep finished pieces of long recordings.")]
_MaxDownload = Annotated[
    float,
    typer.Option(
        "--max-download", metavar="MB", min=0.001, show_default="2000", help="The most to fetch from an address."
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")]
_Copy = Annotated[bool, typer.Option("--copy", help="Put the text on the clipboard too.")]
_Mic = Annotated[bool, typer.Option("--mic", help="Take dictation from the microphone.")]
_Interim = Annotated[bool, typer.Option("--interim", help="With --mic: print texts that may still change, too.")]
_StopAfter = Annotated[
    float | None,
    typer.Option("--stop-after", metavar="SECONDS", min=0.1, help="With --mic: end after so much silence."),
]


def transcribe(
    ctx: typer.Context,
    inputs: _Inputs = None,
    format: _Format = None,
    input: _Input = None,
    output: Output = None,
    recursive: _Recursive = False,
    files_from: _FilesFrom = None,
    raw: _Raw = None,
    language: Language = None,
    model: Model = None,
    prompt: _Prompt = None,
    hotword: _Hotword = None,
    temperature: Temperature = None,
    words: _Words = False,
    diarize: _Diarize = False,
    translate: _Translate = False,
    max_chars: _MaxChars = None,
    max_lines: _MaxLines = 2,
    jobs: _Jobs = None,
    skip_existing: _SkipExisting = False,
    no_cache: _NoCache = False,
    max_download: _MaxDownload = 2000.0,
    dry_run: _DryRun = False,
    copy: _Copy = False,
    mic: _Mic = False,
    interim: _Interim = False,
    stop_after: _StopAfter = None,
) -> None:
    """Turn recordings into text.

    Examples:
      voice transcribe interview.mp3
      voice transcribe meeting.wav -l zh -o meeting.txt
      voice transcribe film.flac -f srt -f vtt
      voice transcribe --translate discours.m4a
      voice transcribe -r recordings/ -o texts/ -f srt -j 8 --skip-existing
      voice transcribe https://example.org/a.ogg -f json
      arecord -f S16_LE -r 16000 -d 10 | voice transcribe
      voice transcribe talk.json -f srt --max-chars 32
      voice transcribe --mic --stop-after 5 -o letter.txt

    One recording goes to stdout or to the file -o; of several, each becomes a file beside its recording or in the
    folder -o. A long recording is cut at its silences and sent in pieces; an interrupted run goes on where it
    stopped. A JSON that was saved is rendered again without a request.

    With --words the time of each word is asked for, and written: srt, vtt and tsv have an entry for each word,
    lrc its time before it (karaoke), json and verbose_json a list.
    """
    session = common.session(ctx)
    asked: dict[str, Any] = {"language": language, "model": model, "prompt": prompt, "temperature": temperature}
    asked |= {"hotwords": tuple(hotword or ()), "diarize": diarize, "translate": translate}
    formats = formats_of(session, format, output)
    wish = Wish(formats, jobs, _raw(raw), not no_cache, skip_existing, copy, words, max_download, asked)
    layout, inputs = _layout(max_chars, max_lines, words), [*(inputs or []), *(input or [])]
    _alone(inputs, files_from, recursive, raw, dry_run) if mic else _need_no_microphone(interim, stop_after)
    if mic:
        return _dictate(session, wish, output, layout, interim, stop_after)
    todo = plan(_inputs(session, inputs, files_from, recursive), output, formats)
    return _show_plan(session, wish, todo) if dry_run else _do(session, wish, todo, layout)


def _need_no_microphone(interim: bool, stop_after: float | None) -> None:
    if interim or stop_after is not None:
        raise UsageError("--interim and --stop-after belong to --mic", cure="Add --mic.")


# -- what to do ------------------------------------------------------------------------------------


def formats_of(session: Session, given: Sequence[str] | None, output: str | None) -> tuple[str, ...]:
    """What -f says, else what -o's name says, else JSON with --json, else text. Raises UsageError."""
    named = [name for each in given or () for name in each.split(",")]
    if named:
        return tuple(dict.fromkeys(common.one_of(name, tuple(FORMATS), "--format") for name in named))
    suffix = Path(output).suffix[1:].lower() if output else ""
    known = {extension: kind for kind, extension in reversed(FORMATS.items())}
    return (known.get(suffix, "json" if session.json else "text"),)


def _raw(spec: str | None) -> Raw | None:
    if spec is None:
        return None
    from voicecli.audio.pieces import raw_of

    return raw_of(spec)


def _layout(max_chars: int | None, max_lines: int, words: bool) -> Layout:
    from voicecli.text.subtitles import Layout

    return Layout(max_chars=max_chars, max_lines=max_lines, words=words)


def _inputs(session: Session, arguments: list[str], files_from: str | None, recursive: bool) -> Inputs:
    listed: list[str] = []
    if files_from == STDIN:
        if STDIN in arguments:
            raise UsageError("stdin can be read once", cure="Give - once.")
        listed = names_in(session.console.piped_bytes())
    elif files_from is not None:
        try:
            listed = names_in(Path(files_from).read_bytes())
        except OSError as exc:
            raise common.unreadable(files_from, exc) from exc
    if not arguments and files_from is None and session.console.is_piped_to():
        arguments = [STDIN]
    return inputs_of(arguments, listed, recursive)


def options_of(family: Capabilities, wish: Wish, verb: Verb = "transcribe") -> TranscribeOptions:
    """What is asked of the recogniser. Hotwords go into the prompt where the family has only that.

    Subtitles want the times of words; they are asked for where the family takes the question.
    """
    from voicecli import wiring
    from voicecli.types import TranscribeOptions

    taken = wiring.takes(family, verb)
    asked = dict(wish.asked)
    if asked.get("hotwords") and "hotwords" not in taken and "prompt" in taken:
        asked["prompt"] = " ".join(filter(None, [asked.get("prompt"), ", ".join(asked.pop("hotwords")) + "."]))
    timed = bool(TIMED & set(wish.formats)) and "words" in taken
    return TranscribeOptions(**asked, words=wish.words or timed)


def settings_of(session: Session, family: Capabilities, wish: Wish) -> Settings:
    """How `family` is asked: how many requests at a time, and the cache of what was understood before."""
    from voicecli.commands.transcribe_work import Settings
    from voicecli.storage.cache import FOLDER, KEEP_DAYS, PieceCache, clear

    folder, most = session.config().cache_dir, session.config().cache.max_mb * MEGABYTE
    clear(folder, [FOLDER], KEEP_DAYS)
    cache = PieceCache(folder if wish.cached else None, most)
    lanes = wish.lanes or family.lanes
    return Settings(lanes, wish.raw, bool(TIMED & set(wish.formats)), cache, session.env)


# -- doing it --------------------------------------------------------------------------------------


def _do(session: Session, wish: Wish, jobs: list[Job], layout: Layout) -> None:
    """Everything that can be refused is refused first; then the recordings, and the verdict."""
    from voicecli.commands.transcribe_results import TASKS, clipboard, copy, deliver, text_of

    program = clipboard(session) if wish.copy else None
    if wish.skip:
        jobs = [job for job in jobs if not _is_done(session, job)]
    texts: dict[str, str] = {}

    def give(job: Job, transcript: Transcript) -> None:
        deliver(session, job, transcript, layout, task=TASKS[bool(wish.asked.get("translate"))])
        if program:
            texts[job.source.name] = text_of(transcript)

    saved = [job for job in jobs if job.source.saved]
    sound = [job for job in jobs if not job.source.saved]
    outcomes = [_render_again(session, job, give, alone=len(jobs) == 1) for job in saved]
    if sound:
        outcomes += _send(session, wish, sound, give, alone=len(jobs) == 1)
    if program and texts:
        copy(session, program, "\n".join(texts[job.source.name] for job in jobs if job.source.name in texts))
    _judge(outcomes)


def _is_done(session: Session, job: Job) -> bool:
    if job.done:
        session.console.note(f"{job.source.shown}: is there already")
    return job.done


Give = Callable[[Job, "Transcript"], None]


def _render_again(session: Session, job: Job, give: Give, *, alone: bool) -> VoiceError | None:
    """A transcript that was saved, in other formats."""
    import json

    from voicecli.text.subtitles import from_json

    assert job.source.path is not None
    try:
        try:
            give(job, from_json(json.loads(common.read_text(job.source.path))))
        except (ValueError, RecursionError) as exc:
            raise InputError("holds no saved transcript", who=job.source.shown, cure="Give a recording.") from exc
    except VoiceError as exc:
        return _failed(session, job, exc, alone=alone)
    return None


def _send(session: Session, wish: Wish, jobs: list[Job], give: Give, *, alone: bool) -> list[VoiceError | None]:
    family, backend = session.choose("transcribe")
    options = options_of(family, wish)
    session.check(family, "transcribe", options)
    settings = settings_of(session, family, wish)
    with common.scratch() as folder:
        _spool(session, jobs, folder)
        make = _maker(family, backend, options, settings)
        return common.run(lambda: _do_all(session, make, jobs, wish, folder, give, alone=alone))


def _maker(
    family: Capabilities, backend: Backend, options: TranscribeOptions, settings: Settings
) -> Callable[[Any, Callable[[float], object]], Work]:
    from voicecli.commands.transcribe_work import Work

    return lambda recogniser, tell: Work(recogniser, family, backend, options, settings, tell)


def _spool(session: Session, jobs: list[Job], folder: Path) -> None:
    """What is piped in becomes a file. Read here, where Ctrl-C ends a wait for it at once."""
    if not any(job.source.name == STDIN for job in jobs):
        return
    import shutil
    import sys

    path = folder / STDIN_FILE
    with path.open("wb") as file:
        if sys.stdin is not None and not session.console.in_is_terminal:
            shutil.copyfileobj(sys.stdin.buffer, file, MEGABYTE)
    if not path.stat().st_size:
        raise InputError("is empty", who="stdin", cure="Pipe a recording into it.")


STDIN_FILE = "stdin"


async def _do_all(
    session: Session,
    make: Callable[[Any, Callable[[float], object]], Work],
    jobs: list[Job],
    wish: Wish,
    folder: Path,
    give: Give,
    *,
    alone: bool,
) -> list[VoiceError | None]:
    """Over one open adapter, several at a time; told of in order. A failure costs its recording only."""
    import asyncio

    outcomes: list[VoiceError | None] = []
    async with session.open("transcribe") as recogniser:
        label = jobs[0].source.shown if len(jobs) == 1 else f"{len(jobs)} recordings"
        total = await asyncio.to_thread(seconds_of, [job.source for job in jobs], wish)
        with session.console.progress(f"transcribing {label}", total) as show:
            work = make(recogniser, Done(show))
            turns = asyncio.Semaphore(work.lanes)
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(_one(work, job, wish, folder, turns, give)) for job in jobs]
                for job, task in zip(jobs, running, strict=True):
                    outcomes.append(_settled(session, job, await task, give, alone=alone))
    return outcomes


class Done:
    """Adds up the seconds that are done, and shows them."""

    def __init__(self, show: Callable[[float], None]) -> None:
        self._show, self._done = show, 0.0

    def __call__(self, seconds: float) -> None:
        self._done += seconds
        self._show(self._done)


def seconds_of(sources: Sequence[Source], wish: Wish) -> float | None:
    """How long all recordings are together, where their headers tell; for the time that is left."""
    from voicecli.audio import files

    total = 0.0
    for source in sources:
        try:
            if source.path is None or wish.raw is not None:
                return None
            total += files.probe(source.path).seconds
        except VoiceError:
            return None
    return total if total < 1e7 else None


async def _one(
    work: Work, job: Job, wish: Wish, folder: Path, turns: Any, give: Give
) -> Transcript | VoiceError | None:
    """The transcript of one recording, or why there is none. None: it is in its files already."""
    from voicecli.errors import culprit

    async with turns:
        try:
            transcript = await _heard(work, job, wish, folder)
            if not all(job.targets.values()):
                return transcript
            give(job, transcript)
            return None
        except (VoiceError, ExceptionGroup) as exc:
            found = culprit(exc)
            if not isinstance(found, VoiceError):
                raise
            if found.who.startswith(str(folder)):  # what was piped in or fetched has a name of its own
                found.who = job.source.shown
            return found


async def _heard(work: Work, job: Job, wish: Wish, folder: Path) -> Transcript:
    from voicecli.commands.transcribe_work import fetched

    transcript = await work.address(job.source) if job.source.url else None
    if transcript is None:
        async with fetched(job.source, folder, int(wish.download_mb * MEGABYTE)) as path:
            transcript = await work.file(path, job.source.shown)
    if not transcript.text.strip():
        raise NoSpeechError("no speech was found in it", who=job.source.shown)
    return transcript


def _settled(
    session: Session, job: Job, found: Transcript | VoiceError | None, give: Give, *, alone: bool
) -> VoiceError | None:
    """Stdout's texts and everybody's failures, in the order of the recordings."""
    try:
        if isinstance(found, VoiceError):
            raise found
        if found is not None:
            give(job, found)
    except VoiceError as exc:
        return _failed(session, job, exc, alone=alone)
    return None


def _failed(session: Session, job: Job, exc: VoiceError, *, alone: bool) -> VoiceError:
    """Told at once where there are others; a single failure is the program's."""
    if alone:
        raise exc
    named = str(exc).startswith(job.source.shown)
    session.console.error(str(exc) if named else f"{job.source.shown}: {exc}")
    return exc


def _judge(outcomes: list[VoiceError | None]) -> None:
    """Nothing failed: fine. All failed alike: that error's code. Some, or differently: 9."""
    failed = [each for each in outcomes if each is not None]
    if not failed:
        return
    what = f"{len(failed)} of {len(outcomes)} recordings failed"
    if len(failed) == len(outcomes) and len({each.exit_code for each in failed}) == 1:
        raise type(failed[0])(what)
    raise SomeFailedError(what)


# -- the microphone --------------------------------------------------------------------------------


def _alone(inputs: list[str], *others: object) -> None:
    if inputs or any(others):
        raise UsageError("--mic is the only input where it is one", cure="Leave the recordings out.")


def _dictate(
    session: Session, wish: Wish, output: str | None, layout: Layout, interim: bool, stop_after: float | None
) -> None:
    """Sentences on stdout as they are finished; in a file, or as anything but text and JSON, at the end.

    However it ends, what was understood until then is written.
    """
    from voicecli.commands.dictate import Manner, Said, dictate
    from voicecli.commands.transcribe_results import TASKS, clipboard, copy, deliver

    program = clipboard(session) if wish.copy else None
    (job,) = plan(Inputs((Source("microphone"),), False), output, wish.formats)
    live = wish.formats in (("text",), ("json",)) and not any(job.targets.values())
    manner = Manner(live, live and wish.formats == ("json",), interim, stop_after)
    family, _ = session.choose("transcribe_live")
    options = options_of(family, wish, "transcribe_live")
    session.check(family, "transcribe_live", options)
    said = Said()
    try:
        common.run(lambda: dictate(session, options, manner, said))
    finally:
        if said.segments and not live:
            deliver(session, job, said.transcript, layout, task=TASKS[bool(wish.asked.get("translate"))])
        if said.segments and program:
            copy(session, program, said.transcript.text)
    said.judge()


# -- only showing it -------------------------------------------------------------------------------


def _show_plan(session: Session, wish: Wish, jobs: list[Job]) -> None:
    """What would be sent, piece by piece. No adapter is opened, no key looked up, nothing fetched."""
    from voicecli.commands.transcribe_work import Row, rows

    family, backend = session.choose("transcribe")
    options = options_of(family, wish)
    session.check(family, "transcribe", options)
    found: list[Row] = []
    with common.scratch() as folder:
        _spool(session, jobs, folder)
        work = _maker(family, backend, options, settings_of(session, family, wish))(None, lambda seconds: None)
        for job in jobs:
            if job.source.url or job.source.saved:
                session.console.note(
                    f"{job.source.shown}: {'would be fetched' if job.source.url else 'needs no request'}"
                )
            else:
                found += rows(work, job.source.path or folder / STDIN_FILE, job)
    _show_rows(session, found)


def _show_rows(session: Session, found: list[Any]) -> None:
    if session.json:
        for row in found:
            session.console.json_line(row)
        return
    headers = ("recording", "piece", "start", "seconds", "bytes", "as")
    cells = [
        [each.source, str(each.piece), f"{each.start:.2f}", f"{each.seconds:.2f}", str(each.bytes), each.container]
        for each in found
    ]
    session.console.table(headers, cells)
    size, seconds = sum(each.bytes for each in found), sum(each.seconds for each in found)
    requests = "1 request" if len(found) == 1 else f"{len(found)} requests"
    known = sum(each.known for each in found)
    total = f"{requests}, {size:,} bytes, {seconds:.1f} s"
    session.console.note(total + (f"; of these {known} would not be sent: known already" if known else ""))
