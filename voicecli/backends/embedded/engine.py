"""pocketsphinx as this family uses it: one decoder with two searches, dictation and a grammar.

Belongs here: everything that touches the native decoder, and the settings that were measured. Does not
belong here: which utterance is decoded when (worker.py), pipes, processes. The decoder holds the GIL.

A recording's mean spectrum decides most: with the decoder's own running guess human dictation had 61 %
word errors, with the mean of the first second 20 %, with the whole recording's 15 % (benchmarks/embedded.py
measures it). So an utterance starts from the mean of what is there of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voicecli.backends.embedded.rejection import PRONUNCIATIONS, rejected

RATE = 16_000
SECOND = 2 * RATE
"""Bytes of a second."""
PADDING_S = 0.3
PADDING = bytes(2 * int(RATE * PADDING_S))
"""Silence on both sides: without it first and last words suffer."""
FRAMES_PER_S = 100
UNSURE_BELOW = 0.5
"""A posterior under which a word is marked: that took 9 of 10 wrong words, and a third of the right ones."""

DICTATION = {"maxhmmpf": 5000}
"""Fewer active states a frame: two thirds of the time, and no more errors."""
HELD = {"beam": 1e-80, "pbeam": 1e-60, "wbeam": 1e-80, "maxhmmpf": 3000, "bestpath": False}
"""A grammar's paths are few, and narrow beams lose them, first of all the one that rejects."""
_NEUTRAL_MEAN = "40,3,-1"
_MEASURING = "#JSGF V1.0;\ngrammar measuring;\npublic <nothing> = sound_none;\n"
"""Ending an utterance decodes it, wanted or not: this costs nothing."""
_VARIANT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True, slots=True)
class Hit:
    """One recognised word; seconds from the start of the utterance, posterior 0 to 1 or None."""

    text: str
    start: float
    end: float
    confidence: float | None


class Engine:
    """Loads the wheel's US-English model when made (half a second, 110 MiB). One utterance at a time."""

    def __init__(self) -> None:
        from pocketsphinx import Config, Decoder

        self._decoder: Any = Decoder(Config(loglevel="FATAL", **DICTATION))
        self._config: Any = self._decoder.config
        self._dictation: str = self._decoder.current_search()
        self._grammar = ""
        self._open = False
        for word, sounds in PRONUNCIATIONS.items():
            self._decoder.add_word(word, sounds, False)
        self._decoder.add_jsgf_string("measuring", _MEASURING)

    def learn(self, grammar: str) -> None:
        """Make `grammar` (JSGF) the one that utterances are held to. ValueError: it cannot be used."""
        if grammar == self._grammar:
            return
        kept = {name: self._config[name] for name in HELD}
        self._set(HELD)
        try:
            if self._grammar:
                self._grammar = ""
                self._decoder.activate_search(self._dictation)
                self._decoder.remove_search("held")
            self._decoder.add_jsgf_string("held", grammar)
            self._grammar = grammar
        except (RuntimeError, ValueError):
            raise ValueError("the grammar has an error, or a word that the recogniser does not know") from None
        finally:
            self._set(kept)

    def begin(self, sample: bytes, *, held: bool) -> None:
        """Start an utterance that is still being spoken; its sound is like `sample` (a second of it)."""
        mean = self._mean(sample)
        self._start(held, {"cmn": "live", "cmninit": mean})
        self._open = True
        self._decoder.process_raw(PADDING)

    def feed(self, pcm: bytes) -> None:
        if pcm:
            self._decoder.process_raw(pcm)

    def finish(self) -> None:
        self._decoder.process_raw(PADDING)
        self.drop()

    def drop(self) -> None:
        """End what was begun, if anything was."""
        if self._open:
            self._open = False
            self._decoder.end_utt()

    def whole(self, pcm: bytes, *, held: bool) -> None:
        """Decode an utterance that is complete. Blocks for 0.1 to 0.3 of its length."""
        self._start(held, {"cmn": "batch"})
        self._decoder.process_raw(PADDING + pcm + PADDING, full_utt=True)
        self._decoder.end_utt()

    def text(self) -> str:
        """What was said so far, or all of it; empty while it fits no phrase of the grammar."""
        hypothesis = self._decoder.hyp()
        text = "" if hypothesis is None else hypothesis.hypstr
        return "" if rejected(text) else " ".join([_VARIANT.sub("", word) for word in text.split()])

    def words(self) -> Iterator[Hit]:
        """The words of the finished utterance."""
        for segment in self._decoder.seg() or ():
            if segment.word[0] not in "<[+(":
                start = max(0.0, segment.start_frame / FRAMES_PER_S - PADDING_S)
                end = max(start, (segment.end_frame + 1) / FRAMES_PER_S - PADDING_S)
                confidence = None if self._held else round(min(1.0, float(segment.prob)), 3)
                yield Hit(_VARIANT.sub("", segment.word), round(start, 2), round(end, 2), confidence)

    def _start(self, held: bool, settings: dict[str, Any]) -> None:
        """`reinit_feat` forgets the utterance before: without it results depend on what came earlier."""
        self.drop()
        self._held = held
        self._decoder.activate_search("held" if held else self._dictation)
        self._set(settings)
        self._decoder.reinit_feat()
        self._decoder.start_utt()

    def _mean(self, sample: bytes) -> str:
        """The mean cepstrum of `sample`, as the decoder writes it."""
        self.drop()
        if len(sample) < SECOND // 10:
            return _NEUTRAL_MEAN
        self._decoder.activate_search("measuring")
        self._set({"cmn": "batch"})
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(sample, no_search=True, full_utt=True)
        mean: str = self._decoder.get_cmn(False)
        self._decoder.end_utt()
        return mean

    def _set(self, settings: dict[str, Any]) -> None:
        for name, value in settings.items():
            self._config[name] = value
