"""Whom TLS trusts: certifi's list, or what SSL_CERT_FILE and SSL_CERT_DIR name; and where keys are logged.

A variable that names nothing (conda leaves such ones behind) is passed over, and told: nobody is trusted more by that
than without it. One that names something unfit is an error.

Belongs here: the one context. Does not belong here: connections.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx

from voicecli.backends.transport.surroundings import process_environment
from voicecli.backends.transport.wording import clean
from voicecli.errors import ConfigError

FILE, FOLDERS, LOG = "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"


@functools.cache
def trusting() -> ssl.SSLContext:
    """What we trust over TLS. Costs 20 ms, so it is made once. Raises ConfigError for certificates that are none."""
    env = process_environment()
    if not _is_writable(env.get(LOG, "")):
        env.pop(LOG, None)  # else whoever makes a context fails on it
    for name in (FILE, FOLDERS):
        if _is_there(name, place := env.get(name, "")):
            try:
                files = {name: place}
                return ssl.create_default_context(cafile=files.get(FILE), capath=files.get(FOLDERS))
            except OSError as exc:
                what = f"{name} names no certificates ({clean(place, 100)}): {clean(str(exc), 80)}"
                raise ConfigError(what, cure=f"Unset {name}, or name certificates in PEM") from exc
    try:
        return httpx.create_ssl_context(trust_env=False)
    except OSError as exc:
        what = f"there are no certificates to trust: {clean(str(exc), 120)}"
        raise ConfigError(what, cure=f"Install certifi anew, or set {FILE}") from exc


def passed_over() -> Iterator[str]:
    """A note for each variable that names nothing."""
    env = process_environment()
    for name in (FILE, FOLDERS):
        if env.get(name) and not _is_there(name, env[name]):
            yield f"{name} names nothing that is there ({clean(env[name], 100)}); the usual certificates are trusted."
    if not _is_writable(env.get(LOG, "")):
        yield f"{LOG} names nothing that can be written ({clean(env[LOG], 100)}); no keys are logged."


def _is_there(name: str, place: str) -> bool:
    if name == FOLDERS:
        return any(Path(each).is_dir() for each in place.split(os.pathsep) if each)
    return bool(place) and Path(place).exists()


def _is_writable(place: str) -> bool:
    """Whether keys could be logged there; "" is no place, and no fault either."""
    path = Path(place)
    if not place:
        return True
    return os.access(path, os.W_OK) and not path.is_dir() if path.exists() else os.access(path.parent, os.W_OK)
