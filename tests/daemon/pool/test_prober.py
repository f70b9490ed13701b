"""Probing: what a file does to its process is charged to the file, and to nothing else."""

from __future__ import annotations

import signal

import pytest

from fontmilld.pool.messages import ProbeDone, ProbeTask
from fontmilld.pool.prober import ATTEMPTS, BOOT_ATTEMPTS, BOOT_PAUSE, MOST_TOGETHER, WALL_FACTOR, Prober
from fontmilld.testing.clock import FakeLoop
from fontmilld.testing.pool import ScriptedChild, ScriptedProcesses

SECONDS = 20.0


class Bench:
    """A prober with scripted processes, one or more."""

    def __init__(self, size: int = 1) -> None:
        self.loop = FakeLoop()
        self.processes = ScriptedProcesses(self.loop)
        self.prober = Prober(size, self.spawn, self.loop, SECONDS)
        self.failures: list[Exception] = []
        self.answers: list[ProbeDone] = []

    def spawn(self) -> ScriptedChild:
        if self.failures:
            raise self.failures.pop()
        return self.processes.spawn(0)

    def ask(self, *sources: str) -> None:
        for source in sources:
            self.prober.probe(source, {}, self.answers.append)
        self.loop.settle()

    @property
    def child(self) -> ScriptedChild:
        return self.processes.born[-1]

    def slugs(self) -> list[str]:
        return [answer.faces[0]["slug"] for answer in self.answers]


def probed(child: ScriptedChild) -> ProbeTask:
    """What the process was asked last."""
    return [message for message in child.heard if isinstance(message, ProbeTask)][-1]


def found(task: ProbeTask) -> ProbeDone:
    """An answer that accepts the file."""
    return ProbeDone(task.serial, "a" * 64, ({"face_index": 0, "slug": "", "reason": "", "record": {}},))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_file_that_uses_up_its_processor_time_is_timed_out(bench: Bench) -> None:
    bench.ask("/f/slow.ttf")
    bench.child.die(-signal.SIGXCPU)
    bench.loop.settle()
    assert bench.slugs() == ["font-timed-out"]
    assert "20 s of processor time" in bench.answers[0].faces[0]["reason"]


def test_a_busy_machine_refuses_no_font(bench: Bench) -> None:
    bench.ask("/f/a.ttf")
    bench.loop.advance(SECONDS * (WALL_FACTOR - 1))
    assert bench.answers == [] and bench.child.alive


def test_a_file_that_waits_for_ever_is_timed_out_and_the_next_one_gets_a_new_process(bench: Bench) -> None:
    bench.ask("/f/hangs.ttf", "/f/good.ttf")
    bench.loop.advance(SECONDS * WALL_FACTOR + 5)
    assert bench.slugs() == ["font-timed-out"]
    assert len(bench.processes.born) == 2


def test_a_file_that_crashes_process_after_process_is_charged_alone(bench: Bench) -> None:
    bench.ask("/f/bad.ttf", "/f/good.ttf")
    for _ in range(ATTEMPTS):
        assert bench.answers == [] and probed(bench.child).source == "/f/bad.ttf"
        bench.child.die(-signal.SIGSEGV)
        bench.loop.settle()
    assert bench.slugs() == ["font-crashed"]
    task = probed(bench.child)
    assert task.source == "/f/good.ttf"
    bench.child.says(found(task))
    bench.loop.settle()
    assert bench.slugs() == ["font-crashed", ""]


MANY = [f"/f/{number:02d}.ttf" for number in range(40)]


def serve(bench: Bench, killers: tuple[str, ...] = ()) -> list[list[str]]:
    """Let the processes do all they are given, a group at a time, and return the groups; one with a killer ends its process, and nothing of it is answered."""
    groups, done = [], 0
    while len(bench.answers) < len(MANY):
        child = bench.child
        group = [message for message in child.heard if isinstance(message, ProbeTask)][done:]
        groups.append([task.source for task in group])
        assert [task.more for task in group] == [True] * (len(group) - 1) + [False]
        done += len(group)
        if any(task.source in killers for task in group):
            child.die(-signal.SIGXCPU)
            done = 0
        else:
            for task in group:
                child.says(found(task))
        bench.loop.settle()
    return groups


