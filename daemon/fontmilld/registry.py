"""The sessions of this daemon: who they are, and how they are found."""

from __future__ import annotations

from collections.abc import Collection

from fontmill.errors import FontmillError
from fontmilld.session import ManagedSession

SHOWN_IDS = 5


class Registry:
    """Every session that this daemon knows, by its id. One that has moved or been opened again stands there in its new object."""

    def __init__(self) -> None:
        self._sessions: dict[str, ManagedSession] = {}

    @property
    def sessions(self) -> Collection[ManagedSession]:
        """All of them, as they came."""
        return self._sessions.values()

    def oldest_first(self) -> list[ManagedSession]:
        """All of them, by when they were begun."""
        return sorted(self._sessions.values(), key=lambda s: (str(s.session.created_at), s.id))

    def keep(self, session: ManagedSession) -> None:
        """Know it from now on, in place of another of its id."""
        self._sessions[session.id] = session

    def get(self, session_id: str) -> ManagedSession | None:
        """The session of an id."""
        return self._sessions.get(session_id)

    def drop(self, path: str, ended: bool = False) -> None:
        """Know those at a path no more; only those that have `ended`, if so."""
        for session in [s for s in self._sessions.values() if s.path == path and (s.life.ended or not ended)]:
            del self._sessions[session.id]

    def find(self, name: str) -> ManagedSession:
        """By id, unique prefix, or project path. Raises `unknown-session` or `ambiguous-session`."""
        if name in self._sessions:
            return self._sessions[name]
        path = name.rstrip("/")
        found = [s for s in self._sessions.values() if name and (s.path == path if path.startswith("/") else s.id.startswith(name))]
        if len(found) > 1:
            ids = ", ".join([*(session.id for session in found[:SHOWN_IDS]), *(["..."] if len(found) > SHOWN_IDS else [])])
            raise FontmillError("ambiguous-session", f"{len(found)} sessions begin with {name[:60]!r}: {ids}.")
        if not found:
            raise FontmillError("unknown-session", f"There is no session {name[:60]!r}.")
        return found[0]

    def holder_of(self, path: str) -> ManagedSession | None:
        """The session that is at work in a project, or paused in it."""
        return next((s for s in self._sessions.values() if s.path == path and not s.life.ended and not s.stranded), None)

    def lock_holder(self, path: str) -> ManagedSession | None:
        """The session that has a project's tree, ended ones that have yet to let go of it included."""
        return next((s for s in self._sessions.values() if s.path == path and s.holds_tree), None)

    def is_superseded(self, session: ManagedSession) -> bool:
        """Whether another object speaks for it: it has moved, or was opened again."""
        return self._sessions.get(session.id, session) is not session
