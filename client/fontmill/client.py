"""`Client`, the blocking client: drives the plans with plain ZeroMQ sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

import zmq

from fontmill.endpoint import default_socket, find_socket
from fontmill.plans import Connect, Effect, Emit, Plan, Receive, Send, Sleep, Subscribe
from fontmill.verbcalls import PATIENCE, TIMEOUT, Map, Path, Verbs
from fontmill.wires import Sockets, Wires

if TYPE_CHECKING:
    from fontmill.aio import AsyncClient

__all__ = ["AsyncClient", "Client", "default_socket", "find_socket"]

TICK = 0.1
T = TypeVar("T")


def __getattr__(name: str) -> Any:
    """`AsyncClient`, loaded only when asked for: asyncio costs more than all the rest."""
    if name == "AsyncClient":
        from fontmill.aio import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Client(Verbs[Map]):
    """A blocking client; threads may share it.

    `socket` names the daemon's control socket (default: `find_socket()`), `timeout` bounds a call in seconds.
    `tick`, if given, is called about every 0.1 s while anything waits; what it raises ends the wait.
    Every method raises `FontmillError` with the daemon's slug, `not-running`, or `timed-out`.
    """

    def __init__(
        self, socket: Path | None = None, timeout: float = TIMEOUT, tick: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(socket, timeout)
        self._sockets = Sockets(self.endpoint, zmq.Context())
        self.tick = tick

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket at once; unanswered requests are forgotten."""
        self._sockets.close()

    def subscribe(
        self, session: Path | None = None, *, since: tuple[str, int] | None = None, patience: float = PATIENCE,
    ) -> Iterator[Map]:
        """Events from now on, or after the mark `since` (boot, seq), each once and in order, for ever.

        The subscription stands when this returns. What was lost and cannot be fetched is told by an event of
        kind `gap`. With `session` only its events and gaps come. Survives a restart of the daemon.
        """
        wires = Wires(self._sockets)
        try:
            joined = self._perform(wires, self._join_plan(session, since))
        except BaseException:
            wires.close()
            raise
        return self._emitted(wires, self._follow_plan(joined, patience))

    def statuses(self, session: Path, *, patience: float = PATIENCE) -> Iterator[Map]:
        """The status of a session as it is, and again whenever it has moved on, for ever; at least once a second.

        Much cheaper than `subscribe` where there are many fonts: no event but `progress` and turns of the session is sent.
        Raises `invalid-argument` at once when `session` is empty.
        """
        return self._emitted(Wires(self._sockets), self._statuses_plan(session, patience))

    def _request(self, plan: Plan[Map]) -> Map:
        wires = Wires(self._sockets)
        try:
            result = self._perform(wires, plan)
            wires.release()
        finally:
            wires.close()
        return result

    def _perform(self, wires: Wires, plan: Plan[T]) -> T:
        result: Any = None
        while True:
            try:
                effect = plan.send(result)
            except StopIteration as end:
                value: T = end.value
                return value
            result = self._do(wires, effect)

    def _emitted(self, wires: Wires, plan: Plan[None]) -> Iterator[Map]:
        try:
            effect = next(plan)
            while True:
                if isinstance(effect, Emit):
                    yield effect.event
                    effect = plan.send(None)
                else:
                    effect = plan.send(self._do(wires, effect))
        finally:
            wires.close()

    def _do(self, wires: Wires, effect: Effect) -> Any:
        match effect:
            case Connect():
                return wires.connect(effect)
            case Subscribe():
                return wires.subscribe(effect)
            case Send(frames):
                return wires.of(effect).send_multipart(frames)
            case Receive(seconds):
                return self._receive(wires.of(effect), seconds)
            case Sleep(seconds):
                return self._receive(None, seconds)
        raise AssertionError(effect)

    def _receive(self, socket: zmq.Socket[bytes] | None, seconds: float) -> list[bytes] | None:
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            span = max(left if self.tick is None else min(left, TICK), 0.0)
            if socket is None:
                time.sleep(span)
            elif socket.poll(int(span * 1000) + 1):
                return socket.recv_multipart()
            if self.tick is not None:
                self.tick()
            if left <= span:
                return None
