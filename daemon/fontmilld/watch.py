"""Watches font files and the configuration. The kernel's events are hints; a look at every file, now and then, is the truth.

Events get lost (a queue that overflows, a limit of watches, network storage), and an emitter can die without a word.
So an event only brings the next look forward, and a change is told when the file has stood still between two looks.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from watchdog.events import (
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)
RESCAN_SECONDS = 30.0
SETTLE_SECONDS = 0.5
MAX_FOLDERS = 32
"""Each watched folder costs threads and one of the user's inotify instances; files in others wait for the rescan."""
_HINTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileDeletedEvent, FileMovedEvent, DirDeletedEvent, DirMovedEvent,
]

Signature = tuple[int, int, int, int] | None


def signature(path: str) -> Signature:
    """What tells one state of a file from another, links followed; None when there is no file to read."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class FileWatch:
    """Calls `changed(path)` through `post` for each file kept that is another than at the first look, or gone.

    It has a thread of its own, so that a hung file system hangs only the watching.
    """

    def __init__(self, post: Callable[[Callable[[], None]], None], changed: Callable[[str], None], *,
                 rescan: float = RESCAN_SECONDS, settle: float = SETTLE_SECONDS) -> None:
        self._post = post
        self._changed = changed
        self._rescan, self._settle = rescan, settle
        self._kept: frozenset[str] = frozenset()
        self._seen: dict[str, Signature] = {}
        self._moving: dict[str, Signature] = {}
        self._hints = _Hints(self._wake_up)
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name="files", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()
        self._wake.set()

    def keep(self, paths: Iterable[str]) -> None:
        """Watch these files from now on, and no others; from any thread."""
        before, self._kept = self._kept, frozenset(paths)
        if self._kept != before and (not self._kept or not self._kept <= before):  # no look at thousands because some are done with
            self._wake.set()

    def _wake_up(self) -> None:
        self._wake.set()

    def _main(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._settle if self._moving else self._rescan)
            self._wake.clear()
            kept = self._kept
            self._hints.attend(kept)
            self._look(kept)
            self._ended.wait(self._settle if self._wake.is_set() else 0.0)  # a file that is written hints without end
        self._hints.close()

    def _look(self, kept: frozenset[str]) -> None:
        self._seen = {path: seen for path, seen in self._seen.items() if path in kept}
        self._moving = {path: seen for path, seen in self._moving.items() if path in kept}
        for path in kept:
            now = signature(path)
            known = path in self._seen
            if not known and now is not None:
                self._seen[path] = now
            elif known and self._seen[path] == now:
                self._moving.pop(path, None)
            elif path in self._moving and self._moving[path] == now:
                del self._moving[path]
                self._seen[path] = now
                self._post(partial(self._changed, path))
            else:
                self._moving[path] = now


class _Hints(FileSystemEventHandler):
    """One observer over the folders of the files kept, begun anew when it or one of its emitters has died."""

    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint
        self._observer: BaseObserver | None = None
        self._watches: dict[str, ObservedWatch] = {}
        self._refused = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Whatever it was: look."""
        self._hint()

    def attend(self, files: frozenset[str]) -> None:
        """See that the folders of these files are watched, as far as the kernel lets us."""
        wanted = set(sorted({os.path.dirname(path) for path in files})[:MAX_FOLDERS])
        if not self._healthy():
            self.close()
        if wanted and self._observer is None:
            self._observer = Observer()
            self._observer.start()
        for folder in self._watches.keys() - wanted:
            self._drop(folder)
        for folder in wanted - self._watches.keys():
            self._add(folder)

    def _healthy(self) -> bool:
        observer = self._observer
        return observer is None or (observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters))

    def _add(self, folder: str) -> None:
        assert self._observer is not None
        try:
            self._watches[folder] = self._observer.schedule(self, folder, event_filter=_HINTS)
        except OSError as error:  # no such folder now, or the limit of watches, which shows as ENOSPC
            if not self._refused:
                self._refused = True
                log.warning("some folders are watched by looking only (%s)", error.strerror)

    def _drop(self, folder: str) -> None:
        assert self._observer is not None
        watch = self._watches.pop(folder)
        with suppress(KeyError, OSError):
            self._observer.unschedule(watch)

    def close(self) -> None:
        """End the observer."""
        observer, self._observer, self._watches = self._observer, None, {}
        if observer is not None:
            with suppress(RuntimeError, OSError):
                observer.stop()
