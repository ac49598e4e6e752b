"""`voice transcribe`: recordings, or what is said into the microphone, to text.

Belongs here: the flags. Does not belong here: which recordings and how they are transcribed (usecases.transcribing),
dictation (usecases.dictation), showing what came of them (terminal.transcripts).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Copy, Hotword, Language, Model, Output, Temperature, taking, wished
from voicecli.commands.session import Session
from voicecli.errors import InputError, UsageError, VoiceError, unreadable
from voicecli.terminal import completing
from voicecli.usecases.transcribing.plan import FORMATS, Job, Source, formats_of, plan

if TYPE_CHECKING:
    from voicecli.audio.pieces import Raw
    from voicecli.terminal.transcripts import Results
    from voicecli.types import Transcript
    from voicecli.usecases.transcribing.batch import Wish


@dataclass(frozen=True, slots=True)
class TranscribeFlags:
    """The flags of `voice transcribe`."""

    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="Recordings, folders (with -r), addresses; - is stdin."),
    ] = None
    format: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(FORMATS)}; repeatable.",
            autocompletion=completing.words(*FORMATS),
        ),
    ] = None
    input: Annotated[
        list[str] | None, typer.Option("-i", "--input", metavar="FILE", help="A recording too; repeatable.")
    ] = None
    output: Output = None
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Take the recordings in folders.")] = False
    files_from: Annotated[
        str | None,
        typer.Option("--files-from", metavar="FILE", help="Read the names of recordings from FILE; - is stdin."),
    ] = None
    raw: Annotated[
        str | None, typer.Option("--raw", metavar="SPEC", help="The recordings are bare samples: s16le:16000:1.")
    ] = None
    language: Language = None
    model: Model = None
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="What the recording is about, names in it.")
    ] = None
    hotword: Hotword = None
    temperature: Temperature = None
    words: Annotated[bool, typer.Option("--words", help="Tell the time of every word: see above.")] = False
    diarize: Annotated[bool, typer.Option("--diarize", help="Tell speakers apart.")] = False
    translate: Annotated[bool, typer.Option("--translate", help="Write in English what is said in any language.")] = (
        False
    )
    max_chars: Annotated[
        int | None,
        typer.Option(
            "--max-chars",
            metavar="N",
            min=2,
            help="The widest subtitle line, in cells: 42, or 32 for Chinese, whose characters take two.",
        ),
    ] = None
    max_lines: Annotated[
        int, typer.Option("--max-lines", metavar="N", min=1, max=20, help="The most lines of a subtitle.")
    ] = 2
    watch: Annotated[
        Path | None,
        typer.Option("--watch", metavar="FOLDER", help="Transcribe what comes into FOLDER as it is finished."),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option("-j", "--jobs", metavar="N", min=1, max=64, help="Requests at a time: 4, on this machine 1."),
    ] = None
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out recordings whose texts are there already.")
    ] = False
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither use nor keep finished pieces of long recordings.")
    ] = False
    max_download: Annotated[
        float,
        typer.Option(
            "--max-download",
            metavar="MB",
            min=0.001,
            show_default=False,
            help="The most to fetch from an address: 2000.",
        ),
    ] = 2000.0
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False
    copy: Copy = False
    mic: Annotated[bool, typer.Option("--mic", help="Take dictation from the microphone.")] = False
    interim: Annotated[bool, typer.Option("--interim", help="With --mic: print texts that may still change, too.")] = (
        False
    )
    stop_after: Annotated[
        float | None,
        typer.Option("--stop-after", metavar="SECONDS", min=0.1, help="With --mic: end after so much silence."),
    ] = None


@taking(TranscribeFlags)
def transcribe(ctx: typer.Context, flags: TranscribeFlags) -> None:
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
      voice transcribe --watch ~/recorder -o ~/texts

    One recording goes to stdout or to the file -o; of several, each becomes a file beside its recording or in the
    folder -o. A long recording is cut at its silences and sent in pieces; an interrupted run goes on where it
    stopped. A JSON that was saved is rendered again without a request.

    --watch goes on until Ctrl-C. A recording is finished when it has not grown for a second and nobody writes it;
    one whose text is there already is left alone.

    With --words the time of each word is asked for, and written: srt, vtt and tsv have an entry for each word,
    lrc its time before it (karaoke), json and verbose_json a list.
    """
    from voicecli.terminal.transcripts import given
    from voicecli.types import TranscribeOptions
    from voicecli.usecases.transcribing.batch import Wish

    session, inputs = common.session(ctx), [*(flags.inputs or []), *(flags.input or [])]
    _check_microphone(flags, inputs)
    asked = wished(TranscribeOptions, flags, hotwords=tuple(flags.hotword or ()), words=False)
    formats = formats_of(flags.format, flags.output, "json" if session.json else "text")
    wish = Wish(formats, asked, flags.words, flags.jobs, _raw(flags.raw), not flags.no_cache, flags.max_download)
    if flags.mic:
        from voicecli.terminal.dictating import Manner, take_down

        manner = Manner(interim=flags.interim)
        return take_down(session, common.run, _results(session, flags), wish, flags.output, manner, flags.stop_after)
    if flags.watch:
        return _watch(session, _results(session, flags), wish, flags.watch, flags.output)
    todo = plan(given(session.console, inputs, flags.files_from, flags.recursive), flags.output, formats)
    return _foresee(session, wish, todo) if flags.dry_run else _do(session, flags, wish, todo)


