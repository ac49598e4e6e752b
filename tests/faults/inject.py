"""Faults, laid over a family's strict local server: what a network or a service may do to an answer.

Belongs here: how each fault is made, out of the right answer where it is a spoilt one. Does not belong here:
what must come of it (table.py), the servers themselves (tests/fakes).

A fault is laid over every server of a family at once, so that it does not matter which of them a verb asks.
"""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.fakes import tls
from tests.fakes.server import CUT, RESET, FakeServer, Left, Reply, Request, Socket, Step, Talk, whole
from voicecli.types import Backend

WORDS = "the flux capacitor is empty"
DRIP_S = 0.02
PAGE = b"<!doctype html><html><head><title>Welcome to the gateway</title></head><body>hello</body></html>"

Spoil = Callable[[Request, Reply, bytes], Reply]
Interfere = Callable[["Faulty"], Awaitable[None]]


def servers_of(running: Any) -> list[FakeServer]:
    """The servers of a family that runs."""
    if isinstance(running, FakeServer):
        return [running]
    return [each for each in vars(running).values() if isinstance(each, FakeServer)]


# -- addresses that lead nowhere -------------------------------------------------------------------


def moved(backend: Backend, scheme: str, host: str, port: int = 0) -> Backend:
    """`backend` with all its addresses at another host; `scheme` is http or https."""
    changed: dict[str, Any] = {}
    for each in fields(backend):
        value = getattr(backend, each.name)
        if each.name.endswith("_url") and value:
            changed[each.name] = _moved(value, scheme, host, port)
    return replace(backend, **changed)


def _moved(url: str, scheme: str, host: str, port: int) -> str:
    parts = urlsplit(url)
    old = parts.scheme.replace("wss", "ws").replace("https", "http")
    return urlunsplit(parts._replace(scheme=old + scheme[4:], netloc=f"{host}:{port or parts.port}"))


