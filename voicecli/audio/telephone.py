"""The telephone's 8-bit samples, µ-law and A-law (ITU-T G.711), to s16le and back.

Belongs here: the two tables. Does not belong here: rates (resampling), who sends such sound.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Law = Literal["pcmu", "pcma"]


def expanded(data: bytes, law: Law) -> bytes:
    """The samples of telephone sound (one a byte) as s16le."""
    return _values(law)[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()


def compressed(pcm: bytes, law: Law) -> bytes:
    """For each sample (s16le) the byte whose value is nearest."""
    values = _values(law)
    order = np.argsort(values, kind="stable")
    ladder = values[order]
    at = np.searchsorted((ladder[1:] + ladder[:-1]) // 2, np.frombuffer(pcm, "<i2"))
    return order[at].astype(np.uint8).tobytes()


@cache
def _values(law: Law) -> NDArray[Any]:
    """What each of the 256 bytes stands for."""
    code = np.arange(256, dtype=np.int32)
    code = ~code & 0xFF if law == "pcmu" else code ^ 0x55
    low, segment, sign = code & 0x0F, (code & 0x70) >> 4, code & 0x80
    if law == "pcmu":
        size = (((low << 3) + 0x84) << segment) - 0x84
        return np.where(sign, -size, size)
    size = np.where(segment > 0, ((low << 4) + 0x108) << np.maximum(segment - 1, 0), (low << 4) + 8)
    return np.where(sign, size, -size)
