"""What a live thing is: an async context manager that yields an iterator, or what was opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")

Stream = AbstractAsyncContextManager[AsyncIterator[T]]
Opened = AbstractAsyncContextManager[T]
