"""Where words go: the addresses at which a verb is asked, and saying so, once; and whether a key goes unencrypted.

Belongs here: what a family says of its addresses, put in order; when a note is made, and the book of those that were.
Does not belong here: what a host is (types.hosts).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from voicecli.backends.registry import FAMILIES
from voicecli.types.hosts import host_of, is_loopback, is_near
from voicecli.verbs import VERBS, Verb

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.backends.family import Capabilities
    from voicecli.ports import Reporter
    from voicecli.types import Backend


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


_SAID: set[str] = set()
"""What this process has said of its environment."""


def announce(verb: Verb, can: Capabilities, backend: Backend, state_dir: Path, report: Reporter) -> None:
    """One note, once per configuration, when audio or text goes to another machine; one more for a bare key."""
    if can.offline or report.quiet:
        return
    _environment(verb, backend, report)
    leaves = VERBS[verb].leaves
    abroad = [host for host in hosts(verb, backend) if not is_loopback(host)]
    bare = [host for host in in_the_clear(verb, backend) if not is_near(host)]
    whither = f"(backend {backend.name}; said once)."
    who = [backend.name, backend.family]
    if leaves and abroad:
        say_once([leaves, *who, *abroad], f"{leaves} goes to {' or '.join(abroad)} {whither}", state_dir, report)
    if backend.key and bare:
        text = f"the key goes unencrypted to {' or '.join(bare)} {whither}"
        cure = "Whoever is on the way can read it: use https"
        say_once(["key", *who, *bare], f"{text} {cure}.", state_dir, report)


def _environment(verb: Verb, backend: Backend, report: Reporter) -> None:
    """One note a run on each variable for TLS that names no file or folder."""
    if not any(url.startswith(("https:", "wss:")) for url in addresses(verb, backend)):
        return
    from voicecli.backends.transport.trust import passed_over

    for note in set(passed_over()) - _SAID:
        _SAID.add(note)
        report.note(note)


def say_once(about: list[str], text: str, state_dir: Path, report: Reporter) -> None:
    """A note, unless one about the same was made before."""
    mark = sha256("\n".join(about).encode()).hexdigest()[:32]
    book = state_dir / "announced"
    with suppress(OSError, UnicodeDecodeError):
        if mark in book.read_text().split():
            return
    report.note(text)
    from voicecli.storage.atomic import private_folder

    with suppress(OSError):  # a state folder that cannot be written costs only that the note is repeated
        private_folder(book.parent)
        with book.open("a") as file:
            file.write(mark + "\n")
