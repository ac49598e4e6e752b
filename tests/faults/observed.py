"""What a verb's undisturbed run looks like on the wire: which kinds of answers, how many messages.

Belongs here: watching. Does not belong here: faults, expectations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.fakes.server import FakeServer, Reply, Request, Socket, Talk, whole


def kind_of(body: bytes, stated: str) -> str:
    """What a body is, whatever its type says: "json", "sse", "ndjson" or, for sound and pictures, "bytes"."""
    if stated.startswith("text/event-stream"):
        return "sse"
    if body[:1] not in (b"{", b"["):
        return "bytes"
    return "ndjson" if b"\n" in body.strip() else "json"


@dataclass
class Seen:
    """What went over the wire."""

    kinds: set[str] = field(default_factory=set)
    messages: int = 0

    def watch(self, server: FakeServer) -> None:
        server.mangle, server.mangle_talk = self.reply, self.talk

    async def reply(self, request: Request, reply: Reply) -> Reply:
        body = await whole(reply)
        if request.method != "HEAD":
            self.kinds.add(kind_of(body, reply.headers.get("content-type", "")))
        return replace(reply, body=[body])

    def talk(self, right: Talk) -> Talk:
        async def talk(socket: Socket) -> None:
            self.kinds.add("socket")
            await right(_Counted(socket, self))

        return talk


class _Counted(Socket):
    def __init__(self, inner: Socket, seen: Seen) -> None:
        self.__dict__.update(inner.__dict__)
        self.seen = seen

    async def send(self, message: str | bytes) -> None:
        self.seen.messages += 1
        self.seen.kinds |= {"frames"} if isinstance(message, bytes) and message[:1] == b"\x11" else set()
        await super().send(message)
