"""Probes font files in expendable processes, with limits of time and memory.

Where there are thousands, a process is given some at once. When it ends over them, each is tried by itself: only a file
that was alone in its process is charged.
"""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fontmilld.pool.messages import ProbeDone, ProbeTask, Ready, SheetDone, SheetTask
from fontmilld.pool.pool import EXIT_SECONDS, Reactor, describe_exit
from fontmilld.pool.process import Child, Wedged

MEMORY_BYTES = 2 << 30
FILE_SECONDS = 20.0
"""Of processor time, so that a busy machine refuses no font that a quiet one takes."""
WALL_FACTOR = 6
"""So many times as long a probe may take that waits, e.g. for storage."""
BOOT_SECONDS = 30.0
IDLE_SECONDS = 10.0
BOOT_ATTEMPTS = 3
BOOT_PAUSE = 1.0
"""Seconds between attempts to start a process."""
MOST_TOGETHER = 8
"""Files that a process is given at once: a message, and a turn of the loop, for each of thousands cost too much."""
ATTEMPTS = 3
"""Processes that one file may end: who sent the signal is not told, and what ends one probe by accident must not cost a font."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    task: ProbeTask | SheetTask
    answer: Callable[[Any], None]
    alone: bool
    losses: int = 0


@dataclass(slots=True)
class _Prober:
    child: Child
    deadline: float
    jobs: deque[_Job] = field(default_factory=deque)
    ready: bool = False
    killed: bool = False


class Prober:
    """At most `size` probe processes, started when there is work and let go when there is none."""

    def __init__(self, size: int, spawn: Callable[[], Child], reactor: Reactor, file_seconds: float = FILE_SECONDS) -> None:
        self._size = size
        self._spawn = spawn
        self._reactor = reactor
        self.file_seconds = file_seconds
        self._queue: deque[_Job] = deque()
        self._probers: list[_Prober] = []
        self._serial = 0
        self._watching = False
        self._boot_failures = 0
        self._pausing = False
        self.fingerprint: Mapping[str, str] = {}
        self.missing: tuple[str, ...] = ()

    def probe(self, source: str, settings: Mapping[str, Any], answer: Callable[[ProbeDone], None], samples: int = 0) -> None:
        """Inspect one file, and draw `samples` pairs; `answer` is called on the loop's thread with what was found."""
        self._serial += 1
        self._submit(_Job(ProbeTask(self._serial, source, dict(settings), samples), answer, alone=samples > 0))

    def sheet(self, pairs: Sequence[Any], columns: int, answer: Callable[[SheetDone], None]) -> None:
        """Put pairs on a contact sheet."""
        self._serial += 1
        self._submit(_Job(SheetTask(self._serial, tuple(pairs), columns), answer, alone=True))

    def _submit(self, job: _Job) -> None:
        self._queue.append(job)
        self._go_on()

    def stop(self) -> None:
        """End every probe process."""
        for prober in list(self._probers):
            self._drop(prober)

    def _go_on(self) -> None:
        """What waits goes to whoever is free, and to another process while there may be one."""
        self._grow()
        self._feed()

    def _at_work(self) -> int:
        return sum(1 for prober in self._probers if prober.jobs)

    def _grow(self) -> None:
        if not self._pausing and self._queue and len(self._probers) < min(self._size, len(self._queue) + self._at_work()):
            self._begin()

    def _begin(self) -> None:
        try:
            child = self._spawn()
        except OSError as error:
            self._not_started(error.strerror or str(error))
            return
        prober = _Prober(child, self._reactor.now() + BOOT_SECONDS)
        self._probers.append(prober)
        self._reactor.add_reader(child.fileno(), lambda: self._on_readable(prober))
        if not self._watching:
            self._watching = True
            self._reactor.call_later(1.0, self._watch)

    def _not_started(self, cause: str) -> None:
        """Try again in a while; after too many attempts nobody is left waiting, unless another process is there to take the work."""
        log.warning("a process that inspects fonts was not made ready: %s", cause)
        self._boot_failures += 1
        if self._boot_failures >= BOOT_ATTEMPTS and not any(prober.ready for prober in self._probers):
            self._refuse_all(cause)
        elif not self._pausing:
            self._pausing = True
            self._reactor.call_later(BOOT_PAUSE, self._pause_is_over)

    def _pause_is_over(self) -> None:
        self._pausing = False
        self._go_on()

    def _feed(self) -> None:
        for prober in self._probers:
            if prober.ready and not prober.jobs and self._queue:
                prober.jobs.extend(self._next_jobs())
                self._await(prober)
                *others, last = [job.task for job in prober.jobs]
                try:
                    prober.child.send(*(replace(task, more=True) for task in others if isinstance(task, ProbeTask)), last)
                except Wedged:
                    prober.child.signal(signal.SIGKILL)  # and its end is read next

    def _next_jobs(self) -> Iterator[_Job]:
        """The next job, and some more while there are so many that no process will be without one for long."""
        most = 1 if self._queue[0].alone else max(1, min(MOST_TOGETHER, len(self._queue) // (4 * self._size)))
        yield self._queue.popleft()
        for _ in range(most - 1):
            if not self._queue[0].alone:
                yield self._queue.popleft()

    def _on_readable(self, prober: _Prober) -> None:
        try:
            messages = prober.child.receive()
        except Wedged:
            messages = None
        if messages is None:
            self._bury(prober)
            return
        for message in messages:
            if isinstance(message, Ready):
                prober.ready = True
                self._boot_failures = 0
                self.fingerprint, self.missing = message.fingerprint, message.missing
            elif isinstance(message, ProbeDone | SheetDone) and prober.jobs and message.serial == prober.jobs[0].task.serial:
                prober.jobs.popleft().answer(message)
        self._await(prober)
        self._feed()

    def _await(self, prober: _Prober) -> None:
        """From now on: answers wait for others only where files take no time."""
        prober.deadline = self._reactor.now() + (WALL_FACTOR * self.file_seconds if prober.jobs else IDLE_SECONDS)

    def _bury(self, prober: _Prober) -> None:
        code = prober.child.wait(EXIT_SECONDS)
        cause = describe_exit(code)
        self._drop(prober)
        if len(prober.jobs) > 1:
            self._part(prober.jobs)
        elif prober.jobs:
            self._lost(prober.jobs[0], prober.killed or code == -signal.SIGXCPU, cause)
        if not prober.ready:
            self._not_started(cause)
        self._go_on()

    def _part(self, jobs: Sequence[_Job]) -> None:
        """Which of them ended the process is not known: each is tried by itself."""
        for job in reversed(jobs):
            job.alone = True
            self._queue.appendleft(job)

    def _lost(self, job: _Job, timed_out: bool, cause: str) -> None:
        job.losses += 1
        if timed_out or job.losses >= ATTEMPTS:
            job.answer(_refusal(job.task, timed_out, cause, self.file_seconds))
        else:
            self._queue.appendleft(job)

    def _refuse_all(self, cause: str) -> None:
        self._boot_failures = 0
        waiting, self._queue = self._queue, deque()
        for job in waiting:
            job.answer(_unable(job.task, cause))

    def _drop(self, prober: _Prober) -> None:
        self._reactor.remove_reader(prober.child.fileno())
        prober.child.signal(signal.SIGKILL)
        prober.child.close()
        self._probers.remove(prober)

    def _watch(self) -> None:
        now = self._reactor.now()
        for prober in list(self._probers):
            if now < prober.deadline:
                continue
            if not prober.jobs and prober.ready:
                self._drop(prober)
            elif not prober.killed:
                prober.killed = True
                prober.child.signal(signal.SIGKILL)
        self._watching = bool(self._probers)
        if self._watching:
            self._reactor.call_later(1.0, self._watch)


def _refusal(task: ProbeTask | SheetTask, timed_out: bool, cause: str, seconds: float) -> ProbeDone | SheetDone:
    if isinstance(task, SheetTask):
        return SheetDone(task.serial, b"", f"Drawing the sheet took more than {seconds:.0f} s of processor time." if timed_out else f"Its process ended ({cause}).")
    slug, reason = "font-crashed", f"Inspecting the font ended its process ({cause})."
    if timed_out:
        slug, reason = "font-timed-out", f"Inspecting the font took more than {seconds:.0f} s of processor time."
    return ProbeDone(task.serial, "", ({"face_index": 0, "slug": slug, "reason": reason, "record": {}},))


def _unable(task: ProbeTask | SheetTask, cause: str) -> ProbeDone | SheetDone:
    """The answer where no process starts: no font is to blame."""
    reason = f"No process that inspects fonts can be started ({cause})."
    if isinstance(task, SheetTask):
        return SheetDone(task.serial, b"", reason)
    return ProbeDone(task.serial, "", ({"face_index": 0, "slug": "no-workers", "reason": reason, "record": {}},))
