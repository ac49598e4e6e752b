"""Which way leads to an address: straight, or through the proxy that the configuration or the environment names.

The environment's variables are read as curl and Go read them: `http_proxy`, `https_proxy`, `all_proxy` (or in
capitals); NO_PROXY holds names with all below them (`.example.org`, `*.example.org`, `example.org`), numbers, ranges
(10.0.0.0/8, fe80::/10), either with a port and IPv6 in brackets, or `*` for everything; and what people copy from
Windows: `192.168.*`, `<local>` for names without a dot, semicolons, quotes. This machine is never asked for
through a proxy that only the environment names. A proxy is looked at only where it would be used.

Belongs here: the choice. Does not belong here: connections.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies

from voicecli.backends.transport.surroundings import process_environment
from voicecli.backends.transport.wording import clean, mask
from voicecli.errors import ConfigError
from voicecli.types import Backend, hosts
from voicecli.types.hosts import PORTS, Address, is_loopback

SCHEMES = ("http", "https", "socks5", "socks5h")
_ALIASES = {"socks": "socks5", "": "http"}
_SCHEME_OF = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the setting or variable that names it."""

    url: str
    source: str

    @property
    def shown(self) -> str:
        """Its host and port, and who names it."""
        return f"{clean(urlsplit(self.url).netloc.rpartition('@')[2], 80)} ({self.source})"

    @property
    def remote(self) -> str:
        """Its address for those who would look names up themselves: the proxy does."""
        return self.url.replace("socks5://", "socks5h://")

    @property
    def socks(self) -> bool:
        return self.url.startswith("socks")


def proxy_for(url: str, backend: Backend) -> Proxy | None:
    """The proxy through which `url` is asked; None: none. Raises ConfigError for one that cannot be used."""
    if backend.proxy:
        return _usable(backend.proxy, f"proxy in [backends.{backend.name}]")
    parts = urlsplit(url)
    if is_loopback(parts.hostname or ""):
        return None
    # Those of the process's variables, or of the system's settings where it has such.
    named, proxies = _SCHEME_OF.get(parts.scheme, parts.scheme), getproxies()
    scheme = next((each for each in (named, "all") if proxies.get(each)), "")
    port = parts.port or PORTS.get(parts.scheme, 0)
    if not scheme or exempt(parts.hostname or "", port, proxies.get("no", "")):
        return None
    return _usable(proxies[scheme], _variable(scheme))


def _variable(scheme: str) -> str:
    env, name = process_environment(), f"{scheme}_proxy"
    return next((each for each in (name, name.upper()) if env.get(each)), "the system's settings")


def _usable(url: str, source: str) -> Proxy:
    scheme, mark, rest = url.strip().rpartition("://")
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        usable = scheme in SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or (not mark and ":" not in rest):
        what = f"{source} is no proxy that can be used: {clean(mask(url), 100)!r}"
        raise ConfigError(what, cure="Write http://host:port or socks5://host:port")
    return Proxy(f"{scheme}://{rest}", source)


def needs_socks(who: str, proxy: Proxy | None) -> ConfigError:
    """Our error where the packages for SOCKS are not installed."""
    named = f" ({proxy.source})" if proxy else ""
    cure = "Install voicecli[socks], or name an http:// proxy"
    return ConfigError(f"a SOCKS proxy{named} needs a package more", who=who, cure=cure)


# -- exemptions ------------------------------------------------------------------------------------


def exempt(host: str, port: int, rules: str) -> bool:
    """Whether NO_PROXY (`rules`) keeps `host` from the proxy."""
    host, number = _name(host), numbered(host)
    return any(_matches(rule, host, number, port) for rule in _BETWEEN.split(rules.lower()))


_BETWEEN = re.compile(r"""[\s,;"']+""")


def _name(host: str) -> str:
    """A name as it is asked for: `münchen.de` and `xn--mnchen-3ya.de` are one."""
    host = host.lower().rstrip(".")
    with suppress(UnicodeError):
        return host.encode("idna").decode() if not host.isascii() else host
    return host


def numbered(host: str) -> Address | None:
    """The number that `host` is, also in the spellings that a connection takes (127.1, 0x7f000001)."""
    found = hosts.numbered(host)
    if found is None and host[:1].isdigit():
        with suppress(OSError):
            return IPv4Address(socket.inet_aton(host))
    return found


def _matches(rule: str, host: str, number: Address | None, port: int) -> bool:
    if rule in ("*", "<local>"):
        return rule == "*" or (number is None and "." not in host)
    return any(
        (wanted is None or wanted == port) and (_same(name, host) if number is None else _within(name, number))
        for name, wanted in _read(rule.rpartition("://")[2].rstrip("/"))
    )


def _read(rule: str) -> Iterator[tuple[str, int | None]]:
    """What a rule may mean: a name or number with a port, or without."""
    if rule.startswith("["):
        name, _, rest = rule[1:].partition("]")
        yield name + (rest if rest.startswith("/") else ""), _port(rest)
    elif rule.count(":") == 1:
        yield rule.partition(":")[0], _port(rule)
    else:
        yield rule, None


def _port(text: str) -> int | None:
    told = text.rpartition(":")[2]
    return int(told) if ":" in text and told.isascii() and told.isdecimal() and len(told) < 6 else None


def _same(name: str, host: str) -> bool:
    """Whether `host` is that name, or below it."""
    name = _name(name.removeprefix("*").lstrip("."))
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _within(name: str, number: Address) -> bool:
    with suppress(ValueError):
        return number in ip_network(name.partition("%")[0], strict=False)
    return fnmatchcase(str(number), name) if name.endswith(".*") else numbered(name) == number
