"""Sets of indices: compact, exact, and equal to Python's sets in everything they do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core.ranges import RangeSet

indices = st.sets(st.integers(1, 60), max_size=40)


def made(of: set[int]) -> RangeSet:
    return RangeSet.of((index, index) for index in of)


def is_canonical(ranges: RangeSet) -> bool:
    return all(a <= b for a, b in ranges.spans) and all(
        ranges.spans[i][1] + 1 < ranges.spans[i + 1][0] for i in range(len(ranges.spans) - 1))


@given(indices, indices)
def test_union_difference_and_intersection_are_those_of_sets(a, b):
    for result, expected in ((made(a) | made(b), a | b), (made(a) - made(b), a - b), (made(a) & made(b), a & b)):
        assert set(result) == expected
        assert len(result) == len(expected)
        assert is_canonical(result)
        assert result == made(expected)


@given(indices, st.integers(1, 70))
def test_membership_truth_and_ends_are_those_of_sets(a, index):
    ranges = made(a)
    assert (index in ranges) == (index in a)
    assert bool(ranges) == bool(a)
    assert list(ranges) == sorted(a)
    if a:
        assert (ranges.first, ranges.last) == (min(a), max(a))


@given(indices, st.integers(-1, 20))
def test_take_gives_the_first_run_and_loses_nothing(a, count):
    run, rest = made(a).take(count)
    assert set(run) | set(rest) == a
    assert not set(run) & set(rest)
    assert len(run) <= max(0, count)
    assert len(run.spans) <= 1
    if a and count > 0:
        assert run.first == min(a)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=12))
def test_any_overlapping_pairs_are_normalised_and_survive_json(pairs):
    ranges = RangeSet.of((first, first + more) for first, more in pairs)
    assert set(ranges) == {i for first, more in pairs for i in range(first, first + more + 1)}
    assert is_canonical(ranges)
    assert RangeSet.of(ranges.to_list()) == ranges


@given(indices, st.integers(1, 80), st.integers(0, 9))
def test_a_batch_behind_everything_is_appended_like_any_other(a, first, more):
    span = RangeSet.span(first, first + more)
    assert set(made(a) | span) == a | set(span)
    assert made(a) | span == made(a | set(span))


@pytest.mark.parametrize("pair", [(0, 3), (-1, 2), (5, 4)])
def test_what_is_no_range_of_indices_is_refused(pair):
    with pytest.raises(ValueError, match="not a range"):
        RangeSet.of([pair])


def test_a_span_that_ends_before_it_begins_is_empty():
    assert not RangeSet.span(5, 4)
    with pytest.raises(IndexError):
        _ = RangeSet().first
