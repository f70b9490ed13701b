"""`fontmill resume`: one session, or the dialog that shows what can be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.output import interactive
from fontmill.cli.parser import usage_error
from fontmill.cli.text import (
    SELF_HEALING,
    clean,
    count,
    percent,
    project,
    settled,
    status_lines,
    unread,
    whole,
    why,
)
from fontmill.errors import ExitStatus

Map = Mapping[str, Any]
LIFTED = frozenset({"user", "crashloop"})


def run(call: Invocation) -> int:
    """Resume a session, all sessions, or those chosen from the dialog."""
    session = call.session()
    if session is not None and call.options.all:
        raise usage_error("A session and --all exclude each other.", "resume")
    if session is not None:
        status = call.client().resume(session)
        call.output.result(status, status_lines(status))
        return ExitStatus.OK
    incomplete = [s for s in call.client().list().get("sessions") or () if s.get("status") in ("paused", "active")]
    if call.options.all:
        return _resume(call, [s for s in incomplete if s.get("status") == "paused"])
    return _dialog(call, incomplete)


def _resume(call: Invocation, sessions: Sequence[Map]) -> int:
    resumed = [call.client().resume(str(session["session_id"])) for session in sessions]
    lines = [line for status in resumed for line in (*status_lines(status), "")]
    call.output.result({"sessions": resumed}, lines[:-1] or ["nothing to resume"])
    return ExitStatus.OK


def _dialog(call: Invocation, incomplete: Sequence[Map]) -> int:
    paused = [session for session in incomplete if session.get("status") == "paused"]
    if call.output.as_json:
        call.output.emit({"sessions": incomplete})
    else:
        for line in _overview(incomplete, paused):
            print(line, flush=True)
    if not paused:
        return ExitStatus.OK
    if call.output.as_json or not interactive():
        call.output.note("fontmill: Name the session to resume, or give --all.")
        return ExitStatus.USAGE
    try:
        answer = input("resume which? [numbers, a = all, Enter = none] ")
    except EOFError:
        answer = ""
    return _resume(call, chosen(answer, paused))


def chosen(answer: str, paused: Sequence[Map]) -> list[Map]:
    """The sessions an answer names. Raises `invalid-argument`."""
    words = answer.replace(",", " ").split()
    if words in (["a"], ["all"]):
        return list(paused)
    if not all(word.isdecimal() and 1 <= int(word) <= len(paused) for word in words):
        raise usage_error(f"Answer with numbers from 1 to {len(paused)}.", "resume")
    return [paused[int(word) - 1] for word in dict.fromkeys(words)]


def _overview(incomplete: Sequence[Map], paused: Sequence[Map]) -> list[str]:
    if not incomplete:
        return ["no incomplete sessions"]
    lines = []
    for session in incomplete:
        number = f"{paused.index(session) + 1}." if session in paused else "-"
        done, total = count(whole(session, "exported_samples")), count(whole(session, "total_samples"))
        lines += [
            f"{number:<3}{clean(session.get('session_id', ''))}  {project(session)}",
            f"   {'-' if unread(session) else f'{done} of {total}'} pairs ({percent(session)}), last written {clean(session.get('last_updated') or '-')}",
            f"   {why(session) or 'running'}; {_prospect(session)}",
        ]
    return lines


def _prospect(session: Map) -> str:
    reasons = {str(reason) for reason in session.get("pause_reasons") or ()}
    left = count(whole(session, "total_samples") - settled(session))
    if unread(session):
        return "how far it is is not known yet"
    if session.get("status") == "active":
        return f"{left} pairs to go, nothing to resume"
    if reasons - LIFTED - SELF_HEALING:
        return "resuming will not help before that is mended"
    if reasons & SELF_HEALING:
        return "goes on by itself when that has passed"
    return f"resuming will make the {left} pairs that are left"


