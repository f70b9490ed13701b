"""Point spread functions: the compiled core gives what Python gives, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import psf
from fontmilld.render.recipe import Spec

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
coordinates = st.floats(-40, 40) | st.integers(-5, 5).map(float)
paths = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=14).map(tuple)
radii = st.floats(0, 12) | st.sampled_from((0.0, 0.1, 0.5, 1.0, 2.5, 33.3))


def check(spec):
    compiled = psf.build(spec)
    found = compiled.moments()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psf, "core", None)
        plain = psf.build(spec)
        assert found == plain.moments()
    assert compiled.taps.shape == plain.taps.shape
    assert (compiled.taps == plain.taps).all()
    assert compiled.taps.sum() == psf.TOTAL


@given(radii)
def test_discs(radius):
    check(Spec("disc", (("radius", radius),)))


@given(paths)
def test_paths(path):
    check(Spec("motion", (("path", path),)))


@given(paths, radii)
def test_discs_along_paths(path, radius):
    check(Spec("disc-motion", (("path", path), ("radius", radius))))


def test_a_path_that_stands_still_or_turns_about():
    for path in (((0.0, 0.0),) * 12, ((1.0, 1.0), (5.0, 1.0), (1.0, 1.0)), ((3.0, 0.0), (3.0, -7.0))):
        check(Spec("motion", (("path", path),)))
        check(Spec("disc-motion", (("path", path), ("radius", 3.0))))


def test_large_ones():
    for radius in (*(n / 2 + 0.3 for n in range(20, 100, 7)), 49.5, 50.0):
        check(Spec("disc", (("radius", radius),)))
    dice = np.random.default_rng(5)
    for extent, radius in ((30.0, 20.0), (100.0, 12.0), (100.0, 50.0)):
        path = tuple((round(x, 3), round(y, 3)) for x, y in dice.uniform(0, extent, (12, 2)).tolist())
        check(Spec("motion", (("path", path),)))
        check(Spec("disc-motion", (("path", path), ("radius", radius))))


def test_moments_of_any_taps_are_exact():
    dice = np.random.default_rng(2)
    for side in (1, 3, 9, 41):
        taps = dice.integers(-70_000, 70_000, (side, side)).astype(float)
        at = np.arange(side) - side // 2
        wanted = [(taps * weight).sum() for weight in (1, at, at[:, None], at * at, at * at[:, None], (at * at)[:, None])]
        assert list(core.moments(taps)) == psf._sums(taps) == wanted


def test_what_is_no_path_or_disc_is_refused():
    line = ((0.0, 0.0), (1.0, 1.0))
    for path, radius in (
        (None, None), (None, -1.0), (None, float("nan")), (None, 1e9), (((0.0, 0.0),), None), ((), None),
        (((0.0, 0.0), (1.0,)), None), (((0.0, 0.0), (float("inf"), 0.0)), 1.0), (((0.0, 0.0), (float("nan"), 0.0)), None),
        (((0.0, 0.0), (0.0, 1e5)), None), (line, -2.0),
    ):
        with pytest.raises(ValueError):
            core.kernel(path, radius)
    for path, radius in ((5, None), ((1, 2), None), ((("a", "b"), ("c", "d")), None), (line, "x")):
        with pytest.raises(TypeError):
            core.kernel(path, radius)
    for taps in (np.zeros((3, 4)), np.zeros(9), np.zeros((3, 3), np.float32), np.zeros((0, 0))):
        with pytest.raises(ValueError):
            core.moments(taps)
