"""What a service says of itself, made fit to be shown: cleaned, cut, masked, read out of any error shape.

Belongs here: pure functions from a service's bytes and headers to short plain text and numbers.
Does not belong here: sockets, clocks, or the choice of one of our error classes.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from voicecli.errors import ProtocolError
from voicecli.text.clean import one_line
from voicecli.types import without
from voicecli.types.jsonvalue import objects_in

SHOWN = 300
"""Characters of a service's own words that a message carries at most."""

_READ = 8_192
"""Bytes of an error body that are looked at."""

_KEYLIKE = re.compile(r"\b(?:sk|pk|rk|key|hf|gsk|xai)[-_][A-Za-z0-9_\-]{12,}|(?i:\bbearer\s+)[A-Za-z0-9._~+/=\-]{8,}")
_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)|(?i:(?<=[?&]key=)|(?<=[?&]token=)|(?<=api[_-]key=))[^&\s]+")
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_PARAGRAPH = re.compile(r"<p\b[^<>]*>\s*([^<\s][^<]*)", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error in a service's own words; `code` is its code and type, lower case, joined by a blank.

    `param` is the field of the request that it names, as it writes it.
    """

    words: str = ""
    code: str = ""
    param: str = ""


def clean(text: str, limit: int = SHOWN) -> str:
    """One line without control characters, escape sequences or invisible marks, at most `limit` long."""
    return one_line(text, limit)


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every given secret, and whatever looks like a key, replaced by stars."""
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = without(secret, text)
    return _IN_URL.sub("****", _KEYLIKE.sub("****", text))


def complaint_of(body: bytes, content_type: str = "") -> Complaint:
    """The words and the code in an error body of any shape: OpenAI's, FastAPI's, HTML, plain text."""
    text = body[:_READ].decode("utf-8", "replace").strip()
    if text[:1] in ("{", "[", '"'):
        try:
            return complaint_in(json.loads(body))
        except (ValueError, RecursionError):
            pass
    if "html" in content_type or text[:1] == "<":
        return Complaint(clean(_plain(text)))
    return Complaint(clean(text))


def json_in(message: bytes | str) -> object:
    """The JSON that a message is. Raises ProtocolError, which quotes its beginning, for one that is none."""
    try:
        found: object = json.loads(message)
    except (ValueError, RecursionError) as exc:
        text = message if isinstance(message, str) else message[:1000].decode("utf-8", "replace")
        raise ProtocolError(f"sent something that is not JSON: {clean(text, 120)!r}") from exc
    return found


def complaint_in(data: object) -> Complaint:
    """The words and the code in a decoded error object; empty when there are none."""
    return Complaint(clean("; ".join(_words(data))), " ".join(_codes(data)).lower(), _param(data))


_WORDY = (
    *("message", "error", "Error", "detail", "msg", "error_msg", "error_message", "reason", "title", "errors"),
    *("errorMsg", "errMsg", "err_msg", "errorMessage", "status_msg", "Message", "description", "base_resp", "header"),
)
_CODES = ("code", "type", "error_code", "errcode", "errno", "errorCode", "err_code", "status_code", "statusCode")
_FINE = ("", "0", "200", "ok", "none", "success", "succeeded", "20000000")
_CONTENT = ("choices", "data", "text", "segments", "words", "usage", "delta", "result", "results", "embeddings")
_ERRORS = ("detail", "errors", "error_msg", "error_message", "errorMsg", "errMsg", "err_msg", "errorMessage")


def failure_in(data: object) -> Complaint | None:
    """What an object complains of that came with status 200; None for one that reports no failure.

    It reports one where it holds `error`, where its type is error, or where a code says so and it holds no content.
    """
    if not isinstance(data, Mapping):
        return None
    if isinstance(inner := data.get("Response"), Mapping):
        return failure_in(inner)
    for each in (data, *objects_in(data.get("choices"))):
        if each.get("error") or each.get("Error") or "error" in (each.get("object"), each.get("type")):
            return _told(each)
    for head in (data.get("base_resp"), data.get("header")):
        if isinstance(head, Mapping) and not (_is_fine(head.get("status_code")) and _is_fine(head.get("code"))):
            return _told(head)
    if any(data.get(name) for name in _CONTENT):
        return None
    wrong = [name for name in _CODES if name != "type" and not _is_fine(data.get(name))]
    failed = str(data.get("status")).lower() in ("error", "fail", "failed", "failure") or data.get("success") is False
    bare = data.get("message") and data.keys() <= {"message", "id", "request_id"}
    return _told(data) if wrong or failed or bare or any(data.get(name) for name in _ERRORS) else None


def _told(data: Mapping[str, object]) -> Complaint:
    """The complaint in `data`, which surely is one."""
    found = complaint_in(data)
    return found if found.words else replace(found, words=clean(f"failed: {json.dumps(data, ensure_ascii=False)}", 160))


def _is_fine(code: object) -> bool:
    """Whether a code, if it is one at all, says that nothing is wrong."""
    told = isinstance(code, str | int) and not isinstance(code, bool)
    return not told or str(code).strip().lower() in _FINE


def _words(data: object, depth: int = 0) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and depth < 4:
        for each in data[:5]:
            yield from _words(each, depth + 1)
    elif isinstance(data, Mapping) and depth < 4:
        found = next((data[k] for k in _WORDY if data.get(k)), None)
        where = data.get("loc")
        prefix = ".".join(str(part) for part in where) + ": " if isinstance(where, list) else ""
        for words in _words(found, depth + 1):
            yield prefix + words


def _codes(data: object) -> Iterator[str]:
    for level in _levels(data):
        yield from (str(level[k]) for k in _CODES if isinstance(level.get(k), str | int))


def _param(data: object) -> str:
    found = (level.get("param") for level in _levels(data))
    return next((clean(each, 80) for each in found if isinstance(each, str)), "")


def _levels(data: object) -> Iterator[Mapping[str, object]]:
    inner = data.get("error") if isinstance(data, Mapping) else None
    yield from (level for level in (data, inner) if isinstance(level, Mapping))


def _plain(page: str) -> str:
    title = _TITLE.search(page)
    if title and title.group(1).strip():
        why = _PARAGRAPH.search(page)
        return html.unescape(": ".join(each[1].strip() for each in (title, why) if each))
    return html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", page)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a service asks us to wait, from `retry-after-ms` or `retry-after` (seconds or a date)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        wait = _number(headers.get(name, ""))
        if wait is not None:
            return wait * unit
    try:
        return max(0.0, (parsedate_to_datetime(headers.get("retry-after", "")) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
