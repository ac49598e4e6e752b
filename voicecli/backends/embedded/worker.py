"""The recogniser's own process (`python -m voicecli.backends.embedded.worker`): pocketsphinx holds the GIL.

Belongs here: messages in and out, and the end of the process. Does not belong here: decoding
(utterances.py, engine.py), asyncio, anything of the command line. It ends when its stdin closes, so
that it never outlives `voice`, whatever becomes of that; Ctrl-C is not its business.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from voicecli.backends.embedded import wire
from voicecli.backends.embedded.wire import Kind, Message

if TYPE_CHECKING:
    from voicecli.backends.embedded.engine import Engine
    from voicecli.backends.embedded.utterances import Utterance

Inbox = queue.SimpleQueue[Message]


class Worker:
    """Takes what has come, decodes one step, and so on: what is abandoned is never decoded further."""

    def __init__(self, inbox: Inbox, out: BinaryIO) -> None:
        from voicecli.backends.embedded.utterances import Desk

        self._inbox, self._out = inbox, out
        self._desk = Desk()
        self._made: Engine | None = None

    def run(self) -> None:
        """For ever; the process ends when its input does."""
        while True:
            utterance = self._desk.next()
            self._take(wait=utterance is None)
            if utterance is not None and self._desk.get(utterance.number) is utterance:
                self._step(utterance)

    def _take(self, *, wait: bool) -> None:
        """Everything that has come; at least one message when there is nothing else to do."""
        while wait or not self._inbox.empty():
            self._handle(self._inbox.get())
            wait = False

    def _handle(self, message: Message) -> None:
        from voicecli.backends.embedded.utterances import Utterance

        number = message.utterance
        utterance = self._desk.get(number)
        if message.kind is Kind.BEGIN:
            options = message.data
            self._desk.add(Utterance(number, options.get("grammar") or "", not options.get("whole")))
        elif message.kind is Kind.WARM:
            _ = self._engine
        elif message.kind is Kind.ABANDON:
            self._desk.remove(number)
        elif utterance is not None and message.kind is Kind.AUDIO:
            utterance.pcm += message.payload
        elif utterance is not None and message.kind is Kind.END:
            utterance.ended = True

    def _step(self, utterance: Utterance) -> None:
        try:
            step = utterance.step(self._engine)
        # Whatever a decoder does wrong costs its utterance and nothing else.
        except Exception as exc:
            self._desk.remove(utterance.number)
            self._send(Kind.FAILED, utterance.number, {"error": str(exc) or type(exc).__name__})
            return
        if step is None:
            return
        final, data = step
        if final:
            self._desk.remove(utterance.number)
        self._send(Kind.FINAL if final else Kind.PARTIAL, utterance.number, data)

    @property
    def _engine(self) -> Engine:
        if self._made is None:
            from voicecli.backends.embedded.engine import Engine

            self._made = Engine()
        return self._made

    def _send(self, kind: Kind, number: int, data: dict[str, Any]) -> None:
        self._out.write(wire.encode(kind, number, data))
        self._out.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a native library prints must not get between our messages.
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    inbox: Inbox = queue.SimpleQueue()
    out.write(wire.encode(Kind.READY))
    out.flush()
    # A daemon: the end of stdin ends the process, in the middle of an utterance too.
    threading.Thread(target=Worker(inbox, out).run, daemon=True).start()
    _read(inbox)


def _read(inbox: Inbox) -> None:
    """Everything from stdin, until it closes."""
    decoder = wire.Decoder()
    while data := os.read(0, 1 << 16):
        for message in decoder.feed(data):
            inbox.put(message)


if __name__ == "__main__":
    main()
