"""One session as the daemon's loop sees it: lifecycle, plan, progress, and the talk with its writer thread.

It knows ports (a writer, an event sink, a clock), never sockets or paths. Nothing here blocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontInfo, FontProgress, Part, SessionSummary
from fontmilld.batches import Batches
from fontmilld.core import layout
from fontmilld.core.accounts import font_entries, lacking_text, session_summary
from fontmilld.core.lifecycle import KEPT, Lifecycle, Phase, Reason, Step
from fontmilld.core.planning import Batch, SessionPlan
from fontmilld.core.progress import FontProgressTracker
from fontmilld.core.ranges import RangeSet
from fontmilld.documents.final import final_documents
from fontmilld.inspection import context_of
from fontmilld.intake import changed_into
from fontmilld.logbook import Logbook
from fontmilld.opening import OpenTree
from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, ProbeDone
from fontmilld.ports import NoWriter, Owner, Surroundings, Writer
from fontmilld.status import status_object
from fontmilld.store import writer as reports
from fontmilld.store.checkpoint import FontState
from fontmilld.store.ledger import SessionStore
from fontmilld.store.parts import elsewhere
from fontmilld.store.records import BatchRecord
from fontmilld.store.state import EndedSession
from fontmilld.trouble import StorageTrouble

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 2.0
EVENT_SECONDS = 0.2


@dataclass(slots=True)
class ManagedSession:
    """See the module. Every method is called on the loop's thread."""

    session: ExportSession
    around: Surroundings
    owner: Owner[ManagedSession]
    writer: Writer
    life: Lifecycle = field(default_factory=Lifecycle)
    tracker: FontProgressTracker = field(default_factory=FontProgressTracker)
    lock: Any = None
    reason: str = ""
    last_updated: str = ""
    text: str = ""
    resumed: bool = False
    used_seconds: float = 0.0
    moving: bool = False
    pause_details: dict[str, str] = field(default_factory=dict)
    _on_record: dict[str, RangeSet] = field(default_factory=dict)
    _fonts: dict[str, FontInfo] = field(default_factory=dict)
    _durable: int = 0
    _calls: int = 0
    _saved_at: float = 0.0
    _told_at: float = 0.0
    _ending: bool = False
    _stopped: bool = False
    _finishing: set[str] = field(default_factory=set)
    _complete_fonts: list[str] = field(default_factory=list)
    _finish_again: set[str] = field(default_factory=set)
    _given: bool = False
    book: Logbook = field(init=False)
    batches: Batches = field(init=False)
    _trouble: StorageTrouble = field(init=False)

    def __post_init__(self) -> None:
        self.book = Logbook(self.around, lambda write: self._call("log", write), lambda: self.owner.changed(self))
        self.batches = Batches(self)
        self._trouble = StorageTrouble(self)

    # Taking up ---------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The session id."""
        return self.session.session_id

    @property
    def path(self) -> str:
        """The project's folder."""
        return self.session.project_path

    def open(self, tree: OpenTree) -> None:
        """The writer has opened the tree: plan what recovery left to do."""
        self.session, self.lock, self.resumed = tree.session, tree.lock, tree.resumed
        self.book.open(tree.logs)
        self.text = tree.text
        self.last_updated = self.around.utc()
        self.life = self.life.step(Step.OPENED)
        for info in self.session.fonts:
            self._fonts[info.font_id] = info
            if info.accepted:
                found = tree.recovery.fonts[info.font_id]
                self._register(info, found.state, RangeSet() if tree.recovery.completed else found.todo)
            else:
                self.tracker.register_font(info.font_id, info.total_samples, skipped=info.total_samples)
                if not self.resumed:
                    self.book.write(layout.ERRORS_LOG, "font-refused", {"source": info.source, "slug": info.slug, "reason": info.reason})
        if not self.resumed:
            for source, lacking in lacking_text(self.session.fonts).items():
                self.book.write(layout.EXPORT_LOG, "text-lacking", {"source": source, "fonts": lacking})
        self._all_is_durable()  # recovery has passed a barrier
        for font_id, found in tree.recovery.fonts.items():
            self.batches.plan.add(font_id, found.todo)
            if not found.todo and not found.finished:
                self._finish_font(font_id)
        if tree.recovery.completed:
            self.life = self.life.step(Step.EXHAUSTED).step(Step.FINISHED)
            self._end("completed")
            return
        self._run_clock()
        self._finish_if_exhausted()

    def remember(self, ended: EndedSession) -> None:
        """An earlier life of the daemon saw the end of this session: nothing of its tree is touched."""
        self.life = Lifecycle(Phase.COMPLETED if ended.known.status == "completed" else Phase.FAILED)
        self.reason, self.last_updated = ended.known.detail, ended.known.last_updated
        self._stopped = True
        self.recall(ended.fonts)

    def recall(self, fonts: Iterable[FontProgress]) -> None:
        """Where the fonts stood when that was last noted in the index."""
        known = {progress.font_name: progress for progress in fonts}
        for info in self.session.fonts:
            self._fonts[info.font_id] = info
            if info.font_id in known:
                self.tracker.restore_font(known[info.font_id])
            else:
                self.tracker.register_font(info.font_id, info.total_samples, skipped=0 if info.accepted else info.total_samples)
        self._all_is_durable()

    def strand(self, error: FontmillError) -> None:
        """No tree of the session can be written now. What is made lies safe where it is."""
        self.reason = error.slug
        self.life = self.life.pause(Reason.FAULT)
        self.pause_details[str(Reason.FAULT)] = error.message
        self.last_updated = self.around.utc()
        self._tell("session-paused", {"reason": str(Reason.FAULT), "detail": error.message})

    @property
    def stranded(self) -> bool:
        """Whether it waits for its tree to be in reach again."""
        return isinstance(self.writer, NoWriter) and not self.life.ended

    def _all_is_durable(self) -> None:
        self._durable = self.tracker.overall(self.around.now()).exported_samples

    def _register(self, info: FontInfo, state: FontState, todo: RangeSet) -> None:
        self._on_record[info.font_id] = state.done
        done, lost = len(state.done | elsewhere(self.session, info.font_id)), state.failed
        last = max((s.last for s in (state.done, lost) if s), default=0)
        skipped = info.total_samples - done - len(lost) - len(todo)  # left out when a user completed it early
        self.tracker.register_font(info.font_id, info.total_samples, done, len(lost), skipped, last)

    def fail(self, error: FontmillError) -> None:
        """The session cannot go on."""
        self.reason = error.slug
        if not self.life.ended:
            self.life = self.life.step(Step.FAIL)
        self._tell("session-failed", {"slug": error.slug, "message": error.message})

    # Giving out --------------------------------------------------------------------------------------

    @property
    def hungry(self) -> bool:
        """Whether it could use a worker."""
        return (self.life.dispatching and not self._ending and not self._trouble.broken
                and self.batches.may_be_given)

    def next_batch(self, worker: int, workers: int, serial: int) -> tuple[FontContext, Batch] | None:
        """A batch for a worker, with all it needs to know about the font."""
        batch = self.batches.next(worker, workers, serial)
        if batch is None:
            return None
        if not self._given:
            self._given = True
            self._tell_without_core(self.around.without_core())
        if self.tracker.start_font(batch.font_id, self.around.now(), self.around.utc()):
            self._tell("font-started", {"font": batch.font_id}, quiet=True)
        self.used_seconds += self.batches.seconds(batch)
        return context_of(self.session, self.path, self._fonts[batch.font_id]), batch

    def _tell_without_core(self, why: str) -> None:
        if why:
            log.warning("session %s is drawn without the compiled core, more slowly: %s", self.id, why)
            self.book.write(layout.EXPORT_LOG, "without-core", {"detail": f"drawn without the compiled core: slower, the same pictures; {why}"})

    # Hearing back ------------------------------------------------------------------------------------

    def batch_done(self, serial: int, answer: BatchDone) -> None:
        """A worker finished a batch: journal it when its predecessors are in."""
        self.batches.done(serial, answer)
        self._after_work()

    def batch_failed(self, serial: int, answer: BatchFailed) -> None:
        """Font or storage failed a whole batch."""
        error = self.batches.failed(serial, answer)
        if error is not None:
            self._trouble.met(error)
        self._after_work()

    def unfinished_fonts(self) -> tuple[FontInfo, ...]:
        """The accepted fonts of which samples are neither made nor given up; none once the session has ended."""
        if self.life.ended:
            return ()
        return tuple(self._fonts[name] for name in self.tracker.unfinished)

    def drawing_settings(self) -> dict[str, Any]:
        """What a probe needs to know to draw as this session does."""
        return {**self.session.config.identity(), "text_content": self.text}

    def source_probed(self, path: str, found: ProbeDone) -> None:
        """A font file changed and was looked at again: what is left of other bytes than ours is given up."""
        for info in self.unfinished_fonts():
            if info.source == path and info.sha256 != found.sha256:
                reason = changed_into(found, info.face_index)
                self._tell("font-changed", {"font": info.font_id, "reason": reason})
                self.batches.give_up_font(info.font_id, "font-changed", reason)
        self._after_work()

    def batch_lost(self, serial: int, culprit: int | None) -> None:
        """A worker died with the batch. `culprit`: the index it was at; 0 unknown; None: nobody is to blame."""
        self.batches.lost(serial, culprit)
        self._after_work()

    def _after_work(self) -> None:
        if self._ending:
            self._skip_rest()  # what came back undone is not given out any more
        self._finish_if_exhausted()
        self._end_if_failed()
        if not self.batches.out:
            if self.life.reasons and self.session.config.durability == "relaxed":
                self._persist()  # what was in flight at the pause is made durable, too
            self.owner.changed(self)

    # Reports of the writer ---------------------------------------------------------------------------

    def report(self, report: reports.Report) -> None:
        """Something happened in the writer's thread."""
        handler = _REPORTS.get(type(report))
        if handler is not None:
            handler(self, report)
        self._end_if_failed()
        self.owner.changed(self)

    def _on_durable(self, report: reports.Durable) -> None:
        self._trouble.passed()
        now = self.around.now()
        self.last_updated = self.around.utc()
        for key in report.batches:
            record = self.batches.records.pop(key, None)
            if record is not None:
                self._count(record, now)
                self._durable += len(record.done) if report.durable else 0
                self.around.publish("batch", self.id, {
                    "font": key.font_id, "first": key.first, "last": key.last, "done": len(record.done),
                    "failed": sum(len(failure.indices) for failure in record.failures), "durable": report.durable})
        self._tell_progress(now)
        for font_id in {key.font_id for key in report.batches}:
            if self.tracker.is_finished(font_id):
                self._finish_font(font_id)
        self._finish_if_exhausted()

    def _count(self, record: BatchRecord, now: float) -> None:
        self._on_record[record.font_id] = self._on_record.get(record.font_id, RangeSet()) | record.done
        self.tracker.update(record.font_id, len(record.done), record.last, now)
        for failure in record.failures:
            self.tracker.fail(record.font_id, len(failure.indices), failure.reason)
            self.book.write(layout.ERRORS_LOG, "samples-failed", {
                "font": record.font_id, "slug": failure.slug, "reason": failure.reason,
                "samples": failure.indices.to_list()})

    def _on_refused(self, report: reports.Refused) -> None:
        known = [self.batches.records[key] for key in report.batches if key in self.batches.records]
        self._trouble.refused((record for record in known if record.epoch == self.batches.epoch), report.error)

    def _on_delayed(self, report: reports.CommitDelayed) -> None:
        self._trouble.delayed(report.error)

    def _on_barrier_failed(self, report: reports.BarrierFailed) -> None:
        self._trouble.barrier_failed(report.error)

    def _on_reset(self, report: reports.Reset) -> None:
        """The storage lost what was not behind a barrier: all of it is drawn again (design 6.5)."""
        self._trouble.was_reset()
        self._complete_fonts.clear()
        self.batches.forget(report.epoch)
        for font_id, state in report.fonts.items():
            todo = state.todo(self._fonts[font_id].total_samples) - elsewhere(self.session, font_id)
            self._recount(font_id, state)
            self.batches.plan.add(font_id, todo)
            if font_id in self._finishing:  # its record was not behind the barrier either
                self._finishing.discard(font_id)
                if not todo:
                    self._finish_font(font_id)
        self._all_is_durable()
        if self.life.phase is Phase.FINISHING and not self.batches.plan.exhausted:
            self.life = self.life.step(Step.REOPEN)
        if self.life.phase is Phase.FINISHING:
            self._finish()
        if self._ending:
            self._skip_rest()
        self._finish_if_exhausted()

    def _recount(self, font_id: str, state: FontState) -> None:
        """Take back what was counted and is not on record: relaxed sessions count before the barrier."""
        self._on_record[font_id] = state.done
        counted = self.tracker.font_progress(font_id, self.around.now())
        done = len(state.done | elsewhere(self.session, font_id))
        self.tracker.reopen(font_id, counted.failed_samples - len(state.failed), counted.skipped_samples,
                            counted.done_samples - done)

    def _on_answer(self, report: reports.Answer) -> None:
        self._calls -= 1
        kind, finished = report.token
        if kind == "lock" and report.result is False and not self.life.ended:
            self.abandon()
            self._tell("session-failed", {"slug": "project-owned", "message": "Another daemon has taken over this project."})
            self.reason = "project-owned"
        if report.error is not None:
            if not self._trouble.broken:
                self._trouble.met(report.error)
            if kind in ("fonts", "finish"):
                self._finishing.difference_update(finished)
                self._finish_again.update(finished)
                self.around.call_later(2.0, self._retry_finishing)
        elif kind == "persist":
            self._all_is_durable()
        elif kind == "fonts":
            for font_id in finished:
                self._tell_finished(font_id)
        elif kind == "finish":
            self._complete()
        self._finish_if_exhausted()

    def _on_stopped(self, report: reports.Stopped) -> None:
        self.lock = None

    # Trouble -----------------------------------------------------------------------------------------

    def give_up_path(self, error: FontmillError) -> None:
        """The path has failed for good: pause, and go on elsewhere when there is a fallback."""
        self.pause(Reason.FAULT, error.message)
        if not self.moving and not self.life.ended:
            self.moving = self.owner.move(self)

    def left_behind(self) -> Part:
        """What this tree holds on record: the account that a fallback tree keeps of it."""
        return Part(self.path, {font_id: done.to_list() for font_id, done in self._on_record.items() if done})

    def abandon(self) -> None:
        """The session lives on in another tree: this one is written no more."""
        self._complete_fonts.clear()
        self.life = Lifecycle(Phase.FAILED)
        self._stop()
        self.batches.plan = SessionPlan()
        self.batches.epoch += 1
        self.writer.stop(settle=False)

    # Pausing and ending ------------------------------------------------------------------------------

    def pause(self, reason: Reason, detail: str = "") -> None:
        """Stop giving out batches; those in flight are finished. Raises `wrong-state` when it has ended."""
        if reason in self.life.reasons or (self.life.ended and reason is not Reason.USER):
            return
        self.life = self.life.pause(reason)
        self.pause_details[str(reason)] = detail
        self.tracker.stop_clock(self.around.now())
        self._persist()
        self._tell("session-paused", {"reason": str(reason), "detail": detail})

    def lift(self, *reasons: Reason) -> None:
        """Remove reasons and go on when none is left."""
        if self.life.ended:
            raise self._over()
        before = self.life.reasons
        self.life = self.life.lift(*reasons)
        if before == self.life.reasons:
            return
        if not self.life.reasons:
            self.batches.resumes += 1
            self._run_clock()
            self._trouble.try_again()
        self._persist()
        self._tell("session-resumed", {"reasons": sorted(self.life.reasons)})

    def _over(self) -> FontmillError:
        how = "been cancelled" if self.reason == "cancelled" else self.life.status
        return FontmillError("wrong-state", f"The session has already {how}.")

    def _run_clock(self) -> None:
        if self.life.dispatching:
            self.tracker.run_clock(self.around.now())

    def complete_as_is(self) -> None:
        """Finish with what there is; the rest counts as skipped."""
        if self.life.ended:
            raise self._over()
        if self.life.phase is Phase.PREPARING:
            raise FontmillError("busy", "The session is just being opened.", after_ms=500)
        self._ending = True
        self._skip_rest()
        self._finish_if_exhausted()

    def _skip_rest(self) -> None:
        for font_id in list(self.batches.plan.fonts):
            dropped = self.batches.withdraw(font_id)
            if dropped:
                self.tracker.skip(font_id, len(dropped), "The session was completed before this sample was made.")
            if self.tracker.is_finished(font_id):
                self._finish_font(font_id)

    def cancel(self) -> None:
        """Stop for good. What is made stays."""
        if self.life.ended:
            raise self._over()
        for font_id in list(self.batches.plan.fonts):
            self.batches.withdraw(font_id)
        self.fail(FontmillError("cancelled"))
        self._end_if_failed()

    def _end_if_failed(self) -> None:
        """Let go of the tree once what was out when the session failed is on record."""
        if self.life.phase is Phase.FAILED and not self._stopped and not self.batches.out and not self.batches.records:
            self._end("failed", self.reason)

    def close(self) -> None:
        """Let go of the tree as soon as what is out is on record; the session's life here is over."""
        if not self.life.ended:
            for font_id in list(self.batches.plan.fonts):
                self.batches.withdraw(font_id)
            self.fail(FontmillError("busy", "The session is closed for another operation."))
            self._end_if_failed()

    @property
    def closed(self) -> bool:
        """Whether the tree is free."""
        return self.lock is None and self.life.ended

    def drain(self) -> None:
        """The daemon is leaving: finish what is out and let go of the tree, which says what holds then."""
        progress = {**self._status(self.life.left_alone(), self._durable, self.quiescent), **self.measured()}
        self._call("progress", lambda store: store.save_progress(progress, flush=True))
        self._stop_writer()

    def _stop_writer(self, then: Callable[[], None] = lambda: None) -> None:
        self._finish_fonts()
        self.book.flush()
        self._stop()
        self.writer.stop(settle=True, then=then)

    def _stop(self) -> None:
        self._stopped = True
        self.book.close()

    @property
    def stopped(self) -> bool:
        """Whether its writer has been told to end."""
        return self._stopped

    def beat_lock(self) -> None:
        """Show other machines that the tree's owner lives; somebody else's tree is not written any more."""
        if self.lock is not None and not self.life.ended:
            self._call("lock", lambda store, lock=self.lock: lock.beat())  # type: ignore[misc]

    @property
    def quiescent(self) -> bool:
        """Whether no picture is being written, everything drawn is on record, and, after the end, the tree is free."""
        if self.life.ended and self.lock is not None:
            return False
        waiting = self.batches.out or self._calls or self.book.holds or self._complete_fonts
        return not waiting and (not self.batches.records or bool(self.life.reasons and self._trouble.holds))

    @property
    def in_flight(self) -> int:
        """Samples that are out."""
        return self.batches.samples_out

    def _finish_font(self, font_id: str) -> None:
        if font_id in self._finishing:
            return
        self._finishing.add(font_id)
        self.tracker.complete_font(font_id, self.around.utc())
        if not self._complete_fonts:
            self.around.call_later(EVENT_SECONDS, self._finish_fonts)
        self._complete_fonts.append(font_id)

    def _finish_fonts(self) -> None:
        """Fonts that are complete wait a moment for others: a call, and a commit, for each of thousands cost too much."""
        if not self._complete_fonts:
            return
        fonts, self._complete_fonts = tuple(self._complete_fonts), []
        records = [(font_id, self._fonts[font_id].record, self.batches.display(font_id)) for font_id in fonts]

        def finish(store: SessionStore) -> None:
            for font_id, record, display in records:
                store.finish_font(font_id, dict(record), display)

        self._call("fonts", finish, fonts)

    def _call(self, kind: str, action: Callable[[SessionStore], Any], finished: tuple[str, ...] = ()) -> None:
        if isinstance(self.writer, NoWriter):
            return  # nobody would answer
        self._calls += 1
        self.writer.call((kind, finished), action)

    def _tell_finished(self, font_id: str) -> None:
        progress = self.tracker.font_progress(font_id, self.around.now())
        kind = "font-completed" if progress.status == "completed" else "font-failed"
        self._tell(kind, {"font": font_id, "done": progress.done_samples, "failed": progress.failed_samples}, quiet=True)

    def _retry_finishing(self) -> None:
        again, self._finish_again = self._finish_again, set()
        for font_id in sorted(again - {""}):
            if self.tracker.is_finished(font_id):
                self._finish_font(font_id)
        if self.life.phase is Phase.FINISHING:
            self._finish()
        else:
            self._finish_if_exhausted()

    def _finish_if_exhausted(self) -> None:
        if self.life.phase is not Phase.RENDERING or not self.batches.plan.exhausted or self.batches.out or self.batches.records:
            return
        self._finish_fonts()
        if not (self._calls or self._finish_again or self._trouble.broken):
            self.life = self.life.step(Step.EXHAUSTED)
            self._finish()

    def _finish(self) -> None:
        if "" in self._finishing or self._trouble.broken:
            return
        self._finishing.add("")
        summary = self.summary()
        completed = self.life.step(Step.FINISHED)  # when it is read, it is, and all that is on record is durable
        progress = {**self._status(completed, summary.exported_samples, True), **self.measured()}
        self.book.write(layout.PERFORMANCE_LOG, "finished", {**progress["performance"], **progress["stats"]})

        def finish(store: SessionStore) -> None:
            store.save_progress(progress)
            committed = store.finish(summary, final_documents(store.tree, store.session, store.states))
            if committed.error is not None:
                raise committed.error

        self._call("finish", finish, ("",))

    def _complete(self) -> None:
        self.life = self.life.step(Step.FINISHED)
        self._all_is_durable()
        self.tracker.stop_clock(self.around.now())
        self.last_updated = self.around.utc()
        self._tell("session-completed", self.status())
        self._end("completed")

    def _end(self, status: str, detail: str = "") -> None:
        progress, session_id, note = self._progress(), self.id, self.around.note
        fonts = self.tracker.fonts(self.around.now())
        if status == "failed":
            self._call("progress", lambda store: store.save_progress(progress, flush=True))
        # Last of all, when the lock is gone too: what the index calls ended is not looked at again.
        self._stop_writer(lambda: note(session_id, status, (), detail, fonts))

    # Telling -----------------------------------------------------------------------------------------

    def _persist(self) -> None:
        progress, life, session_id, note = self._progress(), self.life, self.id, self.around.note
        kept = tuple(sorted(str(reason) for reason in life.reasons & KEPT))
        fonts = self.tracker.fonts(self.around.now())
        self._finish_fonts()

        def persist(store: SessionStore) -> None:
            try:
                store.save_progress(progress)
                store.settle()
            finally:  # what a person wants is kept also when the output is full or broken
                note(session_id, "paused" if kept else "active", kept, "", fonts)

        self._call("persist", persist)

    def _progress(self) -> dict[str, Any]:
        """`progress.json` of the project: the status object, and the statistics beside it."""
        return {**self.status(), **self.measured()}

    def measured(self) -> dict[str, Any]:
        """Statistics since this daemon took the session up, and where the time goes."""
        return {"stats": self.tracker.stats().to_dict(), "performance": self.tracker.metrics(self.around.now()).to_dict()}

    def _tell_progress(self, now: float) -> None:
        if now - self._told_at >= EVENT_SECONDS:
            self._told_at = now
            self.around.publish("progress", self.id, self.status())
        if now - self._saved_at >= PROGRESS_SECONDS:
            self._saved_at = now
            progress = self._progress()
            self._call("progress", lambda store: store.save_progress(progress))
            self.book.write(layout.PERFORMANCE_LOG, "progress", {**progress["performance"], **progress["stats"]})

    def _tell(self, kind: str, data: Mapping[str, Any], quiet: bool = False) -> None:
        if not quiet:
            log.info("session %s: %s", self.id, kind)
            self.book.write(layout.EXPORT_LOG, kind, data)
        else:
            self.book.hold(kind, data)
        self.around.publish(kind, self.id, data)
        self.owner.changed(self)

    def status(self) -> dict[str, Any]:
        """The status object of docs/protocol.md."""
        return self._status(self.life, self._durable, self.quiescent)

    def _status(self, life: Lifecycle, durable: int, quiescent: bool) -> dict[str, Any]:
        return status_object(
            self.session, self.path, life, self.tracker.overall(self.around.now()), running=self.life.dispatching, durable=durable,
            last_updated=self.last_updated, reason=self.reason, in_flight=self.in_flight, quiescent=quiescent, bottleneck=self.tracker.bottleneck)

    def fonts(self) -> list[dict[str, Any]]:
        """Every accepted face and every refused file."""
        return font_entries(self.session, self.tracker, self.around.now())

    def summary(self) -> SessionSummary:
        """What `summary.json` says when the session is complete now."""
        return session_summary(self.session, self.tracker, self.around.now(), self.around.utc())


_REPORTS: Mapping[type, Callable[[ManagedSession, Any], None]] = {
    reports.Durable: ManagedSession._on_durable,
    reports.Refused: ManagedSession._on_refused,
    reports.CommitDelayed: ManagedSession._on_delayed,
    reports.BarrierFailed: ManagedSession._on_barrier_failed,
    reports.Reset: ManagedSession._on_reset,
    reports.Answer: ManagedSession._on_answer,
    reports.Stopped: ManagedSession._on_stopped,
}
