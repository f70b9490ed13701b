"""Where the time of a batch goes."""

from __future__ import annotations

import resource
import time
from typing import Final

STAGES: Final = ("shape", "draw", "blur", "encode", "write", "stall", "wait")
"""Writing is `stall` as far as the storage made the writer stand still, and `write` for the rest."""
# Who waits longer for a batch waits for a pause to end or a session to begin, not for the dispatcher.
MOST_WAIT: Final = 1.0


class StageClock:
    """Charges the time since the last lap to a stage."""

    __slots__ = ("_at", "_processor", "_sleeps", "seconds")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._at = time.perf_counter()
        self._processor = time.thread_time()
        self._sleeps = _sleeps()

    def lap(self, stage: str) -> None:
        """What has passed since the last lap was spent on `stage`, a member of STAGES."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._at
        self._at = now

    def writing(self) -> None:
        """What comes until `wrote` is writing."""
        self._processor = time.thread_time()

    def wrote(self) -> None:
        """What has passed since the last lap was writing. What of it the thread did not compute is `stall` if it slept.

        Who never gave the processor away by itself had it taken away by others: a busy machine, not a slow storage.
        """
        computed = time.thread_time() - self._processor
        at, slept = self._at, self._sleeps
        self._sleeps = _sleeps()
        self.lap("write")
        if self._sleeps != slept:
            stalled = max(0.0, self._at - at - computed)
            self.seconds["write"] -= stalled
            self.seconds["stall"] += stalled

    def waited(self) -> None:
        """What has passed was spent on waiting for work; at most MOST_WAIT of it counts."""
        self._at = max(self._at, time.perf_counter() - MOST_WAIT)
        self.lap("wait")
        self._sleeps = _sleeps()

    def take(self) -> dict[str, float]:
        """Return the seconds by stage, and begin anew at 0."""
        taken, self.seconds = self.seconds, dict.fromkeys(STAGES, 0.0)
        return taken


def _sleeps() -> int:
    """How often this thread has given the processor away by itself, to wait for something."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
