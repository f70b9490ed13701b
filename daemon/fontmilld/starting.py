"""Requests to start a session, from the request to its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession
from fontmilld.conditions import Conditions
from fontmilld.core.lifecycle import LIFTED_BY_RESUME, Phase
from fontmilld.intake import Intake, Probing, StartRequest
from fontmilld.opening import refuse_different
from fontmilld.outside import CheckedOutput, Done, Ports
from fontmilld.registry import Registry
from fontmilld.session import ManagedSession
from fontmilld.trees import Trees, start_reply

MAX_SESSIONS = 64


class Starts:
    """The starts that are under way: one a key, and one answer for all who asked with it; a project that runs is taken up."""

    def __init__(self, ports: Ports, probing: Probing, registry: Registry, trees: Trees, conditions: Conditions) -> None:
        self._ports = ports
        self._probing = probing
        self._registry = registry
        self._trees = trees
        self._conditions = conditions
        self._joined: dict[str, list[Done]] = {}
        self._under_way = 0

    def begin(self, request: StartRequest, done: Done) -> None:
        """`done` gets the reply of `start` once the session is recorded durably. Raises `shutting-down`, `too-many-sessions`."""
        if self._conditions.leaving:
            raise FontmillError("shutting-down")
        if request.key and self._join(request.key, done):
            return
        if self._under_way + sum(1 for session in self._registry.sessions if not session.life.ended) >= MAX_SESSIONS:
            self._joined.pop(request.key or "", None)
            raise FontmillError("too-many-sessions")
        finish = self._finisher(request.key, done)
        self._ports.check_output(request, lambda found: self._checked(request, found, finish))

    def _join(self, key: str, done: Done) -> bool:
        """A key that is being worked on gets one answer for all who asked."""
        if key in self._joined:
            self._joined[key].append(done)
            return True
        self._joined[key] = []
        return False

    def _finisher(self, key: str | None, done: Done) -> Done:
        self._under_way += 1

        def finish(result: Any) -> None:
            self._under_way -= 1
            for waiting in [done, *(self._joined.pop(key, []) if key else [])]:
                waiting(result)
        return finish

    def _checked(self, request: StartRequest, found: CheckedOutput | FontmillError, finish: Done) -> None:
        if isinstance(found, FontmillError):
            finish(found)
        elif found.session_id and (session := self._registry.get(found.session_id)) is not None:
            finish(start_reply(session, True))
        else:
            request = replace(request, output_path=found.path)
            intake = Intake(request, self._probing, self._ports.utc, lambda result: self._open(request, result, finish))
            self._ports.find_fonts(request.fonts, intake.files_found)

    def _open(self, request: StartRequest, wanted: ExportSession | FontmillError, finish: Done) -> None:
        if isinstance(wanted, FontmillError):
            finish(wanted)
            return
        path = wanted.project_path
        holder = self._registry.holder_of(path)
        if holder is not None:
            finish(_taken_up(holder, wanted))
        elif not self._trees.postponed(path, lambda: self._open(request, wanted, finish), finish):
            self._trees.open(wanted, self._ports.create(wanted, request.key, request.force, request.text), finish)


def _taken_up(holder: ManagedSession, wanted: ExportSession) -> Any:
    """The reply for who asks for what `holder` does already, or the error."""
    if holder.life.phase is Phase.PREPARING:
        return FontmillError("busy", "The project is just being opened.", after_ms=500)
    try:
        refuse_different(holder.session, wanted)
    except FontmillError as error:
        return error
    holder.lift(*LIFTED_BY_RESUME)
    return start_reply(holder, True)
