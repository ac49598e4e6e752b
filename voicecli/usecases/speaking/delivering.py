"""Speech at its goal: the loudspeaker, stdout, a file that appears only when it is whole, subtitles beside it.

Belongs here: which goal gets what, and whether a service's own file will do. Does not belong here: containers (sinks),
samples (track), texts (pieces).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from voicecli.types import SpeechRequest
from voicecli.usecases.inputs import STD
from voicecli.usecases.speaking.pieces import chained
from voicecli.usecases.speaking.sinks import SoundSink, Target, sink
from voicecli.usecases.speaking.track import Spoken, ToldSound, Track
from voicecli.usecases.writing import Output, output

if TYPE_CHECKING:
    from voicecli.audio.pace import Pace
    from voicecli.ports import Speaker
    from voicecli.usecases.speaking.goals import Goal
    from voicecli.usecases.speaking.sinks import Write
    from voicecli.wiring.services import Services

Renditions: TypeAlias = "AsyncIterator[Spoken]"

AHEAD = 3
"""Requests behind the one that is taken, where the backend has as many lanes."""

DEVICE_RATE = 48_000
"""Samples a second of a loudspeaker; it is opened before the first sound tells its own."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One text's speech on its way to `goal`. `stdout` writes what goes there.

    `arriving`: the text is still being written, so nothing may wait for its next piece. `done` is told how many
    characters have come through. `pace` remembers a voice from one sound to the next. `show` is told of each text when
    it sounds.
    """

    services: Services
    goal: Goal
    stdout: Write | None = None
    arriving: bool = False
    done: Callable[[float], object] = lambda characters: None
    pace: Pace | None = None
    show: Callable[[str], object] | None = None

    async def run(self, speaker: Speaker, requests: AsyncIterator[SpeechRequest]) -> ToldSound:
        """Speaks `requests` in order, as one sound. What is written appears when all of it is there."""
        from voicecli.dialogue.ahead import spoken_ahead

        can, _ = self.services.choose("speak")
        with self._opened() as (target, file):
            async with spoken_ahead(speaker.speak, requests, min(AHEAD, can.lanes - 1)) as renditions:
                heads = await _heads(renditions, 2 if self.goal.as_sent and not self.arriving else 0)
                async with aclosing(chained(heads, renditions)) as order:
                    if target is not None and await self._passes(heads):
                        told = await self._pass_on(order, target)
                    else:
                        told = await self._render(order, target)
            if file is not None:
                file.seconds = told.seconds
        self._write_titles(told)
        return told

    @contextmanager
    def _opened(self) -> Iterator[tuple[Target | None, Output | None]]:
        """What is written to; nothing for the loudspeaker alone. A file vanishes when the block raises."""
        if self.goal.path == STD:
            assert self.stdout is not None, "who offers -o - has a stdout"
            yield Target(self.stdout), None
        elif self.goal.file is None:
            yield None, None
        else:
            with output(self.goal.file, self.services.report) as file:
                yield Target(file.file.write, file.file), file

    # -- as the service sends it -------------------------------------------------------------------

    async def _passes(self, heads: list[Spoken]) -> bool:
        """Whether what the service sends is, byte for byte, what the goal wants.

        Of a WAV that was streamed the header knows no length: it is written anew.
        """
        if self.goal.native:
            return True
        if not self.goal.as_sent or len(heads) != 1 or self.goal.container == "wav":
            return False
        first = await heads[0].first()
        return first is not None and first.encoding == self.goal.container

    async def _pass_on(self, renditions: Renditions, target: Target) -> ToldSound:
        told, sent = ToldSound(), ""
        async for rendition in renditions:
            async for chunk in rendition.chunks():
                sent = chunk.encoding if isinstance(chunk.encoding, str) else sent
                target.write(chunk.data)
            told.pieces += 1
        if sent and sent != self.goal.container:
            self.services.report.warn(f"{self.goal.path} holds what the service sent: {sent}.")
        elif not self.goal.native and (file := target.seekable):
            told.length_s = await _made_one(file, self.goal.container)
        return told

    # -- as samples --------------------------------------------------------------------------------

    async def _render(self, renditions: Renditions, target: Target | None) -> ToldSound:
        """The sound to the target, out of the loudspeaker, or both."""
        track = Track(renditions, self.goal.volume, bool(self.goal.titles), done=self.done)
        async with aclosing(self._written(track, target)) as blocks:
            if self.goal.sounds:
                await self._play(track, blocks)
            else:
                async for _ in blocks:
                    pass
        return track.told

    async def _written(self, track: Track, target: Target | None) -> AsyncGenerator[bytes]:
        """The blocks of `track`, each of them written before it goes on."""
        to: SoundSink | None = None
        async with aclosing(track.blocks()) as blocks:
            async for block in blocks:
                if target is not None:
                    to = to or sink(target, track.told.rate, self.goal.container, self.goal.rate)
                    to.feed(block)
                yield block
        if to is not None:
            await to.end()

    async def _play(self, track: Track, blocks: AsyncIterator[bytes]) -> None:
        """Out of the loudspeaker, which is opened and woken while the first sound is still awaited."""
        from voicecli.audio.solo import Solo

        solo = Solo(DEVICE_RATE, self.services.config.audio.output, self.pace, self.show)
        track.begun = solo.begin
        async with aclosing(_for_device(track, blocks)) as samples:
            await solo.play(samples)

    # -- beside it ---------------------------------------------------------------------------------

    def _write_titles(self, told: ToldSound) -> None:
        """What was said when, by counted samples: exact however long it took. UsageError: it can't be written."""
        if not self.goal.titles:
            return
        from voicecli.text import subtitles
        from voicecli.types import Segment, Transcript

        segments = tuple(Segment(each.text, each.start / told.rate, each.end / told.rate) for each in told.texts)
        whole = Transcript(" ".join(each.text for each in segments), segments=segments)
        layout = subtitles.Layout(max_seconds=float("inf"))  # a slow voice is no reason to break a sentence
        for path, kind in self.goal.titles:
            render = {"srt": subtitles.srt, "vtt": subtitles.vtt}[kind]
            with output(path, self.services.report) as file:
                file.file.write(render(subtitles.cues(whole, layout)).encode("utf-8"))


async def _made_one(file: BinaryIO, container: str) -> float | None:
    """Several recordings in a row (services join what they made piece by piece) are written as one.

    Players and editors believe the first header, and play the first one only. Returns the seconds, if they are known.
    """
    from voicecli.audio import files
    from voicecli.audio.parts import parts_of

    if len(parts := parts_of(file, container)) < 2:
        return parts[0].seconds
    file.seek(0)
    samples, rate = files.decode(file.read(), "speech")
    file.seek(0)
    file.truncate()
    whole = sink(Target(file.write, file), rate, container)
    whole.feed(samples)
    await whole.end()
    return len(samples) / 2 / rate


async def _heads(renditions: Renditions, count: int) -> list[Spoken]:
    """Up to `count` of them, without waiting for what they hold."""
    heads: list[Spoken] = []
    while len(heads) < count and (rendition := await anext(renditions, None)) is not None:
        heads.append(rendition)
    return heads


async def _for_device(track: Track, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    from voicecli.resampling import Resampler

    resampler: Resampler | None = None
    async for block in blocks:
        resampler = resampler or Resampler(track.told.rate, DEVICE_RATE)
        if out := resampler.feed(block):
            yield out
    if resampler is not None and (out := resampler.flush()):
        yield out
