"""A microphone and a loudspeaker elsewhere, lent by a `voice serve --device`.

Belongs here: this end of the connection, as the two promises of a conversation's sound. Does not belong here: the
protocol in words and the other end (server.lending).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from voicecli.errors import DeviceError, ProtocolError, UsageError, VoiceError
from voicecli.ports import Rendered
from voicecli.text.clean import clean
from voicecli.types import MIC, AudioFrame, Backend, Secret

if TYPE_CHECKING:
    from voicecli.backends.transport.websocket import Socket

PATH = "/v1/device"
FRAME_S, LEAD_S = 0.02, 0.06
BEHIND = 100
"""Blocks that wait for the network: two seconds of a reply."""
WAIT_S = 10.0
"""Until the devices there are open: a sleeping one takes its time."""
KEY_CURE = "Keep the key that it was given: voice keys set serve"


class FarCard:
    """Both, on the clock of the microphone there. `separable`: the person can be told from the loudspeaker now."""

    def __init__(self, socket: Socket, playout: Rendered, pump: Callable[[], None]) -> None:
        self.name = ""
        self.separable = False
        self._socket, self._playout, self._pump = socket, playout, pump
        self._block = round(playout.rate * FRAME_S)
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(BEHIND)
        self._sounds = False

    async def greet(self) -> None:
        """Waits for the devices there. Raises DeviceError, ProtocolError."""
        try:
            async with asyncio.timeout(WAIT_S):
                told = json.loads(await self._next())
            self.name = f"{clean(told['microphone'])[:60]}, {self._socket.who}"
        except TimeoutError:
            raise DeviceError(f"opened nothing within {WAIT_S:g} s", who=self._socket.who) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ProtocolError("lends no device", who=self._socket.who) from None

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        clock = asyncio.get_running_loop().time
        while True:
            message = await self._next()
            if not isinstance(message, bytes) or len(message) != 1 + MIC.bytes_for(20):
                raise ProtocolError("sent what is no frame of a microphone", who=self._socket.who)
            self.separable = message[0] == 1
            yield AudioFrame(message[1:], MIC, clock() - FRAME_S)

    def passed(self, frame: AudioFrame) -> None:
        """20 ms were heard there, so 20 ms may sound there. DeviceError: nothing gets through any more."""
        pcm = self._playout.render(self._block, frame.at + FRAME_S + LEAD_S)
        self._pump()
        sounds = pcm.count(0) != len(pcm)
        if sounds or self._sounds:
            try:
                self._waiting.put_nowait(pcm if sounds else b"")
            except asyncio.QueueFull:
                raise DeviceError("takes no sound any more", who=self._socket.who) from None
        self._sounds = sounds

    async def keep(self) -> None:
        """Sends what is to sound, until cancelled. A connection that ended is told by the microphone."""
        while await self._socket.offer(await self._waiting.get()):
            pass
        await asyncio.Event().wait()

    async def _next(self) -> bytes | str:
        """Raises DeviceError when the connection has ended."""
        try:
            if (message := await self._socket.receive()) is not None:
                return message
        except VoiceError as exc:
            raise DeviceError(exc.what, who=exc.who, cure=exc.cure) from exc
        raise DeviceError("took its device back", who=self._socket.who)


async def far_card(
    stack: AsyncExitStack, address: str, key: Secret | None, playout: Rendered, pump: Callable[[], None]
) -> FarCard:
    """The devices there, closed with `stack`. Raises DeviceError and what a connection raises."""
    from voicecli.backends.transport.websocket import connect

    backend = Backend("device", "openai", key=key, key_source="serve" if key else "")
    try:
        socket = await stack.enter_async_context(connect(backend, address, verb="converse"))
    except VoiceError as exc:
        if getattr(exc, "status", None) in (401, 403):
            exc.cure = KEY_CURE
        raise
    card = FarCard(socket, playout, pump)
    await card.greet()
    return card


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
        raise UsageError(f"--device {clean(text)[:100]} is no address", cure="Write it as ws://HOST:8000")
    path = parts.path if parts.path.strip("/") else PATH
    return urlunsplit(parts._replace(path=path, query="" if cancels else "echo=stays", fragment=""))
