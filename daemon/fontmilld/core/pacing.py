"""Batch sizes, back-off and throttles as pure functions of measured figures."""

from __future__ import annotations

from dataclasses import dataclass

TARGET_BATCH_SECONDS = 0.25
MIN_BATCH = 1
FIRST_BATCH = 8
MAX_BATCH = 1024
_SMALLEST_SHARE = 32
BACKOFF_BASE = 0.5
BACKOFF_CAP = 30.0
CRASHLOOP_DEATHS = 5
CRASHLOOP_WINDOW = 60.0


def batch_size(seconds_per_sample: float | None, max_batch: int = MAX_BATCH) -> int:
    """Samples that take about TARGET_BATCH_SECONDS; FIRST_BATCH while nothing has been measured.

    A quarter of a second bounds what a kill costs and how long a pause takes to become quiet.
    """
    if seconds_per_sample is None or seconds_per_sample <= 0:
        return min(FIRST_BATCH, max_batch)
    return max(MIN_BATCH, int(min(max_batch, TARGET_BATCH_SECONDS / seconds_per_sample)))


def tail_size(size: int, remaining: int, workers: int) -> int:
    """Shrink batches near the end so that every core stays busy until the last moment.

    Not below a 32nd of their size, some milliseconds of work: no core waits long for that, and each costs one.
    """
    share = -(-remaining // max(1, 2 * workers))
    return max(1, min(size, max(share, size // _SMALLEST_SHARE)))


def backoff(attempt: int, jitter: float) -> float:
    """Seconds before attempt number `attempt` (0-based) is repeated: full jitter, capped. `jitter` in [0, 1]."""
    return min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(attempt, 16)) * jitter


def is_crashloop(deaths: tuple[float, ...], now: float) -> bool:
    """More than CRASHLOOP_DEATHS deaths of a slot within CRASHLOOP_WINDOW seconds."""
    return sum(1 for at in deaths if now - at <= CRASHLOOP_WINDOW) > CRASHLOOP_DEATHS


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Exponentially weighted mean; the weight of a figure grows with the time or amount it stands for."""

    value: float | None = None

    def fed(self, figure: float, weight: float) -> Smoothed:
        """`weight` in (0, 1]: the share of the new figure."""
        if self.value is None:
            return Smoothed(figure)
        return Smoothed(self.value + weight * (figure - self.value))


@dataclass(frozen=True, slots=True)
class Room:
    """A file system's size and what is left of it, in bytes and inodes (0 inodes: it does not count them)."""

    total_bytes: int
    free_bytes: int
    total_inodes: int
    free_inodes: int


LOW_BYTES = 256 << 20
LOW_SHARE = 0.02
LOW_INODES = 64
"""Pause below the smaller of LOW_BYTES and LOW_SHARE of the file system, go on above twice that: the marks
adapt to a tmpfs of a few MB, and the gap keeps a session from flapping."""


def is_short(room: Room) -> bool:
    """Below the low mark: stop before a write fails."""
    return room.free_bytes < _low(room) or (room.total_inodes > 0 and room.free_inodes < _low_inodes(room))


def has_room(room: Room) -> bool:
    """Above the high mark: go on."""
    return room.free_bytes >= 2 * _low(room) and (room.total_inodes == 0 or room.free_inodes >= 2 * _low_inodes(room))


def wanting(room: Room) -> str:
    """How much room there is where it is short, and at how much it goes on, in a sentence."""
    if room.free_bytes < _low(room):
        return f"{room.free_bytes / (1 << 20):,.1f} MiB are free, and it goes on at {2 * _low(room) / (1 << 20):,.1f} MiB."
    return f"{room.free_inodes:,} files can be made yet, and it goes on at {2 * _low_inodes(room):,}."


def _low(room: Room) -> int:
    return min(LOW_BYTES, int(room.total_bytes * LOW_SHARE))


def _low_inodes(room: Room) -> int:
    return min(LOW_INODES, int(room.total_inodes * LOW_SHARE))
