"""PersistentExportManager: owns the sessions, shares the pool among them fairly, answers for them.

It knows ports, never sockets or paths. One thread, the loop's, calls everything here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontProgress
from fontmilld.core.accounts import lacking_text
from fontmilld.core.lifecycle import KEPT, LIFTED_BY_RESUME, Phase, Reason
from fontmilld.inspection import Errand
from fontmilld.intake import Intake, Probing, StartRequest
from fontmilld.opening import Mend, OpenTree, refuse_different
from fontmilld.outside import Opening, Ports
from fontmilld.pool.messages import FontContext, Reply, Task
from fontmilld.ports import NoWriter
from fontmilld.preview import Preview
from fontmilld.session import ManagedSession
from fontmilld.sharing import Sharing
from fontmilld.store import writer as reports
from fontmilld.store.state import EndedSession, KnownSession
from fontmilld.waiting import WaitingRoom

log = logging.getLogger(__name__)
MAX_SESSIONS = 64
OUT_OF_REACH = frozenset({"storage-failed", "path-unwritable", "path-unreadable", "path-not-allowed", "disk-full", "project-owned"})
"""Why a tree that is sound may not be opened now: not mounted yet, hung, full, beneath no allowed root, or another daemon is at work in it."""
Done = Callable[[Any], None]


class PersistentExportManager:
    """See the module. `done` callbacks get a result or a FontmillError, once."""

    def __init__(self, ports: Ports, probing: Probing) -> None:
        self._ports = ports
        self._probing = probing
        self._sessions: dict[str, ManagedSession] = {}
        self._sharing = Sharing(ports.workers)
        self._waiting = WaitingRoom()
        self._starting: dict[str, list[Done]] = {}
        self._starts = 0
        self._opening: set[str] = set()
        self._stopping = False
        self._short_of_memory = ""

    # Sessions ----------------------------------------------------------------------------------------

    def create_session(self, request: StartRequest, done: Done) -> None:
        """createSession: `done` gets the reply of `start` once the session is recorded durably."""
        if self._stopping:
            raise FontmillError("shutting-down")
        if request.key and self._join_start(request.key, done):
            return
        if self._starts + sum(1 for session in self._sessions.values() if not session.life.ended) >= MAX_SESSIONS:
            self._starting.pop(request.key or "", None)
            raise FontmillError("too-many-sessions")
        finish = self._start_finisher(request.key, done)
        intake = Intake(request, self._probing, self._ports.utc, lambda result: self._open_new(request, result, finish))
        self._ports.check_output(request, lambda found: self._checked(request, found, intake, finish))

    def preview(self, args: Mapping[str, Any], done: Done) -> None:
        """A contact sheet of what `start` would make with these arguments. Raises `invalid-argument`."""
        preview = Preview(args, self._probing, done)
        preview.check()
        self._ports.find_fonts(args["fonts"], preview.files_found)

    def _join_start(self, key: str, done: Done) -> bool:
        """A key that is being worked on gets one answer for all who asked."""
        if key in self._starting:
            self._starting[key].append(done)
            return True
        self._starting[key] = []
        return False

    def _start_finisher(self, key: str | None, done: Done) -> Done:
        self._starts += 1

        def finish(result: Any) -> None:
            self._starts -= 1
            for waiting in [done, *(self._starting.pop(key, []) if key else [])]:
                waiting(result)
        return finish

    def _checked(self, request: StartRequest, found: str | FontmillError, intake: Intake, finish: Done) -> None:
        if isinstance(found, FontmillError):
            finish(found)
        elif found and found in self._sessions:
            finish(self._start_reply(self._sessions[found], True))
        else:
            self._ports.find_fonts(request.fonts, intake.files_found)

    def _open_new(self, request: StartRequest, wanted: ExportSession | FontmillError, finish: Done) -> None:
        if isinstance(wanted, FontmillError):
            finish(wanted)
            return
        path = f"{wanted.output_path.rstrip('/')}/{wanted.project_name}"
        holder = self._holder_of(path)
        if holder is not None:
            finish(self._take_up(holder, wanted))
            return
        if not self._postponed(path, lambda: self._open_new(request, wanted, finish), finish):
            self._open(wanted, self._ports.create(wanted, request.key, request.force, request.text), finish)

    def _postponed(self, path: str, again: Callable[[], None], finish: Done) -> bool:
        """Whether the tree cannot be opened now: `again` is run once an ended session has let go of it."""
        if path in self._opening:
            finish(FontmillError("busy", "The project is just being opened.", after_ms=500))
            return True
        leaving = next((s for s in self._sessions.values() if s.path == path and s.lock is not None), None)
        if leaving is not None:
            self.take_down(leaving, again)
        return leaving is not None

    def _holder_of(self, path: str) -> ManagedSession | None:
        return next((s for s in self._sessions.values() if s.path == path and not s.life.ended and not s.stranded), None)

    def _take_up(self, holder: ManagedSession, wanted: ExportSession) -> Any:
        if holder.life.phase is Phase.PREPARING:
            return FontmillError("busy", "The project is just being opened.", after_ms=500)
        try:
            refuse_different(holder.session, wanted)
        except FontmillError as error:
            return error
        holder.lift(*LIFTED_BY_RESUME)
        return self._start_reply(holder, True)

    def _open(self, wanted: ExportSession, opening: Opening, finish: Done, reasons: tuple[Reason, ...] = ()) -> ManagedSession:
        path = f"{wanted.output_path.rstrip('/')}/{wanted.project_name}"

        def report(got: reports.Report) -> None:
            if isinstance(got, reports.Opened):
                self._opening.discard(path)
                finish(self._taken_up(managed, got.result, reasons))
            elif isinstance(got, reports.OpenFailed):
                self._opening.discard(path)
                finish(got.error)
            else:
                managed.report(got)

        self._opening.add(path)
        managed = ManagedSession(wanted, self, None)  # type: ignore[arg-type]  # the writer needs `report` first
        managed.writer = self._ports.writer(opening, report, wanted.session_id)
        return managed

    def _taken_up(self, managed: ManagedSession, tree: OpenTree, reasons: tuple[Reason, ...]) -> Any:
        """The reply of `start`, or the error; a tree that cannot be taken up is given free again."""
        other = self._sessions.get(tree.session.session_id)
        if other is not None and other is not managed and other.path != managed.path and not other.life.ended and not other.moving:
            error = FontmillError("wrong-state", "Another copy of this session is at work here.", action="Delete one of the copies.")
        else:
            try:
                self._opened(managed, tree, reasons)
                return self._start_reply(managed, tree.resumed)
            except Exception:
                log.exception("a session could not be taken up")
                error = FontmillError("tree-corrupt", "The project's state cannot be taken up.")
        managed.lock = tree.lock
        managed.fail(error)
        managed.writer.stop(settle=False)
        return error

    def _opened(self, managed: ManagedSession, tree: OpenTree, reasons: tuple[Reason, ...]) -> None:
        if managed.life.ended:  # cancelled while it was being opened
            managed.lock = tree.lock
            return
        for old in [s for s in self._sessions.values() if s.path == managed.path and s.life.ended]:
            del self._sessions[old.id]
        managed.open(tree)
        self._sessions[managed.id] = managed
        if not managed.life.ended:
            for reason in (*reasons, *([Reason.DRAIN] if self._stopping else [])):
                managed.pause(reason)
            if self._short_of_memory:
                managed.pause(Reason.MEMORY, self._short_of_memory)
        if not managed.life.ended:
            self._ports.watch_space(managed)
            self.publish("session-started", managed.id, managed.status())
        self.changed(managed)

    def _start_reply(self, session: ManagedSession, resumed: bool) -> dict[str, Any]:
        fonts = session.session.fonts
        refused = [{"source": font.source, "slug": font.slug, "reason": font.reason} for font in fonts if not font.accepted]
        return {
            "session_id": session.id, "project_path": session.path, "resumed": resumed,
            "accepted_fonts": len(fonts) - len(refused), "refused_fonts": refused, "lacking_text": lacking_text(fonts),
            "status": session.status(),
        }

    def restore(self, known: KnownSession) -> None:
        """Take up a session that an earlier life of the daemon had, unless somebody has just begun it again."""
        if self._holder_of(known.path) is not None:
            return
        reasons = tuple(Reason(reason) for reason in known.reasons if reason in KEPT)
        placeholder = ExportSession(known.session_id, known.project_name, known.output_path, known.created_at, ExportConfig(), (), {})

        self._take_up_again(ManagedSession(placeholder, self, NoWriter()), reasons)

    def _take_up_again(self, session: ManagedSession, reasons: tuple[Reason, ...]) -> ManagedSession:
        """Open the tree of a session that lies where it lay; one that cannot be reached now waits stranded."""
        def finish(result: Any) -> None:
            if isinstance(result, FontmillError):
                log.warning("session %s is not taken up: %s", session.id, result)
                if result.slug in OUT_OF_REACH:
                    self._strand(session, result)
                else:
                    managed.fail(result)

        managed = self._open(session.session, self._ports.reopen(session.path, None, None), finish, reasons)
        self._sessions[session.id] = managed
        return managed

    def _strand(self, session: ManagedSession, error: FontmillError) -> None:
        """No tree of the session can be written now: it waits, paused, and `resume` tries again."""
        stranded = ManagedSession(session.session, self, NoWriter(), tracker=session.tracker)
        known = None if session.session.fonts else self._ports.recall(session.id)
        if known is not None:  # taken up from an earlier life, and nothing of its tree has been read
            stranded = ManagedSession(known.session, self, NoWriter())
            stranded.recall(known.fonts)
        stranded.strand(error)
        self._sessions[session.id] = stranded
        self.changed(stranded)

    def remember(self, ended: EndedSession) -> None:
        """Know a session that ended in an earlier life of the daemon: whoever was promised it may ask for it."""
        managed = ManagedSession(ended.session, self, NoWriter())
        managed.remember(ended)
        self._sessions[managed.id] = managed

    def reopen(self, path: str, done: Done, mend: Mend | None = None, sources: Mapping[str, str] | None = None,
               reasons: tuple[Reason, ...] = ()) -> None:
        """Open a project that no session of this daemon holds; `done` gets the reply of `start`."""
        if self._holder_of(path) is not None:
            done(FontmillError("busy", "A session of this daemon holds the project."))
            return
        if self._postponed(path, lambda: self.reopen(path, done, mend, sources, reasons), done):
            return
        parent, _, name = path.rpartition("/")
        placeholder = ExportSession("", name, parent, "", ExportConfig(), (), {})
        self._open(placeholder, self._ports.reopen(path, mend, sources), done, reasons)

    def take_down(self, session: ManagedSession, then: Callable[[], None]) -> None:
        """Let a session finish what is out, close its tree, and run `then`."""
        session.close()
        self._waiting.until(session.id, lambda s: s.closed, lambda _: then())
        self.changed(session)

    def forget(self, path: str) -> None:
        """Drop a session whose project is gone."""
        for session in [s for s in self._sessions.values() if s.path == path]:
            del self._sessions[session.id]

    def run_errand(self, errand: Errand) -> None:
        """Share the pool with other work than batches."""
        self._sharing.add(errand)
        errand.begin()
        if cause := self._ports.no_workers():
            self.no_worker_starts(cause, lasting=False)

    def resume_session(self, name: str) -> dict[str, Any]:
        """resumeSession: lift what a user may lift; the tree of a stranded session is opened again."""
        session = self.find(name)
        if session.stranded:
            return self._take_up_again(session, tuple(session.life.reasons - LIFTED_BY_RESUME)).status()
        session.lift(*LIFTED_BY_RESUME)
        return session.status()

    def pause_session(self, name: str) -> dict[str, Any]:
        """pauseSession: acknowledged at once; `quiescent` in the status tells when it is quiet."""
        session = self.find(name)
        session.pause(Reason.USER)
        return session.status()

    def cancel_session(self, name: str) -> dict[str, Any]:
        """Stop a session for good."""
        session = self.find(name)
        session.cancel()
        return session.status()

    def complete_session(self, name: str, done: Done) -> None:
        """completeSession: `done` gets the summary."""
        session = self.find(name)
        session.complete_as_is()
        self._waiting.until(session.id, lambda s: s.life.ended, lambda _: done(session.summary()))
        self.changed(session)

    def wait(self, name: str, quiescent: bool, done: Done, wanted: Callable[[], bool] = lambda: True) -> None:
        """`done` gets the status when the session has ended or is paused (and quiet, if asked for).

        `wanted` says whether anybody still waits for that.
        """
        self._waiting.until_settled(self.find(name), quiescent, done, wanted)

    def find(self, name: str) -> ManagedSession:
        """By id, unique prefix, or project path. Raises `unknown-session` or `ambiguous-session`."""
        if name in self._sessions:
            return self._sessions[name]
        path = name.rstrip("/")
        found = [s for s in self._sessions.values() if name and (s.path == path if path.startswith("/") else s.id.startswith(name))]
        if len(found) > 1:
            raise FontmillError("ambiguous-session", f"{len(found)} sessions begin with {name[:60]!r}.")
        if not found:
            raise FontmillError("unknown-session", f"There is no session {name[:60]!r}.")
        return found[0]

    def sessions(self) -> list[ManagedSession]:
        """All sessions, oldest first."""
        return sorted(self._sessions.values(), key=lambda s: (str(s.session.created_at), s.id))

    def get_session_progress(self, name: str) -> dict[str, Any]:
        """getSessionProgress: the status object."""
        return self.find(name).status()

    # Dispatch (pool.Dispatcher) ----------------------------------------------------------------------

    def next_task(self, slot: int) -> tuple[FontContext, Task] | None:
        """An errand's task and a session's batch in turn; nothing while memory is short."""
        if self._short_of_memory:
            return None
        return self._sharing.next_task(slot, self._sessions.values())

    def task_ended(self, slot: int, task: Task, answer: Reply) -> None:
        """A worker answered."""
        self._sharing.task_ended(task, answer)

    def task_lost(self, task: Task, culprit: int | None) -> None:
        """A worker is gone with a batch or a check."""
        self._sharing.task_lost(task, culprit)

    def worker_died(self, slot: int, cause: str, crashloop: bool) -> None:
        """A worker ended unasked; too often, and its sessions pause."""
        log.warning("worker %d ended: %s", slot, cause)
        self.publish("worker-died", None, {"worker": slot, "cause": cause})
        if crashloop:
            for session in self._sessions.values():
                if session.life.dispatching:
                    session.pause(Reason.CRASHLOOP, f"Worker {slot} keeps dying ({cause}).")

    def no_worker_starts(self, cause: str, lasting: bool) -> None:
        """There is no worker and none can be started: whoever waits for one is told, and in the end the sessions pause."""
        why = f"No render process can be started: {cause.rstrip('.')}."
        self._sharing.refuse_errands(FontmillError("no-workers", why))
        for session in [session for session in self._sessions.values() if lasting and session.life.dispatching]:
            session.pause(Reason.CRASHLOOP, why)

    def font_files(self) -> frozenset[str]:
        """The files that something is still to be drawn from."""
        return frozenset(info.source for session in self._sessions.values() for info in session.unfinished_fonts())

    def font_file_changed(self, path: str) -> None:
        """A font file is another now, or gone: it is probed again, and sessions that draw from it go on without it."""
        for session in self._sessions.values():
            if any(info.source == path for info in session.unfinished_fonts()):
                self._probing.probe(path, session.drawing_settings(), partial(session.source_probed, path))

    def memory_is_short(self, detail: str) -> None:
        """Give nothing out until there is room again; what is out is finished."""
        self._short_of_memory = detail
        for session in self._sessions.values():
            if not session.life.ended:
                session.pause(Reason.MEMORY, detail)

    def memory_is_back(self) -> None:
        """Go on."""
        self._short_of_memory = ""
        for session in self._sessions.values():
            if Reason.MEMORY in session.life.reasons:
                session.lift(Reason.MEMORY)

    # Surroundings of the sessions --------------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds."""
        return self._ports.now()

    def utc(self) -> str:
        """ISO 8601 UTC."""
        return self._ports.utc()

    def without_core(self) -> str:
        """See Surroundings."""
        return self._ports.without_core()

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call once on the loop."""
        self._ports.call_later(delay, callback)

    def publish(self, kind: str, session: str | None, data: Mapping[str, Any]) -> None:
        """Send an event."""
        self._ports.publish(kind, session, data)

    def note(self, session_id: str, status: str, reasons: tuple[str, ...], detail: str,
             fonts: tuple[FontProgress, ...] = ()) -> None:
        """Keep a status in the index."""
        self._ports.note(session_id, status, reasons, detail, fonts)

    def changed(self, session: ManagedSession) -> None:
        """Answer those who waited for this. A session that has moved speaks for itself, not its old object."""
        if self._sessions.get(session.id, session) is not session:
            return
        self._waiting.changed(session)

    def move(self, session: ManagedSession) -> bool:
        """Go on in the next fallback path that can be opened and holds no part yet; False when there is none to try."""
        used = {session.path, *(part.path for part in session.session.parts)}
        name = session.session.project_name
        fallbacks = [path for path in session.session.config.fallback_paths if f"{path.rstrip('/')}/{name}" not in used]
        if not fallbacks or self._stopping:
            return False
        session.abandon()
        self._go_on_in(fallbacks, session)
        return True

    def _go_on_in(self, fallbacks: Sequence[str], session: ManagedSession) -> None:
        def finish(result: Any) -> None:
            if not isinstance(result, FontmillError):
                self.publish("session-moved", session.id, result["status"])
                return
            log.warning("session %s: fallback path %d from the end fails too: %s", session.id, len(fallbacks), result)
            if fallbacks[1:]:
                self._go_on_in(fallbacks[1:], session)
            else:
                self._strand(session, result)

        log.warning("session %s goes on in a fallback path", session.id)
        opening = self._ports.move(session.session, fallbacks[0], session.left_behind(), session.text)
        self._sessions[session.id] = self._open(session.session, opening, finish)

    # The end -----------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Give nothing out any more; what is out is finished."""
        self._stopping = True
        for session in self._sessions.values():
            if not session.life.ended:
                session.pause(Reason.DRAIN)

    @property
    def drained(self) -> bool:
        """Whether nothing is out and everything is on record."""
        return all(session.life.ended or session.quiescent for session in self._sessions.values())
