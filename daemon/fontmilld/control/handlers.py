"""What each verb does: a flat table from the verb's name to a function. No attribute look-up from the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from fontmill import __version__, wire
from fontmill.errors import FontmillError
from fontmilld.control.server import Call
from fontmilld.core import diagnosis
from fontmilld.intake import StartRequest
from fontmilld.manager import PersistentExportManager
from fontmilld.projects import ProjectOperations


class DaemonFacts(Protocol):
    """What the daemon tells about itself."""

    boot: str

    def describe(self) -> dict[str, Any]:
        """`{pid, boot, uptime, workers, ...}`."""

    def settings_in_force(self) -> dict[str, Any]:
        """The daemon's settings by name."""

    def shut_down(self) -> None:
        """Drain, checkpoint and leave."""


Handler = Callable[[dict[str, Any], Call], None]


class VerbHandlers:
    """Answers calls. Arguments arrive validated; an answer may come after `call` has returned."""

    def __init__(self, manager: PersistentExportManager, projects: ProjectOperations, facts: DaemonFacts) -> None:
        self._manager = manager
        self._projects = projects
        self._facts = facts
        self._table: Mapping[str, Handler] = {
            "hello": self._hello, "ping": self._ping, "start": self._start, "pause": self._pause,
            "resume": self._resume, "status": self._status, "list": self._list, "wait": self._wait,
            "fonts": self._fonts, "cancel": self._cancel, "complete": self._complete, "events": self._events,
            "shutdown": self._shutdown, "detect": self._detect, "adopt": self._adopt, "verify": self._verify,
            "repair": self._repair, "retry-failed": self._retry_failed, "delete": self._delete,
            "preview": self._preview, "rebuild": self._rebuild,
            "health": self._health, "why": self._why, "metrics": self._metrics, "config": self._config,
        }

    def call(self, op: str, args: dict[str, Any], call: Call) -> None:
        """Answer `op`, now or later. Raises FontmillError for an answer that is an error now."""
        self._table[op](args, call)

    def _hello(self, args: dict[str, Any], call: Call) -> None:
        if args["min"] > wire.PROTOCOL_VERSION or args["max"] < wire.PROTOCOL_MIN:
            raise FontmillError("version-mismatch", details={"min": wire.PROTOCOL_MIN, "max": wire.PROTOCOL_VERSION})
        call.answer({
            "version": min(args["max"], wire.PROTOCOL_VERSION), "features": list(wire.FEATURES),
            "daemon_version": __version__, **self._facts.describe(),
        })

    def _ping(self, args: dict[str, Any], call: Call) -> None:
        facts = self._facts.describe()
        call.answer({"boot": facts["boot"], "uptime": facts["uptime"]})

    def _start(self, args: dict[str, Any], call: Call) -> None:
        self._manager.create_session(StartRequest.from_args(args, call.key), _answer(call))

    def _preview(self, args: dict[str, Any], call: Call) -> None:
        self._manager.preview(args, _answer(call))

    def _pause(self, args: dict[str, Any], call: Call) -> None:
        call.answer(self._manager.pause_session(args["session"]))

    def _resume(self, args: dict[str, Any], call: Call) -> None:
        call.answer(self._manager.resume_session(args["session"]))

    def _status(self, args: dict[str, Any], call: Call) -> None:
        if args["session"]:
            call.answer(self._manager.get_session_progress(args["session"]))
        else:
            call.answer({"daemon": self._facts.describe(), "sessions": self._all()})

    def _list(self, args: dict[str, Any], call: Call) -> None:
        if args["output_path"] or args["fonts"]:
            self._projects.find(args["output_path"], args["fonts"], _answer(call))
        else:
            call.answer({"sessions": self._all()})

    def _all(self) -> list[dict[str, Any]]:
        return [session.status() for session in self._manager.sessions()]

    def _wait(self, args: dict[str, Any], call: Call) -> None:
        self._manager.wait(args["session"], args["quiescent"], _answer(call), lambda: call.open)

    def _fonts(self, args: dict[str, Any], call: Call) -> None:
        session = self._manager.find(args["session"])
        call.answer({"session_id": session.id, "fonts": session.fonts()})

    def _cancel(self, args: dict[str, Any], call: Call) -> None:
        call.answer(self._manager.cancel_session(args["session"]))

    def _complete(self, args: dict[str, Any], call: Call) -> None:
        answer = _answer(call)
        self._projects.complete(args["session"], lambda result: answer(result if isinstance(result, FontmillError) else result.to_dict()))

    def _events(self, args: dict[str, Any], call: Call) -> None:
        session = self._manager.find(args["session"]).id if args["session"] else None
        call.answer(call.server.events.since(args["boot"], args["since"], session))

    def _detect(self, args: dict[str, Any], call: Call) -> None:
        self._projects.detect(args["path"], _answer(call))

    def _adopt(self, args: dict[str, Any], call: Call) -> None:
        self._projects.adopt(args["path"].rstrip("/"), args["fonts"], _answer(call))

    def _verify(self, args: dict[str, Any], call: Call) -> None:
        answer = _answer(call)
        self._projects.verify(args["session"], args["level"],
                              lambda result: answer(result if isinstance(result, FontmillError) else result.to_dict()))

    def _repair(self, args: dict[str, Any], call: Call) -> None:
        self._projects.repair(args["session"], _answer(call))

    def _retry_failed(self, args: dict[str, Any], call: Call) -> None:
        self._projects.retry_failed(args["session"], _answer(call))

    def _rebuild(self, args: dict[str, Any], call: Call) -> None:
        self._projects.rebuild(args["session"], args["font"], args["index"], _answer(call))

    def _delete(self, args: dict[str, Any], call: Call) -> None:
        self._projects.delete(args["session"], _answer(call))

    def _health(self, args: dict[str, Any], call: Call) -> None:
        checks = diagnosis.health(self._facts.describe(), self._all())
        call.answer({"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]})

    def _why(self, args: dict[str, Any], call: Call) -> None:
        session = self._manager.find(args["session"])
        status = session.status()
        lines = diagnosis.explain(status, session.pause_details, session.fonts())
        call.answer({"session_id": session.id, "status": status["status"], "lines": lines})

    def _metrics(self, args: dict[str, Any], call: Call) -> None:
        sessions = [{"session_id": session.id, **session.measured()} for session in self._manager.sessions()]
        call.answer({"daemon": self._facts.describe(), "sessions": sessions})

    def _config(self, args: dict[str, Any], call: Call) -> None:
        call.answer(self._facts.settings_in_force())

    def _shutdown(self, args: dict[str, Any], call: Call) -> None:
        call.answer({})
        self._facts.shut_down()


def _answer(call: Call) -> Callable[[Any], None]:
    def done(result: Any) -> None:
        if isinstance(result, FontmillError):
            call.fail(result)
        else:
            call.answer(result)
    return done
