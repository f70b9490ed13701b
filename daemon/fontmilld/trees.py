"""Opening the trees of sessions: new ones and known ones, again, and in a fallback path."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession
from fontmilld.conditions import Conditions
from fontmilld.core.accounts import lacking_text
from fontmilld.core.lifecycle import KEPT, Reason
from fontmilld.opening import Mend, OpenTree
from fontmilld.outside import Done, Opening, Ports
from fontmilld.ports import NoWriter
from fontmilld.registry import Registry
from fontmilld.session import ManagedSession
from fontmilld.standing import Standing
from fontmilld.store import writer as reports
from fontmilld.store.state import EndedSession, KnownSession
from fontmilld.waiting import WaitingRoom

log = logging.getLogger(__name__)
OUT_OF_REACH = frozenset({"storage-failed", "path-unwritable", "path-unreadable", "path-not-allowed", "disk-full", "project-owned"})
"""Why a tree that is sound may not be opened now: not mounted yet, hung, full, beneath no allowed root, or another daemon is at work in it."""


class Trees:
    """Gives every session its tree: one owner a tree, and a session whose tree is out of reach waits. Owns sessions (see ports.Owner)."""

    def __init__(self, ports: Ports, registry: Registry, waiting: WaitingRoom, conditions: Conditions) -> None:
        self._ports = ports
        self._registry = registry
        self._waiting = waiting
        self._conditions = conditions
        self._opening: set[str] = set()

    # Opening -----------------------------------------------------------------------------------------

    def open(self, wanted: ExportSession, opening: Opening, done: Done, reasons: tuple[Reason, ...] = ()) -> ManagedSession:
        """Open a tree that is not `postponed`; `done` gets the reply of `start`, or the error."""
        path = wanted.project_path

        def report(got: reports.Report) -> None:  # on the loop, later
            if isinstance(got, reports.Opened):
                self._opening.discard(path)
                done(self._taken_up(managed, got.result, reasons))
            elif isinstance(got, reports.OpenFailed):
                self._opening.discard(path)
                done(got.error)
            else:
                managed.report(got)

        self._opening.add(path)
        managed = ManagedSession(Standing(wanted), self._ports, self, self._ports.writer(opening, report, wanted.session_id))
        return managed

    def postponed(self, path: str, again: Callable[[], None], done: Done) -> bool:
        """Whether the tree cannot be opened now: `again` is run once an ended session has let go of it."""
        if path in self._opening:
            done(FontmillError("busy", "The project is just being opened.", after_ms=500))
            return True
        leaving = self._registry.lock_holder(path)
        if leaving is not None:
            self.take_down(leaving, again)
        return leaving is not None

    def _taken_up(self, managed: ManagedSession, tree: OpenTree, reasons: tuple[Reason, ...]) -> Any:
        """The reply of `start`, or the error; a tree that cannot be taken up is given free again."""
        other = self._registry.get(tree.session.session_id)
        if other is not None and other is not managed and other.path != managed.path and not other.life.ended and not other.moving:
            error = FontmillError("wrong-state", "Another copy of this session is at work here.", action="Delete one of the copies.")
        else:
            try:
                self._opened(managed, tree, reasons)
                return start_reply(managed, tree.resumed)
            except Exception:
                log.exception("a session could not be taken up")
                error = FontmillError("tree-corrupt", "The project's state cannot be taken up.")
        managed.refuse(tree, error)
        return error

    def _opened(self, managed: ManagedSession, tree: OpenTree, reasons: tuple[Reason, ...]) -> None:
        if managed.life.ended:  # cancelled while it was being opened
            managed.hold(tree)
            return
        self._registry.drop(managed.path, ended=True)
        managed.open(tree)
        self._registry.keep(managed)
        if not managed.life.ended:
            self._conditions.meet(managed, reasons)
        if not managed.life.ended:
            self._ports.watch_space(managed)
            self._ports.publish("session-started", managed.id, managed.status())
        self.changed(managed)

    # Known sessions ----------------------------------------------------------------------------------

    def restore(self, known: KnownSession) -> None:
        """Take up a session that an earlier life of the daemon had, unless somebody has just begun it again."""
        if self._registry.holder_of(known.path) is not None:
            return
        reasons = tuple(Reason(reason) for reason in known.reasons if reason in KEPT)
        placeholder = ExportSession(known.session_id, known.project_name, known.output_path, known.created_at, ExportConfig(), (), {})
        self.open_again(ManagedSession(Standing(placeholder), self._ports, self, NoWriter()), reasons)

    def open_again(self, session: ManagedSession, reasons: tuple[Reason, ...]) -> ManagedSession:
        """Open the tree of a session that lies where it lay; one that cannot be reached now waits stranded."""
        def finish(result: Any) -> None:
            if isinstance(result, FontmillError):
                log.warning("session %s is not taken up: %s", session.id, result)
                if result.slug in OUT_OF_REACH:
                    self._strand(session, result)
                else:
                    managed.fail(result)

        managed = self.open(session.session, self._ports.reopen(session.path, None, None), finish, reasons)
        self._registry.keep(managed)
        return managed

    def _strand(self, session: ManagedSession, error: FontmillError) -> None:
        """No tree of the session can be written now: it waits, paused, and `resume` tries again."""
        standing = session.standing
        known = None if session.session.fonts else self._ports.recall(session.id)
        if known is not None:  # taken up from an earlier life, and nothing of its tree has been read
            standing = Standing(known.session)
            standing.remember(known)
        stranded = ManagedSession(standing, self._ports, self, NoWriter())
        stranded.strand(error)
        self._registry.keep(stranded)
        self.changed(stranded)

    def remember(self, ended: EndedSession) -> None:
        """Know a session that ended in an earlier life of the daemon: whoever was promised it may ask for it."""
        managed = ManagedSession(Standing(ended.session), self._ports, self, NoWriter())
        managed.remember(ended)
        self._registry.keep(managed)

    def reopen(self, path: str, done: Done, mend: Mend | None = None, sources: Mapping[str, str] | None = None,
               reasons: tuple[Reason, ...] = ()) -> None:
        """Open a project that no session of this daemon holds; `done` gets the reply of `start`."""
        if self._registry.holder_of(path) is not None:
            done(FontmillError("busy", "A session of this daemon holds the project."))
            return
        if self.postponed(path, lambda: self.reopen(path, done, mend, sources, reasons), done):
            return
        parent, _, name = path.rpartition("/")
        placeholder = ExportSession("", name, parent, "", ExportConfig(), (), {})
        self.open(placeholder, self._ports.reopen(path, mend, sources), done, reasons)

    def take_down(self, session: ManagedSession, then: Callable[[], None]) -> None:
        """Let a session finish what is out, close its tree, and run `then`."""
        session.close()
        self._waiting.until(session.id, lambda s: s.closed, lambda _: then())
        self.changed(session)

    # Owner of the sessions ---------------------------------------------------------------------------

    def changed(self, session: ManagedSession) -> None:
        """Answer those who waited for this. A session that has moved speaks for itself, not its old object."""
        if not self._registry.is_superseded(session):
            self._waiting.changed(session)

    def move(self, session: ManagedSession) -> bool:
        """Go on in the next fallback path that can be opened and holds no part yet; False when there is none to try."""
        used = {session.path, *(part.path for part in session.session.parts)}
        name = session.session.project_name
        fallbacks = [path for path in session.session.config.fallback_paths if f"{path.rstrip('/')}/{name}" not in used]
        if not fallbacks or self._conditions.leaving:
            return False
        session.abandon()
        self._go_on_in(fallbacks, session)
        return True

    def _go_on_in(self, fallbacks: Sequence[str], session: ManagedSession) -> None:
        def finish(result: Any) -> None:
            if not isinstance(result, FontmillError):
                self._ports.publish("session-moved", session.id, result["status"])
                return
            log.warning("session %s: fallback path %d from the end fails too: %s", session.id, len(fallbacks), result)
            if fallbacks[1:]:
                self._go_on_in(fallbacks[1:], session)
            else:
                self._strand(session, result)

        log.warning("session %s goes on in a fallback path", session.id)
        opening = self._ports.move(session.session, fallbacks[0], session.standing.as_part(), session.text)
        self._registry.keep(self.open(session.session, opening, finish))


def start_reply(session: ManagedSession, resumed: bool) -> dict[str, Any]:
    """What `start` answers."""
    fonts = session.session.fonts
    refused = [{"source": font.source, "slug": font.slug, "reason": font.reason} for font in fonts if not font.accepted]
    return {
        "session_id": session.id, "project_path": session.path, "resumed": resumed,
        "accepted_fonts": len(fonts) - len(refused), "refused_fonts": refused, "lacking_text": lacking_text(fonts),
        "status": session.status(),
    }
