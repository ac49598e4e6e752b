"""`voice devices`: what `[audio] input` and `output` may name."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from voicecli.commands import common

if TYPE_CHECKING:
    from voicecli.audio.devices import Device


def devices(ctx: typer.Context) -> None:
    """List microphones and loudspeakers; * marks what the system chooses.

    Examples:
      voice devices
      voice devices --json

    A part of a name is enough for [audio] input and output: voice config set audio.input USB
    """
    from voicecli.audio.devices import list_devices

    session = common.session(ctx)
    found = list_devices()
    if session.json:
        session.console.json_line([asdict(each) for each in found])
        return
    if not found:
        session.console.note("No sound device was found.")
        return
    session.console.table(("#", "name", "microphone", "loudspeaker", "rate", "host"), [_row(each) for each in found])


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
