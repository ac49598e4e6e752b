"""The recogniser on this machine: whole recordings and live utterances, through sherpa-onnx.

Belongs here: sessions, the order of work, interim text within a budget. Does not belong here: where somebody speaks
(listening), which model (choosing), loading (engine).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from typing import TypeVar

from voicecli.backends.local import choosing
from voicecli.backends.local.building import SherpaRecogniser, SherpaStream, recogniser_of, tried
from voicecli.backends.local.engine import WHO, begun, on_thread, relieve, working
from voicecli.backends.local.kinds import FoundModel
from voicecli.backends.local.listening import (
    RATE,
    Samples,
    SpeechStretch,
    padded,
    slower,
    speech_in,
    stretches,
    to_samples,
)
from voicecli.backends.samples import check_frame, plain_samples
from voicecli.backends.transport.structured import alongside
from voicecli.backends.transport.wording import clean
from voicecli.errors import UsageError, VoiceError
from voicecli.types import AudioClip, AudioFrame, Backend, Segment, TranscribeOptions, Transcript, Word

T = TypeVar("T")
INTERIM_S = 0.3
SHARE = 3.0
"""Interim text may take a third of one core: after a decoding the thread rests twice as long."""
FLUSH_S = 1.0
"""Silence after which a streaming model has said all it heard; without it the last words vanish."""
FOREIGN = "foreign"
"""The tag of an utterance in a language that the model does not have."""

# A model of one language writes that language whatever it hears. Played a little slower, the same speech is heard
# the same; another language is heard as something else altogether.
ASIDE = (0.06, -0.06)
ALIKE, STRANGE = 0.85, 0.3
ENOUGH_WORDS = 3
TRUSTED_S = 10.0
"""Of speech in the model's language: from then on nobody doubts what is heard."""
DOUBTED_S = 5.0
"""Of the next recording. A long one comes in pieces: doubted anew, each took a third more of the processor."""


