"""The life of a session: a closed table, ends that stay, and reasons that do not touch each other."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmilld.core.lifecycle import (
    KEPT,
    LIFTED_BY_RESUME,
    TABLE,
    TERMINAL,
    Lifecycle,
    Phase,
    Reason,
    Step,
    recalled,
)

reasons = st.sampled_from(list(Reason))
moves = st.lists(st.one_of(
    st.tuples(st.just("step"), st.sampled_from(list(Step))),
    st.tuples(st.just("pause"), reasons),
    st.tuples(st.just("lift"), reasons),
), max_size=30)


@pytest.mark.parametrize(("phase", "step"), list(itertools.product(Phase, Step)))
def test_every_step_is_in_the_table_or_refused_with_wrong_state(phase, step):
    life = Lifecycle(phase)
    if (phase, step) in TABLE:
        assert life.step(step).phase is TABLE[phase, step]
    else:
        with pytest.raises(FontmillError) as caught:
            life.step(step)
        assert caught.value.slug == "wrong-state"


@given(moves)
def test_reasons_are_a_set_and_only_the_table_moves_the_phase(made):
    life, expected = Lifecycle(), set()
    for kind, what in made:
        before = life
        try:
            if kind == "step":
                life = life.step(what)
                assert TABLE[before.phase, what] is life.phase
                expected = set() if life.phase in TERMINAL else expected
            elif kind == "pause":
                life = life.pause(what)
                expected.add(what)
            else:
                life = life.lift(what)
                expected.discard(what)
        except FontmillError:
            assert life == before
        assert life.reasons == expected
        assert life.dispatching == (life.phase is Phase.RENDERING and not expected)
        assert life.ended == (life.phase in TERMINAL)
        assert not (life.ended and life.reasons)


@pytest.mark.parametrize("phase", sorted(TERMINAL))
@pytest.mark.parametrize("reason", Reason)
def test_what_has_ended_cannot_be_paused(phase, reason):
    with pytest.raises(FontmillError) as caught:
        Lifecycle(phase).pause(reason)
    assert caught.value.slug == "wrong-state"


def test_failed_is_for_good():
    assert not [step for (phase, step) in TABLE if phase is Phase.FAILED]


def test_lifting_one_reason_leaves_the_others():
    life = Lifecycle(Phase.RENDERING).pause(Reason.USER).pause(Reason.DISK).lift(Reason.DISK)
    assert life.reasons == {Reason.USER}
    assert not life.dispatching
    assert life.status == "paused"


def test_resume_lifts_what_a_person_may_lift_and_nothing_that_is_found_out_anew():
    assert LIFTED_BY_RESUME.isdisjoint({Reason.DISK, Reason.MEMORY, Reason.DRAIN})
    assert KEPT.isdisjoint({Reason.DISK, Reason.MEMORY, Reason.DRAIN})


@pytest.mark.parametrize("phase", Phase)
def test_the_status_is_one_of_the_original_four(phase):
    assert Lifecycle(phase).status in {"active", "paused", "completed", "failed"}


words = st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.sampled_from(["active", "paused", "failed", "completed"]))


@given(words, st.one_of(words, st.lists(st.one_of(reasons.map(str), words))), st.booleans())
def test_what_is_recalled_holds_only_reasons_that_can_still_hold(status, told, attended):
    life = recalled(status, told, attended)
    assert life.status in {"active", "paused", "failed"}
    assert not life.reasons or (status == "paused" and all(str(reason) in told for reason in life.reasons))
    if not attended:
        assert life.reasons <= LIFTED_BY_RESUME
        assert life == recalled(status, told, True).left_alone()


@given(st.sets(reasons, min_size=1))
def test_what_is_laid_down_by_a_daemon_that_leaves_is_what_is_recalled_when_it_is_gone(paused):
    laid_down = Lifecycle(Phase.RENDERING, frozenset(paused)).left_alone()
    assert recalled(laid_down.status, sorted(map(str, laid_down.reasons)), False) == laid_down
