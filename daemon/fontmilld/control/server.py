"""The control socket: frames in, frames out. Verbs come from the one table; answers may come later."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import zmq

from fontmill import verbs, wire
from fontmill.errors import FontmillError
from fontmill.sockets import MAX_SOCKET_PATH
from fontmilld.control.access import AccessPolicy, Peer
from fontmilld.control.doorkeeper import Doorkeeper
from fontmilld.control.events import EventStream, Topics
from fontmilld.loop import Loop

log = logging.getLogger(__name__)
audit = logging.getLogger("fontmilld.audit")
DEFAULT_DEADLINE_MS = 30_000
MAX_DEADLINE_MS = 600_000
DRAIN_PER_WAKE = 256
FRAMES_PER_WAKE = 1024
MESSAGE_FRAMES = 3  # who it is from, the magic, the body
MAX_TOPIC_BYTES = 256

Reply = Callable[[Any], None]


class Handlers(Protocol):
    """Answers verbs; see control/handlers.py."""

    def call(self, op: str, args: dict[str, Any], call: Call) -> None:
        """Answer now or later through `call`. May raise FontmillError."""


@dataclass(slots=True)
class Call:
    """One request waiting for its answer. Exactly one answer is sent, whatever happens first."""

    server: ControlServer
    peer_id: bytes
    request: wire.Request
    peer: Peer
    open: bool = True

    @property
    def key(self) -> str | None:
        """The idempotency key, if the caller gave one."""
        return self.request.key

    def answer(self, result: Any) -> None:
        """Send the result, unless the call has been answered or has timed out."""
        if self.open:
            frames = self.server.ok(self.request.id, result)  # may raise: then the call is still open
            self._close(frames)

    def fail(self, error: FontmillError) -> None:
        """Send an error, unless the call has been answered or has timed out."""
        if self.open:
            self._close(wire.error_reply(self.request.id, error))

    def _close(self, frames: list[bytes]) -> None:
        self.open = False
        self.request = replace(self.request, args={})  # the timer of the deadline holds the call for long
        self.server.send(self.peer_id, frames)


class ControlServer:
    """ROUTER on `control.sock` and XPUB on `events.sock` in a private folder."""

    def __init__(self, loop: Loop, socket_path: str, policy: AccessPolicy, boot: str, wall_clock: Callable[[], float]) -> None:
        self._loop = loop
        self._path = Path(socket_path)
        self._policy = policy
        self._handlers: Handlers | None = None
        self._lock = _own_socket_folder(self._path)
        self._context = zmq.Context()
        self._doorkeeper = Doorkeeper(self._context, policy)
        self._control = self._bind(zmq.ROUTER, self._path)
        self._events = self._bind(zmq.XPUB, self._path.with_name(wire.EVENTS_SOCKET))
        self._topics = Topics()
        self.events = EventStream(boot, self._publish, wall_clock, wanted=self._topics.wanted)
        self.dropped = 0
        self._parts: list[zmq.Frame] = []

    def _bind(self, kind: int, path: Path) -> zmq.Socket[bytes]:
        sock: zmq.Socket[bytes] = self._context.socket(kind)
        sock.setsockopt(zmq.LINGER, 200)
        sock.setsockopt(zmq.MAXMSGSIZE, wire.MAX_REQUEST_BYTES if kind == zmq.ROUTER else MAX_TOPIC_BYTES)
        sock.setsockopt(zmq.HANDSHAKE_IVL, 2000)
        sock.setsockopt(zmq.BACKLOG, 1024)
        if kind == zmq.ROUTER:
            sock.setsockopt(zmq.ROUTER_MANDATORY, 1)
        else:  # who asks on the other one gets `denied` for an answer
            sock.setsockopt(zmq.ZAP_DOMAIN, b"events")
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o117)
        try:
            sock.bind(f"ipc://{path}")
        finally:
            os.umask(before)
        return sock

    def serve(self, handlers: Handlers) -> None:
        """Begin to answer."""
        self._handlers = handlers
        self._loop.add_reader(self._control, self._on_control)
        self._loop.add_reader(self._events, self._on_subscription)
        self._loop.add_reader(self._doorkeeper.socket, self._doorkeeper.answer)

    def close(self) -> None:
        """Send what is queued, close the sockets and remove them."""
        self._loop.remove_reader(self._control)
        self._loop.remove_reader(self._events)
        self._loop.remove_reader(self._doorkeeper.socket)
        self._control.close()
        self._events.close()
        self._doorkeeper.close()
        self._context.term()
        for path in (self._path, self._path.with_name(wire.EVENTS_SOCKET)):
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(self._lock)

    def ok(self, rid: bytes, result: Any) -> list[bytes]:
        """Frames of a positive answer that carries the present place in the event stream."""
        return wire.ok_reply(rid, result, self.events.seq, self.events.boot)

    def send(self, peer_id: bytes, frames: list[bytes]) -> None:
        """Answer a peer; one that is gone or does not read loses its answer, nobody else's."""
        try:
            self._control.send_multipart([peer_id, *frames], zmq.DONTWAIT)
        except zmq.ZMQError:
            self.dropped += 1

    def _publish(self, frames: list[bytes]) -> None:
        with contextlib.suppress(zmq.ZMQError):
            self._events.send_multipart(frames, zmq.DONTWAIT)

    def _on_subscription(self) -> None:
        with contextlib.suppress(zmq.Again):
            for _ in range(DRAIN_PER_WAKE):
                frame = self._events.recv(zmq.DONTWAIT, copy=False)
                self._topics.told(frame.bytes, frame.more)

    def _on_control(self) -> None:
        """Frame by frame: of a message with a million of them no more is kept than shows that it is wrong."""
        with contextlib.suppress(zmq.Again):
            for _ in range(FRAMES_PER_WAKE):
                frame = self._control.recv(zmq.DONTWAIT, copy=False)
                if len(self._parts) <= MESSAGE_FRAMES:
                    self._parts.append(frame)
                if not frame.more:
                    parts, self._parts = self._parts, []
                    self._on_message(parts)

    def _on_message(self, parts: list[zmq.Frame]) -> None:
        peer_id, frames = parts[0].bytes, [part.buffer for part in parts[1:]]
        rid = b""
        try:
            body = wire.parse_frames(frames, wire.MAX_REQUEST_BYTES)
            rid = wire.request_id(body)
            self._dispatch(Call(self, peer_id, wire.parse_request(body), _peer_of(parts[-1])))
        except FontmillError as error:
            self.send(peer_id, wire.error_reply(rid, error))

    def _dispatch(self, call: Call) -> None:
        assert self._handlers is not None
        op = call.request.op
        verb = verbs.VERBS.get(op)
        if verb is None:
            raise FontmillError("unknown-verb", f"There is no verb {op[:40]!r}.")
        self._policy.check(call.peer, verb)
        args = verbs.validate(op, call.request.args)
        if verb.mutating:
            audit.info("%s by uid=%d gid=%d pid=%d %s", op, call.peer.uid, call.peer.gid, call.peer.pid, _brief(args))
        try:
            self._handlers.call(op, args, call)
        except FontmillError as error:
            call.fail(error)
        except Exception:
            call.fail(unexpected(f"verb {op}"))
        if call.open:
            wished = call.request.deadline_ms
            deadline = min(DEFAULT_DEADLINE_MS if wished is None else wished, MAX_DEADLINE_MS)
            self._loop.call_later(deadline / 1000, lambda: call.fail(FontmillError("timed-out")))


