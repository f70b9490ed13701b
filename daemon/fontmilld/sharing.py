"""The pool shared fairly: sessions' batches and other errands in turn, and among sessions whoever had least of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from fontmill.errors import FontmillError
from fontmilld.inspection import Errand
from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, RenderTask, Reply, Task
from fontmilld.session import ManagedSession


class Sharing:
    """What is out, and whose it is. `workers` is how many the pool has."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._tasks: dict[int, ManagedSession | Errand] = {}
        self._errands: deque[Errand] = deque()
        self._serial = 0
        self._served: set[str] = set()
        self._share = 0.0

    def add(self, errand: Errand) -> None:
        """Share the pool with other work than batches."""
        self._errands.append(errand)

    def refuse_errands(self, error: FontmillError) -> None:
        """No worker will come to those that wait."""
        waiting, self._errands = self._errands, deque()
        for errand in waiting:
            errand.refuse(error)

    def next_task(self, slot: int, sessions: Collection[ManagedSession]) -> tuple[FontContext, Task] | None:
        """An errand's task and a session's batch in turn."""
        if self._serial % 2:
            return self._next_of_errands() or self._next_batch(slot, sessions)
        return self._next_batch(slot, sessions) or self._next_of_errands()

    def _next_of_errands(self) -> tuple[FontContext, Task] | None:
        while self._errands:
            work = self._errands[0].next_task(self._serial + 1)
            if work is not None:
                self._serial += 1
                self._tasks[self._serial] = self._errands[0]
                return work
            self._errands.popleft()
        return None

    def _next_batch(self, slot: int, sessions: Collection[ManagedSession]) -> tuple[FontContext, Task] | None:
        """A batch of the session that has had the least of the pool so far."""
        hungry = [session for session in sessions if session.hungry]
        for session in hungry:
            if session.id not in self._served:  # who comes, or comes back, makes nobody else wait for it to catch up
                session.used_seconds = max(session.used_seconds, self._share)
        self._served = {session.id for session in hungry}
        if len(hungry) > 1:
            hungry.sort(key=lambda session: session.used_seconds)
        for session in hungry:
            serial, share = self._serial + 1, session.used_seconds
            work = session.next_batch(slot, self._workers, serial)
            if work is not None:
                self._share = share
                self._serial = serial
                self._tasks[serial] = session
                context, batch = work
                return context, RenderTask(serial, session.id, batch.font_id, batch.first, batch.last)
        return None

    def task_ended(self, task: Task, answer: Reply) -> None:
        """A worker answered: tell the task's owner."""
        owner = self._tasks.pop(task.serial)
        if not isinstance(owner, ManagedSession):
            owner.task_ended(task.serial, answer)
        elif isinstance(answer, BatchDone):
            owner.batch_done(task.serial, answer)
        elif isinstance(answer, BatchFailed):
            owner.batch_failed(task.serial, answer)

    def task_lost(self, task: Task, culprit: int | None) -> None:
        """A worker is gone with a batch or another task: tell its owner."""
        owner = self._tasks.pop(task.serial)
        if not isinstance(owner, ManagedSession):
            owner.task_lost(task.serial)
            if owner not in self._errands:
                self._errands.append(owner)
        else:
            owner.batch_lost(task.serial, culprit)
