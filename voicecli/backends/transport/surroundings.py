"""The variables of the process that TLS and proxies go by, which the libraries would read by themselves.

Belongs here: the one door to them. Does not belong here: any other variable (those are handed down from main), what one
means (trust, proxies).
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def process_environment() -> MutableMapping[str, str]:
    """The environment itself: what is removed from it, no library sees any more."""
    return os.environ
