"""Who may ask: keys, the Host that was asked for, the Origin of a page. Pure.

Belongs here: judging one request by its headers. Does not belong here: sockets, bodies, what is answered.

A page elsewhere can have a browser send requests to this machine (cross-site), or resolve its own name to it (name
rebinding). Both are told by headers that a page cannot forge: Origin, and Host.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from voicecli.types import Secret

PROTOCOL = "openai-insecure-api-key."
"""A browser cannot send headers with a WebSocket; its clients put the key into a subprotocol of this name."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who is let in. Without a key only pages and programs that ask for this machine by a name of its own."""

    key: Secret | None = None
    hosts: frozenset[str] = frozenset(LOOPBACK)
    origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why a request is not let in: an HTTP status, a sentence for the client, and OpenAI's name of such an error."""

    status: int
    words: str
    kind: str = "invalid_request_error"


def refusal(
    policy: AccessPolicy, headers: Mapping[str, str], query: str, *, open_to_all: bool = False
) -> TurnedAway | None:
    """None: come in. `headers` have names in lower case; `open_to_all`: no key is needed (health)."""
    host = _name_of(headers.get("host", ""))
    if policy.key is None and host not in policy.hosts:
        return TurnedAway(403, "This server answers only to its own name; see --allow-host.")
    if not _same_place(policy, headers):
        return TurnedAway(403, "Pages of another origin may not ask this server; see --allow-origin.")
    if open_to_all or policy.key is None or _holds(policy.key, headers, query):
        return None
    return TurnedAway(401, "The key is missing or wrong: Authorization: Bearer KEY.")


def _name_of(host: str) -> str:
    """The name in a Host header, in lower case, without its port; "" for one that makes no sense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def is_own(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    return host in LOOPBACK or host.startswith("127.")


def _same_place(policy: AccessPolicy, headers: Mapping[str, str]) -> bool:
    origin = headers.get("origin", "")
    if not origin or origin in policy.origins:
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() and origin != "null"


def _holds(key: Secret, headers: Mapping[str, str], query: str) -> bool:
    """Compared in constant time, each of them: what is slow tells nothing."""
    wanted = key.reveal().encode()
    fits = [hmac.compare_digest(each.encode("utf-8", "replace"), wanted) for each in _offered(headers, query)]
    return any(fits)


def _offered(headers: Mapping[str, str], query: str) -> list[str]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    found = [token.strip()] if scheme.lower() == "bearer" else []
    found += [headers["x-api-key"]] if "x-api-key" in headers else []
    found += parse_qs(query).get("api_key", [])
    protocols = [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]
    return found + [each.removeprefix(PROTOCOL) for each in protocols if each.startswith(PROTOCOL)]
