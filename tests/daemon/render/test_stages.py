"""The clock of a worker's stages, on a machine whose time is ours."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from fontmilld.render import stages
from fontmilld.render.stages import MOST_WAIT, STAGES, StageClock


@dataclass
class Machine:
    """Stands in for the modules `time` and `resource`."""

    RUSAGE_THREAD = 1
    wall: float = 100.0
    computed: float = 5.0
    sleeps: int = 7

    def perf_counter(self) -> float:
        return self.wall

    def thread_time(self) -> float:
        return self.computed

    def getrusage(self, who: int) -> SimpleNamespace:
        assert who == self.RUSAGE_THREAD
        return SimpleNamespace(ru_nvcsw=self.sleeps)

    def passes(self, wall: float, computed: float, sleeps: int = 0) -> None:
        self.wall += wall
        self.computed += computed
        self.sleeps += sleeps


def spent(clock: StageClock) -> dict[str, float]:
    return {stage: seconds for stage, seconds in clock.take().items() if seconds}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(stages, "time", machine)
    monkeypatch.setattr(stages, "resource", machine)
    return machine


def test_writing_is_split_into_what_the_processor_did_and_what_the_storage_took(machine: Machine) -> None:
    clock = StageClock()
    machine.passes(2.0, 1.5)
    clock.lap("draw")
    clock.writing()
    machine.passes(4.0, 1.0, sleeps=1)
    clock.wrote()
    taken = clock.take()
    assert tuple(taken) == STAGES
    assert {stage: seconds for stage, seconds in taken.items() if seconds} == pytest.approx({"draw": 2.0, "write": 1.0, "stall": 3.0})
    assert not any(clock.take().values())


def test_a_writer_that_never_slept_was_held_up_by_others_who_wanted_the_processor(machine: Machine) -> None:
    clock = StageClock()
    for sleeps in (0, 1, 0):
        clock.writing()
        machine.passes(4.0, 1.0, sleeps)
        clock.wrote()
    assert spent(clock) == pytest.approx({"write": 9.0, "stall": 3.0})


def test_the_sleep_of_who_waits_for_work_is_none_of_the_storage(machine: Machine) -> None:
    clock = StageClock()
    machine.passes(0.5, 0.0, sleeps=3)
    clock.waited()
    clock.writing()
    machine.passes(4.0, 1.0)
    clock.wrote()
    assert spent(clock) == pytest.approx({"wait": 0.5, "write": 4.0})


def test_a_thread_that_really_sleeps_while_it_writes_stalls() -> None:
    clock = StageClock()
    clock.writing()
    time.sleep(0.05)
    clock.wrote()
    assert clock.take()["stall"] > 0.02


def test_a_coarse_clock_of_the_processor_makes_no_stage_negative(machine: Machine) -> None:
    clock = StageClock()
    clock.writing()
    machine.passes(1.0, 1.25, sleeps=1)
    clock.wrote()
    assert clock.take() == {**dict.fromkeys(STAGES, 0.0), "write": 1.0}


def test_of_a_long_wait_only_a_part_counts(machine: Machine) -> None:
    clock = StageClock()
    machine.passes(60.0, 0.0)
    clock.waited()
    assert clock.take()["wait"] == pytest.approx(MOST_WAIT)
