"""`voice devices`: what `[audio] input` and `output` may name, and whether they work.

Belongs here: the list, and two seconds recorded and played back. Does not belong here: opening devices (audio).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Session
from voicecli.errors import DeviceError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from voicecli.audio.devices import Device


TEST_S = 2.0
QUIET_DBFS = -60.0
"""A microphone in a room is louder than this, unless it is muted."""


def devices(
    ctx: typer.Context,
    test: Annotated[bool, typer.Option("--test", help="Record two seconds, show the level, play them back.")] = False,
) -> None:
    """List microphones and loudspeakers; * marks what the system chooses.

    Examples:
      voice devices
      voice devices --json
      voice devices --test

    A part of a name is enough for [audio] input and output: voice config set audio.input USB
    """
    from voicecli.audio.devices import list_devices

    session = common.session(ctx)
    if test:
        session.console.note(f"Say something: {TEST_S:.0f} seconds are recorded.")
        common.run(lambda: _heard(session))
        return
    found = list_devices()
    if session.json:
        session.console.json_line([asdict(each) for each in found])
        return
    if not found:
        session.console.note("No sound device was found.")
        return
    session.console.table(("#", "name", "microphone", "loudspeaker", "rate", "host"), [_row(each) for each in found])


async def _heard(session: Session) -> None:
    """Records the microphone for two seconds, tells its level, and plays the recording.

    The loudspeaker is opened meanwhile, as it may take as long to wake.
    """
    import asyncio

    async with asyncio.TaskGroup() as tasks:
        recording = tasks.create_task(_recorded(session))
        playing = tasks.create_task(_played(session, recording))
        _tell(session, await recording)
    if failure := playing.result():
        raise failure


def _tell(session: Session, sound: bytes) -> None:
    from voicecli.audio import pcm
    from voicecli.types import MIC

    level = round(pcm.level_dbfs(sound), 1)
    session.answer({"seconds": round(MIC.seconds(sound), 2), "level_dbfs": level}, f"level: {level} dB of full scale")
    if level < QUIET_DBFS:
        session.console.warn("hardly any sound was recorded: is the microphone muted, or another one meant?")
    session.console.note("Now it is played back.")


async def _recorded(session: Session) -> bytes:
    from voicecli.audio.capture import SoundCardMicrophone

    sound, seconds = b"", 0.0
    async with SoundCardMicrophone(session.config().audio.input) as frames:
        async for frame in frames:
            sound += frame.pcm
            seconds += frame.seconds
            if seconds >= TEST_S:
                break
    return sound


async def _played(session: Session, sound: asyncio.Task[bytes]) -> DeviceError | None:
    """Waits for the sound. What is wrong with the loudspeaker is returned: the microphone is heard all the same."""
    import asyncio

    from voicecli.audio.solo import play
    from voicecli.types import MIC

    async def once() -> AsyncIterator[bytes]:
        yield await asyncio.shield(sound)

    try:
        await play(once(), MIC.rate, session.config().audio.output)
    except DeviceError as exc:
        return exc
    return None


def _row(device: Device) -> tuple[str, ...]:
    return (
        str(device.index),
        device.name,
        _use(device.inputs, device.default_input),
        _use(device.outputs, device.default_output),
        f"{device.rate} Hz",
        device.host,
    )


def _use(channels: int, default: bool) -> str:
    """Channels, with a star where the system would choose it; "-" for a device that can't."""
    return f"{channels}{' *' if default else ''}" if channels else "-"
