"""The clock of a worker's stages, on a machine whose time is ours."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fontmilld.render import stages
from fontmilld.render.stages import MOST_WAIT, STAGES, StageClock


@dataclass
class Machine:
    """Stands in for the module `time`."""

    wall: float = 100.0
    computed: float = 5.0

    def perf_counter(self) -> float:
        return self.wall

    def thread_time(self) -> float:
        return self.computed

    def passes(self, wall: float, computed: float) -> None:
        self.wall += wall
        self.computed += computed


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(stages, "time", machine)
    return machine


def test_writing_is_split_into_what_the_processor_did_and_what_the_storage_took(machine: Machine) -> None:
    clock = StageClock()
    machine.passes(2.0, 1.5)
    clock.lap("draw")
    clock.writing()
    machine.passes(4.0, 1.0)
    clock.wrote()
    taken = clock.take()
    assert tuple(taken) == STAGES
    assert {stage: seconds for stage, seconds in taken.items() if seconds} == pytest.approx({"draw": 2.0, "write": 1.0, "stall": 3.0})
    assert not any(clock.take().values())


def test_a_coarse_clock_of_the_processor_makes_no_stage_negative(machine: Machine) -> None:
    clock = StageClock()
    clock.writing()
    machine.passes(1.0, 1.25)
    clock.wrote()
    assert clock.take() == {**dict.fromkeys(STAGES, 0.0), "write": 1.0}


def test_of_a_long_wait_only_a_part_counts(machine: Machine) -> None:
    clock = StageClock()
    machine.passes(60.0, 0.0)
    clock.waited()
    assert clock.take()["wait"] == pytest.approx(MOST_WAIT)
