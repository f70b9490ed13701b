"""A session's trouble with its storage: what is tried again and when, and when its path is given up."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from fontmill.errors import FontmillError
from fontmilld.core import layout, pacing
from fontmilld.core.lifecycle import Reason
from fontmilld.logbook import Logbook
from fontmilld.ports import Surroundings, Writer
from fontmilld.store.records import BatchRecord
from fontmilld.tenure import Tenure

log = logging.getLogger(__name__)
FAULTS_PAUSE = 3
RETRY_COMMIT_SECONDS = 1.0


class Afflicted(Protocol):
    """The session as its trouble sees it."""

    @property
    def id(self) -> str:
        """The session id."""

    def pause(self, reason: Reason, detail: str = "") -> None:
        """Stop giving out batches."""

    def give_up_path(self, error: FontmillError) -> None:
        """The path has failed for good."""


class StorageTrouble:
    """Counts the faults since something was last on record. `broken`: a barrier failed, and no reset has followed yet."""

    def __init__(self, session: Afflicted, around: Surroundings, book: Logbook, writer: Writer, tenure: Tenure) -> None:
        self._session, self._around, self._book, self._writer = session, around, book, writer
        self._tenure = tenure
        self._faults = 0
        self._refused: list[BatchRecord] = []
        self._delayed = self._retrying = self._resetting = False
        self.broken = False

    @property
    def holds(self) -> bool:
        """Whether batches wait for the storage: refused ones to be appended again, appended ones to be committed."""
        return self._delayed or bool(self._refused)

    def passed(self) -> None:
        """Something is on record."""
        self._faults = 0
        self._delayed = False

    def met(self, error: FontmillError) -> None:
        """The storage failed once: try again later, or pause."""
        session = self._session
        self._book.write(layout.ERRORS_LOG, "storage", {"slug": error.slug, "message": error.message, **error.details})
        if error.slug == "disk-full":
            session.pause(Reason.DISK, error.message)
            return
        self._faults += 1
        if not error.kind.retryable or self._faults >= FAULTS_PAUSE:
            session.give_up_path(error)
        else:
            self._around.call_later(pacing.backoff(self._faults, 1.0), self._append_refused)

    def call_failed(self, error: FontmillError) -> None:
        """The writer could not do what it was asked."""
        if not self.broken:
            self.met(error)

    def refused(self, records: Iterable[BatchRecord], error: FontmillError) -> None:
        """The writer did not take these batches: they are appended again, unless a reset has them drawn again."""
        known = list(records)
        if known and not self.broken:
            self._refused += known
            self.met(error)

    def delayed(self, error: FontmillError) -> None:
        """A commit could not be made now."""
        self._delayed = True
        if not self._retrying:  # every command makes the writer try, and tell, again
            self._retrying = True
            self.met(error)
            self._around.call_later(RETRY_COMMIT_SECONDS, self._retry_commit)

    def _retry_commit(self) -> None:
        self._retrying = False
        self._writer.retry_commit()

    def barrier_failed(self, error: FontmillError) -> None:
        """The storage lost something: reset the writer, later and later."""
        if self.broken and not self._resetting:
            return  # a reset is due already
        self.broken, self._resetting = True, False
        self._faults += 1
        log.warning("session %s: a barrier failed (%d)", self._session.id, self._faults)
        self._around.call_later(pacing.backoff(self._faults, 1.0), self._reset)
        if self._faults >= FAULTS_PAUSE:
            self._session.give_up_path(error)

    def _reset(self) -> None:
        if self.broken and not self._tenure.over:
            self._resetting = True
            self._writer.reset()

    def was_reset(self) -> None:
        """The writer stands where the last good barrier was."""
        self.broken = self._resetting = self._delayed = False
        self._refused.clear()

    def try_again(self) -> None:
        """The session goes on: somebody may have mended the storage."""
        self._faults = 0
        self._append_refused()
        self._writer.retry_commit()

    def _append_refused(self) -> None:
        again, self._refused = self._refused, []
        for record in again:
            self._writer.append(record)
