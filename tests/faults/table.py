"""Every fault, and what must come of it: the exit code, and what a person is told.

Belongs here: the rows, the exceptions with their reasons, and the cells made of them and the registry. Does not
belong here: how a fault is made (inject.py), how a cell is run (test_faults.py).

A cell is one verb of one family under one fault. Cells are made from the registry: a family or a verb that is
new there is in the table at once, and fails until its kinds are told in KINDS and every outcome is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.fakes.server import CUT, RESET, STALL
from tests.faults import inject
from tests.faults.inject import WORDS
from voicecli.backends.registry import FAMILIES
from voicecli.types import ALL_VERBS, Verb

VERBS = ALL_VERBS

HTTP = frozenset({"json", "sse", "ndjson", "bytes"})
TEXT = frozenset({"json", "sse", "ndjson"})
SOCKET = frozenset({"socket"})
FRAMES = frozenset({"frames"})
EVERY = HTTP | SOCKET

KINDS: dict[tuple[str, str], frozenset[str]] = {
    ("openai", "transcribe"): frozenset({"json"}),
    ("openai", "translate"): frozenset({"json"}),
    ("openai", "transcribe_live"): SOCKET,
    ("openai", "chat"): frozenset({"sse"}),
    ("openai", "converse"): SOCKET,
    ("openai", "schema"): frozenset({"sse"}),
    ("openai", "tools"): frozenset({"sse"}),
    ("openai", "speak"): frozenset({"bytes"}),
    ("openai", "voices"): frozenset({"json"}),
    ("openai", "models"): frozenset({"json"}),
    ("openai", "health"): frozenset({"json"}),
    ("openai", "embed"): frozenset({"json"}),
    ("openai", "image_make"): frozenset({"json"}),
    ("openai", "image_describe"): frozenset({"sse"}),
    ("qiniu", "transcribe"): SOCKET | FRAMES,
    ("qiniu", "transcribe_live"): SOCKET | FRAMES,
    ("qiniu", "chat"): frozenset({"sse"}),
    ("qiniu", "schema"): frozenset({"sse"}),
    ("qiniu", "tools"): frozenset({"sse"}),
    ("qiniu", "speak"): SOCKET,
    ("qiniu", "voices"): frozenset({"json"}),
    ("qiniu", "models"): frozenset({"json"}),
    ("qiniu", "health"): frozenset({"json"}),
    ("selfhosted", "transcribe"): frozenset({"ndjson"}),
    ("selfhosted", "chat"): frozenset({"ndjson"}),
    ("selfhosted", "speak"): frozenset({"bytes"}),
    ("selfhosted", "voices"): frozenset(),
    ("selfhosted", "models"): frozenset({"json"}),
    ("selfhosted", "health"): frozenset({"json"}),
    ("selfhosted", "embed"): frozenset({"json"}),
    ("selfhosted", "similar"): frozenset({"json"}),
    ("selfhosted", "rerank"): frozenset({"json"}),
    ("gov", "transcribe"): frozenset({"json"}),
    ("gov", "chat"): frozenset({"json"}),
    ("gov", "speak"): frozenset({"bytes"}),
    ("gov", "health"): frozenset({"bytes"}),
    ("gov", "image_make"): frozenset({"json"}),
    ("gov", "image_describe"): frozenset({"json"}),
    ("gov", "image_enhance"): frozenset({"json"}),
    ("gov", "image_animate"): frozenset({"json", "bytes"}),
    ("gov", "video_track"): frozenset({"json", "bytes"}),
    ("gov", "video_smooth"): frozenset({"json", "bytes"}),
    ("gov", "learn"): frozenset({"json"}),
    ("mcp", "list"): frozenset({"json", "bytes"}),
    ("mcp", "call"): frozenset({"json", "bytes"}),
    ("openai", "agreed"): frozenset({"json"}),
}
"""In which kinds of answers each verb is served: held against a run that nothing disturbs."""


BESIDE = (("mcp", "list"), ("mcp", "call"), ("openai", "agreed"))
"""What is asked beside a chat, which answers all the same: a server of tools, a picture that was agreed to."""


@dataclass(frozen=True)
class Fault:
    """`code` and `words` (a pattern) are what comes of it; `spoil` makes it over HTTP, `talk` over a WebSocket.

    `at` moves the backend to a port where the fault lives; `host` to a host, `scheme` to a scheme.
    """

    name: str
    on: frozenset[str]
    code: int
    words: str
    spoil: inject.Spoil | None = None
    talk: Any = None
    at: Callable[[], AbstractContextManager[int]] | None = None
    host: str = "127.0.0.1"
    scheme: str = "http"

    def __str__(self) -> str:
        return self.name


TRY = r"Try again"
TOLD = rf"{WORDS}.*\(HTTP {{}}\)"
BROKE = rf"broke|cut off|closed the connection|no sound.*{TRY}"
NONSENSE = (
    r"not (a )?JSON|not text|no sound|not sound|no WAV|without|nothing|cut off|broke|a page|unpacked|no answer|no list"
)
SILENT = r"sent nothing for 0\.\d+ s.*raise timeout_s"

FAULTS = [
    # -- no connection --
    Fault("refuse", EVERY, 4, r"nothing listens there\. Start it, or check \w*url", at=inject.closed_port),
    Fault("dns", EVERY, 4, r"no host named voice\.invalid is known.*Check \w*url", host="voice.invalid"),
    Fault("stall at connect", EVERY, 4, r"no connection within 0\.\d+ s\. Check", at=inject.deaf_port),
    Fault("tls to plain", EVERY, 4, r"no TLS: .*https or http", scheme="https"),
    Fault("tls untrusted", EVERY, 4, r"certificate is not trusted.*Check", at=inject.untrusted_port, scheme="https"),
    # -- no answer --
    Fault("reset before", EVERY, 4, r"connection", inject.instead((RESET,)), inject.shaken(RESET)),
    Fault("cut before", EVERY, 4, r"without an answer", inject.instead((CUT,)), inject.shaken(CUT)),
    Fault("stall at headers", EVERY, 4, r"(sent nothing for|no connection within) 0\.\d+ s\. |come to an end",
          inject.instead((STALL,)), inject.opening(inject.mute)),
    Fault("drip of headers", EVERY, 4, r"did not come to an end in time|no connection within 0\.\d+ s",
          inject.dripping_head, inject.opening(inject.drip_handshake)),
    Fault("no http", HTTP, 4, r"no HTTP|without an answer", inject.no_http),
    Fault("no handshake", SOCKET, 5, r"no HTTP", talk=inject.shaken(b"SSH-2.0-x\r\n\r\n", CUT)),
    # -- half an answer --
    Fault("reset in the middle", EVERY, 5, BROKE, inject.after_half(0.02, RESET), inject.amid(inject.break_off)),
    Fault("cut in the middle", HTTP, 5, BROKE, inject.after_half(CUT)),
    Fault("stall of the body", EVERY, 4, r"sent nothing (of an answer )?for|did not answer within|stopped answering",
          inject.after_half(STALL), inject.amid(inject.fall_silent)),
    Fault("drip of the body", HTTP, 4, r"did not come to an end in time", inject.dripping_body),
    Fault("babble", SOCKET, 4, r"did not come to an end in time", talk=inject.amid(inject.babble)),
    Fault("reset at the end", HTTP, 5, BROKE, inject.reset_at_the_end),
    Fault("one byte short", HTTP, 5, BROKE, inject.one_byte_short),
    Fault("truncated", TEXT, 5, NONSENSE, inject.shortened),
    Fault("nothing", HTTP, 5, NONSENSE, inject.nothing),
    Fault("length too large", HTTP, 5, BROKE, inject.too_much_promised),
    Fault("length too small", TEXT, 5, NONSENSE, inject.too_little_promised),
    # -- another answer --
    Fault("wrong content type", HTTP, 5, r"Welcome to the gateway", inject.page),
    Fault("malformed", TEXT, 5, r"not JSON|not? text", inject.malformed),
    Fault("badly packed", HTTP, 5, r"cannot be unpacked", inject.badly_packed),
    Fault("malformed message", SOCKET, 5, r"not JSON|frame", talk=inject.amid(inject.garble)),
    Fault("truncated message", SOCKET, 5, r"not JSON|frame", talk=inject.amid(inject.truncate)),
    Fault("wrong size in a frame", FRAMES, 5, r"frame", talk=inject.amid(inject.exaggerate)),
    Fault("repeated message", FRAMES, 0, "", talk=inject.amid(inject.repeat)),
    Fault("missing message", FRAMES, 0, "", talk=inject.amid(inject.leave_out)),
    Fault("closed with 1011", SOCKET, 5, rf"code 1011: {WORDS}", talk=inject.amid(inject.closing(1011))),
    Fault("closed with 1013", SOCKET, 6, rf"code 1013: {WORDS}.*Wait", talk=inject.amid(inject.closing(1013))),
    # -- statuses --
    Fault("401", EVERY, 3, TOLD.format(401) + r"\. Check the key", inject.status(401), inject.rejecting(401)),
    Fault("403", EVERY, 3, TOLD.format(403) + r"\. Check the key", inject.status(403), inject.rejecting(403)),
    Fault("404", EVERY, 5, TOLD.format(404) + r"\. Check", inject.status(404), inject.rejecting(404)),
    Fault("413", EVERY, 5, TOLD.format(413) + r"\. Send less", inject.status(413), inject.rejecting(413)),
    Fault("429", EVERY, 6, TOLD.format(429) + r"\. Wait", inject.status(429), inject.rejecting(429)),
    Fault("429 with patience", EVERY, 6, TOLD.format(429) + r"\. Wait", inject.status(429, retry_after="0"),
          inject.rejecting(429, retry_after="0")),
    Fault("429 for an hour", EVERY, 6, TOLD.format(429) + r"\. Wait", inject.status(429, retry_after="3600"),
          inject.rejecting(429, retry_after="3600")),
    Fault("500", EVERY, 5, TOLD.format(500), inject.status(500), inject.rejecting(500)),
    Fault("503", EVERY, 5, TOLD.format(503), inject.status(503), inject.rejecting(503)),
    # -- redirects --
    Fault("redirect loop", HTTP, 5, r"redirects in a circle\. Check", inject.in_a_circle),
    Fault("redirect elsewhere", HTTP, 5, r"redirects to http://127\.0\.0\.2.*not followed\. Check", inject.elsewhere),
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What is expected of a cell: one of `codes`, and `words` unless it is 0. `why` it is not as elsewhere."""

    codes: tuple[int, ...]
    words: str
    why: str = ""


