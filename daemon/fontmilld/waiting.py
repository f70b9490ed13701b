"""Who waits until something is true of a session, and is told so once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fontmill.errors import FontmillError
from fontmilld.session import ManagedSession

MAX_WAITING = 4096


@dataclass(slots=True)
class _Waiting:
    """`ready` says whether it is time to call `done` with the session, `wanted` whether anybody still waits for that."""

    session_id: str
    ready: Callable[[ManagedSession], bool]
    done: Callable[[ManagedSession], None]
    wanted: Callable[[], bool] = lambda: True


class WaitingRoom:
    """All who wait for sessions. A session is known by its id: it may go on in another object."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def until(self, session_id: str, ready: Callable[[ManagedSession], bool], done: Callable[[ManagedSession], None]) -> None:
        """Call `done` with the session at the first `changed` at which it is ready."""
        self._waiting.append(_Waiting(session_id, ready, done))

    def until_settled(self, session: ManagedSession, quiescent: bool, done: Callable[[Any], None], wanted: Callable[[], bool]) -> None:
        """`done` gets the status once the session has ended or is paused (and quiet, if asked for). Raises `busy`."""
        self._waiting = [waiting for waiting in self._waiting if waiting.wanted()]
        if _settled(session, quiescent):
            done(session.status())
        elif len(self._waiting) >= MAX_WAITING:
            raise FontmillError("busy", "Too many calls wait already.", after_ms=1000)
        else:
            self._waiting.append(_Waiting(session.id, lambda s: _settled(s, quiescent), lambda s: done(s.status()), wanted))

    def changed(self, session: ManagedSession) -> None:
        """Answer those who waited for this."""
        ready: list[_Waiting] = []
        later: list[_Waiting] = []
        for waiting in self._waiting:
            mine = waiting.session_id == session.id and waiting.ready(session)
            (ready if mine else later).append(waiting)
        self._waiting = later
        for waiting in ready:
            waiting.done(session)


def _settled(session: ManagedSession, quiescent: bool) -> bool:
    if session.life.ended:
        return session.quiescent or not quiescent
    return bool(session.life.reasons) and (session.quiescent or not quiescent)
