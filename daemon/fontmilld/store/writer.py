"""SessionWriter: the thread that owns all disk effects of one session's tree.

The loop hands it immutable commands and never waits; reports come back through `post`. Whatever has gathered
while the disk was busy, or soon after the last commit, is committed as one group.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fontmill.errors import FontmillError
from fontmilld.store.checkpoint import FontState
from fontmilld.store.ledger import SessionStore
from fontmilld.store.records import BarrierError, BatchKey, BatchRecord

log = logging.getLogger(__name__)
GROUP_SECONDS = 0.1
"""A commit begins so long after the one before, at the earliest: of small fonts, whose batches come faster, each would cost its own."""
GROUP_BATCHES = 16
"""So many batches do not wait for others."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The tree is open; `result` is what the opener returned beside the store."""

    result: Any


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """The tree could not be opened; the thread has ended."""

    error: FontmillError


@dataclass(frozen=True, slots=True)
class Durable:
    """These batches are on record, and behind a barrier unless durability is relaxed. `seconds` it took."""

    batches: tuple[BatchKey, ...]
    durable: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """These batches are not on record and must be made again, or appended again."""

    batches: tuple[BatchKey, ...]
    error: FontmillError


@dataclass(frozen=True, slots=True)
class BarrierFailed:
    """The storage lost something of these batches. Every append is refused until `reset`."""

    batches: tuple[BatchKey, ...]
    error: FontmillError


@dataclass(frozen=True, slots=True)
class CommitDelayed:
    """A commit could not be made (full disk, ...), nothing is lost; `retry_commit` tries it again."""

    batches: tuple[BatchKey, ...]
    error: FontmillError


@dataclass(frozen=True, slots=True)
class Reset:
    """After a failed barrier: batches given out from now on carry `epoch`; what is done stands in `fonts`."""

    epoch: int
    fonts: Mapping[str, FontState]


