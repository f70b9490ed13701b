"""FakeLoop: the daemon's loop with a clock that stands still until it is told to move. Nothing ever sleeps."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

Callback = Callable[[], None]
MANY_TURNS = 20_000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Restless(AssertionError):
    """Callbacks keep making callbacks without any time passing: a storm that would hold a real core."""


class FakeLoop:
    """Implements pool.Reactor, and `post` of the real Loop.

    `settle` runs everything that can run now, as the real loop does; `advance` lets time pass, and runs each
    timer at its own moment. Whatever a callback raises comes out: tests want to see it.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.readers: dict[int, Callback] = {}
        self._born = start
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()
        self._posted: deque[Callback] = deque()
        self._after_turn: Callback = _nothing

    def now(self) -> float:
        """Monotonic seconds."""
        return self.time

    def utc(self) -> str:
        """ISO 8601 UTC, moving with `now`."""
        return (_EPOCH + timedelta(seconds=self.time - self._born)).isoformat(timespec="milliseconds")

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Watch a (made-up) file descriptor."""
        self.readers[fd] = callback

    def remove_reader(self, fd: int) -> None:
        """Stop watching; harmless when it is not watched."""
        self.readers.pop(fd, None)

    def call_later(self, delay: float, callback: Callback) -> None:
        """Call once, when `advance` comes past `delay` seconds from now."""
        heapq.heappush(self._timers, (self.time + max(0.0, delay), next(self._order), callback))

    def post(self, callback: Callback) -> None:
        """Run with the next `settle`."""
        self._posted.append(callback)

    def readable(self, fd: int) -> None:
        """The descriptor has something to read, or is at its end."""
        self.post(partial(self._read, fd))

    def _read(self, fd: int) -> None:
        self.readers.get(fd, _nothing)()

    def after_turn(self, callback: Callback) -> None:
        """Run after every callback."""
        self._after_turn = callback

    @property
    def timers(self) -> int:
        """How many timers wait."""
        return len(self._timers)

    def settle(self) -> None:
        """Run until nothing is left to do at this moment. Raises Restless when there is no end to it."""
        for _ in range(MANY_TURNS):
            self._after_turn()
            if self._posted:
                self._posted.popleft()()
            elif self._timers and self._timers[0][0] <= self.time:
                heapq.heappop(self._timers)[2]()
            else:
                return
        raise Restless(f"still busy after {MANY_TURNS} callbacks at one moment")

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.time + seconds
        self.settle()
        while self._timers and self._timers[0][0] <= end:
            self.time = max(self.time, self._timers[0][0])
            self.settle()
        self.time = end
        self.settle()


def _nothing() -> None:
    return None
