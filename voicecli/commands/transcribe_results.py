"""What the text of a recording looks like, and putting it where it belongs.

Belongs here: text and JSON, choosing among the formats, stdout, files, the clipboard. Does not belong here:
breaking subtitles (voicecli.text.subtitles), where a result goes (transcribe_plan).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.commands.transcribe_plan import Job
from voicecli.errors import UsageError

if TYPE_CHECKING:
    from voicecli.commands.session import Session
    from voicecli.text.subtitles import Layout
    from voicecli.types import Transcript

UNSURE = "\x1b[33m"
TASKS = ("transcribe", "translate")
"""What verbose_json says was done."""


def deliver(session: Session, job: Job, transcript: Transcript, layout: Layout, task: str = TASKS[0]) -> None:
    """Each format to its file, or to stdout; with --json a line there tells of each file. `task` is one of TASKS."""
    console = session.console
    _warn_of_words(session, job, transcript, layout)
    for kind, target in job.targets.items():
        if target is not None:
            _save(target, render(job.source.shown, transcript, kind, layout, task))
            _tell(session, job, kind, target)
        elif kind == "text":
            _show(session, transcript)
        else:
            console.write(render(job.source.shown, transcript, kind, layout, task))


def _tell(session: Session, job: Job, kind: str, target: Path) -> None:
    if session.json:
        session.console.json_line({"source": job.source.shown, "output": target, "format": kind})
    else:
        session.console.note(f"wrote {target}")


def _warn_of_words(session: Session, job: Job, transcript: Transcript, layout: Layout) -> None:
    """Times of words that nobody told are no times."""
    from voicecli.text.subtitles import FORMATS, words_of

    if not layout.words or words_of(transcript) or job.targets.keys() <= {"text"}:
        return
    guessed = "; those written are guessed from their widths" if FORMATS.keys() & job.targets.keys() else ""
    session.console.warn(f"{job.source.shown}: no times of words were told{guessed}.")


def render(name: str, transcript: Transcript, kind: str, layout: Layout, task: str = TASKS[0]) -> str:
    """The text of a result, with its last newline."""
    from voicecli.terminal.console import dump_json
    from voicecli.text import subtitles
    from voicecli.text.clean import clean

    if kind == "text":
        return clean(text_of(transcript)) + "\n"
    if kind == "json":
        return dump_json(as_json(name, transcript)) + "\n"
    if kind == "verbose_json":
        return dump_json(subtitles.verbose_json(transcript) | {"task": task}) + "\n"
    return subtitles.render(kind, transcript, layout)


def text_of(transcript: Transcript) -> str:
    """The plain text; where speakers are known, a line for each time that another one speaks."""
    if not any(each.speaker for each in transcript.segments):
        return transcript.text.strip()
    from voicecli.text.join import joined

    turns: list[tuple[str, list[str]]] = []
    for each in transcript.segments:
        name = each.speaker or "?"
        if not turns or turns[-1][0] != name:
            turns.append((name, []))
        turns[-1][1].append(each.text.strip())
    return "\n".join(f"{name}: {joined(texts)}" for name, texts in turns)


def as_json(name: str, transcript: Transcript) -> dict[str, Any]:
    """A transcript as it is written by --json: times in seconds from the start of the recording."""
    from voicecli.text.subtitles import words_of

    return {
        "source": name,
        "text": transcript.text.strip(),
        "language": transcript.language,
        "duration": transcript.duration,
        "segments": [_rounded(each) for each in transcript.segments],
        "words": [_rounded(each) for each in words_of(transcript)],
        "tags": transcript.tags,
    }


def _rounded(each: Any) -> Any:
    """A segment or a word without the last digits of its times, which only say how numbers are kept."""
    inner = {"words": tuple(map(_rounded, each.words))} if hasattr(each, "words") else {}
    return replace(each, start=round(each.start, 6), end=round(each.end, 6), **inner)


def _show(session: Session, transcript: Transcript) -> None:
    """The text on stdout; words that the recogniser was not sure of stand out on a terminal."""
    console = session.console
    if console.out_is_terminal and any(word.unsure for word in transcript.words):
        console.styled(
            [(f"{w.text}? " if w.unsure else f"{w.text} ", UNSURE if w.unsure else "") for w in transcript.words]
        )
        console.end_line()
    else:
        console.result(text_of(transcript))


def _save(target: Path, text: str) -> None:
    from voicecli.audio import files

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"can't be made: {exc.strerror}", who=str(target.parent), cure="Choose another -o.") from exc
    with files.atomic(target) as file:
        file.write(text.encode("utf-8", "replace"))


# -- the clipboard ---------------------------------------------------------------------------------

CLIPBOARDS = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
"""Programs that take stdin to the clipboard; the first that is there is used."""


def clipboard(session: Session) -> tuple[str, ...]:
    """The program that reaches the clipboard. Raises UsageError when there is none."""
    import shutil

    wayland, screen = bool(session.env.get("WAYLAND_DISPLAY")), bool(session.env.get("DISPLAY"))
    usable = {"wl-copy": wayland, "xclip": screen, "xsel": screen}
    for program, *rest in CLIPBOARDS:
        found = shutil.which(program, path=session.env.get("PATH")) if usable.get(program, True) else None
        if found:
            return found, *rest
    names = ", ".join(each[0] for each in CLIPBOARDS)
    raise UsageError("--copy finds no way to the clipboard", cure=f"Install one of: {names}.")


def copy(session: Session, program: tuple[str, ...], text: str) -> None:
    """Puts the text on the clipboard. Raises UsageError when the program fails."""
    import subprocess

    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(program, input=text.encode("utf-8", "replace"), stdout=quiet, stderr=quiet, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise UsageError(f"--copy failed: {exc}") from exc
    if done.returncode:
        raise UsageError(f"--copy failed: {Path(program[0]).name} ended with {done.returncode}")
    session.console.note("copied to the clipboard")
