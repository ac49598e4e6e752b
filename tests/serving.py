"""Fixtures that are a server, or whatever else is entered and left.

Belongs here: making the fixture. Does not belong here: the servers (tests/fakes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


def serving(make: Callable[[], AbstractContextManager[T]]) -> Any:
    """A fixture: what `make` makes, entered for the time of one test."""

    @pytest.fixture
    def entered() -> Iterator[T]:
        with make() as it:
            yield it

    return entered
