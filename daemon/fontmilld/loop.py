"""The one loop: a poller over sockets, worker pipes and a wake-up, with timers. It owns all daemon state.

Nothing that may block on a slow disk runs here; other threads hand results in with `post`.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

log = logging.getLogger(__name__)
Callback = Callable[[], None]
MAX_WAIT = 1.0


class Loop:
    """A small reactor. Every method but `post` is for the loop's own thread."""

    def __init__(self) -> None:
        self._poller = zmq.Poller()
        self._readers: dict[Any, Callback] = {}
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()
        self._posted: deque[Callback] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken = False
        self._running = False
        self._after_turn: Callback = _nothing
        self.turns = 0
        self.add_reader(self._wake_read, self._drain_wake_ups)

    def now(self) -> float:
        """CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def add_reader(self, source: Any, callback: Callback) -> None:
        """Watch a file descriptor or a ZeroMQ socket for input."""
        self._poller.register(source, zmq.POLLIN)
        self._readers[source] = callback

    def remove_reader(self, source: Any) -> None:
        """Stop watching; harmless when it is not watched."""
        if self._readers.pop(source, None) is not None:
            self._poller.unregister(source)

    def call_later(self, delay: float, callback: Callback) -> None:
        """Call once, at the earliest `delay` seconds from now."""
        heapq.heappush(self._timers, (self.now() + delay, next(self._order), callback))

    def post(self, callback: Callback) -> None:
        """From any thread: run `callback` on the loop."""
        self._posted.append(callback)
        if not self._woken:  # it is cleared before what is posted is looked at: who finds it set is heard
            self._woken = True
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._wake_write, b"\0")

    def on_signals(self, numbers: tuple[int, ...], callback: Callable[[int], None]) -> None:
        """Run `callback(number)` on the loop when one of the signals arrives."""
        for number in numbers:
            signal.signal(number, lambda got, _frame: self.post(lambda: callback(got)))

    def after_turn(self, callback: Callback) -> None:
        """Run at the end of every turn, after all callbacks: the place for work that callbacks made possible."""
        self._after_turn = callback

    def run(self) -> None:
        """Serve until `stop`."""
        self._running = True
        while self._running:
            self._turn()

    def stop(self) -> None:
        """Leave `run` at the end of this turn."""
        self._running = False

    def close(self) -> None:
        """Let go of the wake-up pipe."""
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _turn(self) -> None:
        self.turns += 1
        for source, _ in self._poller.poll(self._timeout_ms()):
            callback = self._readers.get(source)
            if callback is not None:
                _guarded(callback)
        while self._posted:
            _guarded(self._posted.popleft())
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            _guarded(heapq.heappop(self._timers)[2])
        _guarded(self._after_turn)

    def _timeout_ms(self) -> int:
        if self._posted:
            return 0
        due = self._timers[0][0] - self.now() if self._timers else MAX_WAIT
        return max(0, min(int(MAX_WAIT * 1000), int(due * 1000) + 1))

    def _drain_wake_ups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        self._woken = False  # after the reading: what it took may have been the last byte for long


def _guarded(callback: Callback) -> None:
    """One callback's bug must not end a service that holds other people's sessions."""
    try:
        callback()
    except Exception:
        log.exception("a callback failed")


def _nothing() -> None:
    return None
