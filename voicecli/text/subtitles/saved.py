"""A transcript that was saved as JSON, read back.

Pure. Belongs here: from decoded JSON to a transcript, whatever is missing in it. Does not belong here: files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from voicecli.text.segments import Told, timed
from voicecli.types import LONGEST_S, Transcript, Word


def from_json(data: object) -> Transcript:
    """The transcript that --json, -f json or verbose_json wrote. ValueError: it is none."""
    if not isinstance(data, Mapping) or not isinstance(data.get("text"), str):
        raise ValueError("it holds no transcript")
    duration = data.get("duration")
    duration = float(duration) if _is_time(duration) else None
    language = data.get("language")
    return Transcript(
        text=data["text"],
        language=language if isinstance(language, str) else None,
        duration=duration,
        segments=timed(list(_told(data.get("segments"))), duration),
        words=tuple(_words(data.get("words"))),
    )


def _entries(value: object) -> Iterator[Mapping[str, object]]:
    yield from (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()


def _told(entries: object) -> Iterator[Told]:
    for each in _entries(entries):
        speaker = each.get("speaker")
        speaker = speaker if isinstance(speaker, str) else None
        start, end = _time(each.get("start")), _time(each.get("end"))
        yield Told(str(each.get("text") or ""), start, end, tuple(_words(each.get("words"))), speaker)


def _words(entries: object) -> Iterator[Word]:
    """Those with times; the others stand in the text."""
    for each in _entries(entries):
        start, end = _time(each.get("start")), _time(each.get("end"))
        if start is not None and end is not None:
            yield Word(str(each.get("word") or each.get("text") or ""), start, end)


def _time(value: object) -> float | None:
    return float(value) if _is_time(value) else None


def _is_time(value: object) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < LONGEST_S  # false for NaN, and for integers that no float holds