@contextmanager
def closed_port() -> Iterator[int]:
    """A port at which nothing listens while the block lasts."""
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port that takes no connection and refuses none: whoever knocks waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(sockets.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            knock = stack.enter_context(sockets.socket())
            knock.setblocking(False)
            knock.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@contextmanager
def untrusted_port() -> Iterator[int]:
    """A TLS server whose certificate nobody signed."""
    with FakeServer(tls=tls.server_context()) as server:
        yield server.port


# -- HTTP answers ----------------------------------------------------------------------------------


def status(code: int, **headers: str) -> Spoil:
    """Refuses with `code` and words of the service."""
    return lambda request, reply, body: Reply.json({"error": {"message": WORDS}}, code, **headers)


def instead(first: tuple[Step, ...]) -> Spoil:
    """Does `first` in place of an answer."""
    return lambda request, reply, body: Reply(first=first)


def dripping_head(request: Request, reply: Reply, body: bytes) -> Reply:
    async def steps() -> AsyncIterator[Step]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield DRIP_S
            yield b"x-more: 1\r\n"

    return Reply(steps, raw=True)


def after_half(*steps: Step) -> Spoil:
    """Sends the head and half of the body, then does `steps`."""

    def spoil(request: Request, reply: Reply, body: bytes) -> Reply:
        return Reply([_half(body), *steps], reply.status, _framed(reply, body))

    return spoil


def dripping_body(request: Request, reply: Reply, body: bytes) -> Reply:
    """Half of the body, then line ends for ever: they mean nothing to JSON, events and lines."""

    async def steps() -> AsyncIterator[Step]:
        yield _half_of_lines(body)
        while True:
            yield DRIP_S
            yield b"\n"

    return Reply(steps, reply.status, _kind(reply))


def reset_at_the_end(request: Request, reply: Reply, body: bytes) -> Reply:
    """The whole body, but not its end."""
    return Reply([body, 0.02, RESET], reply.status, _kind(reply))


def one_byte_short(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply([body[:-1], CUT], reply.status, _framed(reply, body))


def shortened(request: Request, reply: Reply, body: bytes) -> Reply:
    """A body that ends in good order, too early."""
    return Reply(_half(body), reply.status, _kind(reply))


def page(request: Request, reply: Reply, body: bytes) -> Reply:
    """A success of another kind: a gateway's welcome."""
    return Reply(PAGE, 200, {"content-type": "text/html"})


def malformed(request: Request, reply: Reply, body: bytes) -> Reply:
    """Something of the right type that is broken, from the first byte on."""
    kind = reply.headers.get("content-type", "")
    broken = b"data: {nope\n\n" if "event-stream" in kind else b"{nope\n"
    return Reply(broken, reply.status, _kind(reply))


def nothing(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply(b"", reply.status, _kind(reply))


def too_much_promised(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply([body, CUT], reply.status, {**_kind(reply), "content-length": str(len(body) + 100)})


def too_little_promised(request: Request, reply: Reply, body: bytes) -> Reply:
    """A length in the head that is half of what follows."""
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body) // 2}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in _kind(reply).items())
    return Reply([head.encode() + b"\r\n" + body], raw=True)


def badly_packed(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply(b"\x1f\x8bnot gzip at all", reply.status, {**_kind(reply), "content-encoding": "gzip"})


def no_http(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], raw=True)


def in_a_circle(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply(b"", 307, {"location": request.path})


def elsewhere(request: Request, reply: Reply, body: bytes) -> Reply:
    return Reply(b"", 307, {"location": "http://127.0.0.2:1/stolen"})


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _half_of_lines(body: bytes) -> bytes:
    """Half of a body of lines, cut between two; of another, cut anywhere."""
    end = body.rfind(b"\n\n" if body.startswith(b"data:") else b"\n", 0, len(body) * 3 // 4)
    return body[: end + 1] if end > 0 else _half(body)


def _kind(reply: Reply) -> dict[str, str]:
    kind = reply.headers.get("content-type", "")
    return {"content-type": kind} if kind else {}


def _framed(reply: Reply, body: bytes) -> Mapping[str, str]:
    """The head of the right answer: a length, where it had one."""
    length = {"content-length": str(len(body))} if isinstance(reply.body, bytes) else {}
    return {**_kind(reply), **length}


# -- WebSockets ------------------------------------------------------------------------------------


class Faulty(Socket):
    """The server's end of a WebSocket with one fault: `interfere` is called before message `at` is sent."""

    def __init__(self, inner: Socket, at: int, interfere: Interfere) -> None:
        self.__dict__.update(inner.__dict__)
        self.at, self.interfere, self.sent = at, interfere, 0
        self.next: str | bytes | None = None

    async def send(self, message: str | bytes) -> None:
        self.sent += 1
        if self.sent == self.at:
            self.next = message
            await self.interfere(self)
            message, self.next = self.next, None
            if message is None:
                return
        await super().send(message)


def opening(act: Callable[[Socket], Awaitable[None]]) -> Callable[[int], Callable[[Talk], Talk]]:
    """A fault of the handshake; the service never comes to talk."""

    async def talk(socket: Socket) -> None:
        await act(socket)

    return lambda at: lambda right: talk


def amid(interfere: Interfere, of: Callable[[int], int] = lambda sent: max(2, sent // 2)) -> Any:
    """A fault at one of the messages that the service sends: in the middle, of as many as it is right to send."""

    def laid(sent: int) -> Callable[[Talk], Talk]:
        def over(right: Talk) -> Talk:
            async def talk(socket: Socket) -> None:
                await right(Faulty(socket, of(sent), interfere))

            return talk

        return over

    return laid


def rejecting(code: int, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def act(socket: Socket) -> None:
        await socket.reject(code, f'{{"error": {{"message": "{WORDS}"}}}}', names)

    return opening(act)


async def mute(socket: Socket) -> None:
    """Takes the request and answers nothing, until the client leaves."""
    await socket.left()


def shaken(*steps: Step) -> Any:
    """Does `steps` on the bare connection in place of a handshake."""

    async def act(socket: Socket) -> None:
        await socket.steps(steps)

    return opening(act)


async def drip_handshake(socket: Socket) -> None:
    async def steps() -> AsyncIterator[Step]:
        yield b"HTTP/1.1 101 Switching Protocols\r\n"
        while True:
            yield DRIP_S
            yield b"x-more: 1\r\n"

    await socket.steps(steps)


async def break_off(socket: Faulty) -> None:
    await socket.steps([0.02, RESET])


async def fall_silent(socket: Faulty) -> None:
    await socket.left()
    raise Left


async def babble(socket: Faulty) -> None:
    """Words that are no answer, for ever."""
    while True:
        await Socket.send(socket, "still here")
        await asyncio.sleep(DRIP_S)


async def garble(socket: Faulty) -> None:
    assert socket.next is not None
    socket.next = "{nope" if isinstance(socket.next, str) else b"\x11\x91\x10\x00\x00\x00\x00\x01\x00\x00\x00\x05{nope"


async def truncate(socket: Faulty) -> None:
    assert socket.next is not None
    socket.next = socket.next[: len(socket.next) // 2]


async def exaggerate(socket: Faulty) -> None:
    """A size inside the frame that is larger than the frame."""
    if isinstance(socket.next, bytes) and socket.next[:1] == b"\x11":
        socket.next = socket.next[:8] + b"\x7f\xff\xff\xff" + socket.next[12:]


async def repeat(socket: Faulty) -> None:
    assert socket.next is not None
    await Socket.send(socket, socket.next)


async def leave_out(socket: Faulty) -> None:
    socket.next = None


def closing(code: int) -> Interfere:
    async def act(socket: Faulty) -> None:
        await socket.close(code, WORDS)
        async for _ in socket:
            pass
        raise Left

    return act


# -- laying one over a family ----------------------------------------------------------------------


def spoiling(spoil: Spoil, only: bytes = b"") -> Callable[[Request, Reply], Awaitable[Reply]]:
    """Spoils the answers to requests that have `only` in them."""

    async def mangle(request: Request, reply: Reply) -> Reply:
        return spoil(request, reply, await whole(reply)) if only in request.body else reply

    return mangle
