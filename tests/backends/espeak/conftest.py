"""One event loop for all tests of a file."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"debug": True}
