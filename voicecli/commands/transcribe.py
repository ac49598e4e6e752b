"""`voice transcribe`: recordings, or what is said into the microphone, to text.

Belongs here: the flags, and showing what came of them. Does not belong here: which recordings and how they are
transcribed (usecases.transcribing), dictation (usecases.dictation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Language, Model, Output, Session, Temperature
from voicecli.errors import UsageError, VoiceError
from voicecli.terminal import completing
from voicecli.usecases.transcribing.plan import FORMATS, STDIN, Inputs, Job, Source, inputs_of, names_in, plan

if TYPE_CHECKING:
    from voicecli.audio.pieces import Raw
    from voicecli.text.subtitles import Layout
    from voicecli.types import Transcript
    from voicecli.usecases.transcribing.batch import Wish
    from voicecli.usecases.transcribing.rows import ResultRow

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
    from voicecli.text.subtitles import Layout
    from voicecli.types import TranscribeOptions
    from voicecli.usecases.transcribing.batch import Wish

    session, inputs = common.session(ctx), [*(inputs or []), *(input or [])]
    _check_microphone(mic, any((inputs, files_from, recursive, raw, dry_run)), interim or stop_after is not None)
    asked = TranscribeOptions(
        language=language,
        model=model,
        prompt=prompt,
        temperature=temperature,
        hotwords=tuple(hotword or ()),
        diarize=diarize,
        translate=translate,
    )
    wish = Wish(_formats(session, format, output), asked, words, jobs, _raw(raw), not no_cache, max_download)
    results = Results(session, wish, Layout(max_chars=max_chars, max_lines=max_lines, words=words), copy)
    if mic:
        return _dictate(results, output, interim, stop_after)
    todo = plan(_inputs(session, inputs, files_from, recursive), output, wish.formats)
    return _show_plan(session, wish, todo) if dry_run else _do(results, todo, skip_existing)


def _check_microphone(mic: bool, others: bool, its_own: bool) -> None:
    """Refuses other inputs beside the microphone, and its flags without it."""
    if mic and others:
        raise UsageError("--mic is the only input where it is one", cure="Leave the recordings out.")
    if its_own and not mic:
        raise UsageError("--interim and --stop-after belong to --mic", cure="Add --mic.")


# -- what to do ------------------------------------------------------------------------------------


def _formats(session: Session, given: Sequence[str] | None, output: str | None) -> tuple[str, ...]:
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
    if not arguments and files_from is None and not session.console.in_is_terminal:
        arguments = [STDIN]
    return inputs_of(arguments, listed, recursive)


# -- doing it --------------------------------------------------------------------------------------

UNSURE = "\x1b[33m"


@dataclass(slots=True)
class Results:
    """Puts each transcript where it belongs: files, stdout, the clipboard."""

    session: Session
    wish: Wish
    layout: Layout
    copy: bool
    texts: dict[str, str] = field(default_factory=dict)
    alone: bool = True

    def __post_init__(self) -> None:
        from voicecli.terminal.copying import clipboard

        self._program = clipboard(self.session.env) if self.copy else None

    _program: tuple[str, ...] | None = field(init=False, default=None)

    def give(self, job: Job, transcript: Transcript) -> None:
        """Each format to its file, or to stdout; with --json a line there tells of each file."""
        from voicecli.usecases.transcribing.results import TASKS, guessed_times, render, save, text_of

        console, task = self.session.console, TASKS[self.wish.asked.translate]
        if warning := guessed_times(job, transcript, self.layout):
            console.warn(warning)
        for kind, target in job.targets.items():
            if target is not None:
                save(target, render(job.source.shown, transcript, kind, self.layout, task))
                self._tell(job, kind, target)
            elif kind == "text":
                self._show(transcript)
            else:
                console.write(render(job.source.shown, transcript, kind, self.layout, task))
        self.texts[job.source.name] = text_of(transcript)

    def _tell(self, job: Job, kind: str, target: Path) -> None:
        if self.session.json:
            self.session.console.json_line({"source": job.source.shown, "output": target, "format": kind})
        else:
            self.session.console.note(f"wrote {target}")

    def _show(self, transcript: Transcript) -> None:
        """The text on stdout; words that the recogniser was not sure of stand out on a terminal."""
        from voicecli.usecases.transcribing.results import text_of

        console, words = self.session.console, transcript.words
        if console.out_is_terminal and any(word.unsure for word in words):
            console.styled([(f"{w.text}? " if w.unsure else f"{w.text} ", UNSURE if w.unsure else "") for w in words])
            console.end_line()
        else:
            console.result(text_of(transcript))

    def fail(self, job: Job, exc: VoiceError) -> None:
        """Told at once where there are others; a single failure is the program's."""
        if self.alone:
            raise exc
        named = str(exc).startswith(job.source.shown)
        self.session.console.error(str(exc) if named else f"{job.source.shown}: {exc}")

    def put_on_clipboard(self, names: Sequence[str]) -> None:
        """The texts of those recordings, in their order, where it was asked for."""
        from voicecli.terminal.copying import copy

        if self._program and (texts := [self.texts[name] for name in names if name in self.texts]):
            copy(self._program, "\n".join(texts))
            self.session.console.note("copied to the clipboard")