@dataclass(slots=True)
class Trust:
    """How much of what one session heard was in the model's language, in seconds."""

    heard_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a model made of a piece. `alike`: how well it agrees with itself, 0 to 1."""

    text: str
    words: tuple[Word, ...] = ()
    alike: float = 1.0


def decode(recogniser: SherpaRecogniser, piece: Samples, *, timed: bool = False) -> Recognised:
    """One piece, by a model that takes it whole, with words where they are `timed`. Blocks for a fortieth of it."""
    with working():
        stream = recogniser.create_stream()
        stream.accept_waveform(RATE, padded(piece))
        recogniser.decode_stream(stream)
        result = stream.result
        try:
            return Recognised(
                clean(result.text, 100_000).strip(), _words(result.tokens, result.timestamps) if timed else ()
            )
        except UnicodeDecodeError:  # half a character: it was no speech
            return Recognised("")


def _words(tokens: list[str], times: list[float]) -> tuple[Word, ...]:
    """Words with times, where the model tells times; half a second of padding taken off."""
    if len(tokens) != len(times):
        return ()
    found: list[Word] = []
    for token, at in zip(tokens, times, strict=True):
        start = max(0.0, round(at - 0.5, 2))
        text = token.replace("▁", " ")
        if found and not text.startswith(" ") and (found[-1].text + text).isascii():
            found[-1] = Word(found[-1].text + text, found[-1].start, start)
        elif text.strip():
            found.append(Word(text.strip(), start, start))
    return tuple(found)


def agreed(recogniser: SherpaRecogniser, piece: Samples) -> Recognised:
    """The piece heard two or three times at different speeds; what agrees best with the others is taken. No words."""
    again, aside = ASIDE
    beside = begun("again", lambda: decode(recogniser, slower(piece, again)))  # at once, where there are two cores
    takes = [decode(recogniser, piece), beside.result()]
    if _alike(takes[0].text, takes[1].text) == 1:
        return takes[0]
    takes.append(decode(recogniser, slower(piece, aside)))
    scores = [sum(_alike(one.text, other.text) for other in takes if other is not one) for one in takes]
    best = takes[scores.index(max(scores))]
    return Recognised(best.text, best.words, sum(scores) / 2 / len(takes))


def _alike(one: str, other: str) -> float:
    split = partial(re.findall, r"[\w']+")
    return SequenceMatcher(None, split(one.lower()), split(other.lower())).ratio()


class Ears:
    """FileTranscriber, LiveTranscriber and Warm."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._trust, self._read = Trust(), Trust()

    async def warm(self) -> None:
        """Loads the model that is used without a further wish."""
        with suppress(VoiceError):
            await self._model(TranscribeOptions())

    async def check(self) -> str:
        """The model's name; one that nobody has installed is loaded for it. Raises what is wrong with it."""
        found = self._found(TranscribeOptions())
        await asyncio.to_thread(tried, found)
        return found.name

    async def _model(self, options: TranscribeOptions) -> tuple[FoundModel, SherpaRecogniser]:
        found = self._found(options)
        return found, await on_thread("transcribe", partial(recogniser_of, found, options.hotwords))

    def _found(self, options: TranscribeOptions) -> FoundModel:
        language = options.language or self._backend.language
        found = choosing.found(self._backend, "transcribe", options.model, language)
        if not choosing.suits(found.name, language):
            raise _lacks(found.name, language)
        return found

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        """A WAV recording of 16 kHz, or raw samples. InputError: anything else; UsageError: another language."""
        sound = to_samples(plain_samples(clip))
        found, recogniser = await self._model(options)
        work = _flowing(found, recogniser, sound) if found.kind.streams else self._pieces(found, recogniser, sound)
        async with aclosing(work) as transcripts:
            yield transcripts

    async def _pieces(
        self, found: FoundModel, recogniser: SherpaRecogniser, sound: Samples
    ) -> AsyncGenerator[Transcript, None]:
        segments: list[Segment] = []
        known, strange = min(self._read.heard_s, TRUSTED_S - DOUBTED_S), 0.0
        self._read = trust = Trust(known)
        for stretch in stretches(sound):
            heard = await on_thread("transcribe", partial(hear, found, recogniser, sound, stretch, trust))
            if heard is None:
                strange += (stretch.end - stretch.begin) / RATE
            elif heard.text:
                segments.append(_segment(heard, stretch))
                yield Transcript(_joined(segments), final=False)
        if strange > trust.heard_s - known and not segments:
            raise _lacks(found.name, None)
        yield _transcript(found, segments, len(sound) / RATE)

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        """One utterance, with interim text. UsageError: a language that the model lacks."""
        found, recogniser = await self._model(options)
        said = HeardSoFar()
        talk = _live_stream if found.kind.streams else self._live
        async with alongside(said.take(frames)), aclosing(talk(found, recogniser, said)) as transcripts:
            yield transcripts

    async def _live(
        self, found: FoundModel, recogniser: SherpaRecogniser, said: HeardSoFar
    ) -> AsyncGenerator[Transcript, None]:
        """Decodes again what was said since the last long pause, until it ends."""
        done: list[Segment] = []
        shown = ""
        while not said.ended:
            began = time.monotonic()
            look = self._hear_all(found, recogniser, said.samples(), done, final=False)
            if not (looked := await said.meanwhile(look)):
                break
            if (segments := looked[0]) is None:
                yield Transcript("", tags=(FOREIGN,))
                return
            if (text := _joined(segments)) not in ("", shown):
                shown = text
                yield Transcript(text, final=False)
            await said.more(max(INTERIM_S, SHARE * (time.monotonic() - began)))
        sound = said.samples()
        segments = await self._hear_all(found, recogniser, sound, done, final=True)
        yield Transcript("", tags=(FOREIGN,)) if segments is None else _transcript(found, segments, len(sound) / RATE)

    async def _hear_all(
        self, found: FoundModel, recogniser: SherpaRecogniser, sound: Samples, done: list[Segment], *, final: bool
    ) -> list[Segment] | None:
        """The segments of an utterance so far; those before the last stay in `done`. None: another language."""
        pieces = list(stretches(sound))
        segments = list(done)
        for number, stretch in enumerate(pieces):
            if number < len(done):
                continue
            whole = final or number < len(pieces) - 1
            trust = self._trust if whole else None
            thread = "final" if final else "transcribe"
            try:
                heard = await on_thread(thread, partial(hear, found, recogniser, sound, stretch, trust))
            except asyncio.CancelledError:  # a piece is decoded at once: it can't be broken off
                for busy in (thread, "again"):
                    relieve(busy)
                raise
            if heard is None:
                return None
            segments.append(_segment(heard, stretch))
            if number < len(pieces) - 1:
                done.append(segments[-1])
        return segments


def hear(
    found: FoundModel, recogniser: SherpaRecogniser, sound: Samples, stretch: SpeechStretch, trust: Trust | None
) -> Recognised | None:
    """What is said in a stretch; no text where Silero hears nobody. None: in no language of the model.

    Without `trust` it is a quick look, that nobody relies on.
    """
    piece = sound[stretch.begin : stretch.end]
    if not speech_in(piece):
        return Recognised("")
    if trust is None or len(choosing.languages_of(found.name)) != 1 or trust.heard_s >= TRUSTED_S:
        return decode(recogniser, piece, timed=found.kind.word_times)
    heard = agreed(recogniser, piece)
    if heard.alike < STRANGE and len(heard.text.split()) >= ENOUGH_WORDS:
        return None
    trust.heard_s += len(piece) / RATE * (heard.alike >= ALIKE)
    return heard


