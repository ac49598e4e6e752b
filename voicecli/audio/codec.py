"""Turns what services send into samples."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voicecli.types import AudioChunk


def decode_chunks(chunks: AsyncIterator[AudioChunk], rate: int) -> AsyncIterator[bytes]:
    """s16le mono at `rate`, as soon as the encoding allows. ServiceError: broken sound."""
    raise NotImplementedError
