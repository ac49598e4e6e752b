"""The few words that an ONNX file says of itself: read without loading the model, and added to.

A file is a protocol buffer: fields one after another, in any order, so that words are added by appending them.
Belongs here: those fields. Does not belong here: what the words mean (kinds). Source: onnx.proto, ModelProto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_METADATA, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 1 << 20
"""Bytes of an entry that is looked at."""


def metadata(path: Path) -> dict[str, str]:
    """The key-value pairs of a model; what is no ONNX file has none. Raises OSError."""
    return dict(map(_entry, entries(path, _METADATA)))


def entries(path: Path, wanted: int) -> Iterator[bytes]:
    """The fields of that number, as they are. Raises OSError."""
    with path.open("rb") as file:
        for number, length in _fields(file, path.stat().st_size):
            if number == wanted and length < _LONGEST:
                yield file.read(length)
            else:
                file.seek(length, 1)


def append(path: Path, words: Mapping[str, object]) -> None:
    """Adds pairs at the end of the file. Raises OSError."""
    with path.open("ab") as file:
        for key, value in words.items():
            entry = _field(_KEY, key.encode()) + _field(_VALUE, str(value).encode())
            file.write(_field(_METADATA, entry))


def _fields(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Number and length of each field that has a length; the reader takes or skips its bytes. Stops at nonsense."""
    while file.tell() < size:
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if kind == _BYTES:
            length = _varint(file)
            if length > size - file.tell():
                return
            yield number, length
        elif kind == _VARINT:
            _varint(file)
        elif kind in (_FIXED64, _FIXED32):
            file.seek(8 if kind == _FIXED64 else 4, 1)
        else:
            return


def _entry(raw: bytes) -> tuple[str, str]:
    from io import BytesIO

    file, parts = BytesIO(raw), {_KEY: "", _VALUE: ""}
    for number, length in _fields(file, len(raw)):
        parts[number] = file.read(length).decode(errors="replace")
    return parts[_KEY], parts[_VALUE]


def _varint(file: BinaryIO) -> int:
    value, shift = 0, 0
    while (byte := file.read(1)) and shift < 64:
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    return value


def _field(number: int, data: bytes) -> bytes:
    return _number(number << 3 | _BYTES) + _number(len(data)) + data


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
