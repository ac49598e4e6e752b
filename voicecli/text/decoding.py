"""The bytes of a text as text, whole or while they arrive. Pure.

Belongs here: byte order marks, which encodings are read, and the error for all others. Does not belong here: reading
files and pipes, what the text is for.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from voicecli.errors import InputError
from voicecli.text.figures import size

MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks (RFC 3629, Unicode 23.8); the longer ones first, as one begins like another."""

HEAD = 4
"""Bytes that tell an encoding."""

ODD = 0.3
"""The share of characters that may be no UTF-8: accents of Latin-1 are fewer, Chinese in another encoding is more."""

_PRINTED = frozenset([*b"\t\n\r", *range(0x20, 0x7F), *range(0xA0, 0x100)])


def as_text(data: bytes, who: str) -> str:
    """UTF-8 (or UTF-16, UTF-32) as text; a few odd bytes, as logs have them, are letters of Windows or U+FFFD.

    Raises InputError for bytes that are no text, or are in another encoding.
    """
    encoding = encoding_of(data)
    text = data.decode(encoding, "replace")
    if "\0" in text:
        raise _binary(who)
    if text.count("\N{REPLACEMENT CHARACTER}") > ODD * len(text):
        raise _foreign(who, data)
    if encoding != "utf-8-sig":
        return text
    return _ODD_BYTE.sub(_of_windows, data.decode(encoding, "surrogateescape"))


_ODD_BYTE = re.compile("[\udc80-\udcff]")


def _of_windows(found: re.Match[str]) -> str:
    return bytes([ord(found[0]) & 0xFF]).decode("cp1252", "replace")


LARGEST = 256 * 1024 * 1024
"""Bytes of a text: it is held in memory, and some inputs have no end."""


def taken(read: Callable[[int], bytes], who: str) -> bytes:
    """All that `read` gives, asked for so many bytes at most. InputError: it is more than LARGEST."""
    data = read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InputError(f"holds more than {size(LARGEST)}", who=who, cure="Give a part of it.")
    return data


def exact_text(data: bytes, who: str) -> str:
    """As `as_text`, without exceptions: for text that is spoken or paid for, a lost letter is a wrong word."""
    decoder = TextDecoder(who)
    return decoder.feed(data) + decoder.flush()


class TextDecoder:
    """UTF-8 (or UTF-16, UTF-32) that arrives in pieces. Raises InputError as `exact_text` does."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""

    def feed(self, data: bytes) -> str:
        """The text of `data`, as far as its last character is whole."""
        if self._decoder is None:
            data, self._head = self._head + data, b""
            if _is_open(data):
                self._head = data
                return ""
        return self._decoded(data)

    def flush(self) -> str:
        """What is left, the text having ended."""
        return self._decoded(self._head, final=True)

    def _decoded(self, data: bytes, final: bool = False) -> str:
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(encoding_of(data))("strict")
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as exc:
            raise (_binary(self._who) if b"\0" in data else _foreign(self._who, data)) from exc
        if "\0" in text:
            raise _binary(self._who)
        return text


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins with `head`, as far as it is one that we read: a codec's name."""
    marked = next((name for mark, name in MARKS.items() if head.startswith(mark)), "")
    return marked or _unmarked(head[:64]) or _unmarked_wide(head[:256]) or "utf-8-sig"


def _unmarked(head: bytes) -> str:
    """UTF-16 without a mark, as Windows writes it: every other byte of Latin letters is nothing."""
    for name, letters, zeros in (("utf-16-le", head[::2], head[1::2]), ("utf-16-be", head[1::2], head[::2])):
        plain = [letter in _PRINTED for letter, zero in zip(letters, zeros, strict=False) if zero == 0]
        if len(head) >= HEAD and 0 not in letters and plain and all(plain) and 2 * len(plain) >= len(zeros):
            return name
    return ""


def _unmarked_wide(head: bytes) -> str:
    """The same of texts that are hardly Latin: letters of one script, and marks that no other encoding has there."""
    for name in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) // 2 * 2].decode(name, "replace")
        letters = sum(any(first <= each <= last for first, last in _WIDE) for each in text)
        if len(text) > 1 and not _BETWEEN.isdisjoint(text) and letters >= 0.9 * len(text):
            return name
    return ""


_BETWEEN = frozenset(" \n。，、！？")
_WIDE: tuple[tuple[str, str], ...] = (
    (" ", " "),
    ("\n", "\n"),
    ("\r", "\r"),
    ("!", "?"),
    ("\u0370", "\u06ff"),
    ("\u0900", "\u0e7f"),
)
_WIDE += (("\u3000", "\u9fff"), ("\uac00", "\ud7a3"), ("\uff00", "\uffef"))
"""Greek to Arabic, India to Thailand, China, Japan, Korea; and what stands between words."""


def _is_open(head: bytes) -> bool:
    """Whether more bytes could tell another encoding; what can only be UTF-8 is not waited for."""
    return len(head) < 2 or (len(head) < HEAD and (head[0] in b"\xff\xfe\xef\0" or 0 in head))


def _binary(who: str) -> InputError:
    cure = "Sound is for 'voice transcribe', a picture for 'voice chat -a'."
    return InputError("is binary, not text", who=who, cure=cure)


def _foreign(who: str, data: bytes) -> InputError:
    return InputError("is no UTF-8 text", who=who, cure=f"Convert it, for instance: iconv -f {likely(data)} -t UTF-8")


def likely(data: bytes) -> str:
    """The encoding that a text which is no UTF-8 may have, as iconv calls it: a guess, for a person to try.

    Letters with accents stand alone among others. Of Chinese and Japanese ones most are the common ones, and each
    encoding has those in rows of its own, told by the first of two bytes.
    """
    if sum(byte >= 0x80 for byte in data) <= ODD * len(data):
        return "WINDOWS-1252"
    firsts = [pair[0] for pair in _PAIR.findall(data[:BLOCK])]
    shares = {name: sum(each in common for each in firsts) / max(1, len(firsts)) for name, common in _COMMON.items()}
    return max(shares, key=shares.__getitem__)


BLOCK = 4096
"""Bytes that are looked at."""
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_COMMON = {
    "GB18030": frozenset([0xA3, *range(0xB0, 0xD8)]),
    "BIG5": frozenset(range(0xA4, 0xC7)),
    "SHIFT_JIS": frozenset([0x82, 0x83, *range(0x88, 0x98)]),
}
"""The first bytes of the usual letters."""
