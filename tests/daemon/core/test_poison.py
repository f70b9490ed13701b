"""Who is blamed when workers die: the third death at a sample gives it up, nothing sooner, and nobody else's."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core.planning import Batch
from fontmilld.core.poison import OPENING_DEATHS, Charge, Strikes, Verdict

BATCH = Batch(11, 20, "amiri")


def test_a_sample_is_tried_again_then_set_apart_then_given_up() -> None:
    strikes = Strikes()
    verdicts = [strikes.charge(BATCH, 14) for _ in range(3)]
    assert verdicts == [Charge(Verdict.AGAIN, 14), Charge(Verdict.APART, 14), Charge(Verdict.QUARANTINE, 14)]


def test_a_death_before_the_first_sample_charges_the_font_and_a_finished_batch_clears_it() -> None:
    strikes = Strikes()
    for _ in range(OPENING_DEATHS - 1):
        assert strikes.charge(BATCH, 0) == Charge(Verdict.AGAIN)
    strikes.clear_font("amiri")
    verdicts = [strikes.charge(BATCH, 0).verdict for _ in range(OPENING_DEATHS)]
    assert verdicts == [Verdict.AGAIN] * (OPENING_DEATHS - 1) + [Verdict.GIVE_UP_FONT]


def test_a_batch_of_one_is_to_blame_itself() -> None:
    assert Strikes().charge(Batch(7, 7, "amiri"), 0) == Charge(Verdict.AGAIN, 7)


@given(st.lists(st.tuples(st.sampled_from(["amiri", "cairo"]), st.integers(1, 5)), max_size=40))
def test_a_sample_is_given_up_exactly_when_it_has_three_deaths_of_its_own(deaths: list[tuple[str, int]]) -> None:
    strikes, seen = Strikes(), Counter[tuple[str, int]]()
    for font, index in deaths:
        seen[font, index] += 1
        verdict = strikes.charge(Batch(1, 5, font), index).verdict
        assert (verdict is Verdict.QUARANTINE) == (seen[font, index] >= 3)
