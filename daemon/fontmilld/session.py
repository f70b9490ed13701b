"""One session as the daemon's loop sees it: what it may do now, from taking its tree up to letting go of it.

It knows ports (a writer, surroundings, an owner), never sockets or paths. Nothing here blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontInfo, SessionSummary
from fontmilld.batches import Batches
from fontmilld.calls import Calls
from fontmilld.core.diagnosis import NOTHING_LEFT, TAKE_UP_AGAIN
from fontmilld.core.lifecycle import KEPT, Lifecycle, Phase, Reason, Step
from fontmilld.finishing import Finisher
from fontmilld.opening import OpenTree
from fontmilld.ports import Owner, Surroundings, Writer
from fontmilld.standing import Standing
from fontmilld.status import status_object
from fontmilld.store import writer as reports
from fontmilld.store.state import EndedSession
from fontmilld.telling import Telling
from fontmilld.tenure import Tenure
from fontmilld.trouble import StorageTrouble
from fontmilld.work import Work


class ManagedSession:
    """The life of a session: lets its parts work, pauses, ends. Every method is called on the loop's thread."""

    def __init__(self, standing: Standing, around: Surroundings, owner: Owner[ManagedSession], writer: Writer) -> None:
        self.standing, self._around, self._owner = standing, around, owner
        self.life = Lifecycle()
        self.reason = ""
        self.pause_details: dict[str, str] = {}
        self.text = ""
        self.moving = self.ending = False
        self._calls = Calls(writer)
        self.telling = Telling(self, around, self._calls, self._changed)
        self.batches = Batches(standing, self.telling.book, writer, around.now)
        self._tenure = Tenure(writer, self._calls, self._usurped)
        self._trouble = StorageTrouble(self, around, self.telling.book, writer, self._tenure)
        self._finisher = Finisher(around, standing, self.batches, self._calls, self.telling, self.go_on)
        self.work = Work(self, around, standing, self.batches, self._calls, self.telling, self._trouble, self._finisher)

    @property
    def session(self) -> ExportSession:
        """What is exported."""
        return self.standing.session

    @property
    def id(self) -> str:
        """The session id."""
        return self.standing.session.session_id

    @property
    def path(self) -> str:
        """The project's folder."""
        return self.standing.session.project_path

    def _changed(self) -> None:
        self._owner.changed(self)

    # Taking up ---------------------------------------------------------------------------------------

    def open(self, tree: OpenTree) -> None:
        """The writer has opened the tree: plan what recovery left to do."""
        self.standing.take_up(tree.session, tree.recovery)
        self.hold(tree)
        self.text = tree.text
        self.telling.book.open(tree.logs)
        self.standing.last_updated = self._around.utc()
        self.life = self.life.step(Step.OPENED)
        if not tree.resumed:
            self.telling.begun(tree.session)
        self.work.begin(tree.recovery)
        if tree.recovery.completed:
            self.life = self.life.step(Step.EXHAUSTED).step(Step.FINISHED)
            self._end("completed")
            return
        self._run_clock()
        self.go_on()

    def hold(self, tree: OpenTree) -> None:
        """The tree is ours, whether or not anything comes of it."""
        self._tenure.begin(tree.lock)

    def refuse(self, tree: OpenTree, error: FontmillError) -> None:
        """The tree is open and cannot be taken up: it is given free again."""
        self.hold(tree)
        self.fail(error)
        self._tenure.let_go(settle=False)

    def remember(self, ended: EndedSession) -> None:
        """An earlier life of the daemon saw the end of this session: nothing of its tree is touched."""
        self.life = Lifecycle(Phase.COMPLETED if ended.known.status == "completed" else Phase.FAILED)
        self.reason = ended.known.detail
        self._tenure.over = True
        self.standing.remember(ended)

    def strand(self, error: FontmillError) -> None:
        """No tree of the session can be written now. What is made lies safe where it is."""
        self.reason = error.slug
        self.life = self.life.pause(Reason.FAULT)
        self.pause_details[str(Reason.FAULT)] = error.message
        self.standing.last_updated = self._around.utc()
        self.telling.tell("session-paused", {"reason": str(Reason.FAULT), "detail": error.message})

    @property
    def stranded(self) -> bool:
        """Whether it waits for its tree to be in reach again."""
        return self._tenure.of_no_tree and not self.life.ended

    # What it hears -----------------------------------------------------------------------------------

    def report(self, report: reports.Report) -> None:
        """Something happened in the writer's thread."""
        if isinstance(report, reports.Stopped):
            self._tenure.ended()
        else:
            self.work.report(report)
        self._end_if_failed()
        self._changed()

    def came_back(self) -> None:
        """No batch is out any more."""
        self._end_if_failed()
        if self.life.reasons and self.session.config.durability == "relaxed":
            self._persist()  # what was in flight at the pause is made durable, too
        self._changed()

    def unfinished_fonts(self) -> tuple[FontInfo, ...]:
        """The accepted fonts of which samples are neither made nor given up; none once the session has ended."""
        return () if self.life.ended else self.standing.unfinished_fonts()

    def drawing_settings(self) -> dict[str, Any]:
        """What a probe needs to know to draw as this session does."""
        return {**self.session.config.identity(), "text_content": self.text}

    # Trouble -----------------------------------------------------------------------------------------

    def fail(self, error: FontmillError) -> None:
        """The session cannot go on."""
        self.reason = error.slug
        if not self.life.ended:
            self.life = self.life.step(Step.FAIL)
        self.telling.tell("session-failed", {"slug": error.slug, "message": error.message})

    def give_up_path(self, error: FontmillError) -> None:
        """The path has failed for good: pause, and go on elsewhere when there is a fallback."""
        self.pause(Reason.FAULT, error.message)
        if not self.moving and not self.life.ended:
            self.moving = self._owner.move(self)

    def abandon(self) -> None:
        """The session lives on in another tree: this one is written no more."""
        self.life = Lifecycle(Phase.FAILED)
        self.batches.abandon()
        self._let_go(settle=False)

    def beat_lock(self) -> None:
        """Show other machines that the tree's owner lives; somebody else's tree is not written any more."""
        if not self.life.ended:
            self._tenure.beat()

    def _usurped(self) -> None:
        if not self.life.ended:
            self.abandon()
            self.telling.tell("session-failed", {"slug": "project-owned", "message": "Another daemon has taken over this project."})
            self.reason = "project-owned"

    # Pausing -----------------------------------------------------------------------------------------

    def pause(self, reason: Reason, detail: str = "") -> None:
        """Stop giving out batches; those in flight are finished. Raises `wrong-state` when it has ended."""
        if self.life.ended and reason is Reason.USER:
            raise self._over()
        if self.life.ended:
            return
        if reason in self.life.reasons:
            self.pause_details[str(reason)] = detail or self.pause_details.get(str(reason), "")
            return
        self.life = self.life.pause(reason)
        self.pause_details[str(reason)] = detail
        self.standing.tracker.stop_clock(self._around.now())
        self._persist()
        self.telling.tell("session-paused", {"reason": str(reason), "detail": detail})

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
        self.telling.tell("session-resumed", {"reasons": sorted(self.life.reasons)})

    def _over(self) -> FontmillError:
        if self.life.phase is Phase.COMPLETED:
            return FontmillError("wrong-state", "The session is complete: nothing is left to do.", action=NOTHING_LEFT)
        how = "been cancelled" if self.reason == "cancelled" else f"ended: {self.reason or 'failed'}"
        return FontmillError("wrong-state", f"The session has already {how}.", action=TAKE_UP_AGAIN)

    def _run_clock(self) -> None:
        if self.life.dispatching:
            self.standing.tracker.run_clock(self._around.now())

    def _persist(self) -> None:
        kept = tuple(sorted(str(reason) for reason in self.life.reasons & KEPT))
        self._finisher.record_fonts()
        self.telling.lay_down("paused" if kept else "active", kept, self.standing.tracker.fonts(self._around.now()), self._persisted)

    def _persisted(self, answer: reports.Answer) -> None:
        if answer.error is None:
            self.standing.all_is_durable()

    # Finishing ---------------------------------------------------------------------------------------

    def complete_as_is(self) -> None:
        """Finish with what there is; the rest counts as skipped."""
        if self.life.ended:
            raise self._over()
        if self.life.phase is Phase.PREPARING:
            raise FontmillError("busy", "The session is just being opened.", after_ms=500)
        self.ending = True
        self.go_on()

    def go_on(self) -> None:
        """Take the steps that are due: begin to finish once nothing else is left, and then finish; harmless at any time."""
        if self.life.phase is Phase.FINISHING and not self.batches.plan.exhausted:
            self.life = self.life.step(Step.REOPEN)
        if self.ending:
            self.work.skip_rest()
        if self.life.phase is Phase.RENDERING and self.batches.exhausted:
            self._finisher.record_fonts()
            if not (self._calls.unanswered or self._finisher.held_up or self._trouble.broken):
                self.life = self.life.step(Step.EXHAUSTED)
        if self.life.phase is Phase.FINISHING and self._finisher.session_is_open and not self._trouble.broken:
            self._finisher.record_fonts()
            self._finish()

    def _finish(self) -> None:
        summary, completed = self.summary(), self.life.step(Step.FINISHED)
        # Of what is read of it, all holds: it is written with the barrier behind which everything is durable.
        progress = {**self._status(completed, summary.exported_samples, True), **self.measured()}
        self.telling.performance("finished", progress)
        self._finisher.record_session(summary, progress, self._completed)

    def _completed(self) -> None:
        if self.life.phase is not Phase.FINISHING:
            return  # it was cancelled in the meantime
        self.life = self.life.step(Step.FINISHED)
        self.standing.all_is_durable()
        self.standing.tracker.stop_clock(self._around.now())
        self.standing.last_updated = self._around.utc()
        self.telling.tell("session-completed", self.status())
        self._end("completed")

    # The end -----------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop for good. What is made stays."""
        if self.life.ended:
            raise self._over()
        self._break_off(FontmillError("cancelled"))

    def close(self) -> None:
        """Let go of the tree as soon as what is out is on record; the session's life here is over."""
        if not self.life.ended:
            self._break_off(FontmillError("busy", "The session is closed for another operation."))

    def _break_off(self, error: FontmillError) -> None:
        self.batches.withdraw_all()
        self.fail(error)
        self._end_if_failed()

    def _end_if_failed(self) -> None:
        """Let go of the tree once what was out when the session failed is on record."""
        if self.life.phase is Phase.FAILED and not self._tenure.over and not self.batches.out and not self.batches.records:
            self._end("failed", self.reason)

    def _end(self, status: str, detail: str = "") -> None:
        session_id, note, fonts = self.id, self._around.note, self.standing.tracker.fonts(self._around.now())
        if status == "failed":
            self.telling.save(self.telling.document(), flush=True)
        # Last of all: what the index calls ended is not looked at again.
        self._settle(lambda: note(session_id, status, (), detail, fonts))

    def drain(self) -> None:
        """The daemon is leaving: finish what is out and let go of the tree, which says what holds then."""
        self.telling.save({**self._status(self.life.left_alone(), self.standing.durable, self.quiescent), **self.measured()}, flush=True)
        self._settle()

    def _settle(self, then: Callable[[], None] = lambda: None) -> None:
        self._finisher.record_fonts()
        self.telling.book.flush()
        self._let_go(settle=True, then=then)

    def _let_go(self, settle: bool, then: Callable[[], None] = lambda: None) -> None:
        self._finisher.leave()
        self.telling.book.close()
        self._tenure.let_go(settle, then)

    @property
    def holds_tree(self) -> bool:
        """Whether it has yet to let go of its tree."""
        return self._tenure.holds

    @property
    def closed(self) -> bool:
        """Whether it has ended, and the tree is free."""
        return self.life.ended and not self._tenure.holds

    # Answers -----------------------------------------------------------------------------------------

    @property
    def quiescent(self) -> bool:
        """Whether no picture is being written, everything drawn is on record, and, after the end, the tree is free."""
        if self.life.ended and self._tenure.holds:
            return False
        waiting = self.batches.out or self._calls.unanswered or self.telling.book.holds or self._finisher.waits
        return not waiting and (not self.batches.records or bool(self.life.reasons and self._trouble.holds))

    def status(self) -> dict[str, Any]:
        """The status object of docs/protocol.md."""
        return self._status(self.life, self.standing.durable, self.quiescent)

    def _status(self, life: Lifecycle, durable: int, quiescent: bool) -> dict[str, Any]:
        tracker = self.standing.tracker
        return status_object(
            self.session, self.path, life, tracker.overall(self._around.now()), running=self.life.dispatching, durable=durable,
            last_updated=self.standing.last_updated, reason=self.reason, in_flight=self.batches.samples_out, quiescent=quiescent, bottleneck=tracker.bottleneck)

    def measured(self) -> dict[str, Any]:
        """Statistics since this daemon took the session up, and where the time goes."""
        return self.standing.measured(self._around.now())

    def fonts(self) -> list[dict[str, Any]]:
        """Every accepted face and every refused file."""
        return self.standing.entries(self._around.now())

    def summary(self) -> SessionSummary:
        """What `summary.json` says when the session is complete now."""
        return self.standing.summary(self._around.now(), self._around.utc())
