"""One address of a service: the URLs below it, the proxy on the way to it, where it may lead to.

Belongs here: addresses as texts. Does not belong here: connections (ways), requests (http), messages (blame).
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import urljoin

from voicecli.backends.transport import door
from voicecli.backends.transport.blame import Blame
from voicecli.backends.transport.proxies import Proxy, needs_socks, proxy_for
from voicecli.backends.transport.wording import clean
from voicecli.errors import ServiceError


class Address(Blame):
    """One address of a backend, what is below it and how it is reached."""

    def find_proxy(self) -> Proxy | None:
        """The proxy on the way to the base address. Raises ConfigError for one that cannot be used."""
        self.proxy = proxy_for(self.base_url, self.backend)
        if self.proxy is not None and self.proxy.socks and find_spec("socksio") is None:
            raise needs_socks(self.backend.name, self.proxy)
        return self.proxy

    def url(self, path: str) -> str:
        """`path` under the base address; an absolute URL stays itself only on the base's own host."""
        if "://" not in path:
            return below(self.base_url, path)
        if door.origin(path) != door.origin(self.base_url):
            raise ServiceError(f"names an address elsewhere: {clean(path, 100)}", who=self.who)
        return path

    def redirected(self, url: str, target: str) -> str:
        """Where a redirect of `url` to `target` leads. Raises ServiceError where that is another host."""
        with suppress(ValueError):
            target = urljoin(url, target)
        if door.origin(target) == door.origin(url):
            return target
        where = clean(self.masked("://".join(door.origin(target)[:2])), 100)
        what, cure = f"redirects to {where}, which is not followed", self.named("Check base_url")
        raise ServiceError(what, who=self.who, cure=cure)


def below(base: str, path: str) -> str:
    """`path` under `base`, before what `base` asks with every request (Azure's `?api-version=…`)."""
    root, mark, query = base.partition("?")
    return f"{root.rstrip('/')}/{path.lstrip('/')}{mark}{query}" if path else base
