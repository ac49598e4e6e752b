"""Listening on an address: uvicorn, bounded where it is not.

Belongs here: sockets, deadlines of a connection, ending. Does not belong here: routes, who may come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voicecli.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HEADERS_S = 5.0
"""A connection that has not sent a whole head by then is closed: it costs a descriptor, and slow loris opens many."""
GRACE_S = 3
"""What goes on when the server is told to end has so long."""
WAITING = 200
"""Connections whose head has not come; one more ends the oldest, which leaves room for who asks at once."""
CONNECTIONS = 2000
GOING_AWAY = 1001


def _bounded() -> type[asyncio.Protocol]:
    """uvicorn's protocol, with a deadline for the first head, and so many that wait for theirs."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    waiting: dict[asyncio.Protocol, asyncio.TimerHandle] = {}

    class Bounded(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(waiting) >= WAITING:
                oldest: Any = next(iter(waiting))
                oldest._arrived()
                oldest.transport.abort()
            waiting[self] = asyncio.get_running_loop().call_later(HEADERS_S, transport.close)

        def on_headers_complete(self) -> None:
            self._arrived()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            super().connection_lost(exc)

        def _arrived(self) -> None:
            if (deadline := waiting.pop(self, None)) is not None:
                deadline.cancel()

    return Bounded


def _leaving() -> type[asyncio.Protocol]:
    """uvicorn's WebSockets, which are told that the server is going away, not that it will be back."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class LeavingSockets(WebSocketsSansIOProtocol):
        def shutdown(self) -> None:
            if self.handshake_complete and not self.close_sent:
                self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
                self.conn.send_close(GOING_AWAY)
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.close_sent = True
            super().shutdown()

    return LeavingSockets


def run(work: Coroutine[Any, Any, None]) -> None:
    """As asyncio.run, on uvloop where it is installed."""
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop as loop_factory
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work)


async def listen(app: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM, then ends within a few seconds. `ready` is told the address.

    Raises UsageError where the address cannot be listened on.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_bounded(),
        ws=_leaving(),
        ws_max_size=16 * 1024 * 1024,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise UsageError(f"{host}:{port} cannot be listened on", cure="Choose another --port, or end who has it.")
    name = f"[{host}]" if ":" in host else host
    listening.listen(CONNECTIONS)  # who is told the address may ask at once
    ready(f"http://{name}:{listening.getsockname()[1]}")
    await server.serve(sockets=[listening])
