"""The account of memory in use: each mark is told once, a worker goes only when it must, and nothing flaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core.pressure import (
    GO,
    RECYCLE,
    RECYCLE_SECONDS,
    STOP,
    STUCK_SECONDS,
    WARN,
    Advice,
    MemoryGauge,
)


def told(*looks: tuple[float, float]) -> list[tuple[Advice, ...]]:
    gauge = MemoryGauge()
    return [gauge.look(share, now) for share, now in looks]


def test_each_mark_is_told_once_on_the_way_up_and_the_way_down():
    looks = [(0.5, 0), (0.71, 1), (0.75, 2), (0.81, 3), (0.85, 4), (0.7, 5), (0.66, 6), (0.64, 7), (0.5, 8), (0.72, 9)]
    assert told(*looks) == [(), (Advice.WARN,), (), (Advice.STOP,), (), (), (), (Advice.GO,), (), (Advice.WARN,)]


def test_a_sudden_rise_warns_stops_and_recycles_in_this_order():
    assert told((0.95, 0)) == [(Advice.WARN, Advice.STOP, Advice.RECYCLE)]


def test_one_worker_after_the_other_goes_while_it_stays_above_the_last_mark():
    gauge = MemoryGauge()
    recycled = [now for now in range(21) if Advice.RECYCLE in gauge.look(0.92, float(now))]
    assert recycled == [0, 5, 10, 15, 20]
    assert RECYCLE_SECONDS == 5


def test_a_pause_in_which_nothing_is_given_back_costs_a_worker_a_minute():
    gauge = MemoryGauge()
    recycled = [now for now in range(200) if Advice.RECYCLE in gauge.look(0.82, float(now))]
    assert recycled == [60, 120, 180]
    assert STUCK_SECONDS == 60


def test_while_memory_comes_back_slowly_no_worker_goes():
    gauge = MemoryGauge()
    assert not any(Advice.RECYCLE in gauge.look(0.85 - 0.02 * (now / 50), float(now)) for now in range(500))


@given(st.lists(st.floats(0, 1.2), max_size=60))
def test_stop_and_go_take_turns_and_are_true_when_told(shares):
    gauge, edges = MemoryGauge(), []
    for now, share in enumerate(shares):
        for advice in gauge.look(share, float(now)):
            if advice in (Advice.STOP, Advice.GO):
                edges.append(advice)
            assert share >= {Advice.WARN: WARN, Advice.STOP: STOP, Advice.GO: 0.0, Advice.RECYCLE: GO}[advice]
            assert advice is not Advice.GO or share < GO
        assert gauge.short or share < STOP
        assert not gauge.short or share >= GO
    assert edges == [(Advice.STOP, Advice.GO)[n % 2] for n in range(len(edges))]
    assert WARN < STOP < RECYCLE
