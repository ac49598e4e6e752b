"""Cues as srt, vtt, tsv and lrc; a transcript as verbose_json.

Pure. Belongs here: the formats. Does not belong here: what is in a cue, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voicecli.text.join import joined
from voicecli.text.subtitles.cues import Cue, Layout, by_word, cues, readable
from voicecli.types import Transcript, Word


def srt(cues: Iterable[Cue]) -> str:
    """SubRip. An arrow of its own in a text is written as one character: it would be taken for a time."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        + "\n".join(cue.lines).replace("-->", "→")
        + "\n\n"
        for number, cue in enumerate(cues, 1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT."""
    blocks = (
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n" + "\n".join(map(_escaped, cue.lines)) for cue in cues
    )
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tsv(cues: Iterable[Cue]) -> str:
    """A table: milliseconds, milliseconds, text."""
    return "start\tend\ttext\n" + "".join(f"{cue.start}\t{cue.end}\t{joined(cue.lines)}\n" for cue in cues)


def lrc(cues: Iterable[Cue]) -> str:
    """Lyrics: the time of each line in minutes, seconds and hundredths, and of each word where words are told."""
    return "".join(f"[{_minutes(cue.start)}]{_lyrics(cue)}\n" for cue in cues)


def _lyrics(cue: Cue) -> str:
    """A cue's text on one line; with words as "enhanced" lrc has them."""
    if not cue.words:
        return joined(cue.lines)
    lines = ("".join(f"<{_minutes(word.start)}>{word.text}" for word in line).strip() for line in cue.words)
    return " ".join(lines)


FORMATS: Mapping[str, Callable[[Iterable[Cue]], str]] = {"srt": srt, "vtt": vtt, "tsv": tsv, "lrc": lrc}
"""The formats that are made of cues."""


def render(kind: str, transcript: Transcript, layout: Layout) -> str:
    """The transcript in one of FORMATS."""
    made = cues(transcript, layout)
    # vtt has marks for times within a cue, but most readers take them for text.
    shown = by_word(made) if layout.words and kind != "lrc" else readable(made, layout)
    return FORMATS[kind](shown)


def words_of(transcript: Transcript) -> tuple[Word, ...]:
    """Its words, wherever the recogniser put them."""
    return transcript.words or tuple(word for segment in transcript.segments for word in segment.words)


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _minutes(ms: int) -> str:
    hundredths = (ms + 5) // 10
    return f"{hundredths // 6000:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def verbose_json(transcript: Transcript) -> dict[str, Any]:
    """As OpenAI's verbose_json: text, language, duration, segments and words."""
    segments = [
        {"id": number, "start": _ms(each.start), "end": _ms(each.end), "text": each.text}
        | ({"speaker": each.speaker} if each.speaker else {})
        for number, each in enumerate(transcript.segments)
    ]
    words = [{"word": each.text, "start": _ms(each.start), "end": _ms(each.end)} for each in words_of(transcript)]
    whole: dict[str, object] = {
        "task": "transcribe",
        "language": transcript.language,
        "duration": None if transcript.duration is None else _ms(transcript.duration),
        "text": transcript.text.strip(),
        "segments": segments,
    }
    return whole | ({"words": words} if words else {})


def _ms(seconds: float) -> float:
    return round(seconds, 3)
