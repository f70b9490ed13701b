"""Watches free space and memory from threads of their own: a hung disk hangs only its watcher."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

from fontmilld.core.pacing import Room, has_room, is_short, wanting
from fontmilld.core.pressure import Advice, MemoryGauge
from fontmilld.memory import Memory, Use

POLL_SECONDS = 1.0


def measure(path: str) -> Room:
    """Bytes and inodes for unprivileged users on the file system of `path`. Raises OSError."""
    found = os.statvfs(path)
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail)


class _Watch:
    """A thread that looks at once, and then once a POLL_SECONDS until it is stopped."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _main(self) -> None:
        self._once()
        while not self._stop.wait(POLL_SECONDS):
            self._once()

    def _once(self) -> None:
        raise NotImplementedError


class SpaceWatch(_Watch):
    """Calls `short` with a sentence when room runs out at `path`, and with an empty text when there is enough again.

    `post` hands callbacks to the loop. While short, every look that finds room is told again, since a
    session may also have been paused by a write that failed.
    """

    def __init__(self, path: str, post: Callable[[Callable[[], None]], None], short: Callable[[str], None],
                 look: Callable[[str], Room] = measure) -> None:
        super().__init__("space")
        self._path = path
        self._post = post
        self._short = short
        self._look = look

    def _once(self) -> None:
        try:
            room = self._look(self._path)
        except OSError:
            return
        if is_short(room):
            self._post(lambda: self._short(wanting(room)))
        elif has_room(room):
            self._post(lambda: self._short(""))


class MemoryWatch(_Watch):
    """Calls `advise(advice, share in use)` through `post`, as MemoryGauge has it, for all of the daemon."""

    def __init__(self, post: Callable[[Callable[[], None]], None], advise: Callable[[Advice, float], None],
                 look: Callable[[], Use] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("memory")
        self._post = post
        self._advise = advise
        self._look = look or Memory().use
        self._clock = clock
        self._gauge = MemoryGauge()
        self.share = 0.0

    @property
    def short(self) -> bool:
        """Whether sessions wait for memory."""
        return self._gauge.short

    def _once(self) -> None:
        self.share, pressure = self._look()
        for advice in self._gauge.look(pressure, self._clock()):
            self._post(partial(self._advise, advice, self.share))
