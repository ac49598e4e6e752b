"""The recogniser's own process (`python -m voicecli.backends.embedded.worker`): pocketsphinx holds the GIL.

Belongs here: decoding, one utterance at a time. Does not belong here: asyncio, anything of the command line.
It ends when its stdin closes, so that it never outlives `voice`, whatever becomes of that; Ctrl-C is not its business.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, BinaryIO

from voicecli.backends.embedded import wire
from voicecli.backends.embedded.rejection import PRONUNCIATIONS, rejected
from voicecli.backends.embedded.wire import Kind, Message

RATE = 16_000
PADDING = bytes(2 * int(RATE * 0.3))
"""0.3 s of silence on both sides: without it first and last words suffer."""
STEP = 2 * RATE // 10
FRAMES_PER_S = 100
UNSURE_BELOW = 0.3
"""A posterior under which a word is marked (benchmarks/embedded.py prints right and wrong words by posterior)."""
BEAMS = {"beam": 1e-80, "pbeam": 1e-60, "wbeam": 1e-80}
"""Wide ones: a grammar's paths are few, and narrow beams lose them (measured: 13–18 of 25 phrases, against 21–23)."""


class Engine:
    """The decoders, each made when first needed."""

    def __init__(self) -> None:
        from pocketsphinx import Config, Decoder

        self._config, self._decoder = Config, Decoder
        self._grammars: dict[tuple[str, str], Any] = {}

    @cached_property
    def dictation(self) -> Any:
        """The wheel's US-English model; mean normalisation adapts while it listens."""
        return self._decoder(self._config(loglevel="FATAL", cmn="live"))

    @cached_property
    def whole(self) -> Any:
        """The same for whole recordings, which are normalised as a whole."""
        return self._decoder(self._config(loglevel="FATAL", cmn="batch"))

    def grammar(self, text: str, cmn: str) -> Any:
        """A decoder held to JSGF `text`, with the sounds of what fits no phrase."""
        if (text, cmn) not in self._grammars:
            decoder = self._decoder(self._config(loglevel="FATAL", lm=None, cmn=cmn, bestpath=False, **BEAMS))
            for word, sounds in PRONUNCIATIONS.items():
                decoder.add_word(word, sounds, False)
            decoder.add_word("sound_done", "SIL", True)
            decoder.add_jsgf_string("request", text)
            decoder.activate_search("request")
            self._grammars = {key: each for key, each in self._grammars.items() if key[0] == text}
            self._grammars[text, cmn] = decoder
        return self._grammars[text, cmn]


class Utterance:
    """One utterance being decoded: live for its interim text, again at its end where that was not enough."""

    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        self._engine = engine
        self._grammar: str = options.get("grammar") or ""
        self._whole: bool = bool(options.get("whole"))
        self._pcm = bytearray()
        self._shown = ""
        self._decoder: Any = None
        if not self._whole:
            self._decoder = engine.grammar(self._grammar, "live") if self._grammar else engine.dictation
            self._decoder.start_utt()
            self._decoder.process_raw(PADDING)

    def feed(self, pcm: bytes) -> str | None:
        """The interim text when it has changed."""
        self._pcm += pcm
        if self._decoder is None:
            return None
        self._decoder.process_raw(pcm)
        text = _text(self._decoder)
        if not text or text == self._shown or rejected(text):
            return None
        self._shown = text
        return text

    def end(self) -> dict[str, Any]:
        """The final text with its words; times in seconds."""
        if self._decoder is not None:
            self._decoder.process_raw(PADDING)
            self._decoder.end_utt()
            text = _text(self._decoder)
            if self._grammar and text and not rejected(text):
                return {"text": text, "words": [], "grammar": True}
            if not self._grammar:
                return self._result(self._decoder, len(PADDING))
        return self._again()

    def _again(self) -> dict[str, Any]:
        """The whole utterance once more: by the grammar with its sound normalised as a whole, then as dictation."""
        sound = PADDING + bytes(self._pcm) + PADDING
        if self._grammar:
            decoder = _decoded(self._engine.grammar(self._grammar, "batch"), sound)
            text = _text(decoder)
            if text and not rejected(text):
                return {"text": text, "words": [], "grammar": True}
        return self._result(_decoded(self._engine.whole, sound), len(PADDING))

    def abandon(self) -> None:
        if self._decoder is not None:
            self._decoder.end_utt()

    def _result(self, decoder: Any, padding: int) -> dict[str, Any]:
        words = list(_words(decoder, padding / 2 / RATE))
        return {"text": " ".join(word["text"] for word in words), "words": words, "grammar": False}


