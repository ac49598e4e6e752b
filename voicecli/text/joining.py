"""One transcript out of those of a long recording's pieces.

Belongs here: moving times by a piece's true offset, joining texts. Does not belong here: cutting, sending.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicecli.text.join import joined
from voicecli.types import Segment, Transcript, Word


@dataclass(frozen=True, slots=True)
class HeardPiece:
    """A piece and what was understood of it. Times in seconds of the recording: the piece's, and its speech's."""

    start: float
    end: float
    speech: tuple[float, float]
    transcript: Transcript


def join(pieces: Sequence[HeardPiece], duration: float) -> Transcript:
    """The whole, in the order of the pieces. A piece without times of its own is one segment."""
    spoken = [each for each in pieces if each.transcript.text.strip()]
    languages = [each.transcript.language for each in spoken if each.transcript.language]
    return Transcript(
        text=joined(each.transcript.text.strip() for each in spoken),
        language=max(languages, key=languages.count) if languages else None,
        duration=duration,
        segments=tuple(segment for each in spoken for segment in segments_of(each)),
        words=tuple(word for each in spoken for word in _moved_words(each.transcript.words, each)),
        tags=tuple(dict.fromkeys(tag for each in spoken for tag in each.transcript.tags)),
    )


def segments_of(piece: HeardPiece) -> Iterable[Segment]:
    """The piece's segments at their true times; all of its text as one where the service told no times."""
    transcript = piece.transcript
    if not transcript.segments:
        words = _moved_words(transcript.words, piece)
        start, end = (words[0].start, words[-1].end) if words else piece.speech
        return [Segment(transcript.text.strip(), start, max(start, end))]
    return [
        replace(
            each,
            start=_moved(each.start, piece),
            end=_moved(each.end, piece),
            words=_moved_words(each.words, piece),
        )
        for each in transcript.segments
    ]


def _moved_words(words: Iterable[Word], piece: HeardPiece) -> tuple[Word, ...]:
    return tuple(replace(each, start=_moved(each.start, piece), end=_moved(each.end, piece)) for each in words)


def _moved(seconds: float, piece: HeardPiece) -> float:
    """A time of the piece in the recording; services now and then tell of what comes after a piece's end."""
    return min(piece.start + seconds, piece.end)
