"""Batches, back-off and marks stay within their bounds whatever is measured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core import pacing
from fontmilld.core.pacing import Room, Smoothed

seconds = st.one_of(st.none(), st.floats(0, 1e6, allow_nan=False), st.floats(1e-12, 1e-3))
rooms = st.builds(Room, st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.integers(0, 1 << 40), st.integers(0, 1 << 40))


@given(seconds, st.integers(1, 512))
def test_a_batch_has_at_least_one_sample_and_at_most_the_limit(cost, limit):
    assert 1 <= pacing.batch_size(cost, limit) <= limit


@given(st.floats(1e-6, 100))
def test_a_batch_takes_about_the_target_or_is_one_sample(cost):
    size = pacing.batch_size(cost)
    assert size == 1 or size * cost <= pacing.TARGET_BATCH_SECONDS * 1.0001


@given(st.integers(1, 512), st.integers(0, 10**9), st.integers(0, 256))
def test_batches_shrink_near_the_end_but_never_to_nothing(size, remaining, workers):
    got = pacing.tail_size(size, remaining, workers)
    assert 1 <= got <= size
    if remaining >= 2 * max(1, workers) * size:
        assert got == size


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_back_off_is_jittered_capped_and_never_negative(attempt, jitter):
    assert 0 <= pacing.backoff(attempt, jitter) <= pacing.BACKOFF_CAP
    assert pacing.backoff(attempt, 1.0) <= pacing.backoff(attempt + 1, 1.0)


@given(st.lists(st.floats(0, 1000), max_size=20), st.floats(0, 1000))
def test_a_crashloop_is_more_than_five_deaths_in_a_minute(deaths, now):
    recent = [at for at in deaths if now - at <= 60]
    assert pacing.is_crashloop(tuple(deaths), now) == (len(recent) > 5)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 1)), min_size=1))
def test_a_smoothed_figure_stays_between_what_it_was_fed(figures):
    value = Smoothed()
    for figure, weight in figures:
        value = value.fed(figure, weight)
    fed = [figure for figure, _ in figures]
    assert min(fed) - 1e-9 <= value.value <= max(fed) + 1e-9


@given(rooms)
def test_a_file_system_is_never_both_short_and_roomy(room):
    assert not (pacing.is_short(room) and pacing.has_room(room))


@given(st.integers(1, 1 << 44), st.integers(0, 1 << 30))
def test_an_empty_file_system_of_any_size_has_room_and_a_full_one_of_some_size_is_short(total, inodes):
    assert pacing.has_room(Room(total, total, inodes, inodes))
    if total >= 100:
        assert pacing.is_short(Room(total, 0, 0, 0))


def test_running_out_of_inodes_counts_as_much_as_running_out_of_bytes():
    assert pacing.is_short(Room(1 << 40, 1 << 39, 1 << 20, 10))
    assert not pacing.has_room(Room(1 << 40, 1 << 39, 1 << 20, 70))


def test_what_is_wanting_is_told_with_the_mark_at_which_it_goes_on():
    assert pacing.wanting(Room(1 << 40, 3 << 20, 0, 0)) == "3.0 MiB are free, and it goes on at 512.0 MiB."
    files = Room(1 << 40, 1 << 39, 1 << 20, 7)
    assert pacing.is_short(files) and pacing.wanting(files).startswith("7 files can be made yet, and it goes on at ")
