"""The verbs as methods, for whichever client drives them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack

from fontmill import plans, stream, verbs, wire
from fontmill.endpoint import Endpoint
from fontmill.plans import Peer, Plan

if TYPE_CHECKING:
    from fontmill.options import PreviewOptions, StartOptions

TIMEOUT = 10.0
LONG_TIMEOUT = 600.0
"""For verbs that read or inspect all that they are about, unless told otherwise: the longest that a daemon allows."""
WAIT_SLICE = 30.0
PATIENCE = 15.0
R = TypeVar("R")
Path = str | os.PathLike[str]
Map = dict[str, Any]
Joined = tuple[stream.Tracker, str | None]


class Verbs(Generic[R]):
    """What both clients are made of: the verbs as plans, and the endpoint they go to.

    A verb returns a map (`Client`) or an awaitable of one (`AsyncClient`). It raises `FontmillError` with the
    daemon's slug, `not-running`, `timed-out`, or `invalid-argument` for an argument that the verb does not take.
    """

    def __init__(self, socket: Path | None, timeout: float) -> None:
        self.endpoint = Endpoint(socket)
        self.timeout = timeout
        self._peer = Peer(self.endpoint.probe, self.endpoint.identity)

    def _request(self, plan: Plan[Map]) -> R:
        """Drive a plan to its end."""
        raise NotImplementedError

    def call(
        self, op: str, args: Mapping[str, Any] | None = None, *, timeout: float | None = None, key: str | None = None,
    ) -> R:
        """The result of any verb. `key` makes the call idempotent: a repeated key gets the first answer again."""
        return self._request(self._call_plan(op, args or {}, timeout, key))

    def hello(self) -> R:
        """What this daemon is and can do; raises `version-mismatch` when no protocol version is shared."""
        return self.call("hello", {"min": wire.PROTOCOL_MIN, "max": wire.PROTOCOL_VERSION})

    def ping(self) -> R:
        """The daemon's boot id and uptime, at once."""
        return self.call("ping", {})

    def start(
        self, output_path: Path, project_name: str, fonts: Sequence[Path], *,
        timeout: float | None = None, key: str | None = None, **options: Unpack[StartOptions],
    ) -> R:
        """Start a session or take up the one this project holds: `{session_id, project_path, resumed, refused_fonts, ...}`.

        Paths are absolute. It returns once the fonts are inspected and the session is recorded, after `timeout` (600) seconds at the latest.
        Safe to interrupt and repeat: the request carries an idempotency key and is sent again if its answer is lost.
        """
        args = {"output_path": output_path, "project_name": project_name, "fonts": fonts, **options}
        return self.call_start(args, timeout, key)

    def call_start(self, args: Mapping[str, Any], timeout: float | None = None, key: str | None = None) -> R:
        """`start` with its arguments in one map."""
        return self._request(self._start_plan(args, timeout, key))

    def preview(self, fonts: Sequence[Path], *, timeout: float = LONG_TIMEOUT, **options: Unpack[PreviewOptions]) -> R:
        """A contact sheet of what `start` would make: `{sheet, pairs, fonts, ...}`, `sheet` the bytes of a PNG file. Keeps nothing."""
        return self.call("preview", {"fonts": fonts, **options}, timeout=timeout)

    def pause(self, session: Path) -> R:
        """Stop dispatching. The status tells by `quiescent` whether a picture is still being written."""
        return self.call("pause", {"session": session})

    def resume(self, session: Path) -> R:
        """Lift the reasons `user`, `crashloop` and `fault`; the status after that."""
        return self.call("resume", {"session": session})

    def status(self, session: Path | None = None) -> R:
        """The status object of a session, or `{daemon, sessions}`."""
        return self.call("status", {"session": session})

    def list(self, output_path: Path | None = None, fonts: Sequence[str] = ()) -> R:
        """`{sessions}`, a status object each; with a path or fonts only those that lie there, or have one of them."""
        return self.call("list", {"output_path": output_path, "fonts": fonts or None})

    def fonts(self, session: Path) -> R:
        """`{fonts}`, an entry for every face and every refused file."""
        return self.call("fonts", {"session": session})

    def cancel(self, session: Path) -> R:
        """End the session; what is made stays, and `start` with the same options takes it up again."""
        return self.call("cancel", {"session": session})

    def complete(self, session: Path, *, timeout: float = LONG_TIMEOUT) -> R:
        """Finish a session as it stands, also one that runs; its summary. What is missing counts as skipped."""
        return self.call("complete", {"session": session}, timeout=timeout)

    def detect(self, path: Path, *, timeout: float = LONG_TIMEOUT) -> R:
        """`{sessions}`: those on disk in an output or project folder, known to this daemon or not, complete ones too."""
        return self.call("detect", {"path": path}, timeout=timeout)

    def adopt(self, path: Path, fonts: Sequence[Path] = (), *, timeout: float = LONG_TIMEOUT) -> R:
        """Take up the project in a folder and go on with it, as `start`. `fonts`: where its font files are now, if elsewhere."""
        return self.call("adopt", {"path": path, "fonts": fonts or None}, timeout=timeout)

    def verify(self, session: Path, level: Literal["quick", "full", "deep"] = "full", *, timeout: float = LONG_TIMEOUT) -> R:
        """`{ok, checked, damaged, left_out}`: a project held against its labels. By names and sizes (`quick`), digests, or drawn again (`deep`)."""
        return self.call("verify", {"session": session, "level": level}, timeout=timeout)

    def repair(self, session: Path, *, timeout: float = LONG_TIMEOUT) -> R:
        """Verify in full and begin to make anew what is damaged: `{damaged, remade_samples, session_id, ...}`.

        Where there is a `session_id`, `wait` for it tells how that ended.
        """
        return self.call("repair", {"session": session}, timeout=timeout)

    def retry_failed(self, session: Path, *, timeout: float = LONG_TIMEOUT) -> R:
        """Begin to try failed samples again and to make what is missing; as `start`."""
        return self.call("retry-failed", {"session": session}, timeout=timeout)

    def rebuild(self, session: Path, font: str, index: int, *, timeout: float = LONG_TIMEOUT) -> R:
        """One pair drawn anew and handed over: `{files, label, as_recorded, ...}`, `files` bytes by name. `index` counts from 1. Changes nothing."""
        return self.call("rebuild", {"session": session, "font": font, "index": index}, timeout=timeout)

    def delete(self, session: Path, *, timeout: float = LONG_TIMEOUT) -> R:
        """Remove a session and the files it made, without asking; files of others stay: `{exported_samples, foreign_files, ...}`."""
        return self.call("delete", {"session": session}, timeout=timeout)

    def events(self, boot: str = "", since: int = 0, session: Path | None = None) -> R:
        """`{boot, seq, complete, events}`: the events after a mark that the replay ring still holds."""
        return self.call("events", {"boot": boot, "since": since, "session": session})

    def health(self) -> R:
        """`{ok, checks}`: whether the daemon and its sessions are well."""
        return self.call("health", {})

    def why(self, session: Path) -> R:
        """`{session_id, status, lines}`: why the session is as it is, in sentences."""
        return self.call("why", {"session": session})

    def metrics(self) -> R:
        """`{daemon, sessions}`: counts, rates and where the time goes."""
        return self.call("metrics", {})

    def config(self) -> R:
        """The daemon's settings in force."""
        return self.call("config", {})

    def shutdown(self) -> R:
        """Have the daemon finish the batches in flight, checkpoint, and end."""
        return self.call("shutdown", {})

    def wait(
        self, session: Path, *, quiescent: bool = True, timeout: float | None = None, patience: float = PATIENCE,
    ) -> R:
        """The status once the session completes, fails or pauses. Bears a daemon's absence for `patience` seconds.

        Raises `timed-out` after `timeout` seconds; None waits for ever.
        """
        return self._request(self._wait_plan(session, quiescent, timeout, patience))

    def _call_plan(self, op: str, args: Mapping[str, Any], timeout: float | None, key: str | None) -> Plan[Any]:
        verbs.refuse_unknown(op, args)
        sent = {name: _plain(value) for name, value in args.items() if value is not None}
        reply = yield from plans.call(self._peer, op, sent, self.timeout if timeout is None else timeout, key)
        return reply.result

    def _start_plan(self, args: Mapping[str, Any], timeout: float | None, key: str | None) -> Plan[Map]:
        result: Map = yield from self._call_plan(
            "start", args, LONG_TIMEOUT if timeout is None else timeout, key or os.urandom(16).hex(),
        )
        return result

    def _wait_plan(self, session: Path, quiescent: bool, timeout: float | None, patience: float) -> Plan[Map]:
        args = {"session": _plain(session), "quiescent": quiescent}
        return plans.wait(self._peer, args, timeout, WAIT_SLICE, patience)

    def _join_plan(
        self, session: Path | None, since: tuple[str, int] | None,
    ) -> Plan[Joined]:
        tracker = stream.Tracker(*(since or ()))
        named = None if session is None else _named(session)
        yield from stream.join(self._peer, tracker, self.timeout)
        if named is None:
            return tracker, None
        status = yield from self._call_plan("status", {"session": named}, None, None)
        return tracker, str(status["session_id"])

    def _follow_plan(self, joined: Joined, patience: float) -> Plan[None]:
        return stream.follow(self._peer, joined[0], joined[1], self.timeout, patience)

    def _statuses_plan(self, session: Path, patience: float) -> Plan[None]:
        return stream.statuses(self._peer, _named(session), self.timeout, patience)


def _named(session: Path) -> str:
    """What names one session. Raises `invalid-argument` for an empty name: the daemon would tell of all of them."""
    named: str = verbs.validate("wait", {"session": _plain(session)})["session"]
    return named


def _plain(value: Any) -> Any:
    """Paths as text, also inside lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