@dataclass(slots=True)
class HeardSoFar:
    """What a live utterance has brought so far."""

    pcm: bytearray = field(default_factory=bytearray)
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Timeout | None = None

    async def take(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            check_frame(frame, WHO)
            self.pcm += frame.pcm
        self.ended = True
        self._news.set()
        if self._look is not None:
            self._look.reschedule(0)

    async def more(self, seconds: float) -> None:
        """Waits so long, or until the utterance has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def meanwhile(self, look: Coroutine[None, None, T]) -> list[T]:
        """What `look` gives; nothing where the utterance ends before, and `look` is left alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._look:
                try:
                    return [await look]
                finally:
                    self._look = None
        return []

    def samples(self) -> Samples:
        return to_samples(self.pcm)


# -- models that hear while one speaks -------------------------------------------------------------


def _feed(recogniser: SherpaRecogniser, stream: SherpaStream, piece: Samples, *, last: bool) -> str:
    """Gives a streaming model more; the text so far."""
    import numpy as np

    with working():
        if len(piece):
            stream.accept_waveform(RATE, piece)
        if last:
            stream.accept_waveform(RATE, np.zeros(round(FLUSH_S * RATE), np.float32))
            stream.input_finished()
        while recogniser.is_ready(stream):
            recogniser.decode_stream(stream)
        return clean(recogniser.get_result(stream), 100_000).strip()


async def _live_stream(
    found: FoundModel, recogniser: SherpaRecogniser, said: HeardSoFar
) -> AsyncGenerator[Transcript, None]:
    stream, at, shown = recogniser.create_stream(), 0, ""
    while True:
        ended, piece = said.ended, to_samples(said.pcm[at:])
        at += 2 * len(piece)
        text = await on_thread("transcribe", partial(_feed, recogniser, stream, piece, last=ended))
        if ended:
            segments = [Segment(text, 0.0, at / 2 / RATE)] if text else []
            yield _transcript(found, segments, at / 2 / RATE)
            return
        if text not in ("", shown):
            shown = text
            yield Transcript(text, final=False)
        await said.more(INTERIM_S)


async def _flowing(found: FoundModel, recogniser: SherpaRecogniser, sound: Samples) -> AsyncGenerator[Transcript, None]:
    """A whole recording, stretch by stretch."""
    segments: list[Segment] = []
    for stretch in stretches(sound):
        piece = sound[stretch.begin : stretch.end]
        if await on_thread("transcribe", partial(speech_in, piece)):
            stream = recogniser.create_stream()
            text = await on_thread("transcribe", partial(_feed, recogniser, stream, padded(piece), last=True))
            if text:
                segments.append(_segment(Recognised(text), stretch))
                yield Transcript(_joined(segments), final=False)
    yield _transcript(found, segments, len(sound) / RATE)


# -- words -----------------------------------------------------------------------------------------


def _segment(heard: Recognised, stretch: SpeechStretch) -> Segment:
    begin, end = stretch.seconds
    words = tuple(Word(w.text, round(w.start + begin, 2), round(w.end + begin, 2)) for w in heard.words)
    return Segment(heard.text, round(begin, 2), round(end, 2), words)


def _joined(segments: list[Segment]) -> str:
    return " ".join(each.text for each in segments if each.text)


def _transcript(found: FoundModel, segments: list[Segment], duration: float) -> Transcript:
    spoken = tuple(each for each in segments if each.text)
    languages = choosing.languages_of(found.name)
    return Transcript(
        _joined(segments),
        language=languages[0] if len(languages) == 1 else None,
        duration=duration,
        segments=spoken,
        words=tuple(word for each in spoken for word in each.words),
    )


def _lacks(name: str, language: str | None) -> UsageError:
    """The error for speech in a language that a model does not have, with one that has it."""
    own = " and ".join(choosing.LANGUAGES.get(each, each) for each in choosing.languages_of(name)[:3])
    other = choosing.offered("transcribe", language or "zh")
    what = f"{name} knows {own} only" + (f", not '{clean(language)}'" if language else ", and this is something else")
    cure = f"One that can: voice models pull {other.name}" if other else "`voice models` lists others."
    return UsageError(what, who=WHO, cure=cure)
