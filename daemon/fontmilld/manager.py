"""PersistentExportManager: what can be done with the sessions of the daemon, whoever asks.

It knows ports, never sockets or paths. One thread, the loop's, calls everything here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fontmilld.conditions import Conditions
from fontmilld.core.lifecycle import LIFTED_BY_RESUME, Reason
from fontmilld.inspection import Errand
from fontmilld.intake import Probing, StartRequest
from fontmilld.opening import Mend
from fontmilld.outside import Done, Ports
from fontmilld.preview import Preview
from fontmilld.registry import Registry
from fontmilld.session import ManagedSession
from fontmilld.sharing import Sharing
from fontmilld.starting import Starts
from fontmilld.store.state import EndedSession, KnownSession
from fontmilld.trees import Trees
from fontmilld.waiting import WaitingRoom


class PersistentExportManager:
    """Answers for the sessions, by name. `done` callbacks get a result or a FontmillError, once."""

    def __init__(self, ports: Ports, probing: Probing) -> None:
        self.ports = ports
        self._probing = probing
        self._registry = Registry()
        self._waiting = WaitingRoom()
        self._conditions = Conditions(self._registry)
        self._trees = Trees(ports, self._registry, self._waiting, self._conditions)
        self._starts = Starts(ports, probing, self._registry, self._trees, self._conditions)
        self.sharing = Sharing(ports.workers, self._registry, self._conditions, ports.publish)

    # Sessions that come and go -----------------------------------------------------------------------

    def create_session(self, request: StartRequest, done: Done) -> None:
        """createSession: `done` gets the reply of `start` once the session is recorded durably."""
        self._starts.begin(request, done)

    def restore(self, known: KnownSession) -> None:
        """Take up a session that an earlier life of the daemon had, unless somebody has just begun it again."""
        self._trees.restore(known)

    def remember(self, ended: EndedSession) -> None:
        """Know a session that ended in an earlier life of the daemon: whoever was promised it may ask for it."""
        self._trees.remember(ended)

    def reopen(self, path: str, done: Done, mend: Mend | None = None, sources: Mapping[str, str] | None = None,
               reasons: tuple[Reason, ...] = ()) -> None:
        """Open a project that no session of this daemon holds; `done` gets the reply of `start`."""
        self._trees.reopen(path, done, mend, sources, reasons)

    def take_down(self, session: ManagedSession, then: Callable[[], None]) -> None:
        """Let a session finish what is out, close its tree, and run `then`."""
        self._trees.take_down(session, then)

    def forget(self, path: str) -> None:
        """Drop a session whose project is gone."""
        self._registry.drop(path)

    # Sessions by name --------------------------------------------------------------------------------

    def find(self, name: str) -> ManagedSession:
        """By id, unique prefix, or project path. Raises `unknown-session` or `ambiguous-session`."""
        return self._registry.find(name)

    def sessions(self) -> list[ManagedSession]:
        """All sessions, oldest first."""
        return self._registry.oldest_first()

    def get_session_progress(self, name: str) -> dict[str, Any]:
        """getSessionProgress: the status object."""
        return self.find(name).status()

    def resume_session(self, name: str) -> dict[str, Any]:
        """resumeSession: lift what a user may lift; the tree of a stranded session is opened again."""
        session = self.find(name)
        if session.stranded:
            return self._trees.open_again(session, tuple(session.life.reasons - LIFTED_BY_RESUME)).status()
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
        self._trees.changed(session)

    def wait(self, name: str, quiescent: bool, done: Done, wanted: Callable[[], bool] = lambda: True) -> None:
        """`done` gets the status when the session has ended or is paused (and quiet, if asked for).

        `wanted` says whether anybody still waits for that.
        """
        self._waiting.until_settled(self.find(name), quiescent, done, wanted)

    # Other work of the workers -----------------------------------------------------------------------

    def preview(self, args: Mapping[str, Any], done: Done) -> None:
        """A contact sheet of what `start` would make with these arguments. Raises `invalid-argument`."""
        preview = Preview(args, self._probing, done)
        preview.check()
        self.ports.find_fonts(args["fonts"], preview.files_found)

    def run_errand(self, errand: Errand) -> None:
        """Share the pool with other work than batches."""
        self.sharing.add(errand)
        errand.begin()
        if cause := self.ports.no_workers():
            self.sharing.no_worker_starts(cause, lasting=False)

    # What happens around them ------------------------------------------------------------------------

    def font_files(self) -> frozenset[str]:
        """The files that something is still to be drawn from."""
        return frozenset(info.source for session in self._registry.sessions for info in session.unfinished_fonts())

    def font_file_changed(self, path: str) -> None:
        """A font file is another now, or gone: it is probed again, and sessions that draw from it go on without it."""
        for session in self._registry.sessions:
            if any(info.source == path for info in session.unfinished_fonts()):
                self._probing.probe(path, session.drawing_settings(), partial(session.work.source_probed, path))

    def memory_is_short(self, detail: str) -> None:
        """Give nothing out until there is room again; what is out is finished."""
        self._conditions.memory_is_short(detail)

    def memory_is_back(self) -> None:
        """Go on."""
        self._conditions.memory_is_back()

    def drain(self) -> None:
        """Give nothing out any more; what is out is finished."""
        self._conditions.leave()

    @property
    def drained(self) -> bool:
        """Whether nothing is out and everything is on record."""
        return all(session.life.ended or session.quiescent for session in self._registry.sessions)
