"""The pool with scripted children: whatever a worker does, its batches come back and its slot is filled again."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.pool.messages import BatchDone, BatchFailed, FontContext, Ready, RenderTask, Stop
from fontmilld.pool.pool import FAILED_STARTS, LASTING_STARTS, QUEUE_DEPTH, HangLimits, Pool
from fontmilld.pool.vitals import Doing, Vitals
from fontmilld.testing.clock import FakeLoop
from fontmilld.testing.pool import ScriptedProcesses, a_context, blank_done

SOFT = 10.0


class Work:
    """A Dispatcher with `count` batches of ten samples, redone when lost."""

    def __init__(self, count: int = 100) -> None:
        self.todo = [(f"font-{n % 2}", 10 * n + 1, 10 * n + 10) for n in range(count)]
        self.serial = 0
        self.answers: list[tuple[RenderTask, object]] = []
        self.lost: list[tuple[RenderTask, int | None]] = []
        self.deaths: list[tuple[int, str, bool]] = []
        self.no_starts: list[tuple[str, bool]] = []

    def next_task(self, slot):
        if not self.todo:
            return None
        font, first, last = self.todo.pop(0)
        self.serial += 1
        return a_context(font), RenderTask(self.serial, "s", font, first, last)

    def task_ended(self, slot, task, answer):
        self.answers.append((task, answer))

    def task_lost(self, task, culprit):
        self.lost.append((task, culprit))
        self.todo.insert(0, (task.font_id, task.first, task.last))

    def worker_died(self, slot, cause, crashloop):
        self.deaths.append((slot, cause, crashloop))

    def no_worker_starts(self, cause, lasting):
        self.no_starts.append((cause, lasting))


class Bench:
    def __init__(self, size: int = 1, auto_ready: bool = True, batches: int = 100) -> None:
        self.loop = FakeLoop()
        self.processes = ScriptedProcesses(self.loop, auto_ready)
        self.work = Work(batches)
        self.pool = Pool(size, self.processes.spawn, self.processes.pulse, self.loop, HangLimits(SOFT, 3.0), lambda: 1.0)
        self.loop.after_turn(self.pool.feed)
        self.pool.start(self.work)
        self.loop.settle()

    def child(self, slot: int = 0):
        return self.processes.living(slot)

    def serve(self, slot: int = 0) -> None:
        """The child in a slot does what it holds."""
        child = self.child(slot)
        for task in list(self.pool.slots[slot].tasks):
            child.says(blank_done(task))
        self.loop.settle()


def test_a_worker_holds_no_more_than_its_queue_and_gets_more_when_it_answers():
    b = Bench(2)
    for slot in (0, 1):
        assert len(b.child(slot).tasks) == QUEUE_DEPTH
    first = b.child().tasks[0]
    b.child().says(blank_done(first))
    b.loop.settle()
    assert [task for task, _ in b.work.answers] == [first]
    assert len(b.pool.slots[0].tasks) == QUEUE_DEPTH


def test_work_is_spread_over_all_workers_before_anybody_gets_a_second_batch():
    b = Bench(3, batches=0)
    b.work.todo = [("font-0", 1, 10), ("font-0", 11, 20), ("font-0", 21, 30)]
    b.loop.settle()
    assert [len(b.child(slot).tasks) for slot in range(3)] == [1, 1, 1]


def test_nothing_is_sent_before_the_child_is_ready():
    b = Bench(auto_ready=False)
    assert b.child().heard == []
    assert b.pool.alive == 0
    b.child().ready()
    b.loop.settle()
    assert b.child().tasks and b.pool.alive == 1


def test_why_workers_draw_without_the_compiled_core_is_known_when_one_is_ready():
    b = Bench(auto_ready=False)
    assert b.pool.without_core == ""
    b.child().says(Ready(b.child().pid, without_core="it was not compiled"))
    b.loop.settle()
    assert b.pool.without_core == "it was not compiled"


def test_a_font_is_explained_before_its_first_batch_and_not_again_until_it_changes():
    b = Bench(batches=1)
    b.serve()
    b.work.todo = [("font-0", 20, 29), ("font-1", 1, 10), ("font-0", 30, 39)]
    b.serve()
    b.serve()
    kinds = [(type(m).__name__, m.font_id) for m in b.child().heard]
    assert kinds == [("FontContext", "font-0"), ("RenderTask", "font-0"), ("RenderTask", "font-0"),
                     ("FontContext", "font-1"), ("RenderTask", "font-1"),
                     ("FontContext", "font-0"), ("RenderTask", "font-0")]


def test_a_crash_gives_back_all_batches_and_charges_the_sample_at_hand():
    b = Bench()
    dead = b.child()
    b.processes.beat(0, Doing.DRAWING, dead.tasks[0].serial, 7)
    b.work.lost.clear()
    dead.die(-signal.SIGSEGV)
    b.loop.settle()
    assert sorted((task.serial, culprit) for task, culprit in b.work.lost) == [(1, 7), (2, None)]
    assert b.work.deaths == [(0, "signal 11", False)]
    assert dead.closed
    assert [t.first for t in b.child().tasks] == [1, 11], "redone first, in order, by the replacement"
    assert isinstance(b.child().heard[0], FontContext), "a new process knows no font"


def test_a_crash_with_a_stale_heartbeat_accuses_no_sample():
    b = Bench()
    b.processes.beat(0, Doing.DRAWING, 999, 7)
    b.child().die()
    b.loop.settle()
    assert (1, 0) in [(task.serial, culprit) for task, culprit in b.work.lost]


def test_a_crash_while_writing_accuses_the_disk_and_no_sample():
    b = Bench()
    b.processes.beat(0, Doing.WRITING, 1, 7)
    b.child().die()
    b.loop.settle()
    assert {culprit for _, culprit in b.work.lost} == {None}


def test_what_a_child_said_before_it_died_still_counts():
    b = Bench()
    child = b.child()
    child.says(blank_done(child.tasks[0]))
    child.die()
    b.loop.settle()
    assert [task.serial for task, _ in b.work.answers] == [1]
    assert [task.serial for task, _ in b.work.lost][-1] != 1


def test_the_first_replacement_comes_at_once_and_later_ones_with_back_off():
    b = Bench()
    b.child().die()
    b.loop.settle()
    assert len(b.processes.born) == 2
    b.child().die()
    b.loop.settle()
    assert len(b.processes.born) == 2, "not at once"
    b.loop.advance(1.0)
    assert len(b.processes.born) == 3
    b.child().die()
    b.loop.advance(1.5)
    assert len(b.processes.born) == 3, "each wait is longer"
    b.loop.advance(0.6)
    assert len(b.processes.born) == 4


def test_a_worker_that_was_stable_is_replaced_at_once_again():
    b = Bench()
    for _ in range(2):
        b.child().die()
        b.loop.advance(2)
    for _ in range(62):
        b.processes.beat(0, Doing.IDLE)
        b.loop.advance(1)
    before = len(b.processes.born)
    b.child().die()
    b.loop.settle()
    assert len(b.processes.born) == before + 1


def test_more_than_five_deaths_in_a_minute_are_a_crashloop():
    b = Bench()
    while len(b.work.deaths) < 6:
        b.child().die()
        b.loop.settle()
        told = [crashloop for *_, crashloop in b.work.deaths]
        while not any(child.alive for child in b.processes.born):
            b.loop.advance(0.5)
    assert told == [False] * 5 + [True]


def test_five_deaths_far_apart_are_none():
    b = Bench()
    for _ in range(12):
        b.child().die()
        b.loop.settle()
        for _ in range(40):
            b.processes.beat(0, Doing.IDLE)
            b.loop.advance(1)
    assert not any(crashloop for *_, crashloop in b.work.deaths)


def test_a_hung_worker_is_asked_for_its_stack_then_terminated_then_killed():
    b = Bench()
    child = b.child()
    child.stubborn = True
    b.processes.beat(0, Doing.DRAWING, 1, 4)
    b.loop.advance(SOFT - 1.5)
    assert child.signals == []
    b.loop.advance(3)
    assert child.signals == [signal.SIGUSR1]
    b.loop.advance(3)
    assert child.signals == [signal.SIGUSR1, signal.SIGTERM]
    b.loop.advance(3)
    assert child.signals[:3] == [signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL]
    assert (1, 4) in [(task.serial, culprit) for task, culprit in b.work.lost], "the sample it hung at is charged"
    assert b.work.deaths[0][1] == "it hung"
    assert b.child() is not child


def test_the_stack_that_a_hung_worker_left_is_in_the_log(tmp_path, caplog):
    b = Bench()
    stack = tmp_path / "worker-0.stack"
    b.pool.slots[0].stack_file = str(stack)
    b.child().stubborn = True
    b.processes.beat(0, Doing.DRAWING, 1, 4)
    b.loop.advance(SOFT + 1)
    stack.write_text('File "draw.py", line 7 in spin')  # what SIGUSR1 made it write
    b.loop.advance(3)
    assert 'stack of worker 0:\nFile "draw.py", line 7 in spin' in caplog.text


def test_a_worker_that_moves_again_is_left_alone_and_starts_the_ladder_anew():
    b = Bench()
    b.processes.beat(0, Doing.DRAWING, 1, 4)
    b.loop.advance(SOFT + 1)
    assert b.child().signals == [signal.SIGUSR1]
    for _ in range(30):
        b.processes.beat(0, Doing.DRAWING, 1, 5)
        b.loop.advance(1)
    assert b.child().signals == [signal.SIGUSR1]
    b.pool.recycle(b.child().pid, "it has grown too large")
    b.loop.settle()
    assert {culprit for _, culprit in b.work.lost} == {None}, "a hang that passed is not held against the sample"


def test_an_idle_worker_never_hangs():
    b = Bench(batches=0)
    b.loop.advance(10 * SOFT)
    assert b.child().signals == []


def test_a_child_that_never_becomes_ready_is_replaced():
    b = Bench(auto_ready=False)
    first = b.child()
    b.loop.advance(35)
    assert not first.alive
    assert len(b.processes.born) > 1


@pytest.mark.parametrize("doing", [Doing.DRAWING, Doing.WRITING])
def test_killing_a_worker_ourselves_charges_nobody_and_is_no_death(doing):
    b = Bench()
    for _ in range(10):
        b.processes.beat(0, doing, b.child().tasks[0].serial, 3)
        b.pool.recycle(b.child().pid, "it has grown too large")
        while not any(child.alive for child in b.processes.born):
            b.loop.advance(1)
    assert {culprit for _, culprit in b.work.lost} == {None}
    assert not any(crashloop for *_, crashloop in b.work.deaths)


def test_a_child_that_babbles_is_ended_and_replaced_and_nothing_else_happens():
    b = Bench(2)
    bad, good = b.child(0), b.child(1)
    bad.babbles()
    b.loop.settle()
    assert not bad.alive and bad.closed
    assert good.alive
    assert b.child(0).tasks, "its slot works again"
    assert {culprit for _, culprit in b.work.lost} == {None}


def test_a_babbler_that_cannot_be_killed_is_let_go_of():
    b = Bench()
    b.child().undying = True
    b.child().babbles()
    b.loop.settle()
    assert b.processes.born[0].closed
    assert b.processes.born[-1].tasks


@pytest.mark.parametrize("wrong", [
    BatchDone(99, b"", 0, (), 0), BatchFailed(99, "internal", ""), Stop(), a_context(), RenderTask(1, "s", "f", 1, 1)])
def test_a_message_out_of_turn_ends_the_child_only(wrong):
    b = Bench()
    bad = b.child()
    bad.says(wrong)
    b.loop.settle()
    assert not bad.alive
    assert b.work.answers == []
    assert b.child().tasks


@pytest.mark.parametrize("change", [
    {"done": 9}, {"lines": b""}, {"lines": "text"}, {"done": None}, {"failures": None}, {"failures": ((3, "text-unfit", "no"),)},
    {"failures": (("3", "text-unfit", "no"),), "done": 9, "lines": b"{}\n" * 9},
    {"failures": ((99, "text-unfit", "no"),), "done": 9, "lines": b"{}\n" * 9},
    {"failures": ((3, None, "no"),), "done": 9, "lines": b"{}\n" * 9},
    {"failures": ((3, "x", "y"),) * 2, "done": 8, "lines": b"{}\n" * 8},
    {"failures": ((3,),)}, {"stages": {"render": float("nan")}}, {"stages": {"render": "long"}}, {"stages": None}, {"written": -1},
])
def test_an_answer_that_cannot_be_is_believed_by_nobody(change):
    b = Bench()
    bad = b.child()
    bad.says(replace(blank_done(bad.tasks[0]), **change))
    b.loop.settle()
    assert b.work.answers == [] and not bad.alive
    assert b.child().tasks[0].first == 1, "the batch is redone"


@pytest.mark.parametrize("failed", [BatchFailed(1, "no-such-slug", ""), BatchFailed(1, 7, ""), BatchFailed(1, "internal", None)])
def test_a_failure_that_is_no_failure_is_believed_by_nobody(failed):
    b = Bench()
    b.child().says(failed)
    b.loop.settle()
    assert b.work.answers == []


def test_a_child_that_does_not_read_is_ended_and_its_batches_redone():
    b = Bench(batches=1)
    b.child().full = True
    b.serve()
    b.work.todo = [("font-0", 50, 59)]
    b.loop.settle()
    assert not b.processes.born[0].alive
    assert [t.first for t in b.child().tasks] == [50]


def test_a_machine_that_cannot_start_processes_is_tried_again():
    b = Bench()
    b.processes.refuse = 3
    b.child().die()
    b.loop.settle()
    assert not any(child.alive for child in b.processes.born)
    while b.processes.refuse or not b.processes.born[-1].alive:
        b.loop.advance(1)
        assert b.loop.now() < 1060
    assert b.child().tasks


def test_stopping_lets_workers_finish_and_starts_no_new_ones():
    b = Bench(2)
    b.pool.stop()
    for slot in (0, 1):
        assert isinstance(b.child(slot).heard[-1], Stop)
        b.serve(slot)
    assert len(b.work.answers) == 4
    assert not b.pool.busy
    for child in b.processes.born:
        child.die(0)
    b.loop.advance(100)
    assert len(b.processes.born) == 2
    assert b.loop.timers == 0


def test_killing_ends_everybody_now():
    b = Bench(3)
    b.pool.kill()
    b.loop.settle()
    assert not any(child.alive for child in b.processes.born)
    assert b.pool.pids == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["serve", "die", "babble", "hang", "nonsense", "recycle", "wait"])), max_size=25))
def test_whatever_happens_no_batch_is_lost_or_done_twice(events):
    b = Bench(2, batches=30)
    everything = sorted((f, a, z) for f, a, z in [(f"font-{n % 2}", 10 * n + 1, 10 * n + 10) for n in range(30)])
    for slot, event in events:
        alive = b.pool.slots[slot].child
        if event == "wait" or alive is None:
            b.loop.advance(5)
        elif event == "serve":
            b.serve(slot)
        elif event == "die":
            alive.die()
        elif event == "babble":
            alive.babbles()
        elif event == "nonsense":
            alive.says(Stop())
        elif event == "recycle":
            b.pool.recycle(alive.pid, "test")
        else:
            b.loop.advance(SOFT + 8)
        b.loop.settle()
        assert all(len(s.tasks) <= QUEUE_DEPTH for s in b.pool.slots)
    for _ in range(200):
        if len(b.work.answers) == 30:
            break
        b.loop.advance(1)
        for slot in (0, 1):
            if b.pool.slots[slot].ready:
                b.serve(slot)
    assert sorted((t.font_id, t.first, t.last) for t, _ in b.work.answers) == everything


def test_scribbled_shared_memory_reads_as_idle():
    array = [0, 0, 0, 77]
    assert Vitals(array, 0).read().doing is Doing.IDLE
    Vitals(array, 0).beat(Doing.WRITING, 5, 6)
    pulse = Vitals(array, 0).read()
    assert (pulse.serial, pulse.index, pulse.doing) == (5, 6, Doing.WRITING)


def test_where_no_worker_starts_it_is_told_within_seconds_and_tried_on():
    b = Bench(2, batches=0)
    b.processes.refuse = 2 * LASTING_STARTS
    for slot in (0, 1):
        b.child(slot).die(-signal.SIGKILL)
    b.loop.advance(2 + 2 * FAILED_STARTS)
    assert b.pool.hopeless and b.work.no_starts[0] == ("Resource temporarily unavailable", False)
    b.loop.advance(120)
    assert b.work.no_starts[-1] == ("Resource temporarily unavailable", True)
    assert b.pool.alive == 2 and not b.pool.hopeless and b.pool.start_trouble == ""


def test_workers_that_end_before_they_are_ready_have_not_started():
    b = Bench(auto_ready=False)
    for _ in range(FAILED_STARTS):
        assert not b.pool.hopeless
        b.child().die(1)
        b.loop.advance(5)
    assert b.pool.hopeless and b.work.no_starts == [("exit status 1", False)]
    b.child().ready()
    b.loop.settle()
    assert not b.pool.hopeless


def test_one_worker_that_does_not_start_beside_one_that_works_is_trouble_but_no_reason_to_give_up():
    b = Bench(2)
    b.processes.refuse = LASTING_STARTS
    b.child(0).die(-signal.SIGKILL)
    b.loop.advance(5)
    assert b.pool.start_trouble and not b.pool.hopeless and b.work.no_starts == []
