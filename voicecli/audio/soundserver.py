"""A sound server that is elsewhere: its socket, whether it answers, and what cures it where it does not.

Belongs here: PulseAudio's and PipeWire's sockets over SSH, in WSL and in containers. Does not belong here: devices
(audio.devices), what a report makes of it (usecases.checkup).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ANSWERS_S = 1.0
WSLG = "/mnt/wslg/PulseServer"
PORT = 4713
"""PulseAudio's."""
_PLUGIN = "apt-get install -y libasound2-plugins"
_CURES = {
    "WSL": f"In WSL: export PULSE_SERVER=unix:{WSLG}; {_PLUGIN} (without that file: wsl --update).",
    "a container": (
        "In a container: docker run -v $XDG_RUNTIME_DIR/pulse/native:/tmp/pulse -e PULSE_SERVER=unix:/tmp/pulse …;"
        f" in it: {_PLUGIN}"
    ),
    "SSH": (
        "Over SSH: ssh -R /tmp/pulse-$USER:$XDG_RUNTIME_DIR/pulse/native HOST from the machine with the microphone;"
        f" there: export PULSE_SERVER=unix:/tmp/pulse-$USER; {_PLUGIN}"
    ),
}
"""By where we are: the one line."""


@dataclass(frozen=True, slots=True)
class SoundServer:
    """`where` we are ("SSH", …), `socket` is where the server should be, `answers` whether it does."""

    where: str
    socket: str
    answers: bool

    @property
    def cure(self) -> str:
        return _CURES.get(self.where, "Start it, or unset PULSE_SERVER.")


def sound_server(env: Mapping[str, str], root: Path = Path("/")) -> SoundServer | None:
    """The one that sound has to go through where this machine is not the person's own; None: it is.

    What is named in PULSE_SERVER is always looked at; no judgement is made by the way somebody came in alone.
    """
    where = _where(env, root)
    places = _places(env, root)
    if not where and not env.get("PULSE_SERVER"):
        return None
    found = next((each for each in places if _answers(each)), "")
    return SoundServer(where, found or next(iter(places), ""), bool(found))


def _where(env: Mapping[str, str], root: Path) -> str:
    marks = {
        "WSL": bool(env.get("WSL_DISTRO_NAME")),
        "a container": any((root / each).exists() for each in (".dockerenv", "run/.containerenv")),
        "SSH": bool(env.get("SSH_CONNECTION")),
    }
    return next((name for name, there in marks.items() if there), "")


def _places(env: Mapping[str, str], root: Path) -> list[str]:
    """Sockets as PULSE_SERVER writes them, the one that would be used first."""
    if named := env.get("PULSE_SERVER"):
        return named.split()
    runtime = env.get("XDG_RUNTIME_DIR", "")
    pulse = env.get("PULSE_RUNTIME_PATH") or (runtime and f"{runtime}/pulse")
    pipewire = env.get("PIPEWIRE_RUNTIME_DIR") or runtime
    paths = [pulse and f"{pulse}/native", pipewire and f"{pipewire}/{env.get('PIPEWIRE_REMOTE') or 'pipewire-0'}"]
    paths.append(str(root / WSLG.lstrip("/")))
    return [f"unix:{each}" for each in paths if each and Path(each).exists()]


def _answers(place: str) -> bool:
    """Whether a server takes a connection there."""
    name = place.split("}")[-1]
    try:
        if name.startswith(("unix:", "/")):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(ANSWERS_S)
                probe.connect(name.removeprefix("unix:"))
                return True
        host, _, port = name.removeprefix("tcp4:").removeprefix("tcp6:").removeprefix("tcp:").rpartition(":")
        address = (host, int(port)) if host else (port, PORT)
        with socket.create_connection(address, ANSWERS_S):
            return True
    except (OSError, ValueError, AttributeError):
        return False
