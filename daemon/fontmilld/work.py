"""A session's work: what workers and writer are given of it, and what follows on what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fontmilld.batches import Batches
from fontmilld.calls import Calls
from fontmilld.core.accounts import LEFT_OUT
from fontmilld.core.lifecycle import Lifecycle
from fontmilld.core.planning import Batch
from fontmilld.finishing import Finisher
from fontmilld.inspection import context_of
from fontmilld.intake import changed_into
from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, ProbeDone
from fontmilld.ports import Surroundings
from fontmilld.standing import Standing
from fontmilld.store import writer as reports
from fontmilld.store.recovery import Recovery
from fontmilld.telling import Telling
from fontmilld.trouble import StorageTrouble


class Course(Protocol):
    """The session as its work sees it."""

    life: Lifecycle
    ending: bool

    def go_on(self) -> None:
        """The work has moved on: take the steps that are due."""

    def came_back(self) -> None:
        """No batch is out any more."""


class Work:
    """Draws a session: gives batches out, counts them once they are on record, and begins anew what the storage lost."""

    def __init__(self, session: Course, around: Surroundings, standing: Standing, batches: Batches, calls: Calls, telling: Telling,
                 trouble: StorageTrouble, finisher: Finisher) -> None:
        self._session, self._around, self._standing, self._batches = session, around, standing, batches
        self._calls, self._telling, self._trouble, self._finisher = calls, telling, trouble, finisher
        self.used_seconds = 0.0
        self._given = False

    @property
    def id(self) -> str:
        """The session id."""
        return self._standing.session.session_id

    def begin(self, recovery: Recovery) -> None:
        """Plan what recovery left to do."""
        for font_id, found in recovery.fonts.items():
            self._batches.plan.add(font_id, found.todo)
            if not found.todo and not found.finished:
                self._finisher.complete(font_id)

    # Giving out --------------------------------------------------------------------------------------

    @property
    def hungry(self) -> bool:
        """Whether it could use a worker."""
        return (self._session.life.dispatching and not self._session.ending and not self._trouble.broken
                and self._batches.may_be_given)

    def next_batch(self, worker: int, workers: int, serial: int) -> tuple[FontContext, Batch] | None:
        """A batch for a worker, with all it needs to know about the font."""
        batch = self._batches.next(worker, workers, serial)
        if batch is None:
            return None
        if not self._given:
            self._given = True
            if why := self._around.without_core():
                self._telling.without_core(why)
        standing = self._standing
        if standing.tracker.start_font(batch.font_id, self._around.now(), self._around.utc()):
            self._telling.tell_of_font("font-started", {"font": batch.font_id})
        self.used_seconds += self._batches.seconds(batch)
        return context_of(standing.session, standing.session.project_path, standing.fonts[batch.font_id]), batch

    # What workers say --------------------------------------------------------------------------------

    def batch_done(self, serial: int, answer: BatchDone) -> None:
        """A worker finished a batch: journal it when its predecessors are in."""
        self._batches.done(serial, answer)
        self._worked()

    def batch_failed(self, serial: int, answer: BatchFailed) -> None:
        """Font or storage failed a whole batch."""
        error = self._batches.failed(serial, answer)
        if error is not None:
            self._trouble.met(error)
        self._worked()

    def batch_lost(self, serial: int, culprit: int | None) -> None:
        """A worker died with the batch. `culprit`: the index it was at; 0 unknown; None: nobody is to blame."""
        self._batches.lost(serial, culprit)
        self._worked()

    def source_probed(self, path: str, found: ProbeDone) -> None:
        """A font file changed and was looked at again: what is left of other bytes than ours is given up."""
        for info in self._standing.unfinished_fonts() if not self._session.life.ended else ():
            if info.source == path and info.sha256 != found.sha256:
                reason = changed_into(found, info.face_index)
                self._telling.tell("font-changed", {"font": info.font_id, "reason": reason})
                self._batches.give_up_font(info.font_id, "font-changed", reason)
        self._worked()

    def _worked(self) -> None:
        self._session.go_on()
        if not self._batches.out:
            self._session.came_back()

    def skip_rest(self) -> None:
        """Nothing more is given out; what is neither out nor drawn is left out."""
        for font_id, dropped in self._batches.withdraw_all().items():
            if dropped:
                self._standing.tracker.skip(font_id, len(dropped), LEFT_OUT)
            if self._standing.tracker.is_finished(font_id):
                self._finisher.complete(font_id)

    # What the writer says ----------------------------------------------------------------------------

    def report(self, report: reports.Report) -> None:
        """Something happened in the writer's thread."""
        _REPORTS[type(report)](self, report)

    def _on_durable(self, report: reports.Durable) -> None:
        self._trouble.passed()
        now = self._around.now()
        for key in report.batches:
            record = self._batches.records.pop(key, None)
            if record is not None:
                self._standing.count(record, report.durable, now)
                self._telling.batch(record, report.durable)
        self._standing.last_updated = self._around.utc()
        self._telling.progress(now)
        for font_id in {key.font_id for key in report.batches}:
            if self._standing.tracker.is_finished(font_id):
                self._finisher.complete(font_id)
        self._session.go_on()

    def _on_refused(self, report: reports.Refused) -> None:
        known = [self._batches.records[key] for key in report.batches if key in self._batches.records]
        self._trouble.refused((record for record in known if record.epoch == self._batches.epoch), report.error)

    def _on_delayed(self, report: reports.CommitDelayed) -> None:
        self._trouble.delayed(report.error)

    def _on_barrier_failed(self, report: reports.BarrierFailed) -> None:
        self._trouble.barrier_failed(report.error)

    def _on_reset(self, report: reports.Reset) -> None:
        """The storage lost what was not behind a barrier: all of it is drawn again."""
        self._trouble.was_reset()
        self._batches.forget(report.epoch)
        now = self._around.now()
        for font_id, state in report.fonts.items():
            self._batches.plan.add(font_id, self._standing.recount(font_id, state, now))
        self._finisher.rewind()
        self._standing.all_is_durable()
        self._session.go_on()

    def _on_answer(self, report: reports.Answer) -> None:
        self._calls.answered(report, self._trouble.call_failed)
        self._session.go_on()


_REPORTS: Mapping[type, Callable[[Work, Any], None]] = {
    reports.Durable: Work._on_durable,
    reports.Refused: Work._on_refused,
    reports.CommitDelayed: Work._on_delayed,
    reports.BarrierFailed: Work._on_barrier_failed,
    reports.Reset: Work._on_reset,
    reports.Answer: Work._on_answer,
}
