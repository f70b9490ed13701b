"""The pool of render processes: bounded dispatch, crash seen at once, replacement with back-off.

The pool knows processes and batches, not sessions: a `Dispatcher` gives it work and hears how it went.
"""

from __future__ import annotations

import contextlib
import logging
import random
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fontmilld.core.pacing import CRASHLOOP_WINDOW, backoff, is_crashloop
from fontmilld.pool.messages import (
    BatchDone,
    BatchFailed,
    CheckDone,
    FontContext,
    Ready,
    RedrawDone,
    Reply,
    Stop,
    Task,
    fits,
)
from fontmilld.pool.process import Child, Wedged
from fontmilld.pool.vitals import Doing, Pulse

log = logging.getLogger(__name__)
QUEUE_DEPTH = 2
"""Batches a worker holds: one at hand and one waiting, so that no core idles for a round trip."""
STABLE_SECONDS = 60.0
BOOT_SECONDS = 30.0
EXIT_SECONDS = 0.02
FAILED_STARTS = 3
"""Of every slot, one after another, with no worker left: then nobody waits for one any longer."""
LASTING_STARTS = 6
"""Then it is no hiccup."""


class Dispatcher(Protocol):
    """Who owns the work."""

    def next_task(self, slot: int) -> tuple[FontContext, Task] | None:
        """A batch for this worker, or None."""

    def task_ended(self, slot: int, task: Task, answer: Reply) -> None:
        """The worker answered."""

    def task_lost(self, task: Task, culprit: int | None) -> None:
        """The worker is gone. `culprit` is the index it was at, 0 when unknown, None when nobody is to blame."""

    def worker_died(self, slot: int, cause: str, crashloop: bool) -> None:
        """A worker ended without having been told to."""

    def no_worker_starts(self, cause: str, lasting: bool) -> None:
        """There is no worker, and none can be started; `lasting` when that has been so for many attempts. May be told again."""


class Reactor(Protocol):
    """What the pool needs of the daemon's loop."""

    def now(self) -> float:
        """Monotonic seconds."""

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back whenever the fd is readable."""

    def remove_reader(self, fd: int) -> None:
        """Stop watching."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call once, `delay` seconds from now."""


@dataclass(slots=True)
class Slot:
    """One place in the pool, with or without a living worker in it."""

    number: int
    child: Child | None = None
    ready: bool = False
    tasks: deque[Task] = field(default_factory=deque)
    context: tuple[str, str, str] | None = None
    born: float = 0.0
    deaths: tuple[float, ...] = ()
    attempt: int = 0
    failed_starts: int = 0
    ended_by_us: str = ""
    hang_step: int = 0
    stack_file: str = ""


@dataclass(frozen=True, slots=True)
class HangLimits:
    """Seconds without a heartbeat until the stack is dumped, and between the steps to TERM and KILL."""

    soft: float = 60.0
    step: float = 3.0