def unexpected(what: str) -> FontmillError:
    """Log the exception at hand under an id, and make the error that names only the id."""
    error_id = uuid.uuid4().hex[:12]
    log.exception("error %s in %s", error_id, what)
    return FontmillError("internal", f"Something went wrong inside the daemon (error id {error_id}).", {"error_id": error_id})


def _peer_of(frame: zmq.Frame) -> Peer:
    try:
        return Peer.from_address(str(frame.get("Peer-Address")))
    except (zmq.ZMQError, KeyError):
        return Peer()


def _brief(args: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={str(value)[:80]!r}" for key, value in args.items() if value not in (None, (), ""))


def _own_socket_folder(path: Path) -> int:
    """Make the folder private and lock it: a second bind would silently steal the path."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise FontmillError("invalid-argument", f"The socket path is longer than {MAX_SOCKET_PATH} bytes.", action="Choose a shorter --socket.")
    if path.name == wire.EVENTS_SOCKET:
        raise FontmillError("invalid-argument", f"The control socket may not be named {wire.EVENTS_SOCKET}.")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        mode = path.parent.stat()
        if mode.st_uid not in (0, os.getuid()) or (mode.st_mode & stat.S_IWOTH and not mode.st_mode & stat.S_ISVTX):
            raise FontmillError("denied", "The socket's folder can be written by others.", action="Choose a private folder for --socket.")
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FontmillError("path-unwritable", f"The socket's folder cannot be used ({error.strerror}).") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FontmillError("busy", "Another fontmilld serves this socket.", action="Use it, or choose another --socket.") from error
    return lock