_WELL = Outcome((0,), "", "the first piece of sound is enough to know that it is well")
_IN_THE_BODY = (
    "reset in the middle", "cut in the middle", "stall of the body", "drip of the body", "reset at the end",
    "one byte short", "length too large",
)  # fmt: skip

WAITED_FOR = frozenset(each.name for each in FAULTS if each.name.startswith(("stall", "drip", "babble")))
"""Faults that only time tells."""

_SAYS_DONE = (
    ("openai", "image_describe"),
    *((family, verb) for family in ("openai", "qiniu") for verb in ("chat", "schema", "tools")),
)
_COMPLETE = Outcome((0,), "", "the answer had already said that it is complete")
_STANDS_IN = Outcome((0,), "", "the published names stand in for a list that the service lacks")
_DUMB = Outcome(
    (5,),
    r"heard 0\.\d of \d\.\d s.*Try again",
    "who falls silent in mid-answer has dropped: it is opened anew",
)

EXCEPTIONS: dict[tuple[str, str, str], Outcome] = {
    **{
        (family, verb, fault): _COMPLETE
        for family, verb in (*_SAYS_DONE, ("selfhosted", "chat"))
        for fault in ("reset at the end", "length too large")
    },
    **{(f, v, "one byte short"): _COMPLETE for f, v in _SAYS_DONE},
    **{
        ("openai", "voices", fault.name): _STANDS_IN
        for fault in FAULTS
        if fault.spoil
        and fault.on & {"json"}
        and (fault.code == 5 or "body" in fault.name)
        and fault.name not in ("413", "500", "503", "redirect loop", "redirect elsewhere")
    },
    ("openai", "health", "404"): Outcome((0,), "", "a service without a list of models answers all the same"),
    ("selfhosted", "transcribe", "nothing"): Outcome((10,), "no speech", "no line at all: nobody spoke"),
    **{("gov", "health", name): _WELL for name in _IN_THE_BODY},
    ("selfhosted", "health", "drip of the body"): Outcome(
        (5,), "not JSON", "its ears answer in lines; half of one is none"
    ),
    **{
        ("openai", verb, "babble"): Outcome((5,), "not JSON", "this protocol has no words that are not JSON")
        for verb in ("transcribe_live", "converse")
    },
    **{
        ("qiniu", verb, name): _DUMB
        for verb in ("transcribe", "transcribe_live")
        for name in ("stall of the body", "babble")
    },
    **{
        ("mcp", "call", name): Outcome(
            (0,), "did not answer within|sent nothing for|to an end|no connection", "a call has a limit of its own"
        )
        for name in WAITED_FOR
        if name not in ("stall at connect", "babble")
    },
    ("qiniu", "speak", "404"): Outcome((0,), "", "a service without this WebSocket is asked over HTTP"),
}
"""By family, verb and fault; "*" stands for any."""