class Pool:
    """A fixed number of slots. All methods are called on the loop's thread."""

    def __init__(self, size: int, spawn: Callable[[int], Child], pulse: Callable[[int], Pulse],
                 reactor: Reactor, limits: HangLimits = HangLimits(),
                 jitter: Callable[[], float] = random.random,
                 stack_file: Callable[[int], str] = lambda slot: "") -> None:
        self.slots = [Slot(number, stack_file=stack_file(number)) for number in range(size)]
        self._spawn = spawn
        self._pulse = pulse
        self._reactor = reactor
        self.limits = limits
        self._jitter = jitter
        self._dispatcher: Dispatcher | None = None
        self._stopping = False
        self.without_core = ""
        """Why workers draw without the compiled core; "" when they draw with it, and before one is ready."""
        self.start_trouble = ""
        """Why the last worker did not start; "" when it did."""

    def start(self, dispatcher: Dispatcher) -> None:
        """Fill every slot and begin to look for hung workers."""
        self._dispatcher = dispatcher
        for slot in self.slots:
            self._fill(slot)
        self._reactor.call_later(1.0, self._watch)

    @property
    def alive(self) -> int:
        """Workers that are ready for work."""
        return sum(1 for slot in self.slots if slot.ready)

    @property
    def hopeless(self) -> bool:
        """Whether there is no worker, and none could be started lately."""
        return self._failed(FAILED_STARTS)

    def _failed(self, starts: int) -> bool:
        return not self.alive and all(slot.failed_starts >= starts for slot in self.slots)

    @property
    def pids(self) -> list[int]:
        """Process ids of the living workers."""
        return [slot.child.pid for slot in self.slots if slot.child is not None]

    @property
    def busy(self) -> bool:
        """Whether any batch is out."""
        return any(slot.tasks for slot in self.slots)

    def feed(self) -> None:
        """Offer every ready worker work until it holds QUEUE_DEPTH batches or there is none. To be called after every turn.

        Breadth first, so that one batch does not queue behind another while a worker idles.
        """
        if self._stopping:
            return
        for depth in range(QUEUE_DEPTH):
            for slot in self.slots:
                if slot.ready and len(slot.tasks) == depth and not slot.ended_by_us:
                    self._offer(slot)

    def _offer(self, slot: Slot) -> None:
        assert self._dispatcher is not None and slot.child is not None
        work = self._dispatcher.next_task(slot.number)
        if work is None:
            return
        context, task = work
        slot.tasks.append(task)
        try:
            if slot.context == (key := context.key):
                slot.child.send(task)
            else:
                slot.child.send(context, task)
                slot.context = key
        except Wedged as error:
            self._end(slot, f"it does not take messages: {error}")

    def _fill(self, slot: Slot) -> None:
        if self._stopping or slot.child is not None:
            return
        try:
            slot.child = self._spawn(slot.number)
        except OSError as error:
            slot.attempt += 1
            log.warning("worker %d cannot be started: %s", slot.number, error)
            self._reactor.call_later(max(1.0, backoff(slot.attempt, self._jitter())), lambda: self._fill(slot))
            self._not_started(slot, error.strerror or str(error))
            return
        slot.born = self._reactor.now()
        slot.ready, slot.context, slot.ended_by_us, slot.hang_step = False, None, "", 0
        self._reactor.add_reader(slot.child.fileno(), lambda: self._on_readable(slot))

    def _not_started(self, slot: Slot, cause: str) -> None:
        assert self._dispatcher is not None
        slot.failed_starts += 1
        self.start_trouble = cause
        if self.hopeless:
            self._dispatcher.no_worker_starts(cause, self._failed(LASTING_STARTS))

    def _on_readable(self, slot: Slot) -> None:
        assert slot.child is not None
        try:
            messages = slot.child.receive()
        except Wedged as error:
            self._end(slot, str(error))
            self._bury(slot)  # what is no message stays in the way of the end of the stream
            return
        if messages is None:
            self._bury(slot)
            return
        for message in messages:
            self._take(slot, message)

    def _take(self, slot: Slot, message: object) -> None:
        assert self._dispatcher is not None
        slot.hang_step = 0
        if isinstance(message, Ready):
            slot.ready, slot.failed_starts, self.start_trouble = True, 0, ""
            self.without_core = message.without_core if isinstance(message.without_core, str) else ""
        elif isinstance(message, BatchDone | BatchFailed | CheckDone | RedrawDone) and slot.tasks and slot.tasks[0].serial == message.serial:
            if fits(slot.tasks[0], message):
                self._dispatcher.task_ended(slot.number, slot.tasks.popleft(), message)
            else:
                self._end(slot, f"its {type(message).__name__} does not answer its task")
        else:
            self._end(slot, f"it sent {type(message).__name__} out of turn")

    def _end(self, slot: Slot, reason: str) -> None:
        """Kill a worker of our own will; nobody's sample is charged for it."""
        log.warning("worker %d is ended: %s", slot.number, reason)
        slot.ended_by_us = reason
        if slot.child is not None:
            slot.child.signal(signal.SIGKILL)

    def _bury(self, slot: Slot) -> None:
        """The child's socket is closed: it is dead or as good as dead. Its batches go back, it is replaced."""
        assert self._dispatcher is not None and slot.child is not None
        child, now = slot.child, self._reactor.now()
        self._reactor.remove_reader(child.fileno())
        cause = _cause(slot, child)
        culprit = self._culprit(slot, child.exit_code())
        child.signal(signal.SIGKILL)
        was_ready, slot.ready, slot.child = slot.ready, False, None
        child.close()
        tasks, slot.tasks = list(slot.tasks), deque()
        for task in reversed(tasks):
            self._dispatcher.task_lost(task, culprit if task is tasks[0] else None)
        if self._stopping:
            return
        slot.attempt = 0 if was_ready and now - slot.born > STABLE_SECONDS else slot.attempt + 1
        slot.deaths = (*(at for at in slot.deaths if now - at <= CRASHLOOP_WINDOW), *([] if slot.ended_by_us or culprit else [now]))
        self._dispatcher.worker_died(slot.number, cause, is_crashloop(slot.deaths, now))
        if not was_ready:
            self._not_started(slot, cause)
        self._reactor.call_later(backoff(slot.attempt - 1, self._jitter()) if slot.attempt > 1 else 0.0, lambda: self._fill(slot))

    def _culprit(self, slot: Slot, code: int | None) -> int | None:
        """The sample the worker was at; 0 before the first one; None when neither sample nor font is to blame."""
        if slot.ended_by_us and slot.hang_step == 0:
            return None
        pulse = self._pulse(slot.number)
        current = bool(slot.tasks) and pulse.serial == slot.tasks[0].serial
        if current and pulse.doing is Doing.WRITING:
            return None
        index = pulse.index if current else 0
        if index == 0 and code in (None, -signal.SIGKILL, -signal.SIGTERM):
            return None  # somebody else ended it while it opened a font
        return index

    def _watch(self) -> None:
        """Find workers without a heartbeat: stack dump, then TERM, then KILL."""
        if not self._stopping:
            self._reactor.call_later(1.0, self._watch)
        for slot in self.slots:
            if slot.child is not None:
                self._check(slot, slot.child)

    def _check(self, slot: Slot, child: Child) -> None:
        silent = self._reactor.now() - max(self._pulse(slot.number).beat, slot.born)
        if not slot.ready:
            if silent > BOOT_SECONDS:
                self._end(slot, "it did not become ready")
            return
        if silent < self.limits.soft and not slot.ended_by_us:
            slot.hang_step = 0
        if not slot.tasks or silent < self.limits.soft + slot.hang_step * self.limits.step:
            return
        slot.hang_step += 1
        log.warning("worker %d gave no sign of life for %.0f s (step %d)", slot.number, silent, slot.hang_step)
        if slot.hang_step > 1:
            slot.ended_by_us = "it hung"
            self._log_stack(slot)
        child.signal((signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL)[min(slot.hang_step, 3) - 1])

    @staticmethod
    def _log_stack(slot: Slot) -> None:
        with contextlib.suppress(OSError):
            log.warning("stack of worker %d:\n%s", slot.number, Path(slot.stack_file).read_text()[-8000:])

    def recycle(self, pid: int, reason: str) -> None:
        """Replace a worker, e.g. because it has grown too large; harmless when it is gone."""
        for slot in self.slots:
            if slot.child is not None and slot.child.pid == pid and not slot.ended_by_us:
                self._end(slot, reason)

    def stop(self) -> None:
        """Ask every worker to leave once its batches are done; no replacement is started."""
        self._stopping = True
        for slot in self.slots:
            if slot.child is not None:
                with contextlib.suppress(Wedged):
                    slot.child.send(Stop())

    def kill(self) -> None:
        """End every worker now."""
        self._stopping = True
        for slot in self.slots:
            if slot.child is not None:
                slot.child.signal(signal.SIGKILL)


def _cause(slot: Slot, child: Child) -> str:
    if slot.ended_by_us:
        return slot.ended_by_us
    return describe_exit(child.wait(EXIT_SECONDS))


def describe_exit(code: int | None) -> str:
    """How a child ended, in words."""
    if code is None:
        return "it closed its socket"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
