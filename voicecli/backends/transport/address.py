"""One address of a service, by name: the URLs below it, the way to it, and every failure there as one of our errors.

Belongs here: addresses as texts, where a redirect may lead, and from what went wrong to what a person is told: named,
masked, with its cure. Does not belong here: connections (ways), requests (http), the tables of causes (faults), a
service's own words (wording).
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import urljoin, urlsplit

from voicecli.backends.transport import door
from voicecli.backends.transport.faults import FOREIGN, chain, is_of_proxy, kind_of
from voicecli.backends.transport.proxies import Proxy, needs_socks, proxy_for
from voicecli.backends.transport.wording import Complaint, clean, complaint_of, failure_in
from voicecli.errors import ProtocolError, ServiceError, UnreachableError, VoiceError
from voicecli.types import Backend


class Address:
    """One address of a backend, by name. `setting` is what messages call the address, `proxy` stands on the way."""

    def __init__(self, backend: Backend, base_url: str, setting: str = "base_url") -> None:
        self.backend, self.base_url, self.setting = backend, base_url, setting
        self.host = urlsplit(base_url).hostname or ""
        self.who = f"{backend.name} ({urlsplit(base_url).netloc.rpartition('@')[2]})"
        self.proxy: Proxy | None = None

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

    # -- what went wrong --------------------------------------------------------------------------------

    def overdue(self) -> VoiceError:
        """Our error for an answer that never ends."""
        cure = f"Try again, or raise timeout_s in [backends.{self.backend.name}]"
        return UnreachableError("the answer did not come to an end in time", who=self.who, cure=cure)

    def shown(self, url: str) -> str:
        """An address as a log may hold it: what is asked with it may be words, or a key."""
        address, mark, _ = url.partition("?")
        return clean(self.masked(address), 200) + ("?…" if mark else "")

    def error(self, complaint: Complaint, status: int = 200, wait: float | None = None) -> VoiceError:
        """Our error for what a service complained of, whether by status or inside a 200."""
        kind, cure = kind_of(complaint.code, status, complaint.words)
        words = self.masked(complaint.words)
        told = words if status == 200 else f"{words} (HTTP {status})"
        what = told if words else f"answered HTTP {status}"
        cure = cure.format(key=f"the key from {self.backend.key_source}" if self.backend.key_source else "the key")
        error = kind(what, who=self.who, cure=self.named(cure), retry_after=wait)
        error.status, error.param = status, complaint.param
        return error

    def complain(self, data: object) -> None:
        """Raise what a decoded body says when it is an error object in a successful answer."""
        if (failure := failure_in(data)) is not None:
            raise self.error(failure)

    def protocol_error(self, what: str, body: bytes | str = b"") -> ProtocolError:
        """An error that quotes the beginning of what could not be understood."""
        text = body if isinstance(body, str) else complaint_of(body[:2048]).words
        quoted = clean(self.masked(text), 120)
        return ProtocolError(f"{what}: {quoted!r}" if quoted else what, who=self.who)

    def own(self, error: VoiceError) -> VoiceError:
        """`error`, which a part that knows no service raised: with this one's name, and without its key."""
        error.who, error.what = error.who or self.who, self.masked(error.what)
        error.args = (error.what,)
        return error

    def masked(self, text: str) -> str:
        """`text` without this backend's key and headers' values."""
        return door.masked(text, self.backend)

    def named(self, cure: str) -> str:
        """A cure that speaks of `base_url`, with the setting's own name."""
        return cure.replace("base_url", self.setting)

    def foreign(self, exc: BaseException) -> VoiceError:
        """Our error for a failure of the transport."""
        causes = tuple(chain(exc))
        if self.proxy is not None and is_of_proxy(causes):
            return self.proxy_failed(str(exc))
        for types, kind, what, cure in FOREIGN:
            found = next((c for c in causes if isinstance(c, types)), None)
            if found is not None:
                words = clean(self.masked(getattr(found, "verify_message", "") or str(found)), 160)
                facts = {"backend": self.backend, "host": self.host, "words": words}
                return kind(
                    what.format(**facts).removesuffix(": "), who=self.who, cure=self.named(cure.format(**facts))
                )
        return UnreachableError(clean(self.masked(str(exc))) or type(exc).__name__, who=self.who)

    def proxy_failed(self, words: str) -> VoiceError:
        """Our error for a proxy that is not there, or does not do its work."""
        proxy = self.proxy
        if proxy is None:
            return UnreachableError(f"the proxy failed: {clean(self.masked(words), 160)}", who=self.who)
        cure = f"Check {proxy.source}"
        if not self.backend.proxy:
            cure += f", or name {self.host} in NO_PROXY"
        what = f"the proxy {proxy.shown} failed: {clean(self.masked(words), 160)}"
        return UnreachableError(what.removesuffix(": "), who=self.who, cure=cure)


def below(base: str, path: str) -> str:
    """`path` under `base`, before what `base` asks with every request (Azure's `?api-version=…`)."""
    root, mark, query = base.partition("?")
    return f"{root.rstrip('/')}/{path.lstrip('/')}{mark}{query}" if path else base
