"""What the tests of Qiniu share: servers that are stopped at a test's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fakes.qiniu_server import Manner, QiniuServer

Serve = Callable[..., QiniuServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(Manner(…))` starts a server."""
    started: list[QiniuServer] = []

    def start(manner: Manner | None = None) -> QiniuServer:
        started.append(QiniuServer(manner).__enter__())
        return started[-1]

    yield start
    for each in started:
        each.__exit__(None, None, None)
