"""What a host is: this very machine, near, or public; and where an address leads.

Pure. Belongs here: the one answer to each question about hosts and addresses. Does not belong here: looking names up:
a name, or an odd spelling of a number (0x7f.1), is judged only by what it says; who must be sure looks it up, and asks
about the number.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_NEAR = (".local", ".lan", ".internal", ".home.arpa")

Address = IPv4Address | IPv6Address


class Origin(NamedTuple):
    """What two addresses must have in common to be one service."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """Where `url` leads. ValueError: its host or port cannot be read."""
    parts = urlsplit(url)
    return Origin(parts.scheme.lower(), parts.hostname or "", parts.port or PORTS.get(parts.scheme.lower(), 0))


def host_of(url: str) -> str:
    """The host in `url`, with or without a scheme; "" when there is none."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def numbered(host: str) -> Address | None:
    """The address that `host` spells in the usual way, an IPv4 one where it stands in an IPv6 one; None for a name."""
    try:
        found = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and (found.ipv4_mapped or found.sixtofour)) or found


def is_loopback(host: str) -> bool:
    """Whether `host` is this very machine. 0.0.0.0 and :: are: who connects there reaches it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    found = numbered(host)
    return found is not None and (found.is_loopback or found.is_unspecified)


def is_near(host: str) -> bool:
    """Whether `host` is this machine or stands in a private network: a private address, or a name without a dot."""
    if is_loopback(host) or host.endswith(_NEAR) or not set(".:") & set(host):
        return True
    found = numbered(host)
    return found is not None and not is_public(host)


def is_public(host: str) -> bool:
    """Whether anybody's machine might reach `host`: a number of the internet, or a name that may stand for one."""
    found = numbered(host)
    if found is not None:
        return found.is_global and not found.is_multicast
    return bool(host) and not is_near(host)
