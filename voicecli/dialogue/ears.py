"""When the ears of a conversation are closed: muted, or half-duplex while (and shortly after) a reply sounds. Pure.

Belongs here: moments and flags in, open or closed out. Does not belong here: whether somebody speaks (endpointer).
"""

from __future__ import annotations

from dataclasses import dataclass

OPEN_AGAIN_S = 0.3
"""Half-duplex: how long after the last sound the ears stay closed (a room's echo)."""
REST_S = 0.8
"""Half-duplex: after so much silence while a tool works the ears open. A device may still play what it holds."""


@dataclass(slots=True)
class EarGate:
    """Call `mind` with every frame, then ask whether the ears are `closed`. Times in seconds."""

    muted: bool = False
    _sounding: bool = False
    _deaf_until: float = float("-inf")
    _silent_since: float | None = None

    def mind(self, now: float, *, sounding: bool, idle: bool, drained: float | None) -> None:
        """`sounding`: a reply is not over; `idle`: it gives only silence, because a tool works; `drained`: its end."""
        self._sounding = sounding
        if drained is not None:
            self._deaf_until = drained + OPEN_AGAIN_S
        self._silent_since = None if not idle else now if self._silent_since is None else self._silent_since

    def closed(self, now: float, *, duplex: bool, spoken_over: bool) -> bool:
        """`duplex`: the person is told from the loudspeaker; `spoken_over`: somebody speaks in a reply's silence."""
        if self.muted or duplex:
            return self.muted
        resting = spoken_over or (self._silent_since is not None and now - self._silent_since > REST_S)
        return (self._sounding and not resting) or now < self._deaf_until
