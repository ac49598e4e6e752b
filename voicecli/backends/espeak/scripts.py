"""Which voice can read a text, and a text in pieces that are made one at a time.

Belongs here: pure decisions about letters. Does not belong here: the library, sound.
"""

from __future__ import annotations

import re

from voicecli.text.characters import HAN
from voicecli.text.sentences import FULL, SentenceSplitter

DEFAULT_VOICE = "en-us+f2"
"""The one that our own recogniser understands best."""

LONGEST_PIECE = 300
"""Characters that are made at once: some 20 s of sound."""

_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), "ko"),
    (re.compile(f"[{HAN}]"), "cmn"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
)
_READERS = {
    "cmn": {"cmn", "yue", "hak", "zh", "nan", "ja"},
    "ru": {"ru", "uk", "bg", "be", "sr", "mk", "kk", "ky", "tt", "ba", "cv", "mn", "nog", "uz"},
    "ar": {"ar", "fa", "ur", "sd", "ug", "ku"},
    "hi": {"hi", "mr", "ne", "kok", "sa", "bpy"},
    "el": {"el", "grc"},
}
"""Languages written in the script of a voice, besides its own."""

_POINT = re.compile(r"(?<=\d)\.(\d+)")


def reader_of(text: str) -> str:
    """A voice for the script that `text` is mostly not Latin in; empty where Latin letters do."""
    counts = [(len(pattern.findall(text)), voice) for pattern, voice in _SCRIPTS]
    kana = counts[0][0]
    most, voice = max(counts, key=lambda each: each[0])
    return "" if most == 0 else "ja" if kana else voice


def voice_for(text: str, voice: str | None, language: str | None, configured: str) -> str:
    """The voice or language that was asked for; else the configured or usual one, if it can read `text`."""
    usual = configured or DEFAULT_VOICE
    if voice:
        return voice
    if language:
        return usual if speaks(usual, language) else language
    reader, own = reader_of(text), _language(usual)
    return usual if not reader or own == reader or own in _READERS.get(reader, ()) else reader


def speaks(voice: str, language: str) -> bool:
    """Whether `voice` is one of `language`: en-us+f2 is one of en and of en-us, not of en-gb."""
    return f"{voice.partition('+')[0].lower()}-".startswith(f"{language.lower().replace('_', '-')}-")


def _language(voice: str) -> str:
    return re.split(r"[-+_/]", voice.lower())[0]


def printable(text: str) -> str:
    """`text` with a blank for each control character but line ends."""
    return "".join([char if char.isprintable() or char == "\n" else " " for char in text])


def readable(text: str, voice: str) -> str:
    """`text` as `voice` is given it: without control characters, decimals as Chinese says them."""
    text = printable(text)
    if voice.startswith(("cmn", "yue", "hak")):
        text = _POINT.sub(lambda match: "点" + " ".join(match[1]), text)
    return text


def pieces(text: str) -> list[str]:
    """`text` cut after sentences, else where it harms least, into pieces of at most LONGEST_PIECE characters."""
    return SentenceSplitter(first_clause=False, limit=LONGEST_PIECE, joined=FULL).flush(text)
