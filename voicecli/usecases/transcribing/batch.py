"""Many recordings, one after another told of in their order; a failure costs its recording only.

Belongs here: what is asked of a backend, running the jobs, resuming, the verdict. Does not belong here: flags, what
a result looks like (results), one recording (working).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import InputError, NoSpeechError, VoiceError, culprit, verdict
from voicecli.storage.cache import FOLDER, KEEP_DAYS, MEGABYTE, PieceCache, clear
from voicecli.text.figures import length
from voicecli.types import TranscribeOptions, Transcript
from voicecli.usecases.inputs import read_text
from voicecli.usecases.transcribing.plan import Job, Source

if TYPE_CHECKING:
    from asyncio import Semaphore

    from voicecli.audio.pieces import Raw
    from voicecli.backends.family import Capabilities
    from voicecli.usecases.transcribing.cutting import Cutting, ResultRow
    from voicecli.usecases.transcribing.working import Work
    from voicecli.verbs import Verb
    from voicecli.wiring.services import Services

TIMED = frozenset({"verbose_json", "srt", "vtt", "tsv", "lrc"})
"""Formats for which times are asked for."""

Give = Callable[[Job, Transcript], None]
Fail = Callable[[Job, VoiceError], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of recordings. `asked`: of the recogniser, but for the times of words, which `words` says."""

    formats: tuple[str, ...] = ("text",)
    asked: TranscribeOptions = field(default_factory=TranscribeOptions)
    words: bool = False
    lanes: int | None = None
    raw: Raw | None = None
    cached: bool = True
    download_mb: float = 2000.0


def options_of(can: Capabilities, wish: Wish, verb: Verb = "transcribe") -> TranscribeOptions:
    """What is asked of the recogniser. Hotwords go into the prompt where the family has only that.

    Subtitles want the times of words; they are asked for where the family takes the question.
    """
    from voicecli.wiring.refusing import takes

    taken, asked = takes(can, verb), wish.asked
    if asked.hotwords and "hotwords" not in taken and "prompt" in taken:
        words = ", ".join(asked.hotwords) + "."
        asked = replace(asked, hotwords=(), prompt=f"{asked.prompt} {words}" if asked.prompt else words)
    return replace(asked, words=wish.words or (_is_timed(wish) and "words" in taken))


def _is_timed(wish: Wish) -> bool:
    return bool(TIMED & set(wish.formats))


def cutting_of(services: Services, wish: Wish) -> tuple[Cutting, TranscribeOptions]:
    """How recordings go to the chosen backend, and what it is asked. Raises UsageError for what it lacks."""
    from voicecli.usecases.transcribing.cutting import Cutting
    from voicecli.usecases.transcribing.fitting import Settings, fit_of

    can, backend = services.choose("transcribe")
    options = options_of(can, wish)
    services.check(can, "transcribe", options)
    folder = services.config.cache_dir
    clear(folder, [FOLDER], KEEP_DAYS)
    cache = PieceCache(folder if wish.cached else None, services.config.cache.max_mb * MEGABYTE)
    settings = Settings(wish.lanes or can.lanes, wish.raw, _is_timed(wish), cache, services.env)
    return Cutting(can, fit_of(can, backend, options, timed=settings.timed), options, settings), options


# -- doing it --------------------------------------------------------------------------------------


def render_again(job: Job, give: Give, fail: Fail) -> VoiceError | None:
    """A transcript that was saved, given again. Returns why it can't be, of which `fail` is told."""
    from voicecli.text.subtitles import from_json

    assert job.source.path is not None
    try:
        try:
            give(job, from_json(json.loads(read_text(job.source.path))))
        except (ValueError, RecursionError) as exc:
            raise InputError("holds no saved transcript", who=job.source.shown, cure="Give a recording.") from exc
    except VoiceError as exc:
        fail(job, exc)
        return exc
    return None


