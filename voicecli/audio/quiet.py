"""Keeps what ALSA, JACK and PortAudio print from C off the screen.

Belongs here: C's own `stderr`, turned away while PortAudio is at work. Does not belong here: file
descriptor 2, through which we, the processes we start and Python's tracebacks speak: it is left alone.

C's `stderr` is a variable that may be set (so says the manual of GNU's C library; Apple's is one too).
Elsewhere it may not, and nothing is done: Windows' PortAudio is silent, and the rest must be endured.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_lock = threading.Lock()
_users = 0
_nowhere: int | None = None
_kept: int | None = None


def begin() -> None:
    """Silences C's stderr until every `begin` has met its `end`."""
    global _users, _kept
    with _lock:
        _users += 1
        if _users == 1 and (stderr := _variable()) is not None and (nowhere := _null_file()) is not None:
            _kept, stderr.value = stderr.value, nowhere


def end() -> None:
    """Gives C its stderr back when nobody needs the silence any more."""
    global _users, _kept
    with _lock:
        _users -= 1
        if _users == 0 and _kept is not None and (stderr := _variable()) is not None:
            stderr.value, _kept = _kept, None


@contextmanager
def hushed() -> Iterator[None]:
    """C's stderr is silent while the block runs."""
    begin()
    try:
        yield
    finally:
        end()


def _variable() -> ctypes.c_void_p | None:
    """C's `stderr`, where it may be set."""
    name = "__stderrp" if sys.platform == "darwin" else "stderr" if _is_glibc() else None
    if name is None:
        return None
    with suppress(ValueError, OSError):
        return ctypes.c_void_p.in_dll(ctypes.CDLL(None), name)
    return None


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False


def _null_file() -> int | None:
    """A C FILE that swallows everything: opened once, never closed, since other threads may hold it."""
    global _nowhere
    if _nowhere is None:
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        _nowhere = libc.fopen(os.devnull.encode(), b"we")
    return _nowhere
