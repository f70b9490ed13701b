"""`fontmill watch` and `fontmill events`: what happens, as it happens."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from fontmill.cli.arguments import Invocation, number
from fontmill.cli.live import Bars
from fontmill.cli.ondisk import is_project, only_on_disk
from fontmill.cli.text import clean, outcome, status_line
from fontmill.errors import ExitStatus, FontmillError
from fontmill.verbs import validate

Map = Mapping[str, Any]
ENDS = frozenset({"session-completed", "session-failed"})
SHOWN_VALUES = (str, int, float, bool)


def run(call: Invocation) -> int:
    """Show one session until it ends, or all of them until interrupted."""
    session, client = call.session(), call.client()
    try:
        stream = client.subscribe(session)
        answer = client.status(session)
    except FontmillError as error:
        if not (session and only_on_disk(call, error, session) and is_project(session)):
            raise
        return _watched(call, session)
    sessions = [answer] if session else [s for s in answer.get("sessions") or () if s.get("status") in ("active", "paused")]
    bars = Bars() if call.output.live and sys.stdout.isatty() else None
    try:
        if bars:
            for status in sessions:
                bars.update(status)
        elif not call.output.as_json:
            for status in sessions:
                call.output.note(status_line(status))  # of a paused session no event may ever come
        if session and answer.get("status") in ("completed", "failed"):
            call.output.result(answer, [status_line(answer)])
            return outcome(answer)
        for event in stream:
            shown = _shown(call, bars, event)
            if session and event["kind"] in ENDS:
                return outcome(shown or client.status(session))
    finally:
        if bars:
            bars.close()
    return ExitStatus.OK


def _watched(call: Invocation, folder: str) -> int:
    """Show a project that no daemon knows until nobody works on it: without a terminal as events `progress` that have no mark."""
    from fontmill.cli.following import followed  # noqa: PLC0415  few need it

    bars = Bars() if call.output.live and sys.stdout.isatty() else None
    status: Map = {}
    shown: Map = {}
    try:
        with closing(followed(call, folder)) as statuses:
            for status in statuses:
                if bars:
                    bars.update(status)
                elif status["owner"] and status != shown:
                    shown = status
                    event = {"t": time.time(), "kind": "progress", "session": status["session_id"], "d": status}
                    call.output.result(event, [event_line(event)])
    finally:
        if bars:
            bars.close()
    call.output.result(status, [status_line(status)])
    return outcome(status)


def _shown(call: Invocation, bars: Bars | None, event: Map) -> Map | None:
    if bars is None:
        call.output.result(event, [event_line(event)])
        return None
    if event["kind"] == "progress":
        bars.update(event["d"])
    elif event["session"] and event["kind"].startswith("session-"):
        status = call.client().status(event["session"])
        bars.update(status)
        return status
    return None


def event_line(event: Map) -> str:
    """An event in one line."""
    data = event["d"]
    told = status_line(data) if "total_samples" in data else " ".join(
        f"{clean(key)}={clean(value)}" for key, value in data.items() if isinstance(value, SHOWN_VALUES)
    )
    return f"{clean(_when(event))}  {clean((event['session'] or '-')[:12])}  {clean(event['kind'])}  {told}".rstrip()


def _when(event: Map) -> str:
    told = event.get("t")
    return time.strftime("%H:%M:%S", time.localtime(told)) if isinstance(told, (int, float)) else str(told or "-")


def events(call: Invocation) -> int:
    """What the replay ring holds, and with `--follow` what comes after it."""
    session, client = call.session(), call.client()
    since = int(validate("events", {"since": number(call.options.since or 0, "since")})["since"])
    boot = call.options.boot or (client.ping().get("boot", "") if since else "")
    answer = client.events(str(boot), since, session)
    shown = answer.get("events") or ()
    if call.output.as_json and not call.options.follow:
        call.output.emit(answer)
        return ExitStatus.OK
    if not answer.get("complete", True):
        call.output.note("fontmill: older events are gone.")
    for event in shown:
        call.output.result(event, [event_line(event)])
    if call.options.follow:
        for event in client.subscribe(session, since=(str(answer["boot"]), int(answer["seq"]))):
            call.output.result(event, [event_line(event)])
    return ExitStatus.OK
