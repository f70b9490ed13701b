"""`AsyncClient`, the client for asyncio: drives the plans with ZeroMQ's asyncio sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import aclosing
from typing import Any, Self, TypeVar

import zmq.asyncio

from fontmill.plans import Connect, Effect, Emit, Plan, Receive, Send, Sleep, Subscribe
from fontmill.verbcalls import PATIENCE, TIMEOUT, Map, Path, Verbs
from fontmill.wires import Sockets, Wires

T = TypeVar("T")


class Subscription:
    """Events to come. Iterating over it subscribes first; `await` subscribes at once and gives the iterator. Each does so anew."""

    def __init__(self, subscribe: Callable[[], Coroutine[Any, Any, AsyncGenerator[Map, None]]]) -> None:
        self._subscribe = subscribe

    def __await__(self) -> Generator[Any, Any, AsyncGenerator[Map, None]]:
        return self._subscribe().__await__()

    async def __aiter__(self) -> AsyncGenerator[Map, None]:
        async with aclosing(await self) as events:
            async for event in events:
                yield event


class AsyncClient(Verbs[Coroutine[Any, Any, Map]]):
    """The client for asyncio; tasks may share it, and their calls run at the same time.

    `socket` names the daemon's control socket (default: `find_socket()`), `timeout` bounds a call in seconds.
    """

    def __init__(self, socket: Path | None = None, timeout: float = TIMEOUT) -> None:
        super().__init__(socket, timeout)
        self._sockets = Sockets(self.endpoint, zmq.asyncio.Context())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket at once; unanswered requests are forgotten."""
        self._sockets.close()

    def subscribe(
        self, session: Path | None = None, *, since: tuple[str, int] | None = None, patience: float = PATIENCE,
    ) -> Subscription:
        """As `Client.subscribe`: `async for event in client.subscribe(): ...`; the subscription stands when the loop begins, or once it is awaited."""
        return Subscription(lambda: self._subscribed(session, since, patience))

    async def _subscribed(self, session: Path | None, since: tuple[str, int] | None, patience: float) -> AsyncGenerator[Map, None]:
        wires = Wires(self._sockets)
        try:
            joined = await self._perform(wires, self._join_plan(session, since))
        except BaseException:
            wires.close()
            raise
        return self._emitted(wires, self._follow_plan(joined, patience))

    def statuses(self, session: Path, *, patience: float = PATIENCE) -> AsyncIterator[Map]:
        """As `Client.statuses`: `async for status in client.statuses(session): ...`."""
        return self._emitted(Wires(self._sockets), self._statuses_plan(session, patience))

    async def _request(self, plan: Plan[Map]) -> Map:
        wires = Wires(self._sockets)
        try:
            result = await self._perform(wires, plan)
            wires.release()
        finally:
            wires.close()
        return result

    async def _perform(self, wires: Wires, plan: Plan[T]) -> T:
        result: Any = None
        while True:
            try:
                effect = plan.send(result)
            except StopIteration as end:
                value: T = end.value
                return value
            result = await self._do(wires, effect)

    async def _emitted(self, wires: Wires, plan: Plan[None]) -> AsyncGenerator[Map, None]:
        try:
            effect = next(plan)
            while True:
                if isinstance(effect, Emit):
                    yield effect.event
                    effect = plan.send(None)
                else:
                    effect = plan.send(await self._do(wires, effect))
        finally:
            wires.close()

    async def _do(self, wires: Wires, effect: Effect) -> Any:
        match effect:
            case Connect():
                return wires.connect(effect)
            case Subscribe():
                return wires.subscribe(effect)
            case Send(frames):
                return await wires.of(effect).send_multipart(frames)
            case Receive(seconds):
                socket = wires.of(effect)
                return await socket.recv_multipart() if await socket.poll(int(seconds * 1000) + 1) else None
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
        raise AssertionError(effect)
