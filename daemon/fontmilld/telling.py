"""What a session tells of itself: events, lines in its logs, `progress.json`, and its place in the index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fontmill.model import ExportSession, FontProgress
from fontmilld.calls import Answered, Calls
from fontmilld.core import layout
from fontmilld.core.accounts import lacking_text
from fontmilld.logbook import Logbook
from fontmilld.ports import Surroundings
from fontmilld.store.ledger import SessionStore
from fontmilld.store.records import BatchRecord

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 2.0
EVENT_SECONDS = 0.2


class Told(Protocol):
    """The session as its telling sees it."""

    @property
    def id(self) -> str:
        """The session id."""

    def status(self) -> dict[str, Any]:
        """The status object."""

    def measured(self) -> dict[str, Any]:
        """Statistics."""


class Telling:
    """Tells of a session, of its progress no oftener than anyone can read. `changed` is called with what somebody may wait for."""

    def __init__(self, told: Told, around: Surroundings, calls: Calls, changed: Callable[[], None]) -> None:
        self._told, self._around, self._calls, self._changed = told, around, calls, changed
        self.book = Logbook(around, calls.call, changed)
        self._saved_at = self._told_at = 0.0

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something happened to the session."""
        log.info("session %s: %s", self._told.id, kind)
        self.book.write(layout.EXPORT_LOG, kind, data)
        self._publish(kind, data)

    def tell_of_font(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something happened to one of its fonts, of which there may be thousands."""
        self.book.hold(kind, data)
        self._publish(kind, data)

    def _publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self._around.publish(kind, self._told.id, data)
        self._changed()

    def begun(self, session: ExportSession) -> None:
        """A new project's log begins with what it is made without."""
        for info in session.fonts:
            if not info.accepted:
                self.book.write(layout.ERRORS_LOG, "font-refused", {"source": info.source, "slug": info.slug, "reason": info.reason})
        for source, lacking in lacking_text(session.fonts).items():
            self.book.write(layout.EXPORT_LOG, "text-lacking", {"source": source, "fonts": lacking})

    def without_core(self, why: str) -> None:
        """Workers draw without the compiled core."""
        log.warning("session %s is drawn without the compiled core, more slowly: %s", self._told.id, why)
        self.book.write(layout.EXPORT_LOG, "without-core", {"detail": f"drawn without the compiled core: slower, the same pictures; {why}"})

    def batch(self, record: BatchRecord, durable: bool) -> None:
        """A batch is on record."""
        for failure in record.failures:
            self.book.write(layout.ERRORS_LOG, "samples-failed", {
                "font": record.font_id, "slug": failure.slug, "reason": failure.reason, "samples": failure.indices.to_list()})
        self._around.publish("batch", self._told.id, {
            "font": record.font_id, "first": record.first, "last": record.last, "done": len(record.done),
            "failed": sum(len(failure.indices) for failure in record.failures), "durable": durable})

    def progress(self, now: float) -> None:
        """The counts have moved on."""
        if now - self._told_at >= EVENT_SECONDS:
            self._told_at = now
            self._around.publish("progress", self._told.id, self._told.status())
        if now - self._saved_at >= PROGRESS_SECONDS:
            self._saved_at = now
            progress = self.document()
            self.save(progress)
            self.performance("progress", progress)

    def document(self) -> dict[str, Any]:
        """`progress.json` of the project: the status object, and the statistics beside it."""
        return {**self._told.status(), **self._told.measured()}

    def save(self, progress: Mapping[str, Any], flush: bool = False) -> None:
        """Make a document `progress.json`, with the next commit or now."""
        self._calls.call(lambda store: store.save_progress(progress, flush=flush))

    def lay_down(self, status: str, reasons: tuple[str, ...], fonts: tuple[FontProgress, ...], answered: Answered) -> None:
        """Make how the session stands durable, and keep it in the index, too."""
        progress, session_id, note = self.document(), self._told.id, self._around.note

        def lay_down(store: SessionStore) -> None:
            try:
                store.save_progress(progress)
                store.settle()
            finally:  # what a person wants is kept also when the output is full or broken
                note(session_id, status, reasons, "", fonts)

        self._calls.call(lay_down, answered)

    def performance(self, event: str, progress: Mapping[str, Any]) -> None:
        """A line of `performance.log`, of a document's statistics."""
        self.book.write(layout.PERFORMANCE_LOG, event, {**progress["performance"], **progress["stats"]})
