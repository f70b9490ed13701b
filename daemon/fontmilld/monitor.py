"""Watches the room on each session's file system from threads of their own: a hung disk hangs only its watcher."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from fontmilld.core.pacing import Room, has_room, is_short

POLL_SECONDS = 1.0


def measure(path: str) -> Room:
    """Bytes and inodes for unprivileged users on the file system of `path`. Raises OSError."""
    found = os.statvfs(path)
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail)


class SpaceWatch:
    """Calls `short(True)` when room runs out at `path` and `short(False)` when there is enough again.

    `post` hands callbacks to the loop. While short, every look that finds room is told again, since a
    session may also have been paused by a write that failed.
    """

    def __init__(self, path: str, post: Callable[[Callable[[], None]], None], short: Callable[[bool], None],
                 look: Callable[[str], Room] = measure) -> None:
        self._path = path
        self._post = post
        self._short = short
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="space", daemon=True)

    def start(self) -> None:
        """Begin to look, once a POLL_SECONDS."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _main(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                room = self._look(self._path)
            except OSError:
                continue
            if is_short(room):
                self._post(lambda: self._short(True))
            elif has_room(room):
                self._post(lambda: self._short(False))
