"""Where a verb is asked: the addresses of a backend, and their hosts.

Belongs here: what a family says of its addresses, put in order. Does not belong here: what a host is (types.hosts).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from voicecli.backends.registry import FAMILIES
from voicecli.types.hosts import host_of

if TYPE_CHECKING:
    from voicecli.types import Backend
    from voicecli.verbs import Verb


def hosts(verb: Verb, backend: Backend) -> list[str]:
    """The hosts that `verb` may reach, in order, without repetition."""
    return _hosts(addresses(verb, backend))


def in_the_clear(verb: Verb, backend: Backend) -> list[str]:
    """Those of the hosts that are reached without encryption."""
    return _hosts(url for url in addresses(verb, backend) if url.lower().startswith(("http://", "ws://")))


def addresses(verb: Verb, backend: Backend) -> tuple[str, ...]:
    """The addresses that `verb` may ask; none for a backend without a family."""
    family = FAMILIES.get(backend.family)
    return family.of(backend).asked_at(verb) if family else ()


def _hosts(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(host for url in urls if (host := host_of(url))))
