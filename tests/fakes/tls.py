"""A certificate that nobody trusts but who is told to, for this machine and a hundred years: it guards only tests."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PEM = """\
-----BEGIN CERTIFICATE-----
MIIBrDCCAVGgAwIBAgIUKckAwt9JmeV6fZixdxyRsxuTHPYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMTE3MTQ1NFoYDzIxMjYxMDI4
MTcxNDU0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATWh3NlV6XafZf1/DFXqjnE5l3FH64Ohq10C+drxglsR2bob7qbLB+2
lHCEE5VHIedL4ODav/7gHJNYgWCKJx0Vo38wfTAdBgNVHQ4EFgQUbUjpcdkm7qU3
uTBU3vDXuu0Z3mwwHwYDVR0jBBgwFoAUbUjpcdkm7qU3uTBU3vDXuu0Z3mwwGgYD
VR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MA4GA1UdDwEB/wQEAwIChDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCVKxxf1HBdpbYK+hlmTAwpX0og
/g8o4GPnO81QPJZp2QIhAJ+8Mwk5yWmsKcicQjkV7bUWcPBgp6iSRAqDedqxD18g
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaWDN/1M5EFfoQYIF
TiMcTaUawliyf0LzuaU2QBeNx7+hRANCAATWh3NlV6XafZf1/DFXqjnE5l3FH64O
hq10C+drxglsR2bob7qbLB+2lHCEE5VHIedL4ODav/7gHJNYgWCKJx0V
-----END PRIVATE KEY-----
"""


def server_context() -> ssl.SSLContext:
    """What a server of ours shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.write_text(PEM)
        context.load_cert_chain(path)
    return context


@contextmanager
def trusted(folder: Path) -> Iterator[Path]:
    """While the block lasts the program trusts it, as a person would have it do: by SSL_CERT_FILE. The file."""
    from voicecli.backends.transport import trust

    path = folder / "trusted.pem"
    path.write_text(PEM.partition("-----BEGIN PRIVATE KEY-----")[0])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(path))
        trust.trusting.cache_clear()
        yield path
    trust.trusting.cache_clear()