def test_of_many_files_a_process_is_given_some_at_once_and_the_last_ones_are_shared_out(bench: Bench) -> None:
    bench.ask(*MANY)
    groups = serve(bench)
    assert [source for group in groups for source in group] == MANY
    assert len(groups[1]) == MOST_TOGETHER and groups[-1] == MANY[-1:]


def test_of_files_given_at_once_only_the_one_that_ends_its_process_when_it_is_alone_is_charged(bench: Bench) -> None:
    bench.ask(*MANY)
    groups = serve(bench, killers=(MANY[3],))
    assert bench.slugs().count("font-timed-out") == 1 and bench.slugs().count("") == len(MANY) - 1
    assert [MANY[3]] in groups and len(bench.processes.born) == 3


def test_files_given_at_once_hold_up_the_others_no_longer_than_one_may_take(bench: Bench) -> None:
    bench.ask(*MANY)
    first = bench.child
    bench.loop.advance(SECONDS * WALL_FACTOR + 5)
    assert not first.alive and bench.answers == [] and len(bench.processes.born) == 2
    serve(bench)
    assert bench.slugs() == [""] * len(MANY)


def test_a_process_that_somebody_ends_costs_no_font(bench: Bench) -> None:
    bench.ask("/f/good.ttf")
    bench.child.die(-signal.SIGKILL)
    bench.loop.settle()
    bench.child.says(found(probed(bench.child)))
    bench.loop.settle()
    assert bench.slugs() == [""]


def test_the_last_file_of_a_process_that_ends_goes_to_one_that_is_idle() -> None:
    bench = Bench(2)
    bench.ask("/f/a.ttf", "/f/b.ttf")
    one, two = bench.processes.born
    two.says(found(probed(two)))
    bench.loop.settle()
    one.die(-signal.SIGKILL)
    bench.loop.settle()
    two.says(found(probed(two)))
    bench.loop.settle()
    assert bench.slugs() == ["", ""]


def test_processes_that_cannot_start_leave_nobody_waiting_and_blame_no_font() -> None:
    bench = Bench()
    bench.processes.auto_ready = False
    bench.ask("/f/a.ttf", "/f/b.ttf")
    while len(bench.answers) < 2:
        assert bench.child.alive, "another process is tried"
        bench.child.die(1)
        bench.loop.advance(BOOT_PAUSE)
    assert bench.slugs() == ["no-workers", "no-workers"]
    assert len(bench.processes.born) == BOOT_ATTEMPTS


def test_a_start_that_fails_is_tried_again(bench: Bench) -> None:
    bench.failures = [OSError("it ended"), OSError("no process")]
    bench.ask("/f/a.ttf", "/f/b.ttf")
    bench.loop.advance(2 * BOOT_PAUSE)
    for _ in range(2):
        bench.child.says(found(probed(bench.child)))
        bench.loop.settle()
    assert bench.slugs() == ["", ""]
    bench.failures = [OSError("no process")] * BOOT_ATTEMPTS
    bench.loop.advance(60)  # the process at hand has gone, for want of work
    bench.ask("/f/c.ttf")
    bench.loop.advance(BOOT_PAUSE * BOOT_ATTEMPTS)
    assert bench.slugs() == ["", "", "no-workers"]


def test_a_process_that_takes_no_work_is_replaced(bench: Bench) -> None:
    bench.ask("/f/a.ttf")
    bench.child.says(found(probed(bench.child)))
    bench.loop.settle()
    bench.child.full = True
    bench.ask("/f/b.ttf")
    bench.child.says(found(probed(bench.child)))
    bench.loop.settle()
    assert bench.slugs() == ["", ""] and len(bench.processes.born) == 2
