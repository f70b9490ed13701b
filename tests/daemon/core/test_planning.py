"""The planner: every sample is given out once, comes back in index order, and nothing is ever lost."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from fontmilld.core.planning import WINDOW, Batch, FontPlan, SessionPlan
from fontmilld.core.ranges import RangeSet

FONTS = ("a", "b", "c")
WORKERS = (0, 1, 2)


class Planning(RuleBasedStateMachine):
    """Any order of events in a session; the model is plain sets."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: SessionPlan[int] = SessionPlan()
        self.wanted: dict[str, set[int]] = {font: set() for font in FONTS}
        self.released: dict[str, list[int]] = {font: [] for font in FONTS}
        self.dropped: dict[str, set[int]] = {font: set() for font in FONTS}
        self.out: set[Batch] = set()
        self.withdrawn: set[str] = set()
        self.pieces = 0
        for font, total in zip(FONTS, (50, 7, 0), strict=True):
            self.plan.add(font, RangeSet.span(1, total))
            self.wanted[font] = set(range(1, total + 1))

    batches = Bundle("batches")

    def take_in(self, released: list[tuple[Batch, int]]) -> None:
        for batch, _ in released:
            self.released[batch.font_id] += range(batch.first, batch.last + 1)

    @rule(target=batches, worker=st.sampled_from(WORKERS), size=st.integers(1, 12))
    def issue(self, worker: int, size: int):
        batch = self.plan.next_batch(worker, lambda font: size)
        if batch is None:
            return multiple()
        samples = set(range(batch.first, batch.last + 1))
        for other in self.out:
            assert other.font_id != batch.font_id or not samples & set(range(other.first, other.last + 1))
        assert not samples & set(self.released[batch.font_id])
        assert samples <= self.wanted[batch.font_id]
        self.out.add(batch)
        return batch

    @rule(batch=consumes(batches))
    def settle(self, batch: Batch) -> None:
        self.out.discard(batch)
        self.take_in(self.plan.settle(batch, 1))

    @rule(batch=consumes(batches))
    def give_back_whole(self, batch: Batch) -> None:
        self.out.discard(batch)
        self.plan.give_back(batch)

    @rule(batch=consumes(batches), data=st.data())
    def split_at_a_culprit(self, batch: Batch, data: st.DataObject) -> None:
        self.out.discard(batch)
        self.pieces += 2
        self.plan.give_back(batch, batch.split_at(data.draw(st.integers(batch.first, batch.last))))

    @rule(batch=consumes(batches), data=st.data())
    def quarantine(self, batch: Batch, data: st.DataObject) -> None:
        self.out.discard(batch)
        self.pieces += 2
        index = data.draw(st.integers(batch.first, batch.last))
        alone = Batch(index, index, batch.font_id)
        self.plan.give_back(batch, batch.split_at(index))
        self.plan.take_out(alone)
        self.take_in(self.plan.settle(alone, 2))

    @rule(font=st.sampled_from(FONTS))
    def withdraw(self, font: str) -> None:
        dropped, released = self.plan.withdraw(font)
        assert not set(dropped) & self.dropped[font]
        self.dropped[font] |= set(dropped)
        self.withdrawn.add(font)
        self.take_in(released)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for font in FONTS:
            done = self.released[font]
            assert len(done) == len(set(done))
            assert not set(done) & self.dropped[font]
            if font not in self.plan.fonts:
                assert set(done) | self.dropped[font] == self.wanted[font]

    @invariant()
    def results_come_in_index_order(self) -> None:
        for font in FONTS:
            assert self.released[font] == sorted(self.released[font])

    @invariant()
    def the_window_bounds_what_is_held_back(self) -> None:
        for font in self.plan.fonts.values():
            assert len(font._order) <= WINDOW + self.pieces

    @invariant()
    def unissued_counts_what_was_never_given_out(self) -> None:
        assert self.plan.unissued == sum(len(font.todo) for font in self.plan.fonts.values())

    @invariant()
    def exhausted_means_all_is_accounted_for(self) -> None:
        accounted = all(set(self.released[f]) | self.dropped[f] == self.wanted[f] for f in FONTS)
        assert self.plan.exhausted == accounted

    @precondition(lambda self: not self.out)
    @rule()
    def with_nothing_out_there_is_work_or_an_end(self) -> None:
        batch = self.plan.next_batch("probe", lambda font: 5)
        assert (batch is None) == self.plan.exhausted
        if batch is not None:
            self.plan.give_back(batch)

    def teardown(self) -> None:
        """Whatever has happened, the rest can be finished."""
        for batch in list(self.out):
            self.take_in(self.plan.settle(batch, 1))
        while (batch := self.plan.next_batch(0, lambda font: 9)) is not None:
            self.take_in(self.plan.settle(batch, 1))
        assert self.plan.exhausted
        self.exhausted_means_all_is_accounted_for()


TestPlanning = Planning.TestCase
TestPlanning.settings = settings(max_examples=80, stateful_step_count=40)


def drained(plan: SessionPlan[int], workers: int, size: int = 10) -> list[Batch]:
    seen = []
    while not plan.exhausted:
        batches = [plan.next_batch(worker, lambda font: size) for worker in range(workers)]
        for batch in batches:
            if batch is not None:
                seen.append(batch)
                plan.settle(batch, 0)
    return seen


def test_a_worker_keeps_to_its_font_while_there_are_fonts_enough():
    plan: SessionPlan[int] = SessionPlan()
    for font in ("a", "b", "c", "d"):
        plan.add(font, RangeSet.span(1, 30))
    first = {worker: plan.next_batch(worker, lambda font: 10).font_id for worker in range(2)}
    second = {worker: plan.next_batch(worker, lambda font: 10).font_id for worker in range(2)}
    assert first == second
    assert first[0] != first[1]


def test_the_last_font_is_shared_by_all_workers():
    plan: SessionPlan[int] = SessionPlan()
    plan.add("a", RangeSet.span(1, 100))
    assert {plan.next_batch(worker, lambda font: 10).font_id for worker in range(4)} == {"a"}


def test_a_slow_batch_stops_its_font_at_the_window_and_no_other():
    plan: SessionPlan[int] = SessionPlan()
    plan.add("a", RangeSet.span(1, 100))
    plan.add("b", RangeSet.span(1, 100))
    slow = plan.next_batch(0, lambda font: 1)
    for _ in range(WINDOW - 1):
        batch = plan.next_batch(0, lambda font: 1)
        assert batch.font_id == slow.font_id
        assert plan.settle(batch, 0) == []
    assert plan.next_batch(0, lambda font: 1).font_id != slow.font_id
    assert len(plan.settle(slow, 0)) == WINDOW


def test_what_was_lost_comes_before_anything_new():
    font: FontPlan[int] = FontPlan("a", RangeSet.span(1, 100))
    lost = font.issue(10)
    font.issue(10)
    font.give_back(lost)
    assert font.issue(10) == lost


def test_holes_of_an_earlier_run_are_planned_and_nothing_else():
    plan: SessionPlan[int] = SessionPlan()
    todo = RangeSet.of([(3, 9), (20, 20), (31, 40)])
    plan.add("a", todo)
    seen = drained(plan, 2, 4)
    assert RangeSet.of((b.first, b.last) for b in seen) == todo


def test_thousands_of_fonts_are_worked_off_completely():
    plan: SessionPlan[int] = SessionPlan()
    for number in range(2000):
        plan.add(f"f{number}", RangeSet.span(1, 3))
    assert sum(len(batch) for batch in drained(plan, 4)) == 6000
