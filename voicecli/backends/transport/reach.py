"""Where a number leads: to this machine, to a private network, to where clouds keep secrets, or to everybody's.

`127.1`, `0x7f.1`, `2130706433` and a name that resolves there are one number, and only the number is judged.
198.18.0.0/15 counts as everybody's: proxies that answer for a name server give numbers of it for any host.

Belongs here: tables of numbers, and who may name which. Does not belong here: resolving, connecting (elsewhere).
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import Literal

from voicecli.types.hosts import Address, numbered

Place = Literal["here", "secret", "near", "public"]

_PLACES: tuple[tuple[Place, tuple[str, ...]], ...] = (
    # Azure's and Alibaba's services for their own machines have numbers of other networks.
    ("secret", ("169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128")),
    ("here", ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128")),
    ("near", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "fc00::/7")),
    ("near", ("fec0::/10", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8")),
)
_NETWORKS = tuple((place, ip_network(each)) for place, networks in _PLACES for each in networks)
_WRAPPED = (ip_network("64:ff9b::/96"), ip_network("::/96"))
"""IPv6 networks whose last four bytes are a number of IPv4."""

WORDS: dict[Place, str] = {
    "here": "on this machine",
    "near": "in a private network",
    "secret": "where machines in clouds keep their secrets",
}


def place_of(number: str) -> Place | None:
    """Where a number, written as IPv4 or IPv6, leads. None: this is no number."""
    found = numbered(number)
    if found is None:
        return None
    address = _unwrapped(found)
    return next((place for place, network in _NETWORKS if address in network), "public")


def _unwrapped(address: Address) -> Address:
    """The IPv4 that an IPv6 address stands for on its way through a gateway, where it does."""
    if isinstance(address, IPv4Address) or int(address) < 2:
        return address
    if address.teredo:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if any(address in each for each in _WRAPPED) else address


def may_name(namer: Place, place: Place) -> bool:
    """Whether a service that is at `namer` may have us ask what is at `place`: nothing nearer to us than itself."""
    return place == "public" or (place == "near" and namer in ("near", "here")) or (place == namer == "here")