async def transcribe(
    services: Services, wish: Wish, jobs: Sequence[Job], folder: Path, give: Give, fail: Fail
) -> list[VoiceError | None]:
    """Transcribes recordings over one open adapter, several at a time. Returns what failed, None for what did not.

    `give` is told of each result: at once where it goes to files, else in the order of the jobs; `fail` likewise.
    `folder` is for what must be written down meanwhile. Raises what choosing and opening raise.
    """
    import asyncio
    import time

    began = time.monotonic()
    outcomes: list[VoiceError | None] = []
    async with services.open("transcribe") as recogniser:
        from voicecli.usecases.transcribing.sources import aside  # a model is loaded meanwhile
        from voicecli.usecases.transcribing.working import Work

        cutting, options = cutting_of(services, wish)
        label = jobs[0].source.shown if len(jobs) == 1 else f"{len(jobs)} recordings"
        total = await aside(lambda: seconds_of([job.source for job in jobs], wish))
        if total and (minute := services.choose("transcribe")[1].price.get("minute")):
            services.report.note(f"{length(total)} of sound, about {total / 60 * minute:.2g}")
        try:
            with services.report.progress(f"transcribing {label}", total, "s") as show:
                work = Work(recogniser, cutting, options, services.report, show)
                turns = asyncio.Semaphore(work.lanes)
                async with asyncio.TaskGroup() as tasks:
                    running = [tasks.create_task(_one(work, job, wish, folder, turns, give)) for job in jobs]
                    for job, task in zip(jobs, running, strict=True):
                        outcomes.append(_settled(job, await task, give, fail))
        except asyncio.CancelledError:
            if wish.cached and work.kept_s:
                services.report.note(stopped(work.kept_s, total))
            raise
    if len(jobs) > 1:
        services.report.note(summary(outcomes, work.done_s, time.monotonic() - began))
    return outcomes


def summary(outcomes: Sequence[VoiceError | None], sound_s: float, took_s: float) -> str:
    """ "2 of 3 recordings transcribed: 49:00 min in 3:16 min (15×)": how a batch went."""
    speed = f" ({sound_s / took_s:.0f}×)" if sound_s > took_s > 0 else ""
    told = f": {length(sound_s)} in {length(took_s)}{speed}" if sound_s else ""
    return f"{outcomes.count(None)} of {len(outcomes)} recordings transcribed{told}"


def stopped(done_s: float, total_s: float | None) -> str:
    """ "stopped at 31:00 min of 49:00 min; …": what a run that was broken off leaves to the next one."""
    of = f" of {length(total_s)}" if total_s else ""
    return f"stopped at {length(done_s)}{of}; the same command goes on from there"


def seconds_of(sources: Sequence[Source], wish: Wish) -> float | None:
    """How long all recordings are together, where their headers tell; for the time that is left."""
    from voicecli.audio import files
    from voicecli.usecases.transcribing.sources import is_once

    total = 0.0
    for source in sources:
        try:
            if source.path is None or wish.raw is not None or is_once(source):
                return None
            total += files.probe(source.path).seconds
        except VoiceError:
            return None
    return total if total < 1e7 else None


async def _one(
    work: Work, job: Job, wish: Wish, folder: Path, turns: Semaphore, give: Give
) -> Transcript | VoiceError | None:
    """The transcript of one recording, or why there is none. None: it is in its files already."""
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
    from voicecli.usecases.transcribing.sources import at_hand

    transcript = await work.address(job.source) if job.source.url else None
    if transcript is None:
        async with at_hand(job.source, folder, int(wish.download_mb * MEGABYTE)) as path:
            transcript = await work.file(path, job.source.shown)
    if not transcript.text.strip():
        raise NoSpeechError("no speech was found in it", who=job.source.shown)
    return transcript


def _settled(job: Job, found: Transcript | VoiceError | None, give: Give, fail: Fail) -> VoiceError | None:
    """Hands a result for stdout to `give`, a failure to `fail`, and returns the failure."""
    try:
        if isinstance(found, VoiceError):
            raise found
        if found is not None:
            give(job, found)
    except VoiceError as exc:
        fail(job, exc)
        return exc
    return None


def judge(outcomes: Sequence[VoiceError | None]) -> None:
    """Raises what `verdict` says of the recordings that failed."""
    failed = [each for each in outcomes if each is not None]
    verdict(failed, len(outcomes), f"{len(failed)} of {len(outcomes)} recordings failed")


# -- only looking ----------------------------------------------------------------------------------


async def foreseen(services: Services, wish: Wish, jobs: Sequence[Job], folder: Path) -> list[ResultRow]:
    """What would be sent, piece by piece. No adapter is opened, no key looked up, nothing fetched."""
    from voicecli.usecases.transcribing.sources import aside, at_hand

    cutting, _ = cutting_of(services, wish)
    found: list[ResultRow] = []
    for job in jobs:
        if job.source.url or job.source.saved:
            what = "would be fetched" if job.source.url else "needs no request"
            services.report.note(f"{job.source.shown}: {what}")
            continue
        async with at_hand(job.source, folder, 0) as path:
            found += await aside(partial(cutting.rows, path, job.source.shown))
    return found
