"""What is tried again: one table of verbs, one of what may happen, and how long to wait in between.

Belongs here: the decision, as pure functions of values (the moment and the dice are handed in). Does
not belong here: requests, sockets, sleeping, the wording of errors.

    what happened            a question     an act          where it can be known that nothing was done
    no connection            again          again           nothing was sent
    lost before an answer    again          never           it may have been done
    silence                  again          never           it may be under way
    408, 425, 429            again          again           the service says that it did nothing
    409, 5xx                 again          never           it may have been half done

A question is a verb whose repetition costs money, never correctness: it is asked at most twice more. An
act (an upload into a knowledge base, a tool that does something, whatever names no verb) is repeated
only where the service cannot have begun. Nothing is repeated once bytes of an answer were used, when
the service says `x-should-retry: false`, when it refuses the key or the quota, or past the deadline.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from voicecli.verbs import VERBS, Verb

Happening = Literal[
    "unconnected", "unreached", "lost", "silence", "timeout", "conflict", "early", "limited", "failed", "final"
]
"""What became of an attempt; "final" is whatever another attempt would not change.

unconnected: refused at once. unreached: no connection in time. lost: the connection broke before any
byte of an answer. silence: nothing came in time. The others are statuses, as BY_STATUS says.
"""

BY_STATUS: Final[Mapping[int, Happening]] = {408: "timeout", 409: "conflict", 425: "early", 429: "limited"}
PERMANENT: Final = frozenset({501, 505, 506, 508, 510, 511})
"""Failures of a server that it will repeat as often as it is asked."""

UNDONE: Final = frozenset({"unconnected", "unreached", "timeout", "early", "limited"})
"""What may happen without the service having begun anything."""

ANY: Final = UNDONE | {"lost", "silence", "conflict", "failed"}
ONCE: Final = frozenset({"unreached", "silence"})
"""What has already cost a person a wait: one more is enough."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one verb is repeated.

    `longest_wait_s` is the most patience that a service may ask for, `patience` how many times
    `timeout_s` all attempts and the whole answer may take together: the total deadline. A long answer of a
    slow model takes minutes; one that drips for ten of them (by default) is cut.
    """

    repeated: frozenset[str]
    longest_wait_s: float = 5.0
    patience: float = 10.0
    repeats: int = 2


_ACT: Final = Rule(UNDONE)

RULES: Final[Mapping[str, Rule]] = {
    "ask": Rule(ANY),
    "whole": Rule(ANY, longest_wait_s=20.0, patience=20.0),
    "live": Rule(ANY, patience=math.inf),
    "list": Rule(ANY, patience=3.0),
    "act": _ACT,
}
"""Every rule that a verb may name (`verbs.Row.retry`)."""

READ: Final = "read"
"""Stands for a verb: a GET that names none, a download for instance: it may be large, on a slow line."""


def rule_for(verb: str) -> Rule:
    """The rule of a verb; that of an act for whatever is none."""
    row = VERBS.get(cast(Verb, verb))
    return RULES.get(row.retry if row else "whole" if verb == READ else "act", _ACT)


def happening_of(status: int) -> Happening:
    """What a status other than success means for another attempt."""
    failed = 500 <= status < 600 and status not in PERMANENT
    return BY_STATUS.get(status, "failed" if failed else "final")


@dataclass(frozen=True, slots=True)
class RetryPace:
    """How attempts follow one another: `dice` gives numbers in 0 … 1, the pauses double from `first_s`."""

    dice: Callable[[], float] = random.random
    first_s: float = 0.2
    longest_s: float = 4.0

    def pause(self, attempt: int) -> float:
        """Seconds before attempt `attempt` + 1: exponential, with full jitter, so that clients spread out."""
        return self.dice() * min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))


PACE = RetryPace()


def wait_before_next(
    happened: Happening,
    verb: str,
    attempt: int,
    *,
    asked: float | None = None,
    should: str = "",
    left_s: float = math.inf,
    pace: RetryPace | None = None,
) -> float | None:
    """Seconds until the attempt after number `attempt` (the first is 1), or None when there must be none.

    `asked` is the patience that the service asked for (s), `should` its `x-should-retry`, `left_s` what
    is left until the total deadline.
    """
    rule = rule_for(verb)
    wanted = happened in rule.repeated or (should == "true" and happened != "final" and rule.repeated == ANY)
    if should == "false" or not wanted or attempt > (1 if happened in ONCE else rule.repeats):
        return None
    if asked is not None and asked > rule.longest_wait_s:
        return None
    wait = max(asked or 0.0, (pace or PACE).pause(attempt))
    return wait if wait < left_s else None


_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_RESET, _REMAINING = "x-ratelimit-reset", "x-ratelimit-remaining"
_EPOCH = 1e9


def reset_in(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the limit that was hit is lifted, from `x-ratelimit-reset…` headers; None: not told.

    `now` is Unix time. A header counts when its `x-ratelimit-remaining…` is absent or 0. Its value is a
    span (`6m0s`, `120ms`), seconds, or Unix time.
    """
    found = []
    for name, value in headers.items():
        if name.startswith(_RESET) and headers.get(name.replace(_RESET, _REMAINING), "0").strip() == "0":
            wait = _seconds(value.strip(), now)
            found += [wait] if wait is not None else []
    return max(found, default=None)


def _seconds(text: str, now: float) -> float | None:
    if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", text):
        value = float(text)
        return max(0.0, value - now) if value > _EPOCH else value
    spans = _SPAN.findall(text[:60])
    if not spans or "".join(number + unit for number, unit in spans) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in spans)