def _decoded(decoder: Any, sound: bytes) -> Any:
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    return decoder


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def _words(decoder: Any, offset: float) -> Iterator[dict[str, Any]]:
    for segment in decoder.seg() or ():
        if segment.word[0] in "<[+":
            continue  # silence and noises
        confidence = min(1.0, float(segment.prob))
        yield {
            "text": segment.word.split("(")[0],
            "start": max(0.0, segment.start_frame / FRAMES_PER_S - offset),
            "end": max(0.0, (segment.end_frame + 1) / FRAMES_PER_S - offset),
            "confidence": round(confidence, 3),
            "unsure": confidence < UNSURE_BELOW,
        }


class Worker:
    """Takes messages in order; utterances that overlap wait for the one before."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._engine = Engine()
        self._waiting: dict[int, deque[Message]] = {}
        self._now: tuple[int, Utterance] | None = None

    def take(self, message: Message) -> None:
        if message.kind is Kind.BEGIN:
            self._waiting[message.utterance] = deque()
        if message.utterance in self._waiting:
            self._waiting[message.utterance].append(message)
        self._work()

    def _work(self) -> None:
        """Everything that waits for the oldest utterance; when it ends, the next one's turn comes."""
        while self._waiting:
            number, messages = next(iter(self._waiting.items()))
            if messages and messages[-1].kind is Kind.ABANDON:
                self._abandon(number)
                continue
            if not messages:
                return
            self._step(number, messages.popleft())

    def _abandon(self, number: int) -> None:
        if self._now is not None and self._now[0] == number:
            self._now[1].abandon()
            self._now = None
        del self._waiting[number]

    def _step(self, number: int, message: Message) -> None:
        try:
            if message.kind is Kind.BEGIN:
                self._now = number, Utterance(self._engine, message.data)
            elif self._now is not None and message.kind is Kind.AUDIO:
                self._feed(number, message.payload)
            elif self._now is not None and message.kind is Kind.END:
                self._send(Kind.FINAL, number, self._now[1].end())
                self._now = None
                del self._waiting[number]
        except (RuntimeError, ValueError) as exc:
            self._send(Kind.FAILED, number, {"error": str(exc) or type(exc).__name__})
            self._now = None
            self._waiting.pop(number, None)

    def _feed(self, number: int, pcm: bytes) -> None:
        assert self._now is not None
        for begin in range(0, len(pcm), STEP):
            text = self._now[1].feed(pcm[begin : begin + STEP])
            if text is not None:
                self._send(Kind.PARTIAL, number, {"text": text})

    def warm(self, grammar: str) -> None:
        """Loads the decoder that the first utterance will need."""
        _ = self._engine.grammar(grammar, "live") if grammar else self._engine.dictation

    def _send(self, kind: Kind, number: int, data: dict[str, Any]) -> None:
        self._out.write(wire.encode(kind, number, data))
        self._out.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, out = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a native library prints must not get between our messages.
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    decoder, worker = wire.Decoder(), Worker(out)
    out.write(wire.encode(Kind.READY))
    out.flush()
    while data := os.read(source.fileno(), 1 << 16):
        for message in decoder.feed(data):
            if message.kind is Kind.BEGIN and message.utterance == 0:
                worker.warm(message.data.get("grammar") or "")
            else:
                worker.take(message)


if __name__ == "__main__":
    # Nobody reads any more: `voice` is gone.
    with suppress(BrokenPipeError):
        main()
