"""Messages between `voice` and its recogniser process: kind, utterance, length, payload. Pure: bytes in, messages out.

Belongs here: the frame and the names of what is sent. Does not belong here: pipes, processes, decoding.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from voicecli.errors import ProtocolError

HEADER = struct.Struct("!BII")
LARGEST = 64 * 1024 * 1024


class Kind(IntEnum):
    """To the process: BEGIN (JSON options) to WARM, AUDIO is s16le at 16 kHz. From it: the rest, with JSON."""

    BEGIN = 1
    AUDIO = 2
    END = 3
    ABANDON = 4
    WARM = 5
    READY = 10
    PARTIAL = 11
    FINAL = 12
    FAILED = 13


@dataclass(frozen=True, slots=True)
class Message:
    kind: Kind
    utterance: int = 0
    payload: bytes = b""

    @property
    def data(self) -> Any:
        """The payload as JSON. ProtocolError: it is none."""
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError):
            raise ProtocolError("the recogniser's process spoke nonsense", who="embedded") from None


def encode(kind: Kind, utterance: int = 0, payload: bytes | dict[str, Any] = b"") -> bytes:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HEADER.pack(kind, utterance, len(raw)) + raw


class Decoder:
    """Feed it what a pipe gives, cut anywhere; iterate the messages that are whole. ProtocolError: nonsense."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        self._rest += data
        while len(self._rest) >= HEADER.size:
            kind, utterance, length = HEADER.unpack_from(self._rest)
            if length > LARGEST or kind not in Kind.__members__.values():
                raise ProtocolError("the recogniser's process spoke nonsense", who="embedded")
            end = HEADER.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[HEADER.size : end])
            del self._rest[:end]
            yield Message(Kind(kind), utterance, payload)
