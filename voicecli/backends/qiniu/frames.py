"""Qiniu's binary recognition protocol: bytes to one frame, one frame to bytes.

Belongs here: the layout of a frame, what a client must tolerate in one, and its limits. Does not belong
here: sockets, asyncio, clocks, the order of frames (recognition.py), or what the JSON inside means.

    byte 0  version 0001 | header size in words
    byte 1  kind | flags
    byte 2  serialization (0 raw, 1 JSON) | compression (0 none, 1 gzip)
    byte 3  0
    [header extensions] [sequence:int32] [event:int32] [code:uint32, errors only] size:uint32 payload

All integers are big-endian; `size` counts the bytes after compression. Servers lie in byte 2, so the
payload itself tells whether it is gzip, and whoever reads it finds out whether it is JSON.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from voicecli.errors import ProtocolError

PAYLOAD_BYTES = 8 * 2**20
"""The largest payload that is unpacked; an hour's transcript with its words is about 1 MiB."""


class FrameKind(IntEnum):
    """What a frame is."""

    CONFIG = 0b0001
    AUDIO = 0b0010
    RESULT = 0b1001
    ACK = 0b1011
    ERROR = 0b1111


VERSION, HEADER_WORDS = 1, 1
SEQUENCED, LAST, EVENT = 0b0001, 0b0010, 0b0100
RAW, JSON = 0, 1
PLAIN, GZIP = 0, 1

_INT, _UINT = struct.Struct(">i"), struct.Struct(">I")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `payload` is unpacked. `code` is set in errors only.

    `sequence` is as on the wire: a client's last frame carries it negative. `last` is the flag, which
    alone tells the end: servers send any sign.
    """

    kind: FrameKind
    payload: bytes = b""
    sequence: int | None = None
    last: bool = False
    code: int | None = None
    event: int | None = None


def encode(frame: Frame, *, compress: bool = True) -> bytes:
    """The bytes of `frame`, its payload as gzip unless `compress` is False."""
    body = gzip.compress(frame.payload, compresslevel=1, mtime=0) if compress else frame.payload
    flags = SEQUENCED * (frame.sequence is not None) | LAST * frame.last | EVENT * (frame.event is not None)
    coding = (RAW if frame.kind is FrameKind.AUDIO else JSON) << 4 | (GZIP if compress else PLAIN)
    header = bytes((VERSION << 4 | HEADER_WORDS, frame.kind << 4 | flags, coding, 0))
    numbers = b"".join(_INT.pack(each) for each in (frame.sequence, frame.event) if each is not None)
    code = _UINT.pack(frame.code or 0) if frame.kind is FrameKind.ERROR else b""
    return header + numbers + code + _UINT.pack(len(body)) + body


def decode(data: bytes) -> Frame | None:
    """The frame in one message, or None for a kind that nobody has told us of.

    Header extensions, the reserved byte, unknown flags and bytes after the payload are ignored, as is
    the body of an ACK. Raises ProtocolError for another version, a header that can't be, numbers or
    a payload that the message is too short for, and gzip that is broken or expands beyond `PAYLOAD_BYTES`.
    """
    header = _header_bytes(data)
    try:
        kind = FrameKind(data[1] >> 4)
    except ValueError:
        return None
    flags, reader = data[1] & 0x0F, _Reader(data, header)
    if kind is FrameKind.ACK:
        return Frame(kind, last=bool(flags & LAST))
    sequence = reader.number(_INT, "sequence") if flags & SEQUENCED else None
    event = reader.number(_INT, "event") if flags & EVENT else None
    code = reader.number(_UINT, "code") if kind is FrameKind.ERROR else None
    payload = reader.payload(reader.number(_UINT, "size"))
    if payload.startswith(_GZIP_MAGIC) and (data[2] & 0x0F == GZIP or kind is not FrameKind.AUDIO):
        payload = _expanded(payload)
    return Frame(kind, _bounded(payload), sequence, bool(flags & LAST), code, event)


def _header_bytes(data: bytes) -> int:
    if len(data) < 4:
        raise ProtocolError(f"sent a frame of {len(data)} bytes, too short for a header")
    version, words = data[0] >> 4, data[0] & 0x0F
    if version != VERSION:
        raise ProtocolError(f"sent a frame of version {version}, expected {VERSION}")
    if not 4 <= 4 * words <= len(data):
        raise ProtocolError(f"sent a header of {words} words in a frame of {len(data)} bytes")
    return 4 * words


class _Reader:
    """A place in a frame that moves on with what is read."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def number(self, form: struct.Struct, name: str) -> int:
        if len(self._data) - self._at < form.size:
            raise ProtocolError(f"sent a frame of {len(self._data)} bytes that ends before its {name}")
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return int(value)

    def payload(self, size: int) -> bytes:
        left = len(self._data) - self._at
        if size > left:
            raise ProtocolError(f"sent a frame with {left} bytes of payload that claims {size}")
        return self._data[self._at : self._at + size]


def _expanded(payload: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(payload, PAYLOAD_BYTES + 1)
    except zlib.error as exc:
        raise ProtocolError(f"sent gzip that is broken: {exc}") from exc
    if not unpacker.eof and len(unpacked) <= PAYLOAD_BYTES:
        raise ProtocolError("sent gzip that is cut off")
    return unpacked


def _bounded(payload: bytes) -> bytes:
    if len(payload) > PAYLOAD_BYTES:
        raise ProtocolError(f"sent a payload of more than {PAYLOAD_BYTES // 2**20} MiB")
    return payload
