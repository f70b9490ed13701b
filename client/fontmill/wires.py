"""The ZeroMQ sockets behind a client, and those one plan holds. Nothing here waits."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import zmq

from fontmill.endpoint import Endpoint, Identity
from fontmill.plans import Connect, Receive, Send, Subscribe

EVENTS_BACKLOG = 20_000


class Sockets:
    """Opens sockets to one daemon, and keeps idle control sockets for the next call.

    A call has a control socket to itself while it runs, so calls of many threads or tasks never mix.
    """

    def __init__(self, endpoint: Endpoint, context: zmq.Context[Any]) -> None:
        self._endpoint, self._context = endpoint, context
        self.idle: list[tuple[Identity, Any]] = []
        self._open: set[Any] = set()
        # The finalizer holds context and sockets, so a client that nobody closed ends in this order. Left to the
        # garbage collector, a context may be ended before its sockets, and waits for them for ever.
        self._end = weakref.finalize(self, _end, context, self._open)
        self._end.atexit = False  # then another thread may still be using a socket

    def dealer(self) -> Any:
        """A new control socket."""
        return self._opened(zmq.DEALER, self._endpoint.control)

    def subscriber(self, topics: Iterable[bytes]) -> Any:
        """A new events socket, subscribed to topics that begin so."""
        socket = self._opened(zmq.SUB, self._endpoint.events)
        for topic in topics:
            socket.subscribe(topic)
        return socket

    def _opened(self, kind: int, path: str) -> Any:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        socket.setsockopt(zmq.RCVHWM, EVENTS_BACKLOG)
        self._open.add(socket)
        socket.connect(f"ipc://{path}")
        return socket

    def drop(self, socket: Any) -> None:
        """Close one socket."""
        self._open.discard(socket)
        socket.close(0)

    def close(self) -> None:
        """Close every socket at once; unanswered requests are forgotten."""
        self.idle.clear()
        self._end()


def _end(context: zmq.Context[Any], sockets: set[Any]) -> None:
    while sockets:
        sockets.pop().close(0)
    context.term()


class Wires:
    """The sockets one plan holds: a control socket taken from the idle ones, and an events socket."""

    def __init__(self, owner: Sockets) -> None:
        self._owner = owner
        self._identity: Identity | None = None
        self._control: Any = None
        self._events: Any = None

    def connect(self, effect: Connect) -> bool:
        """Hold a control socket to that daemon; whether a new one had to be opened."""
        if self._control is not None and self._identity == effect.identity:
            return False
        self._drop_control()
        self._identity = effect.identity
        idle = self._owner.idle
        while idle:
            identity, socket = idle.pop()
            if identity == effect.identity:
                self._control = socket
                return False
            self._owner.drop(socket)
        self._control = self._owner.dealer()
        return True

    def subscribe(self, effect: Subscribe) -> None:
        """Hold an events socket."""
        self._events = self._owner.subscriber(effect.topics)

    def of(self, effect: Receive | Send) -> Any:
        """The socket an effect is about."""
        return self._events if isinstance(effect, Receive) and effect.events else self._control

    def release(self) -> None:
        """Keep the control socket for the next call."""
        if self._control is not None and self._identity is not None:
            self._owner.idle.append((self._identity, self._control))
            self._control = None

    def close(self) -> None:
        """Close what is held."""
        self._drop_control()
        if self._events is not None:
            self._owner.drop(self._events)

    def _drop_control(self) -> None:
        if self._control is not None:
            self._owner.drop(self._control)
            self._control = None
