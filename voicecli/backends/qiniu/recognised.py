"""What Qiniu's JSON means: a recognition so far, its times, or one of our errors.

Belongs here: pure functions from decoded JSON and error codes to our types. Does not belong here:
frames, the order of messages, sockets. Nothing a service sends is trusted: every field may be missing,
of another type, or absurd.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicecli.backends.transport.wording import Complaint, clean, complaint_in, complaint_of
from voicecli.errors import RateLimitedError, RefusedError, ServiceError, VoiceError
from voicecli.types import LONGEST_S, Segment, Transcript, Word
from voicecli.types.jsonvalue import objects_in

TEXT_CHARACTERS = 1_000_000
"""The longest text that is taken from one answer."""

OK_CODES = frozenset({0, 1000, 3000, 20000000})
EMPTY_AUDIO = 45000002
"""There was nothing to hear: an end without words, not a failure."""

_KEY = "Check the key and what it may be used for"
_WAIT = "Wait, then try again"
_QUOTA = "The quota is used up: see the service's billing page"
_VOICE = "See `voice voices` for those it has"
_FAILED = (ServiceError, "failed", "Try again")
_CODES: dict[int, tuple[type[VoiceError], str, str]] = {
    401: (RefusedError, "refused the key", _KEY),
    403: (RefusedError, "refused the key", _KEY),
    429: (RateLimitedError, "is busy", _WAIT),
    3001: (ServiceError, "refused a parameter", "Check the voice and the backend's extra settings"),
    3003: (RateLimitedError, "is busy", _WAIT),
    3005: (RateLimitedError, "is busy", _WAIT),
    3010: (ServiceError, "found the text too long", "Send less at once"),
    3011: (ServiceError, "found nothing in the text that can be spoken", ""),
    3050: (ServiceError, "has no such voice", _VOICE),
    45000000: (ServiceError, "did not take what it was sent", ""),
    45000001: (ServiceError, "refused a parameter", "Check the backend's extra settings"),
    45000002: (ServiceError, "heard no sound", ""),
    45000010: (RefusedError, "refused the key", _KEY),
    45000030: (RefusedError, "does not grant this service to the key", _KEY),
    45000081: (ServiceError, "waited too long for sound", "Try again"),
    45000151: (ServiceError, "could not read the sound", ""),
    55000031: (RateLimitedError, "is busy", _WAIT),
}
"""What an error's number means. Recognition's have eight digits, speech's four, the gateway's are HTTP's."""

_NAMES: tuple[tuple[str, tuple[type[VoiceError], str, str]], ...] = (
    ("insufficient_quota", (RefusedError, "refused", _QUOTA)),
    ("invalid_api_key", _CODES[401]),
    ("unauthorized", _CODES[401]),
    ("authentication", _CODES[401]),
    ("permission", _CODES[403]),
    ("rate_limit", _CODES[429]),
)
"""What an error's name means, where the gateway sends one in place of a number."""

_TEXT_TIMES = (("start_time", "end_time"), ("start", "end"))


def error_for(code: int, payload: bytes = b"") -> VoiceError:
    """Our error for an error's number, with the service's own words."""
    return _error(complaint_of(payload), code)


def complaint_error(data: object) -> VoiceError | None:
    """Our error for an object that reports one; None when it does not.

    Three shapes: `{"error": {…}}`, `{"error": "…"}`, `{"code": …, "message": …}`.
    """
    if not isinstance(data, Mapping):
        return None
    inner = data.get("error")
    numbers = [_number(each.get("code")) for each in (data, inner) if isinstance(each, Mapping)]
    code = next((each for each in numbers if each not in (None, *OK_CODES)), 0) or 0
    return _error(complaint_in(data), code) if inner or code else None


def _error(complaint: Complaint, code: int) -> VoiceError:
    named = next((meaning for name, meaning in _NAMES if name in complaint.code), None)
    error, what, cure = named or _CODES.get(code, _FAILED)
    told = f": {complaint.words}" if complaint.words else ""
    return error(f"{what}{told}" + (f" (code {code})" if code else ""), cure=cure)


def _number(code: object) -> int | None:
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 12:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def result_in(data: object) -> Mapping[str, object] | None:
    """The recognition in an answer, wherever it stands; None when there is none, or only a guess ahead."""
    if not isinstance(data, Mapping) or data.get("prefetch") is True:
        return None
    for holder in (data, data.get("payload_msg"), data.get("data")):
        found = holder.get("result") if isinstance(holder, Mapping) else None
        if isinstance(found, list):
            found = next((each for each in found if isinstance(each, Mapping)), None)
        if isinstance(found, Mapping):
            return None if found.get("prefetch") is True else found
    return None


def transcript_of(data: object, result: Mapping[str, object], *, final: bool) -> Transcript:
    """A recognition as ours: the whole text so far, the settled segments, the seconds heard.

    Before the end only the utterances that the service calls definite become segments.
    """
    spoken = objects_in(result.get("utterances"))
    segments = _segments([each for each in spoken if final or each.get("definite") is True])
    text = result.get("text")
    if not isinstance(text, str):
        text = " ".join(_text(each.get("text")) for each in spoken)
    words = tuple(word for segment in segments for word in segment.words)
    return Transcript(_text(text), final, duration=_duration(data, result), segments=segments, words=words)


def _segments(spoken: list[Mapping[str, object]]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for each in spoken:
        start, end = _span(each, found[-1].end if found else 0.0)
        if text := _text(each.get("text")):
            found.append(Segment(text, start, end, _words(objects_in(each.get("words")), start)))
    return tuple(found)


def _words(spoken: list[Mapping[str, object]], start: float) -> tuple[Word, ...]:
    found: list[Word] = []
    for each in spoken:
        if text := _text(each.get("text")):
            found.append(Word(text, *_span(each, found[-1].end if found else start)))
    return tuple(found)


def _span(spoken: Mapping[str, object], after: float) -> tuple[float, float]:
    """Start and end in seconds; what is not given (upstream writes -1) follows what came before."""
    start = end = None
    for first, last in _TEXT_TIMES:
        start = seconds(spoken.get(first)) if start is None else start
        end = seconds(spoken.get(last)) if end is None else end
    start = after if start is None else start
    return start, start if end is None else max(start, end)


def _duration(data: Any, result: Mapping[str, object]) -> float | None:
    for holder in (data, data.get("payload_msg"), data.get("data")):
        info = holder.get("audio_info") if isinstance(holder, Mapping) else None
        if isinstance(info, Mapping):
            return seconds(info.get("duration"))
    additions = result.get("additions")
    return seconds(additions.get("duration")) if isinstance(additions, Mapping) else None


def seconds(ms: object) -> float | None:
    """Milliseconds, as a number or its digits, in seconds; None for anything else, or less than none."""
    if isinstance(ms, str) and ms.isascii() and ms.isdigit() and len(ms) < 12:
        ms = int(ms)
    if isinstance(ms, bool) or not isinstance(ms, int | float):
        return None
    return ms / 1000 if 0 <= ms < 1000 * LONGEST_S else None


def _text(value: object) -> str:
    return clean(value, TEXT_CHARACTERS) if isinstance(value, str) else ""
