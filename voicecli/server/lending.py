"""The WebSocket at `/v1/device`: this machine's microphone and loudspeaker, lent to a conversation elsewhere.

Belongs here: `voice serve --device`. Does not belong here: the other end (wiring.far), what is said.

The microphone's frames go out as they come: a byte that says whether the person can be told from the loudspeaker now,
then 20 ms of s16le 16 kHz mono. For each the other end may send 20 ms of s16le mono at `SPEECH_RATE`; an empty message
says that silence follows. The echo is cancelled here, where both sounds are; with `?echo=stays` it is not.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from voicecli.audio.playout import Lane, Playout
from voicecli.errors import VoiceError, only
from voicecli.ports import Loudspeaker, Microphone
from voicecli.resampling import Resampler
from voicecli.wiring.devices import FILE_RATE, Devices, Ends

router = APIRouter()
SPEECH_RATE = FILE_RATE
BLOCK = SPEECH_RATE // 50 * 2
"""Bytes of 20 ms, the most that a message may have."""
LEAD_S = 0.06
"""So much waits here before it sounds: it bridges a network's moods."""
MOST_S = 1.0
"""What waits here at most; who sends faster than time loses the rest."""
PAGES, TAKEN, FAILED, NONSENSE = 1008, 1013, 1011, 1003


class Desk:
    """The loudspeaker's side of a loan; to the devices what a conversation is."""

    holding = working = starving = False
    backlog_s = 0.0

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._resampler = Resampler(SPEECH_RATE, playout.rate)
        self._lane: Lane | None = None

    @property
    def standing(self) -> Desk:
        """Itself: it is told to wait for nothing."""
        return self

    @property
    def settled(self) -> bool:
        """Whether nothing sounds."""
        return not self._playout.playing

    def pump(self) -> None:
        """Passes on what the playout has to tell after samples were rendered."""
        self._playout.pump()

    def play(self, pcm: bytes, now: float) -> None:
        """The next 20 ms; b"": silence follows."""
        if not pcm:
            self.end()
            return
        lane = self._lane
        if lane is None:
            lane = self._lane = self._playout.lane()
            lane.hold(LEAD_S, now)
            lane.open()
        if lane.room:
            lane.write(self._resampler.feed(pcm), now)

    def end(self) -> None:
        """No more sound follows: what waits is played to its end."""
        if (lane := self._lane) is not None:
            lane.release()
            lane.finish()
            self._lane = None


@router.websocket("/v1/device")
async def device(socket: WebSocket) -> None:
    """One loan at a time, to programs with the key alone: no page may listen to a room."""
    await socket.accept()
    app = socket.app
    with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: it is closed already
        if "origin" in socket.headers:
            await socket.close(PAGES, "Pages are lent no device.")
        elif app.state.lent:
            await socket.close(TAKEN, "Another conversation has the device.")
        else:
            app.state.lent = True
            try:
                await _lend(socket)
            except* VoiceError as group:
                words = str(only(group))
                app.state.report.warn(f"/v1/device: {words}")
                await socket.close(FAILED, words.encode()[:120].decode(errors="ignore"))  # it holds 123
            except* WebSocketDisconnect:
                pass
            finally:
                app.state.lent = False


async def _lend(socket: WebSocket) -> None:
    state = socket.app.state
    devices = Devices(replace(state.audio, device=""), Ends(), state.report.note)
    devices.playout = Playout(devices.playout.rate, capacity_s=MOST_S)
    if socket.query_params.get("echo") != "stays":
        devices.cancel_echo(state.report)
    desk = Desk(devices.playout)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        microphone, loudspeaker = await devices.open(stack, desk)
        await socket.send_json({"microphone": microphone.name, "loudspeaker": loudspeaker.name})
        state.report.note(f"lent: {microphone.name}, {loudspeaker.name}")
        tasks.create_task(_hear(socket, microphone, loudspeaker, devices))
        tasks.create_task(loudspeaker.keep())
        tasks.create_task(_say(socket, desk))


async def _hear(socket: WebSocket, microphone: Microphone, loudspeaker: Loudspeaker, devices: Devices) -> None:
    async for frame in microphone:
        loudspeaker.passed(frame)
        await socket.send_bytes(bytes([devices.echo is not None and devices.separable()]) + frame.pcm)


async def _say(socket: WebSocket, desk: Desk) -> None:
    """Raises WebSocketDisconnect when the other end is gone."""
    while True:
        message = await socket.receive()
        pcm = message.get("bytes")
        if pcm is None or len(pcm) > BLOCK or len(pcm) % 2:
            if message["type"] == "websocket.receive":
                await socket.close(NONSENSE, "That is no sound.")
            raise WebSocketDisconnect(NONSENSE)
        desk.play(pcm, asyncio.get_running_loop().time())
