"""One utterance in the recogniser's process, decoded in small steps, and the choice of which one is next.

Belongs here: the order of passes over an utterance, interim text, cutting long recordings. Does not
belong here: pipes, messages, the native decoder (engine.py). Nothing here waits: a step is made only
when there is sound for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from voicecli.backends.embedded.engine import SECOND, UNSURE_BELOW, Engine, Hit

STEP = SECOND // 10
FIRST = SECOND
"""Sound that must be there before decoding begins: its mean spectrum is taken for the utterance's."""
LONGEST_PHRASE = 10 * SECOND
"""Nobody asks a skill for so long: what is longer is dictation."""
SHORTEST_PIECE, LONGEST_PIECE = 8 * SECOND, 15 * SECOND
"""A long recording is cut between these, where it is quietest."""
SILENT = 64
"""A sample that nobody's voice stays under: dictation would hear words in perfect silence."""

Step = tuple[bool, dict[str, Any]] | None
"""What a step brings: (final, transcript), or None when there is nothing to tell."""


@dataclass(slots=True)
class Utterance:
    """Sound so far, and how it is to be decoded. `live`: while it comes; else when it is complete.

    `at` is how many bytes of it are decoded.
    """

    number: int
    grammar: str = ""
    live: bool = True
    pcm: bytearray = field(default_factory=bytearray)
    ended: bool = False
    at: int = 0
    _work: Generator[Step, None, None] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is something to decode."""
        return self.ended or (self.live and len(self.pcm) >= max(FIRST, self.at + STEP))

    def step(self, engine: Engine) -> Step:
        """One step further; only while `ready`."""
        if self._work is None:
            self._work = self._live(engine) if self.live else self._complete(engine)
        return next(self._work)

    def restart(self) -> None:
        """Forget what was decoded: another utterance has taken the decoder."""
        if self._work is not None:
            self._work.close()
        self._work, self.at = None, 0

    def _live(self, engine: Engine) -> Generator[Step, None, None]:
        """Follows the speech; what fits no phrase of the grammar is decoded again when it is complete."""
        if self.grammar:
            engine.learn(self.grammar)
        engine.begin(self._sound(0, FIRST), held=bool(self.grammar))
        yield from self._follow(engine)
        engine.finish()
        text, words = engine.text(), list(engine.words())
        if (text or not self.grammar) and loudest(self.pcm) >= SILENT:
            yield True, transcript(text, words, matched=bool(self.grammar))
        else:
            yield from self._complete(engine)

    def _follow(self, engine: Engine) -> Generator[Step, None, None]:
        """Decodes the sound as it comes, until all of it is done."""
        shown = ""
        while not self.ended or len(self.pcm) - self.at > 1:
            piece = self._sound(self.at, self.at + STEP)
            self.at += len(piece)
            engine.feed(piece)
            text = engine.text()
            changed, shown = text not in ("", shown), text or shown
            yield (False, {"text": text}) if changed else None

    def _complete(self, engine: Engine) -> Generator[Step, None, None]:
        """Decodes what is complete: by the grammar, then as dictation in pieces."""
        if loudest(self.pcm) < SILENT:
            yield True, transcript("", [], matched=False)
            return
        if self.grammar and len(self.pcm) <= LONGEST_PHRASE:
            engine.learn(self.grammar)
            engine.whole(self._sound(0, len(self.pcm)), held=True)
            if text := engine.text():
                yield True, transcript(text, list(engine.words()), matched=True)
                return
            yield None
        hits: list[Hit] = []
        for begin, end in cuts(self._sound(0, len(self.pcm))):
            engine.whole(self._sound(begin, end), held=False)
            offset = begin / SECOND
            hits += [Hit(h.text, h.start + offset, h.end + offset, h.confidence) for h in engine.words()]
            yield (False, {"text": _joined(hits)}) if hits else None
        yield True, transcript(_joined(hits), hits, matched=False)

    def _sound(self, begin: int, end: int) -> bytes:
        """Whole samples: a message may end inside one."""
        end = min(end, len(self.pcm))
        return bytes(self.pcm[begin : end - (end - begin) % 2])


def transcript(text: str, hits: list[Hit], *, matched: bool) -> dict[str, Any]:
    """What is sent of a finished utterance; `matched`: it is a phrase of the grammar."""
    words = [
        {
            "text": hit.text,
            "start": round(hit.start, 2),
            "end": round(hit.end, 2),
            "confidence": hit.confidence,
            "unsure": hit.confidence is not None and hit.confidence < UNSURE_BELOW,
        }
        for hit in hits
    ]
    return {"text": text, "words": words, "matched": matched}


def _joined(hits: list[Hit]) -> str:
    return " ".join([hit.text for hit in hits])


def loudest(pcm: bytes | bytearray) -> int:
    """The largest sample, whatever its sign."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    return max(max(samples, default=0), -min(samples, default=0))


def cuts(pcm: bytes) -> Iterator[tuple[int, int]]:
    """Where a recording is cut: pieces of at most LONGEST_PIECE bytes, ending where it is quietest."""
    begin = 0
    while len(pcm) - begin > LONGEST_PIECE:
        end = _quietest(pcm, begin + SHORTEST_PIECE, begin + LONGEST_PIECE)
        yield begin, end
        begin = end
    if len(pcm) > begin:
        yield begin, len(pcm)


def _quietest(pcm: bytes, first: int, last: int) -> int:
    """The middle of the quietest fifth of a second between two offsets; every eighth sample is looked at."""
    samples = array("h", pcm[first:last])
    window = SECOND // 10
    sums = [sum(map(abs, samples[at : at + window : 8])) for at in range(0, len(samples) - window, window // 4)]
    return first + 2 * (sums.index(min(sums)) * (window // 4) + window // 2)


class Desk:
    """The utterances at hand. One decoder serves them all: it goes to those that are complete first.

    An utterance that loses the decoder starts again later; so nobody waits for one that stands still.
    """

    def __init__(self) -> None:
        self._utterances: dict[int, Utterance] = {}
        self._current: Utterance | None = None

    def add(self, utterance: Utterance) -> None:
        self._utterances[utterance.number] = utterance

    def get(self, number: int) -> Utterance | None:
        return self._utterances.get(number)

    def remove(self, number: int) -> None:
        gone = self._utterances.pop(number, None)
        if gone is not None:
            gone.restart()
        if self._current is gone:
            self._current = None

    def next(self) -> Utterance | None:
        """The utterance that the decoder works on now; None while all wait for sound."""
        ready = [each for each in self._utterances.values() if each.ready]
        if not ready:
            return None
        complete = [each for each in ready if each.ended]
        going = self._current if self._current in ready else ready[-1]
        chosen = going if going.ended or not complete else complete[0]
        if self._current is not None and chosen is not self._current:
            self._current.restart()
        self._current = chosen
        return chosen
