"""Models loaded, once for the process, on one thread of their own; and the stderr of C kept off the screen.

Belongs here: loading, letting go, that thread, that capture. Does not belong here: what is asked of a model, kinds'
files.
sherpa-onnx lets other threads run while it works.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from voicecli.backends.local.kinds import FoundModel
from voicecli.errors import ServiceError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
WHO = "local"


_THREADS: dict[str, ThreadPoolExecutor] = {}
_CHOOSING = threading.Lock()
"""Work begins on other threads too."""


def begun(task: str, work: Callable[[], T]) -> Future[T]:
    """Starts `work` on the thread of `task`, ahead of need. Whoever waits for the result is raised what went wrong.

    Ears and voice have a thread each: neither waits for the other.
    """
    with _CHOOSING:
        if task not in _THREADS:
            _THREADS[task] = ThreadPoolExecutor(1, thread_name_prefix=f"voice-{task}")
        return _THREADS[task].submit(work)


def relieve(task: str) -> None:
    """Nobody wants what the thread of `task` does: who comes next has another one, and it ends with that."""
    with _CHOOSING:
        if (busy := _THREADS.pop(task, None)) is not None:
            busy.shutdown(wait=False)


def on_thread(task: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """`work` on the thread of `task` (transcribe, speak). Cancelled, nobody waits for its end."""
    from asyncio import wrap_future  # a model begins to load before it is imported

    return wrap_future(begun(task, work))


def loaded(found: FoundModel, build: Callable[[FoundModel], T]) -> T:
    """The model, from the first call on. Blocks for some tenths of a second. ServiceError: it can't be loaded.

    One is loaded at a time; who asks for one that is here does not wait for that.
    """
    key = found.folder, build
    if (held := _LOADED.get(key)) is None:
        with _LOADING:
            held = _LOADED.get(key) or (_made(found, build), 0.0)
            _LOADED[key] = held
    model: T = held[0]
    _LOADED[key] = model, time.monotonic()
    return model


def _made(found: FoundModel, build: Callable[[FoundModel], T]) -> T:
    with quiet() as said:
        try:
            return build(found)
        except (RuntimeError, AssertionError, ValueError, OSError) as exc:
            raise ServiceError(
                f"the model {found.name} can't be loaded: {said() or exc}"[:300],
                who=WHO,
                cure=f"Look at it with: voice models verify {found.name}",
            ) from None


def unload(before: float) -> int:
    """Lets go of the models last asked for before that moment (of time.monotonic). How many.

    Who works with one keeps it to the end of that work; who asks for it again loads it again. What such work held
    goes back to the system at the next call.
    """
    with _LOADING:
        rested = [key for key, (_, asked) in list(_LOADED.items()) if asked < before]
        for key in rested:
            del _LOADED[key]
    with suppress(OSError, AttributeError):  # glibc alone has it; without, what was freed stays with the process
        ctypes.CDLL(None).malloc_trim(0)
    return len(rested)


_LOADING = threading.Lock()
_LOADED: dict[tuple[Path, object], tuple[Any, float]] = {}
"""The models by their folders and what they were built for, and when each was last asked for."""


def threads() -> int:
    """How many threads a model may use: with contended cores two are slower than one."""
    return max(1, (os.cpu_count() or 1) - 1)


# -- what C writes ---------------------------------------------------------------------------------


class _Capture:
    """Descriptor 2 goes to a file while anybody is inside. Our own words have another (terminal.console)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._file: BinaryIO
        self._back = ExitStack()
        """Ends it: descriptor 2 is the screen's again, the file is closed."""

    def enter(self) -> int:
        """Where in the file this one's words begin. OSError: stderr is closed, or there is no room for a file."""
        with self._lock:
            if self._inside == 0:
                with ExitStack() as back:
                    screen = os.dup(2)
                    back.callback(os.close, screen)
                    self._file = back.enter_context(tempfile.TemporaryFile())
                    back.callback(os.dup2, screen, 2)
                    os.dup2(self._file.fileno(), 2)
                    self._back = back.pop_all()
            self._inside += 1
            return os.fstat(self._file.fileno()).st_size

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._back.close()

    def since(self, at: int) -> str:
        """The last line that was written since."""
        with suppress(OSError):
            size = os.fstat(self._file.fileno()).st_size
            raw = os.pread(self._file.fileno(), 1 << 16, max(at, size - (1 << 16))) if hasattr(os, "pread") else b""
            lines = [line.strip() for line in raw.decode(errors="replace").splitlines() if line.strip()]
            return lines[-1] if lines else ""
        return ""


_CAPTURE = _Capture()


@contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """What native code writes to stderr in the block goes to no screen; the function tells its last line."""
    try:
        at = _CAPTURE.enter()
    except OSError:  # what is written is lost, or seen
        yield str
        return
    try:
        yield lambda: _CAPTURE.since(at)
    finally:
        _CAPTURE.leave()


@contextmanager
def working() -> Iterator[None]:
    """What a model does. ServiceError: it failed."""
    with quiet() as said:
        try:
            yield
        except (RuntimeError, ValueError, IndexError) as exc:
            raise ServiceError(f"the model failed: {said() or exc}"[:300], who=WHO) from None
