"""Getting at a recording: a file, what is piped in, what stands at an address.

A read that does not answer (a pipe without a writer, a disk that is gone) never keeps the program from ending: it is
done aside, in a thread that nobody waits for.

Belongs here: files for the time of a block. Does not belong here: which recordings there are (plan), what is in them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from voicecli.errors import InputError, unreadable
from voicecli.usecases.transcribing.plan import Source

T = TypeVar("T")

BLOCK = 1_000_000
STDIN_FD = 0


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in a thread of its own. Cancelled, the thread is left to itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(report: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants it
            loop.call_soon_threadsafe(lambda: None if done.done() else report())

    def run() -> None:
        try:
            result = work()
        except BaseException as exc:
            failure = exc
            tell(lambda: done.set_exception(failure))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True, name="voice-aside").start()
    return await done


@asynccontextmanager
async def at_hand(source: Source, folder: Path, limit: int) -> AsyncIterator[Path]:
    """The recording as a file that may be read again, for the time of the block.

    An address is downloaded, `limit` bytes at most; stdin and pipes with a name are read once. InputError.
    """
    if source.url:
        from voicecli.backends.transport.download import download

        with _scratch(folder, urlsplit(source.url).path) as file:
            await download(source.url, file, limit)
            file.flush()
            yield Path(file.name)
    elif await aside(lambda: is_once(source)):
        with _scratch(folder, "") as file:
            await aside(lambda: spool(source, file))
            yield Path(file.name)
    else:
        assert source.path is not None
        yield source.path


def is_once(source: Source) -> bool:
    """Whether it can be read but once: stdin, a pipe, a device. What is not there is told of when it is read."""
    if source.path is None:
        return True
    try:
        mode = source.path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def spool(source: Source, file: BinaryIO) -> None:
    """All that comes out of stdin or a pipe, written to `file`. InputError: nothing does, or it can't be read."""
    if source.path and stat.S_ISCHR(source.path.stat().st_mode) and not source.path.samefile(os.devnull):
        raise InputError("is a device, and has no end", who=source.shown, cure="Record it into a file first.")
    try:
        # Around Python's own stdin: its lock would be held when the program leaves.
        with open(source.path or STDIN_FD, "rb", buffering=0, closefd=source.path is not None) as pipe:
            shutil.copyfileobj(pipe, file, BLOCK)
        file.flush()
    except (OSError, ValueError) as exc:
        raise unreadable(source.shown, exc if isinstance(exc, OSError) else OSError(str(exc))) from exc
    if not file.tell():
        raise InputError("is empty", who=source.shown, cure="Name a recording, or pipe one in.")


@contextmanager
def _scratch(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file for the time of the block."""
    path = folder / f"spool-{secrets.token_hex(4)}{Path(name).suffix[:8] if name.isprintable() else ''}"
    try:
        with path.open("xb") as file:
            yield file
    finally:
        with suppress(OSError):
            path.unlink()
