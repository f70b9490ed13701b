"""What of a session is on record, and the counts of it: they fit each other whatever is counted and taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core.ranges import RangeSet
from fontmilld.standing import Standing
from fontmilld.store.checkpoint import Failure, FontState
from fontmilld.store.records import BatchRecord
from fontmilld.store.recovery import FontRecovery, Recovery
from fontmilld.testing.export import small_session

TOTAL = 20
indices = st.sets(st.integers(1, TOTAL))


def ranges(found: set[int]) -> RangeSet:
    return RangeSet.of((index, index) for index in sorted(found))


def failures(found: set[int]) -> tuple[Failure, ...]:
    return (Failure("text-unfit", "too long", ranges(found)),) if found else ()


def taken_up(done: set[int], failed: set[int]) -> tuple[Standing, FontState]:
    session = small_session(TOTAL, 1)
    state = FontState("font-0", ranges(done), failures(failed - done))
    standing = Standing(session)
    standing.take_up(session, Recovery({"font-0": FontRecovery(state, state.todo(TOTAL))}))
    return standing, state


def counts(standing: Standing) -> tuple[int, int, int]:
    overall = standing.tracker.overall(0.0)
    return overall.exported_samples, overall.failed_samples, overall.skipped_samples


@given(indices, indices, indices, indices, st.booleans())
def test_what_is_counted_and_lost_again_leaves_the_standing_that_was_before(done, failed, made, unfit, durable):
    standing, state = taken_up(done, failed)
    before, part = counts(standing), standing.as_part()
    assert standing.durable == before[0] == len(done)
    left = {index for index in range(1, TOTAL + 1) if index in state.todo(TOTAL)}
    unfit, made = unfit & left, (made & left) - unfit
    record = BatchRecord("font-0", 1, TOTAL, ranges(made), failures(unfit))
    standing.count(record, durable, 1.0)
    assert counts(standing) == (before[0] + len(made), before[1] + len(unfit), 0)
    assert standing.durable == before[0] + (len(made) if durable else 0)
    assert bool(standing.unfinished_fonts()) == bool(left - made - unfit)
    assert standing.recount("font-0", state, 2.0) == ranges(left)
    standing.all_is_durable()
    assert (counts(standing), standing.as_part(), standing.durable) == (before, part, before[0])
    assert bool(standing.unfinished_fonts()) == bool(left)


@given(indices, indices, indices)
def test_what_was_left_out_by_completing_early_is_to_be_done_again_after_a_loss(done, failed, skipped):
    standing, state = taken_up(done, failed)
    left = {index for index in range(1, TOTAL + 1) if index in state.todo(TOTAL)}
    standing.tracker.skip("font-0", len(skipped & left), "left out")
    assert standing.recount("font-0", state, 1.0) == ranges(left)
    assert counts(standing) == (len(state.done), len(state.failed), 0)
