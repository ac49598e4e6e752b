"""Addresses that others name (a result of a service, the target of a redirect): asked without a key, and not anywhere.

A host is resolved, judged by its numbers, and connected to by the very number that was judged. Nothing that stands in
an answer is quoted: it may be what only this machine can read.

Belongs here: the door to such addresses. Does not belong here: which numbers lead where (reach), what is fetched.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Self
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from voicecli.backends.transport import door, reach
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.proxies import proxy_for
from voicecli.backends.transport.trust import trusting
from voicecli.backends.transport.ways import client_for
from voicecli.backends.transport.wording import Complaint, clean
from voicecli.errors import ProtocolError, ServiceError, VoiceError
from voicecli.types import Backend
from voicecli.types.hosts import is_loopback


class Elsewhere(HttpService):
    """The door to `url`, which `namer` (an address that the person or the configuration gave) led to."""

    redirects = 20
    """Podcasts stand behind five to twelve."""

    def __init__(self, backend: Backend, url: str, namer: str) -> None:
        parts = urlsplit(url)
        bare = replace(backend, key=None, headers={})
        super().__init__(bare, f"{parts.scheme}://{parts.netloc}", setting="the address", placeholder="")
        self._namer = namer
        self._place: reach.Place | None = None

    async def __aenter__(self) -> Self:
        """A redirect may lead from http to https."""
        context = await asyncio.to_thread(trusting)
        self._client = client_for(self.backend, context, self._headers)
        return self

    def url(self, path: str) -> str:
        """Only whole addresses are asked here."""
        return path

    async def _aimed(self, request: httpx.Request) -> httpx.Request:
        """The request, at the number that was judged. Raises ServiceError for one that may not be asked."""
        if door.origin(str(request.url)) == door.origin(self._namer):
            return request
        host, proxied = request.url.host, proxy_for(str(request.url), self.backend) is not None
        try:
            numbers = await resolved(host)
        except OSError:
            if proxied:
                return request  # the proxy may know the name, and judges by its own rules what it reaches
            raise
        for number in numbers:
            place = reach.place_of(number) or "secret"
            if not reach.may_name(await self._namer_place(), place):
                raise ServiceError(f"names an address {reach.WORDS[place]}: {clean(host, 60)}", who=self.who)
        return request if proxied else _pinned(request, numbers[0])

    async def _namer_place(self) -> reach.Place:
        if self._place is None:
            self._place = await place_of_namer(self._namer)
        return self._place

    def redirected(self, url: str, target: str) -> str:
        """The target, without a name and a password: they would be sent."""
        try:
            parts = urlsplit(urljoin(url, target))
            usable = parts.scheme in self._schemes(urlsplit(url).scheme) and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise ServiceError(f"redirects to {clean(target, 100)}, which is not followed", who=self.who)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def _schemes(self, scheme: str) -> tuple[str, ...]:
        """Those that a redirect may lead to: none that is less safe."""
        return ("https",) if scheme == "https" else ("http", "https")

    def error(self, complaint: Complaint, status: int = 200, wait: float | None = None) -> VoiceError:
        """As every error, without the words."""
        return super().error(replace(complaint, words=""), status, wait)

    def protocol_error(self, what: str, body: bytes | str = b"") -> ProtocolError:
        """As every error, without the body."""
        return super().protocol_error(what)


async def resolved(host: str) -> list[str]:
    """The numbers of a host, IPv4 first. Raises OSError where there are none."""
    if reach.place_of(host):
        return [host]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as exc:  # a label is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from exc
    return [str(address[0]) for _, _, _, _, address in sorted(found, key=lambda each: each[0] != socket.AF_INET)]


async def place_of_namer(url: str) -> reach.Place:
    """Where the one who names addresses stands. This machine is only what is plainly written so."""
    host = urlsplit(url).hostname or ""
    if is_loopback(host):
        return "here"
    try:
        places = {reach.place_of(number) for number in await resolved(host)}
    except OSError:
        return "public"
    return "near" if places == {"near"} else "public"


def _pinned(request: httpx.Request, number: str) -> httpx.Request:
    """The request to that number; the host stands in its header and, over TLS, in the certificate that is asked for."""
    if request.url.host != number:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=number)
        request.headers["connection"] = "close"  # another host of that number gets a connection of its own
    return request
