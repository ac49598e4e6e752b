"""Who may ask: keys, Host, Origin."""

from __future__ import annotations

import pytest

from voicecli.server.guard import PROTOCOL, AccessPolicy, is_own, refusal
from voicecli.types import Secret

LOCKED = AccessPolicy(Secret("sesame-1234"))
HERE = {"host": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:8000"}, 0),
        ({"host": "[::1]:8000"}, 0),
        ({"host": "LOCALHOST."}, 0),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[::1"}, 403),
        ({}, 403),
        (HERE | {"origin": "http://127.0.0.1:8000"}, 0),
        (HERE | {"origin": "http://127.0.0.1:9000"}, 403),
        (HERE | {"origin": "http://evil.example"}, 403),
        (HERE | {"origin": "null"}, 403),
        (HERE | {"origin": "https://app.example"}, 0),
    ],
)
def test_names_and_origins(headers: dict[str, str], status: int) -> None:
    policy = AccessPolicy(origins=frozenset({"https://app.example"}))
    found = refusal(policy, headers, "")
    assert (found.status if found else 0) == status


@pytest.mark.parametrize(
    ("headers", "query", "lets"),
    [
        ({"authorization": "Bearer sesame-1234"}, "", True),
        ({"authorization": "bearer  sesame-1234 "}, "", True),
        ({"x-api-key": "sesame-1234"}, "", True),
        ({}, "api_key=sesame-1234", True),
        ({"sec-websocket-protocol": f"realtime, {PROTOCOL}sesame-1234"}, "", True),
        ({}, "", False),
        ({"authorization": "Bearer sesame-123"}, "", False),
        ({"authorization": "Basic sesame-1234"}, "", False),
        ({"x-api-key": ""}, "", False),
        ({"x-api-key": "ключ"}, "api_key=", False),
    ],
)
def test_keys(headers: dict[str, str], query: str, lets: bool) -> None:
    found = refusal(LOCKED, {"host": "voice.example"} | headers, query)
    assert (found is None) is lets
    assert found is None or found.status == 401
    assert refusal(LOCKED, {"host": "voice.example"}, "", open_to_all=True) is None


@pytest.mark.parametrize(("host", "own"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False)])
def test_addresses_of_this_machine(host: str, own: bool) -> None:
    assert is_own(host) is own
