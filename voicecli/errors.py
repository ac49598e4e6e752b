"""Every error that a person may cause or meet, as one tree. Each class carries its exit code.

    VoiceError                 1
    ├── UsageError             2    wrong flags, unusable combination
    │   ├── ConfigError        2    the configuration file, a variable or a key source
    │   └── InputError         2    an input that cannot be read
    ├── RefusedError           3    key refused, quota used up
    ├── UnreachableError       4    no connection, timed out
    ├── ServiceError           5    the service failed or spoke nonsense
    │   ├── ProtocolError      5    it broke its own protocol
    │   └── DroppedError       5    a connection that had worked broke off
    ├── RateLimitedError       6    still refused after retries
    ├── DeviceError            8    microphone, loudspeaker, PortAudio
    ├── SomeFailedError        9    some of many inputs failed
    └── NoSpeechError          10   nothing recognised

Ctrl-C is 130; anything else that escapes is a bug: a traceback and 1. A message says who, what and
the cure, in words a person understands. Foreign exceptions are mapped to these at each border.

Belongs here: the classes, which of a group of errors counts, and nothing that imports another room.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import TaskGroup


class VoiceError(Exception):
    """An error with a message for people: who failed, what happened, and how to cure it."""

    exit_code = 1
    status = 0
    """The HTTP status that the service answered with, where there was one."""
    param = ""
    """The field of our request that the service complained of, where it named one."""

    def __init__(self, what: str, *, who: str = "", cure: str = "", retry_after: float | None = None) -> None:
        super().__init__(what)
        self.who, self.what, self.cure = who, what, cure
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """Who and what, without the cure."""
        return f"{self.who}: {self.what}" if self.who else self.what

    def __str__(self) -> str:
        head = self.message
        stop = "" if head.endswith(("?", "!")) else "."
        return f"{head.rstrip('.')}{stop} {self.cure}" if self.cure else head


class UsageError(VoiceError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class InputError(UsageError):
    pass


class RefusedError(VoiceError):
    exit_code = 3


class UnreachableError(VoiceError):
    exit_code = 4


class ServiceError(VoiceError):
    exit_code = 5


class ProtocolError(ServiceError):
    pass


class DroppedError(ServiceError):
    """Told apart because a live recogniser may be asked anew: nothing but the connection failed."""


class RateLimitedError(VoiceError):
    exit_code = 6


class DeviceError(VoiceError):
    exit_code = 8


class SomeFailedError(VoiceError):
    exit_code = 9


class NoSpeechError(VoiceError):
    exit_code = 10


INTERRUPTED = 130

CANNOT_READ = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "is a folder",
    PermissionError: "may not be read",
}


def unreadable(path: object, exc: OSError) -> InputError:
    """The error for a file that the system would not read: the same words everywhere."""
    what = next((text for kind, text in CANNOT_READ.items() if isinstance(exc, kind)), exc.strerror or str(exc))
    return InputError(what, who=str(path), cure="Check the path.")


def verdict(failed: Sequence[VoiceError], count: int, what: str) -> None:
    """Of `count` pieces of work these failed. Raises their error where all failed alike, else SomeFailedError."""
    if failed:
        alike = len(failed) == count and len({each.exit_code for each in failed}) == 1
        raise (type(failed[0]) if alike else SomeFailedError)(what)


def only(exc: BaseException) -> BaseException:
    """The one exception inside nested groups of one; a TaskGroup wraps even a single error."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def culprit(exc: BaseException) -> BaseException:
    """The exception to tell of: the single one, else the first VoiceError of a group, else the group."""
    exc = only(exc)
    if not isinstance(exc, BaseExceptionGroup):
        return exc
    inner = [culprit(each) for each in exc.exceptions]
    return next((each for each in inner if isinstance(each, VoiceError)), exc)


@asynccontextmanager
async def task_group(tell: Callable[[BaseException], BaseException] = only) -> AsyncIterator[TaskGroup]:
    """A TaskGroup that raises its single error as itself; of several, with `culprit`, the one to tell of."""
    from asyncio import TaskGroup

    try:
        async with TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise tell(group) from None


def ours(exc: BaseException) -> VoiceError:
    """The VoiceError to tell of. Raises `exc` where there is none: a bug stays a bug."""
    found = culprit(exc)
    if not isinstance(found, VoiceError):
        raise exc
    return found