def _results(session: Session, flags: TranscribeFlags) -> Results:
    """Where the texts go. UsageError: there is no clipboard."""
    from voicecli.terminal.transcripts import Results
    from voicecli.text.subtitles import Layout
    from voicecli.usecases.transcribing.results import TASKS

    layout = Layout(max_chars=flags.max_chars, max_lines=flags.max_lines, words=flags.words)
    return Results(session.console, layout, TASKS[flags.translate], copy=flags.copy)


def _check_microphone(flags: TranscribeFlags, inputs: list[str]) -> None:
    """Refuses other inputs beside the microphone, and its flags without it."""
    if flags.mic and any((inputs, flags.files_from, flags.recursive, flags.raw, flags.dry_run)):
        raise UsageError("--mic takes no other input", cure="Leave the recordings out.")
    if flags.watch and any((inputs, flags.files_from, flags.mic, flags.dry_run)):
        raise UsageError("--watch takes no other input", cure="Leave the recordings out.")
    if (flags.interim or flags.stop_after is not None) and not flags.mic:
        raise UsageError("--interim and --stop-after belong to --mic", cure="Add --mic.")


def _raw(spec: str | None) -> Raw | None:
    if spec is None:
        return None
    from voicecli.audio.pieces import raw_of

    return raw_of(spec)


# -- doing it --------------------------------------------------------------------------------------


def _do(session: Session, flags: TranscribeFlags, wish: Wish, jobs: list[Job]) -> None:
    """Everything that can be refused is refused first; then the recordings, and the verdict."""
    from voicecli.usecases.transcribing.batch import judge, options_of, render_again, transcribe

    if flags.skip_existing:
        for job in (each for each in jobs if each.done):
            session.console.note(f"{job.source.shown}: is there already")
        jobs = [each for each in jobs if not each.done]
    if sound := [each for each in jobs if not each.source.saved]:
        if len(jobs) == 1:
            _is_there(sound[0].source)
        can, _ = session.choose("transcribe")
        session.check("transcribe", options_of(can, wish))
    results = _results(session, flags)  # a model is loaded meanwhile
    results.alone = len(jobs) == 1
    outcomes = [render_again(job, results.give, results.fail) for job in jobs if job.source.saved]
    if sound:
        with common.scratch() as folder:
            services, give, fail = session.services(), results.give, results.fail
            outcomes += common.run(lambda: transcribe(services, wish, sound, folder, give, fail))
    results.put_on_clipboard([job.source.name for job in jobs])
    judge(outcomes)


def _is_there(source: Source) -> None:
    """A lone recording that is not there is told of before a model is loaded. Raises InputError."""
    try:
        if source.path is not None:
            source.path.stat()
    except OSError as exc:
        raise unreadable(source.path, exc) from exc


def _watch(session: Session, results: Results, wish: Wish, folder: Path, output: str | None) -> None:
    """What comes into the folder, until Ctrl-C: that is its usual end, and what was broken off goes on next time."""
    from voicecli.usecases.transcribing.batch import judge, transcribe
    from voicecli.usecases.transcribing.plan import Inputs, recordings_in
    from voicecli.usecases.transcribing.watching import watch

    if not folder.is_dir():
        raise InputError("there is no such folder", who=str(folder), cure=f"Make it: mkdir -p {folder}")
    session.choose("transcribe")
    services, results.alone, outcomes = session.services(), False, list[VoiceError | None]()
    with common.scratch() as aside:

        def give(job: Job, transcript: Transcript) -> None:
            results.give(job, transcript)
            outcomes.append(None)

        def fail(job: Job, exc: VoiceError) -> None:
            results.fail(job, exc)
            outcomes.append(exc)

        async def work(jobs: list[Job]) -> None:
            await transcribe(services, wish, jobs, aside, give, fail)
            results.put_on_clipboard([job.source.name for job in jobs])

        def todo() -> list[Job]:
            return plan(Inputs(tuple(recordings_in(folder)), True), output, wish.formats)

        session.console.note(f"watching {folder}; Ctrl-C ends")
        with suppress(KeyboardInterrupt):
            common.run(lambda: watch(todo, work))
    judge(outcomes)


def _foresee(session: Session, wish: Wish, jobs: list[Job]) -> None:
    """What would be sent."""
    from voicecli.terminal.transcripts import show_plan
    from voicecli.usecases.transcribing.batch import foreseen

    session.choose("transcribe")
    with common.scratch() as folder:
        services = session.services()
        show_plan(session.console, common.run(lambda: foreseen(services, wish, jobs, folder)))
