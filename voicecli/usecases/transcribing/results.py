"""What the text of a recording looks like, and putting it into its file.

Belongs here: text and JSON, choosing among the formats, files. Does not belong here: breaking subtitles
(text.subtitles), where a result goes (plan), stdout.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.errors import UsageError
from voicecli.usecases.transcribing.plan import Job

if TYPE_CHECKING:
    from voicecli.ports import Reporter
    from voicecli.text.subtitles import Layout
    from voicecli.types import Transcript

TASKS = ("transcribe", "translate")
"""What verbose_json says was done."""


def guessed_times(job: Job, transcript: Transcript, layout: Layout) -> str:
    """What to say where times of words were wanted that nobody told: they are no times. "" for nothing."""
    from voicecli.text.subtitles import FORMATS, words_of

    if not layout.words or words_of(transcript) or job.targets.keys() <= {"text"}:
        return ""
    guessed = "; those written are guessed from their widths" if FORMATS.keys() & job.targets.keys() else ""
    return f"{job.source.shown}: no times of words were told{guessed}."


def render(name: str, transcript: Transcript, kind: str, layout: Layout, task: str = TASKS[0]) -> str:
    """The text of a result, with its last newline."""
    from voicecli.text import subtitles
    from voicecli.text.clean import clean
    from voicecli.text.jsonline import dump_json

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
    from voicecli.text.segments import whole_segments

    turns: list[tuple[str, list[str]]] = []
    for each in whole_segments(transcript):
        name = each.speaker or "?"
        if not turns or turns[-1][0] != name:
            turns.append((name, []))
        turns[-1][1].append(each.text.strip())
    return "\n".join(f"{name}: {joined(texts)}" for name, texts in turns)


def as_json(name: str, transcript: Transcript) -> dict[str, object]:
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


def _rounded(each: Any) -> object:
    """A segment or a word without the last digits of its times, which only say how numbers are kept."""
    inner = {"words": tuple(map(_rounded, each.words))} if hasattr(each, "words") else {}
    return replace(each, start=round(each.start, 6), end=round(each.end, 6), **inner)


def save(target: Path, text: str, report: Reporter) -> None:
    """A text in a file, whole or not at all, which is told. Raises UsageError: it can't be written."""
    from voicecli.usecases.writing import output

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"can't be made: {exc.strerror}", who=str(target.parent), cure="Choose another -o.") from exc
    with output(target, report) as found:
        found.file.write(text.encode("utf-8", "replace"))
