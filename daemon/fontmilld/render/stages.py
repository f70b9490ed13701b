"""Where the time of a batch goes."""

from __future__ import annotations

import time
from typing import Final

STAGES: Final = ("shape", "draw", "blur", "encode", "write", "stall", "wait")
"""`write` is the processor's part of writing, `stall` the rest of it: the storage made the writer stand still."""
# Who waits longer for a batch waits for a pause to end or a session to begin, not for the dispatcher.
MOST_WAIT: Final = 1.0


class StageClock:
    """Charges the time since the last lap to a stage."""

    __slots__ = ("_at", "_processor", "seconds")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._at = time.perf_counter()
        self._processor = time.thread_time()

    def lap(self, stage: str) -> None:
        """What has passed since the last lap was spent on `stage`, a member of STAGES."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._at
        self._at = now

    def writing(self) -> None:
        """What comes until `wrote` is writing."""
        self._processor = time.thread_time()

    def wrote(self) -> None:
        """What has passed since the last lap was writing; as much of it as the thread computed is `write`."""
        computed = time.thread_time() - self._processor
        at = self._at
        self.lap("stall")
        moved = min(computed, self._at - at)
        self.seconds["stall"] -= moved
        self.seconds["write"] += moved

    def waited(self) -> None:
        """What has passed was spent on waiting for work; at most MOST_WAIT of it counts."""
        self._at = max(self._at, time.perf_counter() - MOST_WAIT)
        self.lap("wait")

    def take(self) -> dict[str, float]:
        """Return the seconds by stage, and begin anew at 0."""
        taken, self.seconds = self.seconds, dict.fromkeys(STAGES, 0.0)
        return taken