@dataclass(frozen=True, slots=True)
class Answer:
    """A call is done: `result`, or `error`."""

    token: Any
    result: Any = None
    error: FontmillError | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The thread has ended; `error` when its last commit failed."""

    error: FontmillError | None = None


Report = Opened | OpenFailed | Durable | Refused | BarrierFailed | CommitDelayed | Reset | Answer | Stopped
Opener = Callable[[], tuple[SessionStore, Any]]


@dataclass(frozen=True, slots=True)
class _Call:
    token: Any
    action: Callable[[SessionStore], Any]


@dataclass(frozen=True, slots=True)
class _Reset:
    pass


@dataclass(frozen=True, slots=True)
class _Commit:
    pass


@dataclass(frozen=True, slots=True)
class _Stop:
    settle: bool
    then: Callable[[], None]


_Command = BatchRecord | _Call | _Reset | _Commit | _Stop


class SessionWriter:
    """Runs `opener` in its thread, then serves. `post` is called from that thread and must not block.

    Commands are carried out in the order given. A call sees every batch appended before it committed,
    or reported otherwise. `beat` (monotonic seconds) moves with every step; while `busy` it stands still
    when the disk hangs.
    """

    def __init__(self, opener: Opener, post: Callable[[Report], None], name: str = "writer",
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._opener = opener
        self._post = post
        self._clock = clock
        self._queue: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._began = -math.inf
        self._due: float | None = None
        self.beat = clock()
        self.busy = True
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin; `Opened` or `OpenFailed` follows."""
        self._thread.start()

    def append(self, record: BatchRecord) -> None:
        """Hand over a batch; `Durable`, `Refused` or `BarrierFailed` follows, perhaps after `CommitDelayed`."""
        self._queue.put(record)

    def call(self, token: Any, action: Callable[[SessionStore], Any]) -> None:
        """Run `action` with the store, in order; `Answer` follows."""
        self._queue.put(_Call(token, action))

    def reset(self) -> None:
        """Take up work again after `BarrierFailed`: `Reset` follows, or `BarrierFailed` again."""
        self._queue.put(_Reset())

    def retry_commit(self) -> None:
        """Try a delayed commit again."""
        self._queue.put(_Commit())

    def stop(self, settle: bool = True, then: Callable[[], None] = lambda: None) -> None:
        """Finish what was handed over, make it durable, let go of the tree, do `then`, and end; `Stopped` follows."""
        self._queue.put(_Stop(settle, then))

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, in seconds; False when the thread still runs (the disk may hang)."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def stalled_for(self) -> float:
        """Seconds since the last sign of life while there is work; 0.0 when idle."""
        return self._clock() - self.beat if self.busy else 0.0

    def alive(self) -> None:
        """Move `beat`: for long calls and for openers, which report from within."""
        self.beat = self._clock()

    # The thread --------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            store, result = self._opener()
        except Exception as error:
            self._tell(OpenFailed(_as_fault(error)))
            return
        self._tell(Opened(result))
        stop: _Stop | None = None
        try:
            stop = self._serve(store)
        finally:
            fault = self._end(store, stop)
            self.busy = False
            self._tell(Stopped(fault))

    def _end(self, store: SessionStore, stop: _Stop | None) -> FontmillError | None:
        fault = self._settle(store) if stop is not None and stop.settle else None
        store.close()
        if stop is not None:
            stop.then()
        return fault

    def _serve(self, store: SessionStore) -> _Stop:
        while True:
            for command in self._gather():
                self.alive()
                if isinstance(command, BatchRecord):
                    self._append(store, command)
                    continue
                self._commit(store, in_any_case=not isinstance(command, _Call))
                if isinstance(command, _Stop):
                    return command
                self._carry_out(store, command)
            if self._due is None or self._clock() >= self._due or len(store.pending) >= GROUP_BATCHES:
                self._commit(store)

    def _gather(self) -> list[_Command]:
        """Everything that waits; blocks when nothing does, until a commit is due."""
        if self._queue.empty():
            self.busy = False
        commands: list[_Command] = []
        try:
            commands.append(self._queue.get(timeout=None if self._due is None else max(0.0, self._due - self._clock())))
            while True:
                commands.append(self._queue.get_nowait())
        except queue.Empty:
            self.alive()
            self.busy = True
            return commands

    def _append(self, store: SessionStore, record: BatchRecord) -> None:
        try:
            store.append(record)
        except Exception as error:
            self._tell(Refused((record.key,), _as_fault(error)))
        else:
            if self._due is None:
                self._due = self._began + GROUP_SECONDS

    def _carry_out(self, store: SessionStore, command: _Command) -> None:
        if isinstance(command, _Call):
            self._answer(store, command)
        elif isinstance(command, _Reset):
            self._reset(store)

    def _answer(self, store: SessionStore, command: _Call) -> None:
        waiting, began = store.pending, self._clock()
        try:
            answer = Answer(command.token, command.action(store))
        except BarrierError as error:
            self._tell(BarrierFailed(store.pending, error))
            answer = Answer(command.token, error=error)
        except Exception as error:
            answer = Answer(command.token, error=_as_fault(error))
        if waiting and not store.pending:  # a delayed commit went through within the call
            self._tell(Durable(waiting, not store.relaxed, self._clock() - began))
        self._tell(answer)

    def _reset(self, store: SessionStore) -> None:
        try:
            back = store.rollback()
        except Exception as error:
            self._tell(BarrierFailed((), _as_fault(error)))
        else:
            self._tell(Reset(back.epoch, back.fonts))

    def _commit(self, store: SessionStore, in_any_case: bool = False) -> None:
        """What may wait goes with the next batch, or with a pause or the end, which settle."""
        self._due = None
        if store.broken or not (store.wants_commit if in_any_case else store.hurries):
            return
        self._began = began = self._clock()
        pending = store.pending
        try:
            committed = store.commit()
        except BarrierError as error:
            self._tell(BarrierFailed(pending, error))
        except Exception as error:
            self._tell(CommitDelayed(pending, _as_fault(error)))
        else:
            if committed.batches:
                self._tell(Durable(committed.batches, committed.durable, self._clock() - began))
            if committed.error is not None:
                self._tell(CommitDelayed((), committed.error))

    def _settle(self, store: SessionStore) -> FontmillError | None:
        try:
            return store.settle().error
        except Exception as error:
            return _as_fault(error)

    def _tell(self, report: Report) -> None:
        self.alive()
        self._post(report)


def _as_fault(error: Exception) -> FontmillError:
    if isinstance(error, FontmillError):
        return error
    log.exception("unexpected error in a writer thread", exc_info=error)
    return FontmillError("internal", details={"type": type(error).__name__})
