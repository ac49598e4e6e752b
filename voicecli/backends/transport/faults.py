"""What went wrong, as one of our errors: the tables for statuses, for error codes, and for the transport's exceptions.

Belongs here: tables, and the pure choice of error and cure. Does not belong here: requests, sockets, the
wording of a service's own messages (wording), whether another attempt makes sense (retry).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from voicecli.backends.transport.retry import Happening
from voicecli.errors import (
    ConfigError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: what a person is told, and what `retry` judges it by."""

    error: VoiceError
    cause: BaseException | None = None
    happened: Happening = "final"
    should: str = ""


_KEY = "Check {key} and what it may be used for"
_QUOTA = "The quota is used up: see the service's billing page"
_WAIT = "Wait, then try again"
_MODEL = "Check the name of the model"
_WHERE = "Check base_url and the model's name"

_BY_CODE: tuple[tuple[str, type[VoiceError], str], ...] = (
    ("insufficient_quota", RefusedError, _QUOTA),
    ("billing", RefusedError, _QUOTA),
    ("invalid_api_key", RefusedError, _KEY),
    ("authentication", RefusedError, _KEY),
    ("permission", RefusedError, _KEY),
    ("rate_limit", RateLimitedError, _WAIT),
)
_BY_STATUS: dict[int, tuple[type[VoiceError], str]] = {
    401: (RefusedError, _KEY),
    402: (RefusedError, _QUOTA),
    403: (RefusedError, _KEY),
    404: (ServiceError, _WHERE),
    405: (ServiceError, _WHERE),
    407: (UnreachableError, "Check the proxy's name and password"),
    408: (UnreachableError, "Try again"),
    413: (ServiceError, "Send less at once"),
    429: (RateLimitedError, _WAIT),
    504: (UnreachableError, "Try again"),
}


def kind_of(code: str, status: int, words: str = "") -> tuple[type[VoiceError], str]:
    """The class and the cure for a code, a status, and what the service says (no such model is our fault)."""
    for part, kind, cure in _BY_CODE:
        if part in code:
            return kind, cure
    if status == 200:
        status = next((int(each) for each in code.split() if each.isdecimal() and len(each) == 3), 200)
    if status == 404 and "model" in f"{code} {words}".lower():
        return ConfigError, _MODEL
    return _BY_STATUS.get(status, (ServiceError, ""))


_REACH = "Check base_url and the network"
_START = "Start it, or check base_url"
_SILENT = "Try again, or raise timeout_s in [backends.{backend.name}]"
FOREIGN: tuple[tuple[tuple[type[BaseException], ...], type[VoiceError], str, str], ...] = (
    ((ssl.SSLCertVerificationError,), UnreachableError, "its TLS certificate is not trusted: {words}", _REACH),
    ((ssl.SSLError,), UnreachableError, "no TLS: {words}", "Check whether base_url is https or http"),
    ((socket.gaierror,), UnreachableError, "no host named {host} is known: {words}", _REACH),
    ((ConnectionRefusedError,), UnreachableError, "refused the connection: nothing listens there", _START),
    ((httpx.ConnectTimeout,), UnreachableError, "no connection within {backend.connect_timeout_s:g} s", _REACH),
    ((httpx.WriteTimeout,), UnreachableError, "took nothing for {backend.timeout_s:g} s", _SILENT),
    ((httpx.TimeoutException,), UnreachableError, "sent nothing for {backend.timeout_s:g} s", _SILENT),
    ((httpx.UnsupportedProtocol, httpx.InvalidURL), ConfigError, "not an address: {words}", "Check base_url"),
    ((httpx.LocalProtocolError,), ConfigError, "a header cannot be sent", "Check the key and the headers"),
    ((httpx.RemoteProtocolError,), UnreachableError, "closed the connection without an answer: {words}", "Try again"),
    ((httpx.NetworkError, OSError), UnreachableError, "the connection failed: {words}", _REACH),
)


_HAPPENINGS: tuple[tuple[tuple[type[BaseException], ...], Happening], ...] = (
    ((httpx.ProxyError, ssl.SSLError), "final"),
    ((httpx.ConnectTimeout,), "unreached"),
    ((httpx.ConnectError, ConnectionRefusedError), "unconnected"),
    ((httpx.ReadTimeout, httpx.WriteTimeout, TimeoutError), "silence"),
    ((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, ConnectionError, EOFError), "lost"),
)


def happening_in(exc: BaseException) -> Happening:
    """What a failure of the transport, before any byte of an answer, means for another attempt."""
    causes = tuple(chain(exc))
    unknown = next((c for c in causes if isinstance(c, socket.gaierror)), None)
    if unknown is not None and unknown.errno != socket.EAI_AGAIN:
        return "final"
    return next((name for types, name in _HAPPENINGS if any(isinstance(c, types) for c in causes)), "final")


def is_of_proxy(causes: tuple[BaseException, ...]) -> bool:
    """Whether a failure on the way through a proxy is the proxy's: who could not connect was not to the service."""
    if any(isinstance(cause, httpx.ProxyError) for cause in causes):
        return True
    unmade = (httpx.ConnectError, httpx.ConnectTimeout, ConnectionRefusedError, socket.gaierror)
    return any(isinstance(cause, unmade) for cause in causes) and not any(
        isinstance(cause, ssl.SSLError) for cause in causes
    )


def chain(exc: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    """The exception, its causes and the members of groups, outermost first.

    Causes only (httpcore keeps its cause as first argument): the context may be another request's
    failure, when this one was a second attempt.
    """
    if exc is None or depth > 12:
        return
    yield exc
    if isinstance(exc, BaseExceptionGroup):
        for each in exc.exceptions:
            yield from chain(each, depth + 1)
    inner = exc.args[0] if exc.args and isinstance(exc.args[0], BaseException) else None
    yield from chain(exc.__cause__ or inner, depth + 1)
