"""The event stream that proves it has no gaps: a plan that joins, orders, heals and says what it could not heal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fontmill import wire
from fontmill.errors import FontmillError
from fontmill.plans import Emit, Patience, Peer, Plan, Receive, Subscribe, call

FIRST_CHECK = 0.05
IDLE_CHECK = 1.0
GAP = "gap"


class Tracker:
    """The mark (boot, seq) of the last event handed out, and the order of what comes after it."""

    def __init__(self, boot: str = "", seq: int = 0) -> None:
        self.boot, self.seq = boot, seq
        self._farewell = False

    def follows(self, event: Mapping[str, Any]) -> bool:
        """Whether this is the very next event."""
        return (event["boot"], event["seq"]) == (self.boot, self.seq + 1)

    def stale(self, event: Mapping[str, Any]) -> bool:
        """Whether this event was handed out before."""
        return bool(event["boot"] == self.boot and event["seq"] <= self.seq)

    def advance(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take an event as handed out."""
        self.boot, self.seq = event["boot"], event["seq"]
        self._farewell = event["kind"] == "daemon-stopping"
        return event

    def replay(self, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of an answer of the verb `events` that are new, in order, with a gap where some are lost."""
        boot, last = str(answer.get("boot", "")), answer.get("seq")
        if boot != self.boot:
            if self.boot and not self._farewell:
                yield self._gap("daemon-restarted", boot, 0)
            self.boot, self.seq, self._farewell = boot, 0, False
        for event in map(wire.checked_event, answer.get("events") or ()):
            if event["boot"] != boot or event["seq"] <= self.seq:
                continue
            if event["seq"] > self.seq + 1:
                yield self._gap("overrun", boot, event["seq"] - 1)
            yield self.advance(event)
        if isinstance(last, int) and last > self.seq:
            yield self._gap("overrun", boot, last)
            self.seq = last

    def _gap(self, reason: str, boot: str, until: int) -> dict[str, Any]:
        lost = {"reason": reason, "boot": self.boot, "after": self.seq, "until": until}
        return {
            "v": wire.PROTOCOL_VERSION, "boot": boot, "seq": until, "t": None, "kind": GAP, "session": None, "d": lost,
        }


def join(peer: Peer, tracker: Tracker, timeout: float) -> Plan[None]:
    """Open the events socket, and take the present as the mark unless the tracker has one already."""
    yield Subscribe()
    if not tracker.boot:
        reply = yield from call(peer, "ping", {}, timeout)
        tracker.boot, tracker.seq = reply.boot, reply.seq


def follow(peer: Peer, tracker: Tracker, session: str | None, timeout: float, patience_seconds: float) -> Plan[None]:
    """Emit every event after the tracker's mark, once and in order, for ever.

    A lost event is fetched from the replay ring; when the ring no longer holds it, and when a daemon ended
    without saying so, an event of kind `gap` stands for what is lost. With `session` only its events and gaps
    are emitted. Raises `not-running` when no daemon answers for `patience_seconds`.
    """
    patience = Patience(peer, patience_seconds)
    check = FIRST_CHECK
    while True:
        frames = yield Receive(check, events=True)
        event = _parsed(frames)
        if event is not None and tracker.stale(event):
            continue
        if event is not None and tracker.follows(event):
            check = IDLE_CHECK
            yield from _emit(tracker.advance(event), session)
            continue
        check = min(check * 2, IDLE_CHECK)
        try:
            reply = yield from call(peer, "events", {"boot": tracker.boot, "since": tracker.seq}, timeout)
            missed = list(tracker.replay(reply.result if isinstance(reply.result, dict) else {}))
        except FontmillError as error:
            yield from patience.bear(error)
            continue
        patience.answered()
        for event in missed:
            yield from _emit(event, session)


def statuses(peer: Peer, session: str, timeout: float, patience_seconds: float) -> Plan[None]:
    """Emit the status of a session, and again whenever an event tells of another, for ever.

    The daemon sends no events but these. Numbers have holes then, so it is asked after every other event than
    `progress`, and after a second of silence: what is lost is made up for by then. Raises as `follow` does.
    """
    known = yield from call(peer, "status", {"session": session}, timeout)
    yield Emit(known.result)
    yield Subscribe(tuple(wire.event_topic(kind, known.result["session_id"]) for kind in ("progress", "session-")))
    patience, check = Patience(peer, patience_seconds), FIRST_CHECK
    while True:
        event = _parsed((yield Receive(check, events=True)))
        if event is not None and event["boot"] == known.boot and event["seq"] <= known.seq:
            continue  # the answer came later and knew of it
        if event is not None and event["kind"] == "progress" and "status" in event["d"]:
            check = IDLE_CHECK
            yield Emit(event["d"])
            continue
        check = min(check * 2, IDLE_CHECK)
        try:
            known = yield from call(peer, "status", {"session": session}, timeout)
        except FontmillError as error:
            yield from patience.bear(error)
            continue
        patience.answered()
        yield Emit(known.result)


def _emit(event: dict[str, Any], session: str | None) -> Plan[None]:
    if session is None or event["session"] == session or event["kind"] == GAP:
        yield Emit(event)


def _parsed(frames: list[bytes] | None) -> dict[str, Any] | None:
    try:
        return None if frames is None else wire.parse_event(frames)
    except FontmillError:
        return None  # not an event; if one was lost with it, the next check finds out
