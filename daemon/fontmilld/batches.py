"""A session's batches: which comes next and how large it is, which are out, and what becomes of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fontmill.errors import FontmillError
from fontmilld.core import layout, pacing
from fontmilld.core.planning import Batch, SessionPlan
from fontmilld.core.poison import OPENING_DEATHS, STRIKES_QUARANTINE, Strikes, Verdict
from fontmilld.core.progress import waited_for_storage
from fontmilld.core.ranges import RangeSet
from fontmilld.logbook import Logbook
from fontmilld.pool.messages import BatchDone, BatchFailed
from fontmilld.ports import Writer
from fontmilld.standing import Standing
from fontmilld.store.checkpoint import Failure, group_failures
from fontmilld.store.records import BatchKey, BatchRecord

log = logging.getLogger(__name__)
BACKLOG_BATCHES = 64
"""Batches not yet on record at which no more are given out: a hung disk must not fill the memory."""
LEAST_SECONDS = 0.001
"""What a sample counts for of which nothing has been measured."""


@dataclass(slots=True)
class Given:
    """A batch that is out. When it was given out: the storage's epoch, how often the session had been resumed, and
    whether the journal was behind, so that the worker may have waited for the storage."""

    batch: Batch
    epoch: int
    resumes: int
    behind: bool


class Batches:
    """`records` are with the writer and not on record yet; `epoch` is the storage's, `resumes` counts those of the session."""

    def __init__(self, standing: Standing, book: Logbook, writer: Writer, now: Callable[[], float]) -> None:
        self._standing, self._book, self._writer, self._now = standing, book, writer, now
        self._tracker = standing.tracker
        self.plan: SessionPlan[BatchDone] = SessionPlan()
        self.out: dict[int, Given] = {}
        self.records: dict[BatchKey, BatchRecord] = {}
        self.epoch = 0
        self.resumes = 0
        self._cost: dict[str, pacing.Smoothed] = {}
        self._strikes = Strikes()

    # Giving out --------------------------------------------------------------------------------------

    @property
    def may_be_given(self) -> bool:
        """Whether the writer keeps up, and nothing from before a reset is out: it may still write."""
        return len(self.records) < BACKLOG_BATCHES and all(given.epoch == self.epoch for given in self.out.values())

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to give out, and all that was is on record."""
        return not (self.plan.fonts or self.out or self.records)

    @property
    def samples_out(self) -> int:
        """Samples that are out."""
        return sum(len(given.batch) for given in self.out.values())

    def next(self, worker: int, workers: int, serial: int) -> Batch | None:
        """The next batch for this worker, out from now on; None when there is none."""
        batch = self.plan.next_batch(worker, lambda font: self._size(font, workers))
        if batch is not None:
            self.out[serial] = Given(batch, self.epoch, self.resumes, len(self.records) > BACKLOG_BATCHES // 2)
        return batch

    def seconds(self, batch: Batch) -> float:
        """What it will take a worker, about."""
        return len(batch) * (self._seconds(batch.font_id) or LEAST_SECONDS)

    def _seconds(self, font_id: str) -> float | None:
        return self._cost.get(font_id, self._cost.get("", pacing.Smoothed())).value

    def _size(self, font_id: str, workers: int) -> int:
        size = pacing.batch_size(self._seconds(font_id))
        return pacing.tail_size(size, self.plan.unissued, workers)

    # Hearing back ------------------------------------------------------------------------------------

    def done(self, serial: int, answer: BatchDone) -> None:
        """A worker finished a batch: journal it when its predecessors are in."""
        given = self.out.pop(serial)
        batch = given.batch
        self._strikes.clear_font(batch.font_id)
        stages = waited_for_storage(answer.stages) if given.behind else answer.stages
        self._tracker.record_work(len(batch), answer.written, stages, answer.retries)
        spent = sum(seconds for stage, seconds in answer.stages.items() if stage != "wait")
        for name in (batch.font_id, ""):
            self._cost[name] = self._cost.get(name, pacing.Smoothed()).fed(spent / len(batch), 0.3)
        if given.epoch == self.epoch:
            self._journal(self.plan.settle(batch, answer))
        if not self.out:
            self._writer.retry_commit()  # no batch is on its way that a commit could wait for

    def failed(self, serial: int, answer: BatchFailed) -> FontmillError | None:
        """Font or storage failed a whole batch; the error if it was the storage, and nobody has mended it since."""
        given = self.out.pop(serial)
        if given.epoch != self.epoch:
            return None
        self.plan.give_back(given.batch)
        if answer.slug.startswith("font-"):
            self.give_up_font(given.batch.font_id, answer.slug, answer.message)
        elif given.resumes == self.resumes:
            return FontmillError(answer.slug, answer.message, answer.details)
        return None

    def lost(self, serial: int, culprit: int | None) -> None:
        """A worker died with the batch. `culprit`: the index it was at; 0 unknown; None: nobody is to blame."""
        given = self.out.pop(serial)
        batch = given.batch
        self._tracker.record_death()
        self._book.write(layout.ERRORS_LOG, "worker-died", {"font": batch.font_id, "batch": [batch.first, batch.last], "index": culprit})
        if given.epoch != self.epoch:
            return
        if culprit is None:
            self.plan.give_back(batch)
        else:
            self._charge(batch, culprit)

    def _charge(self, batch: Batch, culprit: int) -> None:
        charge = self._strikes.charge(batch, culprit)
        if charge.verdict is Verdict.QUARANTINE:
            self._quarantine(batch, charge.index)
            return
        self.plan.give_back(batch, batch.split_at(charge.index) if charge.verdict is Verdict.APART else ())
        if charge.verdict is Verdict.GIVE_UP_FONT:
            self.give_up_font(batch.font_id, "font-crashed", f"Opening the font ended its process {OPENING_DEATHS} times in a row.")

    def _quarantine(self, batch: Batch, culprit: int) -> None:
        alone = Batch(culprit, culprit, batch.font_id)
        self.plan.give_back(batch, batch.split_at(culprit))
        self.plan.take_out(alone)
        reason = f"Drawing this sample ended its process {STRIKES_QUARANTINE} times."
        log.warning("session %s quarantines sample %d of font %s", self._standing.session.session_id, culprit, batch.font_id)
        self._journal(self.plan.settle(alone, BatchDone(0, b"", 0, ((culprit, "sample-poison", reason),), 0)))

    # Giving up ---------------------------------------------------------------------------------------

    def give_up_font(self, font_id: str, slug: str, reason: str) -> None:
        """What is neither out nor drawn of a font fails."""
        log.warning("session %s gives up font %s: %s", self._standing.session.session_id, font_id, slug)
        dropped = self.withdraw(font_id)
        if dropped:
            self._hand_over(BatchRecord(font_id, dropped.first, dropped.last, RangeSet(), (Failure(slug, reason, dropped),),
                                        b"", self.epoch, self.display(font_id)))

    def withdraw(self, font_id: str) -> RangeSet:
        """Take back what is neither out nor drawn of a font; returns it."""
        dropped, released = self.plan.withdraw(font_id)
        self._journal(released)
        return dropped

    def withdraw_all(self) -> dict[str, RangeSet]:
        """Take back what is neither out nor drawn of any font; returns it."""
        return {font_id: self.withdraw(font_id) for font_id in list(self.plan.fonts)}

    def abandon(self) -> None:
        """Nothing is given out any more, and nobody waits for what is out."""
        self.plan = SessionPlan()
        self.epoch += 1

    def forget(self, epoch: int) -> None:
        """The plan begins anew, and what is out or not on record is of no account any more."""
        self.epoch = epoch
        self.records.clear()
        self.plan = SessionPlan()

    # Journal -----------------------------------------------------------------------------------------

    def display(self, font_id: str) -> dict[str, Any]:
        """What a font's `progress.json` tells people."""
        return self._tracker.font_progress(font_id, self._now()).to_dict()

    def _journal(self, released: Iterable[tuple[Batch, BatchDone]]) -> None:
        for batch, answer in released:
            failures = group_failures(answer.failures)
            done = RangeSet.span(batch.first, batch.last)
            if failures:
                done -= RangeSet.of(span for failure in failures for span in failure.indices.spans)
            self._hand_over(BatchRecord(batch.font_id, batch.first, batch.last, done, failures, answer.lines, self.epoch, self.display(batch.font_id)))

    def _hand_over(self, record: BatchRecord) -> None:
        self.records[record.key] = record
        self._writer.append(record)