def _do(results: Results, jobs: list[Job], skip: bool) -> None:
    """Everything that can be refused is refused first; then the recordings, and the verdict."""
    from voicecli.usecases.transcribing.batch import judge, options_of, render_again, transcribe

    session = results.session
    if skip:
        for job in (each for each in jobs if each.done):
            session.console.note(f"{job.source.shown}: is there already")
        jobs = [each for each in jobs if not each.done]
    results.alone = len(jobs) == 1
    outcomes: list[VoiceError | None] = []
    for job in (each for each in jobs if each.source.saved):
        outcomes.append(render_again(job, results.give))
        if outcomes[-1] is not None:
            results.fail(job, outcomes[-1])
    if sound := [each for each in jobs if not each.source.saved]:
        can, _ = session.choose("transcribe")
        session.check(can, "transcribe", options_of(can, results.wish))
        with common.scratch() as folder:
            services, give, fail = session.services(), results.give, results.fail
            outcomes += common.run(lambda: transcribe(services, results.wish, sound, folder, give, fail))
    results.put_on_clipboard([job.source.name for job in jobs])
    judge(outcomes)


# -- the microphone --------------------------------------------------------------------------------


def _dictate(results: Results, output: str | None, interim: bool, stop_after: float | None) -> None:
    """Sentences on stdout as they are finished; in a file, or as anything but text and JSON, at the end.

    However it ends, what was understood until then is written.
    """
    from voicecli.terminal.dictating import Manner, interrupted, shown
    from voicecli.usecases.dictation import Said, dictate
    from voicecli.usecases.transcribing.batch import options_of

    session, formats = results.session, results.wish.formats
    (job,) = plan(Inputs((Source("microphone"),), False), output, formats)
    live = formats in (("text",), ("json",)) and not any(job.targets.values())
    can, _ = session.choose("transcribe_live")
    options = options_of(can, results.wish, "transcribe_live")
    session.check(can, "transcribe_live", options)
    said, services = Said(), session.services()
    try:
        with shown(session.console, Manner(live, live and formats == ("json",), interim)) as heard:
            failed = lambda exc: session.console.error(str(exc))  # noqa: E731
            common.run(lambda: dictate(services, options, said, interrupted, heard, failed, stop_after))
    finally:
        if said.segments and not live:
            results.give(job, said.transcript)
        results.texts[job.source.name] = said.transcript.text if said.segments else ""
        if said.segments:
            results.put_on_clipboard([job.source.name])
    said.judge()


# -- only showing it -------------------------------------------------------------------------------


def _show_plan(session: Session, wish: Wish, jobs: list[Job]) -> None:
    """What would be sent, as a table, or a line of JSON each."""
    from voicecli.usecases.transcribing.batch import foreseen

    session.choose("transcribe")
    with common.scratch() as folder:
        services = session.services()
        found = common.run(lambda: foreseen(services, wish, jobs, folder))
    if session.json:
        for row in found:
            session.console.json_line(row)
        return
    session.console.table(("recording", "piece", "start", "seconds", "bytes", "as"), list(map(_cells, found)))
    size, seconds = sum(each.bytes for each in found), sum(each.seconds for each in found)
    requests = "1 request" if len(found) == 1 else f"{len(found)} requests"
    known = sum(each.known for each in found)
    total = f"{requests}, {size:,} bytes, {seconds:.1f} s"
    session.console.note(total + (f"; of these {known} would not be sent: known already" if known else ""))


def _cells(row: ResultRow) -> list[str]:
    return [row.source, str(row.piece), f"{row.start:.2f}", f"{row.seconds:.2f}", str(row.bytes), row.container]
