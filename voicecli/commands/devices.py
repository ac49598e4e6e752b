"""`voice devices`: what `[audio] input` and `output` may name."""

from __future__ import annotations

from dataclasses import asdict

import typer

from voicecli.commands import common


def devices(ctx: typer.Context) -> None:
    """List microphones and loudspeakers; * marks the system's own choice.

    Examples:
      voice devices
      voice config set audio.input "USB"     a part of the name is enough
    """
    from voicecli.audio.devices import list_devices

    session = common.session(ctx)
    found = list_devices()
    if session.json:
        session.console.json_line([asdict(each) for each in found])
        return
