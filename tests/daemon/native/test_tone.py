"""Two colours in the compiled core against a table in NumPy: the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import draw

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)

EVERY = np.arange(256, dtype=np.uint8).reshape(1, 256)


def test_every_mixture_of_two_grays_is_rounded_to_the_nearest():
    for ink in range(256):
        for paper in (0, 1, 2, 100, 127, 128, 200, 254, 255, ink):
            exact = np.rint(paper + (ink - paper) * EVERY.astype(np.float64) / 255)
            assert np.array_equal(draw._compiled(EVERY, (ink,), (paper,)), exact)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 40), cols=st.integers(1, 70), colors=st.integers(0, 2**48 - 1), channels=st.sampled_from((1, 3)),
    seed=st.integers(0, 2**32), density=st.sampled_from((0.0, 0.02, 0.5, 1.0)),
)  # fmt: skip
def test_both_draw_the_same(rows, cols, colors, channels, seed, density):
    rng = np.random.default_rng(seed)
    coverage = np.where(rng.random((rows, cols)) < density, rng.integers(0, 256, (rows, cols)), 0).astype(np.uint8)
    values = colors.to_bytes(6, "little")
    ink, paper = tuple(values[:channels]), tuple(values[3 : 3 + channels])
    found = draw._compiled(coverage, ink, paper)
    assert found.shape == coverage.shape + ((3,) if channels == 3 else ())
    assert np.array_equal(found, draw._looked_up(coverage, ink, paper))


@pytest.mark.parametrize(
    ("ink", "paper", "values"),
    [(b"\0", b"\0\0\0", 6), (b"\0\0", b"\0\0", 12), (b"", b"", 0), (b"\0", b"\0", 5), (b"\0\0\0", b"\0\0\0", 17), (b"\0\0\0", b"\0\0\0", 6)],
)
def test_what_does_not_fit_is_refused(ink, paper, values):
    with pytest.raises(ValueError, match="values"):
        core.two_tone(np.zeros((2, 3), np.uint8), ink, paper, np.empty(values, np.uint8))


def test_values_of_other_sizes_or_apart_are_refused():
    for coverage in (np.zeros((2, 3), np.uint16), np.zeros((3, 2), np.uint8).T):
        with pytest.raises((ValueError, BufferError)):
            core.two_tone(coverage, b"\0", b"\1", np.empty((2, 3), np.uint8))
