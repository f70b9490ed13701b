"""Where the time of a batch goes."""

from __future__ import annotations

import time
from typing import Final

STAGES: Final = ("shape", "draw", "blur", "encode", "write", "wait")
# Who waits longer for a batch waits for a pause to end or a session to begin, not for the dispatcher.
MOST_WAIT: Final = 1.0


class StageClock:
    """Charges the time since the last lap to a stage."""

    __slots__ = ("_at", "seconds")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._at = time.perf_counter()

    def lap(self, stage: str) -> None:
        """What has passed since the last lap was spent on `stage`, a member of STAGES."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._at
        self._at = now

    def waited(self) -> None:
        """What has passed was spent on waiting for work; at most MOST_WAIT of it counts."""
        self._at = max(self._at, time.perf_counter() - MOST_WAIT)
        self.lap("wait")

    def take(self) -> dict[str, float]:
        """Return the seconds by stage, and begin anew at 0."""
        taken, self.seconds = self.seconds, dict.fromkeys(STAGES, 0.0)
        return taken
