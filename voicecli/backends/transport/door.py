"""What the doors to HTTP and to WebSockets share: the address, the headers with the key.

Belongs here: what is true of any connection to a backend before one is made. Does not belong here:
connections (http, websocket), whom TLS trusts (trust), proxies, errors of the transport (faults), retry.

The key stands in the Authorization header and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from voicecli import __version__
from voicecli.backends.transport.wording import clean, mask
from voicecli.errors import ConfigError
from voicecli.types import Backend, hosts

PLACEHOLDER_KEY = "no-key"
"""What stands for a key where there is none: some services refuse an empty one."""

USER_AGENT = f"voicecli/{__version__}"


def checked(url: str, backend: Backend) -> str:
    """`url` without a last slash. Raises ConfigError when it is no http(s) address."""
    example = "Write http://host:port/v1 or https://host/v1"
    if not url:
        raise ConfigError(
            f"[backends.{backend.name}] has no address", cure="Set base_url; OpenAI's own is https://api.openai.com/v1"
        )
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.strip().isprintable():
        raise ConfigError(f"[backends.{backend.name}] {clean(mask(url), 100)!r} is no address", cure=example)
    return url.strip().rstrip("/")


def origin(url: str) -> hosts.Origin:
    """Scheme, host and port; an address that has none equals no other."""
    try:
        return hosts.origin(url)
    except ValueError:
        return hosts.Origin("", clean(url, 60), -1)


def headers_for(
    backend: Backend, placeholder: str = PLACEHOLDER_KEY, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The key's header, the backend's own, then `more`: a name counts once, and the later one wins.

    `placeholder` stands for a missing key; "" sends none. Raises ConfigError, without the value, for
    what a header cannot carry: a line break would let a value write headers of its own.
    """
    key = backend.key.reveal() if backend.key else placeholder
    ordered = {**({"Authorization": f"Bearer {key}"} if key else {}), **backend.headers, **(more or {})}
    for name, value in ordered.items():
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            source = f" (from {backend.key_source})" if name == "Authorization" and backend.key_source else ""
            raise ConfigError(
                f"[backends.{backend.name}] the header {clean(name, 40)} would hold more than printable ASCII{source}",
                cure="Check the key and the headers",
            )
    return dict({name.lower(): (name, value) for name, value in ordered.items()}.values())


def masked(text: str, backend: Backend) -> str:
    """`text` without the backend's key and headers' values, and without what looks like a key."""
    key = backend.key.reveal() if backend.key else ""
    return mask(text, (key, *backend.headers.values()))
