"""What a program that we start is told of our environment: where it is, and no keys.

Belongs here: the names. Does not belong here: starting it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "USER") + (
    ("APPDATA", "LOCALAPPDATA", "PATHEXT", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE")
    if os.name == "nt"
    else ()
)


def surroundings(env: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The little of `env` that is inherited, and a program's `own` variables."""
    return {name: env[name] for name in INHERITED if name in env} | dict(own)
