"""The pool shared fairly: sessions' batches and other errands in turn, and among sessions whoever had least of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from fontmill.errors import FontmillError
from fontmilld.conditions import Conditions
from fontmilld.core.lifecycle import Reason
from fontmilld.inspection import Errand
from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, RenderTask, Reply, Task
from fontmilld.registry import Registry
from fontmilld.work import Work

log = logging.getLogger(__name__)


class Sharing:
    """What is out, and whose it is (see pool.Dispatcher). `workers` is how many the pool has."""

    def __init__(self, workers: int, registry: Registry, conditions: Conditions,
                 publish: Callable[[str, str | None, Mapping[str, Any]], None]) -> None:
        self._workers = workers
        self._registry = registry
        self._conditions = conditions
        self._publish = publish
        self._tasks: dict[int, Work | Errand] = {}
        self._errands: deque[Errand] = deque()
        self._serial = 0
        self._served: set[str] = set()
        self._share = 0.0

    def add(self, errand: Errand) -> None:
        """Share the pool with other work than batches."""
        self._errands.append(errand)

    def next_task(self, slot: int) -> tuple[FontContext, Task] | None:
        """An errand's task and a session's batch in turn; nothing while memory is short."""
        if self._conditions.short_of_memory:
            return None
        if self._serial % 2:
            return self._next_of_errands() or self._next_batch(slot)
        return self._next_batch(slot) or self._next_of_errands()

    def _next_of_errands(self) -> tuple[FontContext, Task] | None:
        while self._errands:
            work = self._errands[0].next_task(self._serial + 1)
            if work is not None:
                self._serial += 1
                self._tasks[self._serial] = self._errands[0]
                return work
            self._errands.popleft()
        return None

    def _next_batch(self, slot: int) -> tuple[FontContext, Task] | None:
        """A batch of the session that has had the least of the pool so far."""
        hungry = [session.work for session in self._registry.sessions if session.work.hungry]
        for work in hungry:
            if work.id not in self._served:  # who comes, or comes back, makes nobody else wait for it to catch up
                work.used_seconds = max(work.used_seconds, self._share)
        self._served = {work.id for work in hungry}
        if len(hungry) > 1:
            hungry.sort(key=lambda work: work.used_seconds)
        for work in hungry:
            serial, share = self._serial + 1, work.used_seconds
            given = work.next_batch(slot, self._workers, serial)
            if given is not None:
                self._share = share
                self._serial = serial
                self._tasks[serial] = work
                context, batch = given
                return context, RenderTask(serial, work.id, batch.font_id, batch.first, batch.last)
        return None

    def task_ended(self, slot: int, task: Task, answer: Reply) -> None:
        """A worker answered: tell the task's owner."""
        owner = self._tasks.pop(task.serial)
        if not isinstance(owner, Work):
            owner.task_ended(task.serial, answer)
        elif isinstance(answer, BatchDone):
            owner.batch_done(task.serial, answer)
        elif isinstance(answer, BatchFailed):
            owner.batch_failed(task.serial, answer)

    def task_lost(self, task: Task, culprit: int | None) -> None:
        """A worker is gone with a batch or another task: tell its owner."""
        owner = self._tasks.pop(task.serial)
        if not isinstance(owner, Work):
            owner.task_lost(task.serial)
            if owner not in self._errands:
                self._errands.append(owner)
        else:
            owner.batch_lost(task.serial, culprit)

    def worker_died(self, slot: int, cause: str, crashloop: bool) -> None:
        """A worker ended unasked; too often, and its sessions pause."""
        log.warning("worker %d ended: %s", slot, cause)
        self._publish("worker-died", None, {"worker": slot, "cause": cause})
        if crashloop:
            for session in self._registry.sessions:
                if session.life.dispatching:
                    session.pause(Reason.CRASHLOOP, f"Worker {slot} keeps dying ({cause}).")

    def no_worker_starts(self, cause: str, lasting: bool) -> None:
        """There is no worker and none can be started: whoever waits for one is told, and in the end the sessions pause."""
        why = f"No render process can be started: {cause.rstrip('.')}."
        waiting, self._errands = self._errands, deque()
        for errand in waiting:
            errand.refuse(FontmillError("no-workers", why))
        for session in [session for session in self._registry.sessions if lasting and session.life.dispatching]:
            session.pause(Reason.CRASHLOOP, why)
