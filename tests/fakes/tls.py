"""A certificate that nobody trusts, for 127.0.0.1 and a hundred years: it guards nothing but these tests."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

PEM = """\
-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUEEkiTp2EwUAP5n0V7wsbwjtpGbswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMTEwNDkwNFoYDzIxMjYxMDI4
MTA0OTA0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATdGpoemBNPffZWG7OwqO+jHFdy6DyRCThRRlEtXH5irh5BBu/h1KNx
3toY4QdCkeaPjJVkg8rrFZ16HykCJfkko2QwYjAdBgNVHQ4EFgQU3L2c8sGaQ5k0
hzZzc1ZUxfOCkrUwHwYDVR0jBBgwFoAU3L2c8sGaQ5k0hzZzc1ZUxfOCkrUwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0cAMEQC
IHIovI5e/QIThzqj6QdCCi2N89Pa6BZMNOBvNN39dzuFAiA/Ci7PjpXHJw5+YXfe
r1Za9FCd5FqLkSlKgbc7ptboJQ==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8vb9qIJZixuyoj6n
9Sogew+DlPguTXqqKm1iZWyIx9ShRANCAATdGpoemBNPffZWG7OwqO+jHFdy6DyR
CThRRlEtXH5irh5BBu/h1KNx3toY4QdCkeaPjJVkg8rrFZ16HykCJfkk
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
