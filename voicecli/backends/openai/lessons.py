"""What a service refused of a request for a chat, and how it is asked from then on. Pure.

Belongs here: which lesson a refusal teaches, the body of a request after all lessons. Does not belong here: sending
anything, which services are known to refuse what (none are: each model of each backend teaches it by itself).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

OPTIONS = ("temperature", "top_p", "stop", "seed", "n", "frequency_penalty", "presence_penalty")
"""What is left out of a request where it is refused. The person is told so."""

USAGE, COMPLETION, LENGTH = "stream_options", "max_completion_tokens", "max_tokens"
TOOLS, SYSTEM, EXTRAS = "tools", "system", "extras"
STRICT, SCHEMA, FORMAT = "strict", "json_schema", "response_format"
"""Lessons beside options: fields, roles and forms that a service does not take."""

REFUSING = frozenset({400, 422, 500, 501})
"""Statuses that services answer to a field or a value that they do not know."""

_NO_TOOLS = {400: ("tool", "function"), 422: ("tool", "function"), 404: ("tool",), 500: ("tool",), 501: ("tool",)}
"""Words of a refusal by which it is tools that are refused; 404 is a router's that finds nobody who takes them."""

_SYSTEM = re.compile(
    r"\bsystem['\"`’]?[ -](?:role|prompt|message|instruction)s?|role[^.]{0,40}\bsystem\b|\bsystem\b[^.]{0,60}\brole"
    r"|developer instruction|only (?:the )?['\"`]?user['\"`]? and ['\"`]?assistant|roles must alternate"
    r"|messages?\W{0,2}\d*\W{0,2}role|系统(?:角色|消息|提示)|system\s*角色",
    re.IGNORECASE,
)
_SCHEMA = re.compile(
    r"response.?format|json.?schema|json.?object|\bschema\b|additionalProperties|structured", re.IGNORECASE
)
_RANGE = re.compile(
    r"between|invalid (?:value|type)|(?:must|should) be an? |greater|less|at most|at least|exceed|maximum|minimum|range"
    r"|too (?:large|small|high|low|many|long)|[≤≥<>]|超过|范围|大于|小于",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"(?:un|not |n't )(?:supported|known|recogni[sz]ed|expected|permitted|allowed|available|valid param)"
    r"|(?:un|non-)(?:supported|known|recogni[sz]ed|expected)|not support|only (?:the )?default|deprecat"
    r"|only \S+ is (?:allowed|supported)|cannot both"
    r"|extra (?:inputs|fields)|does not exist|cannot be (?:used|set|specified)|不支持|未知",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A service's No: its status, its words, the field that it names as the one to blame ("": none)."""

    status: int
    words: str
    param: str = ""

    def names(self, field: str) -> bool:
        """Whether it is about a field of the request, not only a text in which the word stands."""
        if self.param.split(".")[-1].split("[")[0] == field:
            return True
        called = r"(?:parameter|argument|field|option|property|key)s?(?: supplied)?:?"
        own = rf"['\"`]{field}['\"`]|body\.{field}\b|{called} {field}\b"
        plain = rf"|(?<!\w){field}(?!\w)" if "_" in field or field == "temperature" else rf"|(?:^|; ){field}:"
        return re.search(own + plain, self.words, re.IGNORECASE) is not None

    @property
    def for_good(self) -> bool:
        """Whether another value of the field would be refused as well."""
        return bool(_NEVER.search(self.words)) or not _RANGE.search(self.words)


def lesson_in(refusal: Refusal, body: Mapping[str, object], extras: Set[str] = frozenset()) -> str | None:
    """What is to be learnt from the refusal of `body`; `extras` are fields that we only send back."""
    return next(_lessons(refusal, body, extras), None)


def _lessons(refusal: Refusal, body: Mapping[str, object], extras: Set[str]) -> Iterator[str]:
    words = refusal.words
    if refusal.status in REFUSING:
        if COMPLETION in words and LENGTH in body:
            yield COMPLETION
        if USAGE in words and USAGE in body:
            yield USAGE
        yield from (name for name in OPTIONS if name in body and refusal.names(name) and refusal.for_good)
        yield from _shorter(refusal, body)
        if any(refusal.names(name) for name in extras):
            yield EXTRAS
        if _SYSTEM.search(words) and _has_system(body):
            yield SYSTEM
        if FORMAT in body and (_SCHEMA.search(words) or refusal.param.startswith(FORMAT)):
            yield _simpler(body[FORMAT])
    if TOOLS in body and any(word in words.lower() for word in _NO_TOOLS.get(refusal.status, ())):
        yield TOOLS


def _shorter(refusal: Refusal, body: Mapping[str, object]) -> Iterator[str]:
    """A limit to the answer has another name, and then none."""
    for name, lesson in ((LENGTH, COMPLETION), (COMPLETION, LENGTH)):
        if name in body and refusal.names(name) and refusal.for_good:
            yield lesson


def _simpler(form: object) -> str:
    """How an answer in JSON is asked for next: without strict rules, without a schema, only in words."""
    inner = form.get("json_schema") if isinstance(form, Mapping) else None
    if isinstance(inner, Mapping):
        return STRICT if inner.get("strict") else SCHEMA
    return FORMAT


def _has_system(body: Mapping[str, object]) -> bool:
    messages = body.get("messages")
    return isinstance(messages, list) and any(isinstance(m, Mapping) and m.get("role") == "system" for m in messages)


def adapted(body: Mapping[str, object], learnt: Set[str]) -> dict[str, object]:
    """`body` without the fields that a service turned out to refuse, or under the name that it wants."""
    left_out = {name for name in (*OPTIONS, USAGE) if name in learnt}
    found = {name: value for name, value in body.items() if name not in left_out}
    if COMPLETION in learnt and LENGTH in found:
        found[COMPLETION] = found.pop(LENGTH)
    if LENGTH in learnt:
        found.pop(COMPLETION, None)
    return found


def notes(lessons: Set[str]) -> Iterator[str]:
    """What a person should know of lessons that were just learnt: what the service does not take."""
    if TOOLS in lessons:
        yield "takes no tools: it answers without them"
    yield from (f"does not take {name}: it answers without it" for name in OPTIONS if name in lessons)
    if LENGTH in lessons:
        yield "takes no limit to the answer's length"
    if lessons & {SCHEMA, FORMAT}:
        yield "does not take the schema: it is asked for in words"
