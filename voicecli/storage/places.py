"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def expand(path: str) -> Path:
    """A path of the user's, with ~ and variables."""
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError:  # "~nobody/…"
        return Path(path)