@dataclass(frozen=True)
class Cell:
    family: str
    verb: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.family} {self.verb} {self.fault}"

    @property
    def expected(self) -> Outcome:
        names = [(f, v, self.fault.name) for f in (self.family, "*") for v in (self.verb, "*")]
        found = next((EXCEPTIONS[name] for name in names if name in EXCEPTIONS), None)
        code = 0 if (self.family, self.verb) in BESIDE else self.fault.code
        return found or Outcome((code,), self.fault.words)


def served() -> Iterator[tuple[str, str]]:
    """Every verb that a family of the registry offers over a network; options that ask in another way are some too."""
    for family in FAMILIES.values():
        can = family.at_best
        if not can.offline:
            yield from ((family.name, verb) for verb in VERBS if can.can(verb))
            options: tuple[tuple[Verb, str], ...] = (("transcribe", "translate"), ("chat", "schema"), ("chat", "tools"))
            yield from ((family.name, option) for verb, option in options if option in can.takes.get(verb, ()))
    yield from BESIDE


CELLS = [
    Cell(family, verb, fault)
    for family, verb in served()
    for fault in FAULTS
    if fault.on & KINDS.get((family, verb), EVERY) and (fault.spoil or verb != "call")
]
"""The table. A verb whose kinds nobody told is under every fault."""


def left_out() -> dict[str, int]:
    """How many combinations cannot happen, by the reason why."""
    counted: dict[str, int] = {}
    for family, verb in served():
        kinds = KINDS.get((family, verb), EVERY)
        for fault in FAULTS:
            if not fault.on & kinds or (verb == "call" and not fault.spoil):
                reason = _reason(fault, kinds)
                counted[reason] = counted.get(reason, 0) + 1
    return counted


def _reason(fault: Fault, kinds: frozenset[str]) -> str:
    if not kinds:
        return "the verb asks nobody: what it lists is known"
    if fault.at or fault.host != "127.0.0.1" or fault.scheme == "https":
        return "a server of tools that told them is there"
    if not fault.on & HTTP:
        return "the verb opens no WebSocket, or one without binary frames"
    return "the verb is served over a WebSocket" if not kinds & HTTP else "half of a sound is still a sound"
