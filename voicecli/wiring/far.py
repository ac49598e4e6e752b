"""A microphone and a loudspeaker elsewhere, lent by a `voice serve --device`.

Belongs here: this end of the connection, as the two promises of a conversation's sound. Does not belong here: the
protocol in words and the other end (server.lending).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from voicecli.audio.soundcard import returning
from voicecli.errors import DeviceError, ProtocolError, UsageError, VoiceError
from voicecli.ports import Rendered
from voicecli.text.clean import clean, one_line
from voicecli.types import MIC, AudioFrame, Backend, Secret

if TYPE_CHECKING:
    from voicecli.backends.transport.websocket import Socket

PATH = "/v1/device"
FRAME_S, LEAD_S = 0.02, 0.06
BEHIND = 100
"""Blocks that wait for the network: two seconds of a reply."""
WAIT_S = 10.0
"""Until the devices there are open: a sleeping one takes its time."""
SILENT_S = 3.0
"""A microphone that says nothing for so long is gone: its frames come 50 times a second."""
KEY_CURE = "Keep the key that it was given: voice keys set serve"


class FarCard:
    """A microphone and a loudspeaker of another machine, on the clock of its microphone.

    `away`: the connection was lost, and is waited for.
    `separable`: its echo canceller tells the person from the loudspeaker now. `tell` is given a notice when the
    connection is lost, and when it is back. Entering raises what a connection raises, and DeviceError; so does the
    iterator when the connection is lost and not back within `return_s` seconds.
    """

    def __init__(
        self,
        address: str,
        key: Secret | None,
        playout: Rendered,
        pump: Callable[[], None],
        tell: Callable[[str], object] = lambda _: None,
        return_s: float = 0.0,
    ) -> None:
        self.name = ""
        self.separable = self.away = False
        self._address, self._key, self._playout, self._pump = address, key, playout, pump
        self._tell, self._return_s = tell, return_s
        self._block = round(playout.rate * FRAME_S)
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(BEHIND)
        self._sounds = self._behind = False
        self._opened, self._there = AsyncExitStack(), asyncio.Event()
        self._socket: Socket

    async def __aenter__(self) -> FarCard:
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.aclose()

    async def _open(self) -> None:
        """Connects, and waits for the devices there."""
        from voicecli.backends.transport.websocket import connect

        backend = Backend("device", "openai", key=self._key, key_source="serve" if self._key else "")
        async with AsyncExitStack() as stack:
            try:
                self._socket = await stack.enter_async_context(connect(backend, self._address, verb="converse"))
            except VoiceError as exc:
                if getattr(exc, "status", None) in (401, 403):
                    exc.cure = KEY_CURE
                raise
            await self._greet()
            self._opened = stack.pop_all()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._sounds = self._behind = False
        self._there.set()

    async def _greet(self) -> None:
        """Raises DeviceError, ProtocolError."""
        try:
            told = json.loads(await self._next(WAIT_S))
            self.name = f"{one_line(told['microphone'], 60)} at {urlsplit(self._address).netloc.rpartition('@')[2]}"
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProtocolError("lends no device", who=self._socket.who) from None

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        while True:
            try:
                frame = await self._frame()
            except DeviceError as lost:
                self._there.clear()
                await self._opened.aclose()
                self.away = True
                self._pump()
                await returning(lost, self._returned, self._tell, self._return_s)
                self.away = False
                self._tell(f"listening again ({self.name})")
            else:
                yield frame

    async def _frame(self) -> AudioFrame:
        if self._behind:
            raise DeviceError("takes no sound any more", who=self._socket.who)
        message = await self._next(SILENT_S)
        if not isinstance(message, bytes) or len(message) != 1 + MIC.bytes_for(20):
            raise ProtocolError("sent what is no frame of a microphone", who=self._socket.who)
        self.separable = message[0] == 1
        return AudioFrame(message[1:], MIC, asyncio.get_running_loop().time() - FRAME_S)

    async def _returned(self) -> bool:
        with suppress(VoiceError):
            await self._open()
            return True
        return False

    def passed(self, frame: AudioFrame) -> None:
        """20 ms were heard there, so 20 ms may sound there. A full queue means that the connection is lost."""
        pcm = self._playout.render(self._block, frame.at + FRAME_S + LEAD_S)
        self._pump()
        sounds = pcm.count(0) != len(pcm)
        if sounds or self._sounds:
            try:
                self._waiting.put_nowait(pcm if sounds else b"")
            except asyncio.QueueFull:
                self._behind = True
        self._sounds = sounds

    async def keep(self) -> None:
        """Sends what is to sound, until cancelled. That a connection has ended, the microphone raises."""
        while True:
            block = await self._waiting.get()
            await self._there.wait()
            socket, sent = self._socket, False
            with suppress(VoiceError):
                sent = await socket.offer(block)
            if not sent and socket is self._socket:
                self._there.clear()

    async def _next(self, within_s: float) -> bytes | str:
        """Raises DeviceError when the connection has ended, or nothing comes."""
        try:
            async with asyncio.timeout(within_s):
                message = await self._socket.receive()
        except TimeoutError:
            raise DeviceError(f"sent nothing for {within_s:g} s", who=self._socket.who) from None
        except VoiceError as exc:
            raise DeviceError(exc.what, who=exc.who, cure=exc.cure) from exc
        if message is None:
            raise DeviceError("took its device back", who=self._socket.who)
        return message


def address_of(text: str, *, cancels: bool) -> str:
    """`text` with the usual path where it has none; who wears headphones there wants no echo cancelled.

    UsageError: it is no address.
    """
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("ws", "wss", "http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"--device {clean(text.rpartition('@')[2])[:100]} is no address", cure="Write it as ws://HOST:8000"
        )
    path = parts.path if parts.path.strip("/") else PATH
    return urlunsplit(parts._replace(path=path, query="" if cancels else "echo=stays", fragment=""))
