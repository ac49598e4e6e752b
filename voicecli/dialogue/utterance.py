"""One stretch of speech at a live recogniser: the engine under talk and under dictation.

Belongs here: frames on their way to a recogniser, the text so far, asking again from the beginning. Does not belong
here: when speech begins and ends (audio.endpointer), in which order texts are told, what a failure costs.

    utterance = LiveUtterance()
    utterance.hear(frames)                                  # as they come
    final = await utterance.recognised(ears, options)       # in a task of its own, beside that
    utterance.close()                                       # the person is done: `recognised` returns

The sound stays until `forget`. A failed `recognised` may be called again, and sends all of it from the first sample:
so a dictation waits for a recogniser that is away. Whether there are words in the text: `dialogue.nonspeech`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from voicecli.ports import LiveTranscriber
from voicecli.types import AudioFrame, TranscribeOptions, Transcript


class LiveUtterance:
    """`frames` were heard before; `interim` is the text so far, final or not; `closed` says that nothing follows."""

    def __init__(self, frames: Iterable[AudioFrame] = ()) -> None:
        self.frames: list[AudioFrame] = []
        self.interim = ""
        self.closed = False
        self.seconds = 0.0
        self._taken_s = 0.0
        self._more = asyncio.Event()
        self.hear(frames)
        self._old_s = self.seconds

    def hear(self, frames: Iterable[AudioFrame]) -> None:
        """The next frames; dropped once it is closed."""
        for frame in () if self.closed else frames:
            self.frames.append(frame)
            self.seconds += frame.seconds
        self._more.set()

    def close(self) -> None:
        """Nothing follows. Calling it twice does no harm."""
        self.closed = True
        self._more.set()

    def forget(self) -> None:
        """The text is there, or given up: the sound is not needed any more."""
        self.frames.clear()
        self._taken_s = self.seconds

    @property
    def pcm(self) -> bytes:
        """All of its sound, s16le 16 kHz mono."""
        return b"".join(frame.pcm for frame in self.frames)

    @property
    def waiting_s(self) -> float:
        """Seconds of sound that the recogniser has not taken yet; what it was given at the beginning is no news."""
        return self.seconds - max(self._taken_s, self._old_s)

    async def recognised(
        self,
        ears: LiveTranscriber,
        options: TranscribeOptions,
        on_interim: Callable[[Transcript], object] = lambda transcript: None,
    ) -> Transcript:
        """The final transcript, after `close`; each one before it is told. Raises what the recogniser raises."""
        last = Transcript("")
        async with ears.transcribe_live(self._sound(), options) as transcripts:
            async for last in transcripts:
                self.interim = last.text
                if not last.final:
                    on_interim(last)
        return last

    async def _sound(self) -> AsyncIterator[AudioFrame]:
        at, self._taken_s = 0, 0.0
        while True:
            while at < len(self.frames):
                self._taken_s += self.frames[at].seconds
                yield self.frames[at]
                at += 1
            if self.closed:
                return
            self._more.clear()
            await self._more.wait()
