"""Real pictures, videos and documents that carry digits, written and read strictly: nothing of them can be canned.

A PNG of one grey pixel per digit (every chunk's CRC is checked), an MP4 whose boxes add up, a PDF, a Word document.

Belongs here: bytes to digits and back. Does not belong here: requests, services.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from tests.fakes.forms import Refused

_PNG = b"\x89PNG\r\n\x1a\n"
_STEP = 25
"""The grey of a digit is so many times the digit."""


# -- pictures --------------------------------------------------------------------------------------


def png(digits: str) -> bytes:
    """A picture, one pixel high, of one grey pixel per digit."""
    row = b"\0" + bytes(int(each) * _STEP for each in digits)
    header = struct.pack(">IIBBBBB", len(digits), 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_digits(data: bytes) -> str:
    """The digits of a PNG. Refused: anything that is no whole PNG of ours."""
    if not data.startswith(_PNG):
        raise Refused("this is no PNG")
    chunks = list(_chunks(data[len(_PNG) :]))
    if [name for name, _ in chunks] != [b"IHDR", b"IDAT", b"IEND"]:
        raise Refused(f"these are not the chunks of a PNG: {[name for name, _ in chunks]}")
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    row = zlib.decompress(chunks[1][1])
    if (height, depth, colour, *rest) != (1, 8, 0, 0, 0, 0) or len(row) != width + 1 or row[0]:
        raise Refused("this PNG is not as its header says")
    return "".join(str(each // _STEP) for each in row[1:])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        if len(data) < 12:
            raise Refused("this PNG was cut off")
        (size,) = struct.unpack(">I", data[:4])
        body, crc, data = data[4 : 8 + size], data[8 + size : 12 + size], data[12 + size :]
        if crc != struct.pack(">I", zlib.crc32(body)):
            raise Refused("a chunk of this PNG is damaged")
        yield body[:4], body[4:]


# -- videos ----------------------------------------------------------------------------------------


def mp4(digits: str) -> bytes:
    """A video's boxes: what it is, the digits as its data, a header."""
    movie = struct.pack(">IIIII", 0, 0, 0, 1000, 1000 * len(digits)) + bytes(80)
    return (
        _box(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41")
        + _box(b"moov", _box(b"mvhd", movie))
        + _box(b"mdat", digits.encode())
    )


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def mp4_digits(data: bytes) -> str:
    """The digits of a video. Refused: anything but whole boxes of ours."""
    boxes = dict(_boxes(data))
    if list(boxes) != [b"ftyp", b"moov", b"mdat"] or boxes[b"ftyp"][:4] != b"isom":
        raise Refused(f"this is no MP4: {list(boxes)}")
    header = dict(_boxes(boxes[b"moov"])).get(b"mvhd", b"")
    if len(header) != 100 or struct.unpack(">I", header[16:20]) != (1000 * len(boxes[b"mdat"]),):
        raise Refused("this MP4 is not as long as its header says")
    return boxes[b"mdat"].decode()


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        (size,) = struct.unpack(">I", data[:4]) if len(data) >= 8 else (0,)
        if not 8 <= size <= len(data):
            raise Refused("this MP4 was cut off")
        yield data[4:8], data[8:size]
        data = data[size:]


# -- documents -------------------------------------------------------------------------------------


def pdf(digits: str) -> bytes:
    """What begins and ends as a PDF, with the digits inside."""
    return b"%PDF-1.4\n1 0 obj\n(" + digits.encode() + b")\nendobj\n%%EOF\n"


def docx(digits: str) -> bytes:
    """A Word document whose text is the digits."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f"<w:t>{digits}</w:t>")
    return out.getvalue()


def document_digits(name: str, data: bytes) -> str:
    """The digits of a document, which must be what its name says: txt, pdf or docx. Refused otherwise."""
    extension = name.rpartition(".")[2].lower()
    if extension == "txt":
        return "".join(re.findall(r"\d", data.decode()))
    if extension == "pdf" and data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF"):
        return "".join(re.findall(r"\((\d*)\)", data.decode()))
    if extension == "docx" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "".join(re.findall(r"<w:t>(\d*)</w:t>", archive.read("word/document.xml").decode()))
    raise Refused(f"{name} is not a document of its kind")


# -- what becomes of digits ------------------------------------------------------------------------


def digits_of(text: str) -> str:
    return "".join(each for each in text if each.isascii() and each.isdigit())


def plus_one(digits: str) -> str:
    return "".join(str((int(each) + 1) % 10) for each in digits)


def doubled(digits: str) -> str:
    return "".join(2 * each for each in digits)
