"""What a client does, without sockets: generators that yield effects, shared by the blocking and the async client.

A driver performs each effect and sends its result back in; everything that decides is in here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fontmill import wire
from fontmill.endpoint import Identity
from fontmill.errors import FontmillError

SAFE_VERBS = frozenset({"hello", "ping", "status", "list", "wait", "fonts", "events", "health", "why", "metrics", "config"})
FIRST_PROBE = 0.25
NEXT_PROBE = 1.0
RESEND_AFTER = 5.0
PASSING = frozenset({"not-running", "timed-out", "shutting-down", "busy"})
RETRY_PAUSE = 0.05
LONGEST_RETRY_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Connect:
    """Have a control socket to the daemon of this identity, and no older one. Result: whether it is new."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request on the control socket. Result: None."""

    frames: list[bytes]


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait at most `seconds` for a message on one of the sockets. Result: its frames, or None."""

    seconds: float
    events: bool = False


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Open the events socket for the topics that begin so; every topic does with b"". Result: None."""

    topics: tuple[bytes, ...] = (b"",)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let time pass. Result: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an event to the subscriber. Result: None."""

    event: dict[str, Any]


Effect = Connect | Send | Receive | Subscribe | Sleep | Emit
T = TypeVar("T")
Plan = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Reply:
    """A positive answer, with the mark (boot, seq) of the last event published before it."""

    result: Any
    boot: str
    seq: int


@dataclass(frozen=True, slots=True)
class Peer:
    """How plans learn of the daemon and of time."""

    probe: Callable[[], Identity]
    identity: Callable[[], Identity]
    clock: Callable[[], float] = time.monotonic


def call(
    peer: Peer, op: str, args: Mapping[str, Any], timeout: float, key: str | None = None,
) -> Plan[Reply]:
    """One request and its answer within `timeout` seconds, matched by id; other answers are dropped.

    A request that changes nothing, or that has an idempotency key, is sent again to a daemon that was
    restarted; one with a key also when its answer is late, in case it was lost. Raises the daemon's error,
    `not-running` at once when nothing listens, or `timed-out`.
    """
    start = peer.clock()
    deadline = start + timeout
    rid = os.urandom(8)
    identity = peer.identity()
    request = _frames(rid, op, args, timeout, key)
    if (yield Connect(identity)):
        peer.probe()
    yield Send(request)
    probe_at = start + min(FIRST_PROBE, timeout / 2)
    resend_at = start + min(RESEND_AFTER, timeout / 2) if key else deadline
    while (now := peer.clock()) < deadline:
        frames = yield Receive(max(min(probe_at, resend_at, deadline) - now, 0.001))
        if frames is not None:
            reply = _matching(frames, rid)
            if reply is not None:
                return reply
            continue
        now = peer.clock()
        again = resend_at <= now < deadline
        if probe_at <= now:
            probe_at = now + NEXT_PROBE
            found = peer.probe()
            if found != identity:
                _require_safe(op, key)
                identity, again = found, True
                yield Connect(identity)
        if again:
            resend_at = deadline
            yield Send(_frames(rid, op, args, deadline - now, key))
    raise FontmillError("timed-out", f"The daemon did not answer `{op}` within {timeout:g} s.")


def _frames(rid: bytes, op: str, args: Mapping[str, Any], seconds: float, key: str | None) -> list[bytes]:
    try:
        return wire.Request(rid, op, args, max(int(seconds * 1000), 1), key).frames()
    except TypeError as error:
        raise FontmillError("invalid-argument", f"{op}: an argument {error}.") from error


def _matching(frames: list[bytes], rid: bytes) -> Reply | None:
    body = wire.parse_frames(frames, wire.MAX_REPLY_BYTES)
    answered = wire.request_id(body)
    if answered == rid or (answered == b"" and body.get("ok") is False):
        result = wire.reply_result(body)
        boot, seq = body.get("boot"), body.get("seq")
        return Reply(result, boot if isinstance(boot, str) else "", seq if isinstance(seq, int) else 0)
    return None


def _require_safe(op: str, key: str | None) -> None:
    if op not in SAFE_VERBS and key is None:
        action = "Look at `fontmill status`, then try again."
        raise FontmillError("not-running", f"The daemon was restarted before it answered `{op}`.", action=action)


class Patience:
    """Bears the absence of a daemon for a while, counted from the first trouble after an answer."""

    def __init__(self, peer: Peer, seconds: float) -> None:
        self._peer, self._seconds = peer, seconds
        self.answered()

    def answered(self) -> None:
        """Forget the trouble that was."""
        self._until: float | None = None
        self._pause = RETRY_PAUSE

    def bear(self, error: FontmillError) -> Plan[None]:
        """Pause before another try; raise `error` when it cannot heal, or patience is at its end."""
        now = self._peer.clock()
        if self._until is None:
            self._until = now + self._seconds
        if error.slug not in PASSING or now >= self._until:
            raise error
        yield Sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_RETRY_PAUSE)


def wait(
    peer: Peer, args: Mapping[str, Any], timeout: float | None, slice_seconds: float, patience_seconds: float,
) -> Plan[dict[str, Any]]:
    """The verb `wait`, in slices, until the session is no longer active; survives a restart of the daemon.

    Raises `timed-out` after `timeout` seconds (None: never), and at once `not-running` if nobody listens at first.
    """
    deadline = None if timeout is None else peer.clock() + timeout
    first = peer.probe()
    patience = Patience(peer, patience_seconds)
    while True:
        left = slice_seconds if deadline is None else min(slice_seconds, deadline - peer.clock())
        if left <= 0:
            raise FontmillError("timed-out", f"The session was still active after {timeout:g} s.")
        try:
            reply = yield from call(peer, "wait", args, left)
        except FontmillError as error:
            if error.slug == "timed-out":
                patience.answered()
            if error.slug == "unknown-session" and peer.probe() != first:
                error = FontmillError("busy", error.message)  # restarted, and perhaps not done finding its sessions
            yield from patience.bear(error)
            continue
        patience.answered()
        status: dict[str, Any] = reply.result if isinstance(reply.result, dict) else {}
        if status.get("status") != "active" and (status.get("quiescent", True) or not args.get("quiescent", True)):
            return status
        yield Sleep(RETRY_PAUSE)
