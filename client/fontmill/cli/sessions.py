"""Commands about sessions: pause, status, list, fonts, wait, shutdown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.ondisk import is_project, last_told, only_on_disk, read
from fontmill.cli.simple import lines
from fontmill.cli.text import (
    SELF_HEALING,
    clean,
    count,
    daemon_lines,
    outcome,
    sessions_table,
    status_line,
    status_lines,
    table,
    whole,
)
from fontmill.errors import ExitStatus, FontmillError

PATIENCE = 60.0
POLL = 0.02


def pause(call: Invocation) -> int:
    """Pause, and unless told otherwise wait until no picture is being written any more."""
    return _quieted(call, "Paused")


def cancel(call: Invocation) -> int:
    """Cancel, and unless told otherwise wait until no picture is being written any more."""
    return _quieted(call, "Cancelled")


def _quieted(call: Invocation, done: str) -> int:
    args = call.verb_args()
    client, limit = call.client(), call.timeout or PATIENCE
    status = client.call(call.command, args)
    if not call.options.no_wait and not status.get("quiescent", True):
        try:
            status = client.wait(status.get("session_id", args["session"]), timeout=limit)
        except FontmillError as error:
            if error.slug != "timed-out":
                raise
            raise FontmillError("timed-out", f"{done}, but pictures were still being written after {limit:g} s.") from error
    call.output.result(status, status_lines(status))
    return ExitStatus.OK


def status(call: Invocation) -> int:
    """One session, or the daemon and all its sessions."""
    args = call.verb_args()
    try:
        answer = call.client().call("status", args)
    except FontmillError as error:
        named = str(args.get("session", ""))
        told = _from_folder(call, named) if only_on_disk(call, error, named) else None
        if told is None:
            raise
        answer = told
    if "session" in args:
        call.output.result(answer, status_lines(answer))
    else:
        daemon = answer.get("daemon")
        about = daemon_lines(daemon) if isinstance(daemon, Mapping) else []
        call.output.result(answer, [*about, "", *_sessions(answer.get("sessions") or ())])
    return ExitStatus.OK


def _from_folder(call: Invocation, named: str) -> dict[str, Any] | None:
    """The status that a project's folder tells: its last word, unless that need not hold any more."""
    told = last_told(named)
    if is_project(named) and (told is None or _may_have_passed(told)):
        try:
            return read(call, named)
        except FontmillError:
            if told is None:
                raise
    if told is not None:
        told = _attended(call, named, told)
        call.output.note(f"No daemon knows it; this is what the project itself said last, at {clean(told.get('last_updated', '?'))}.")
    return told


_INTERRUPTED = {
    "status": "interrupted", "phase": "interrupted", "processing_rate": 0.0, "estimated_time_remaining": None, "bottleneck": "",
}


def _attended(call: Invocation, named: str, told: dict[str, Any]) -> dict[str, Any]:
    """A last word, `interrupted` where it is of work under way and nobody works on the project."""
    from fontmill.cli.served import read  # noqa: PLC0415  few need it

    try:
        attended = told["status"] != "active" or read("owner", named, call.timeout)["owner"] is not None
    except FontmillError:
        attended = True  # nobody can tell
    return told if attended else {**told, **_INTERRUPTED}


def _may_have_passed(told: Mapping[str, Any]) -> bool:
    """Whether a last word is of what may be over since, or lie elsewhere: work under way, a pause that goes by itself, storage that failed."""
    passing = any(str(reason) in {*SELF_HEALING, "fault"} for reason in told["pause_reasons"])
    return told["status"] == "active" or bool(told.get("parts")) or passing


def listing(call: Invocation) -> int:
    """The sessions the daemon knows."""
    answer = call.client().call("list", call.verb_args())
    call.output.result(answer, _sessions(answer.get("sessions") or ()))
    return ExitStatus.OK


def _sessions(sessions: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = list(sessions)
    return sessions_table(rows) if rows else ["no sessions"]


def fonts(call: Invocation) -> int:
    """Every face of the session and every refused file."""
    session = call.verb_args()["session"]
    answer = _or_read(call, session)
    entries = [entry for entry in answer.get("fonts") or () if isinstance(entry, Mapping)]
    rows = [
        (entry.get("font_id", ""), entry.get("status", ""), _progress(entry), entry.get("source", ""), entry.get("reason", ""))
        for entry in entries
    ]
    shown = {"session_id": answer.get("session_id", session), **answer}
    call.output.result(shown, table(("FONT", "STATUS", "PAIRS", "SOURCE", "REASON"), rows))
    return ExitStatus.OK


def _or_read(call: Invocation, session: str) -> dict[str, Any]:
    """The daemon's reply, or, where none knows the project, what its folder says."""
    try:
        return call.client().call(call.command, {"session": session})
    except FontmillError as error:
        if only_on_disk(call, error, session) and is_project(session):
            return read(call, session)
        raise


def _progress(entry: Mapping[str, Any]) -> str:
    return f"{count(whole(entry, 'done_samples'))}/{count(whole(entry, 'total_samples'))}"


def wait(call: Invocation) -> int:
    """Wait for the session's end or pause; the exit status tells how it went."""
    session = call.verb_args()["session"]
    try:
        final: Mapping[str, Any] = call.client().wait(session, timeout=call.timeout)
    except FontmillError as error:
        if not (only_on_disk(call, error, session) and is_project(session)):
            raise
        from fontmill.cli.following import waited  # noqa: PLC0415  few need it

        final = waited(call, session)
    call.output.result(final, [clean(status_line(final))])
    return outcome(final)


def why(call: Invocation) -> int:
    """Why a session is as it is, in sentences."""
    answer = _or_read(call, call.verb_args()["session"])
    call.output.result(answer, [clean(line) for line in answer.get("lines") or ()])
    return ExitStatus.OK


def health(call: Invocation) -> int:
    """Whether all is well; exit status 1 when it is not."""
    answer = call.client().health()
    checks = [check for check in answer.get("checks") or () if isinstance(check, Mapping)]
    rows = [("ok" if check.get("ok") else "NOT OK", check.get("name", ""), check.get("detail", "")) for check in checks]
    call.output.result(answer, table(("", "CHECK", "DETAIL"), rows))
    return ExitStatus.OK if answer.get("ok") else ExitStatus.FAILED


def metrics(call: Invocation) -> int:
    """Counts and rates: a block for the daemon, and one for each session."""
    answer = call.client().metrics()
    told = lines(answer.get("daemon") or {})
    for session in answer.get("sessions") or ():
        told += ["", clean(session.get("session_id", "")), *lines({**session.get("stats", {}), **_performance(session.get("performance", {}))})]
    call.output.result(answer, told)
    return ExitStatus.OK


def _performance(told: Mapping[str, Any]) -> dict[str, Any]:
    stages = told.get("stages")
    if not isinstance(stages, Mapping):
        return dict(told)
    shares = {name: f"{share:.0%}" if isinstance(share, (int, float)) else share for name, share in stages.items()}
    return {**told, "stages": shares}


def shutdown(call: Invocation) -> int:
    """End the daemon, and unless told otherwise wait until it is gone."""
    client, limit = call.client(), call.timeout or PATIENCE
    answer = client.shutdown()
    if not call.options.no_wait:
        _until_gone(client.endpoint, limit)
    call.output.result(answer or {}, ["the daemon ends" if call.options.no_wait else "the daemon has ended"])
    return ExitStatus.OK


def _until_gone(endpoint: Any, limit: float) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            endpoint.probe()
        except FontmillError:
            return
        time.sleep(POLL)
    raise FontmillError("timed-out", f"The daemon had not ended after {limit:g} s.")
