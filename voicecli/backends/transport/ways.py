"""The client of a service, which goes to each address by its own way: straight, or through a proxy.

Belongs here: connections that are kept. Does not belong here: which way (proxies), whom TLS trusts (trust), what is
asked (http).
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping
from importlib.util import find_spec

import httpx

from voicecli.backends.transport.proxies import Proxy, needs_socks, proxy_for
from voicecli.types import Backend

MOVED = "x-voicecli-location"
"""Where a redirect's target stands."""

_KEEPALIVE_S = 120.0

if find_spec("sniffio") is None:
    # httpcore looks for it at every lock, four times a request: each time through all folders, where it is not known.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


def client_for(backend: Backend, context: ssl.SSLContext | None, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """A client that goes to each address by its own way; without a `context` it reaches no https."""
    return httpx.AsyncClient(
        headers=headers,
        # Trusts nobody: cheap to make, for plain http, which never meets TLS.
        transport=_Ways(backend, context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        trust_env=False,
        timeout=httpx.Timeout(backend.timeout_s, connect=backend.connect_timeout_s),
        follow_redirects=False,
        event_hooks={"response": [_keep_location]},
    )


class _Ways(httpx.AsyncBaseTransport):
    """Straight, or through a proxy: decided for each request (proxies). Connections are kept."""

    def __init__(self, backend: Backend, context: ssl.SSLContext) -> None:
        self._backend, self._context = backend, context
        self._ways: dict[Proxy | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ConfigError for a proxy that cannot be used."""
        # A request that is pinned to one number (elsewhere) was found to need no proxy.
        aimed = "sni_hostname" in request.extensions
        proxy = None if aimed else proxy_for(str(request.url), self._backend)
        return await self._way(proxy).handle_async_request(request)

    def _way(self, proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
        if proxy not in self._ways:
            limits = httpx.Limits(max_connections=64, keepalive_expiry=_KEEPALIVE_S)
            try:
                self._ways[proxy] = httpx.AsyncHTTPTransport(
                    verify=self._context, proxy=proxy.url if proxy else None, limits=limits, trust_env=False
                )
            except ImportError as exc:
                raise needs_socks(self._backend.name, proxy) from exc
        return self._ways[proxy]

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


async def _keep_location(response: httpx.Response) -> None:
    """Put a redirect's target where httpx does not parse it: a bad one would look like a bad request of ours."""
    if response.is_redirect and "location" in response.headers:
        response.headers[MOVED] = response.headers.pop("location")
