"""What a client is told when something fails, in OpenAI's shape, without a word from the service behind.

Belongs here: our errors to a status and a body. Does not belong here: what a person at a terminal is told.

Keys, paths, hosts and a service's own words stay here: a client of this server is not the one who configured it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pydantic import BaseModel

from voicecli import errors

RETRY_S = 1
"""What a client should wait when this server is full, in seconds."""


class ErrorDetail(BaseModel):
    """One error, as OpenAI's clients read it."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class ToldError:
    """An error on its way out: the HTTP status, the body, and headers of its own."""

    status: int
    body: ErrorBody
    headers: dict[str, str] = field(default_factory=dict)


KINDS: tuple[tuple[type[errors.VoiceError], int, str, str], ...] = (
    (errors.ConfigError, 503, "api_error", "This server is not configured for that."),
    (errors.InputError, 400, "invalid_request_error", "The input cannot be read."),
    (errors.UsageError, 400, "invalid_request_error", "The backend here does not take one of these options."),
    (errors.NoSpeechError, 422, "invalid_request_error", "No speech was found."),
    (errors.RateLimitedError, 429, "rate_limit_error", "The service behind has no room now."),
    (errors.UnreachableError, 504, "api_error", "The service behind cannot be reached."),
    (errors.RefusedError, 502, "api_error", "The service behind refused this server."),
    (errors.ServiceError, 502, "api_error", "The service behind failed."),
)
"""What each of our errors is outside: the first class that fits."""


def told(exc: BaseException) -> ToldError:
    """The answer for an error; what nobody mapped is 500."""
    exc = errors.culprit(exc)
    for kind, status, type, message in KINDS:
        if isinstance(exc, kind):
            wait = exc.retry_after if exc.retry_after is not None else RETRY_S
            headers = {"Retry-After": str(max(1, math.ceil(wait)))} if status == 429 else {}
            return ToldError(status, body(message, type), headers)
    return ToldError(500, body("Something here broke.", "api_error"))


def body(message: str, type: str = "invalid_request_error", code: str | None = None) -> ErrorBody:
    return ErrorBody(error=ErrorDetail(message=message, type=type, code=code))


STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504)
DECLARED: dict[int | str, dict[str, object]] = {each: {"model": ErrorBody} for each in STATUSES}
"""Every status that a route may answer with, for OpenAPI."""


class Refused(Exception):
    """A client's request that is wrong in itself: raised by a route, answered as it says."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.told = ToldError(status, body(message, code=code))
