"""What to do about the memory that is in use, as a pure account: two marks with a gap between, so that nothing flaps."""

from __future__ import annotations

import enum
from dataclasses import dataclass

WARN = 0.70
STOP = 0.80
RECYCLE = 0.90
GO = 0.65
STUCK_SECONDS = 60.0
"""Paused for so long while nothing is given back: a worker holds what it will not use any more."""
RECYCLE_SECONDS = 5.0
"""From one worker to the next, so that the kernel has taken back what the last one held."""
_NOISE = 0.01


class Advice(enum.Enum):
    """What one look at the memory calls for."""

    WARN = "warn"
    STOP = "stop"
    RECYCLE = "recycle"
    GO = "go"


@dataclass(slots=True)
class MemoryGauge:
    """Fed with shares in use (0 to 1, or more where a limit is overrun); `short` between STOP and GO."""

    short: bool = False
    _warned: bool = False
    _lowest: float = 0.0
    _fell_at: float = 0.0
    _recycled_at: float = float("-inf")

    def look(self, share: float, now: float) -> tuple[Advice, ...]:
        """The advice, in the order to follow it. `now` is in monotonic seconds."""
        if share < GO:
            was_short, self.short, self._warned = self.short, False, False
            return (Advice.GO,) if was_short else ()
        advice: list[Advice] = []
        if share >= WARN and not self._warned:
            self._warned = True
            advice.append(Advice.WARN)
        if share >= STOP and not self.short:
            self.short = True
            self._lowest, self._fell_at = share, now
            advice.append(Advice.STOP)
        if self.short and self._must_recycle(share, now):
            self._lowest, self._fell_at, self._recycled_at = share, now, now
            advice.append(Advice.RECYCLE)
        return tuple(advice)

    def _must_recycle(self, share: float, now: float) -> bool:
        if share >= RECYCLE:
            return now - self._recycled_at >= RECYCLE_SECONDS
        if share < self._lowest - _NOISE:
            self._lowest, self._fell_at = share, now
        return now - self._fell_at >= STUCK_SECONDS
