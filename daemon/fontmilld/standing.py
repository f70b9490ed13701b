"""Where a session stands: what of each font is on record, and the counts of it."""

from __future__ import annotations

from typing import Any

from fontmill.model import ExportSession, FontInfo, Part, SessionSummary
from fontmilld.core.accounts import font_entries, session_summary
from fontmilld.core.progress import FontProgressTracker
from fontmilld.core.ranges import RangeSet
from fontmilld.store.checkpoint import FontState
from fontmilld.store.parts import elsewhere
from fontmilld.store.records import BatchRecord
from fontmilld.store.recovery import Recovery
from fontmilld.store.state import EndedSession


class Standing:
    """A session's fonts, which of their samples are on record, how many are `durable`, and the counts of all that becomes of them.

    `last_updated` is when that last changed (ISO 8601 UTC).
    """

    def __init__(self, session: ExportSession) -> None:
        self.session = session
        self.tracker = FontProgressTracker()
        self.fonts: dict[str, FontInfo] = {}
        self.durable = 0
        self.last_updated = ""
        self._on_record: dict[str, RangeSet] = {}

    # Taking up ---------------------------------------------------------------------------------------

    def take_up(self, session: ExportSession, recovery: Recovery) -> None:
        """Begin with what recovery found. It has passed a barrier: all of it is durable."""
        self.session = session
        for info in session.fonts:
            self.fonts[info.font_id] = info
            if info.accepted:
                found = recovery.fonts[info.font_id]
                self._register(info, found.state, RangeSet() if recovery.completed else found.todo)
            else:
                self.tracker.register_font(info.font_id, info.total_samples, skipped=info.total_samples)
        self.all_is_durable()

    def _register(self, info: FontInfo, state: FontState, todo: RangeSet) -> None:
        self._on_record[info.font_id] = state.done
        done, lost = len(state.done | elsewhere(self.session, info.font_id)), state.failed
        last = max((s.last for s in (state.done, lost) if s), default=0)
        skipped = info.total_samples - done - len(lost) - len(todo)  # left out when a user completed it early
        self.tracker.register_font(info.font_id, info.total_samples, done, len(lost), skipped, last)

    def remember(self, known: EndedSession) -> None:
        """Begin with what an earlier life of the daemon noted in the index."""
        self.last_updated = known.known.last_updated
        noted = {progress.font_name: progress for progress in known.fonts}
        for info in self.session.fonts:
            self.fonts[info.font_id] = info
            if info.font_id in noted:
                self.tracker.restore_font(noted[info.font_id])
            else:
                self.tracker.register_font(info.font_id, info.total_samples, skipped=0 if info.accepted else info.total_samples)
        self.all_is_durable()

    # Counting ----------------------------------------------------------------------------------------

    def count(self, record: BatchRecord, durable: bool, now: float) -> None:
        """A batch is on record, and perhaps behind a barrier."""
        self._on_record[record.font_id] = self._on_record.get(record.font_id, RangeSet()) | record.done
        made = len(record.done)
        self.tracker.update(record.font_id, made, record.last, now)
        for failure in record.failures:
            self.tracker.fail(record.font_id, len(failure.indices), failure.reason)
        if durable:
            self.durable += made

    def recount(self, font_id: str, state: FontState, now: float) -> RangeSet:
        """Take back what was counted of a font and is not on record after all; returns what is left to do of it."""
        self._on_record[font_id] = state.done
        others = elsewhere(self.session, font_id)
        counted = self.tracker.font_progress(font_id, now)
        self.tracker.reopen(font_id, counted.failed_samples - len(state.failed), counted.skipped_samples,
                            counted.done_samples - len(state.done | others))
        return state.todo(self.fonts[font_id].total_samples) - others

    def all_is_durable(self) -> None:
        """A barrier has passed behind all that is counted."""
        self.durable = self.tracker.done

    # Account -----------------------------------------------------------------------------------------

    def unfinished_fonts(self) -> tuple[FontInfo, ...]:
        """The accepted fonts of which samples are neither made nor given up."""
        return tuple(self.fonts[name] for name in self.tracker.unfinished)

    def as_part(self) -> Part:
        """What this tree holds on record: the account that a fallback tree keeps of it."""
        return Part(self.session.project_path, {font_id: done.to_list() for font_id, done in self._on_record.items() if done})

    def entries(self, now: float) -> list[dict[str, Any]]:
        """Every accepted face and every refused file."""
        return font_entries(self.session, self.tracker, now)

    def summary(self, now: float, utc: str) -> SessionSummary:
        """What `summary.json` says when the session is complete now."""
        return session_summary(self.session, self.tracker, now, utc)

    def measured(self, now: float) -> dict[str, Any]:
        """Statistics since this daemon took the session up, and where the time goes."""
        return {"stats": self.tracker.stats().to_dict(), "performance": self.tracker.metrics(now).to_dict()}
