"""The compiled strip against the one in NumPy and OpenCV: the same pixels and the same figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import degrade, noise, strip
from fontmilld.render.recipe import Degradation, Spec

if core is None:
    pytest.skip("core was not compiled", allow_module_level=True)


def plan_with(blur, sigma, seed):
    noisy = Spec("gaussian-noise", (("sigma", sigma), ("seed", seed)))
    return degrade.prepare(Degradation("gamma", (Spec("gaussian", (("sigma", blur),)), noisy)))


def scene_of(kind, shape, rng):
    if kind == "any":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == "extremes":
        return rng.choice(np.array([0, 255], np.uint8), shape)
    scene = np.empty(shape, np.uint8)
    scene[:] = rng.integers(0, 256, shape[2:])
    if kind == "ink":
        rows, cols = np.sort(rng.integers(0, shape[0] + 1, 2)), np.sort(rng.integers(0, shape[1] + 1, 2))
        part = scene[slice(*rows), slice(*cols)]
        part[:] = rng.integers(0, 256, part.shape)
    if kind == "dot":
        scene[rng.integers(shape[0]), rng.integers(shape[1])] ^= 1
    return scene


def agree(scenes, plans):
    for fast, slow in zip(strip._compiled(scenes, plans), strip._stacked(scenes, plans), strict=True):
        assert np.array_equal(fast.clear, slow.clear)
        assert np.array_equal(fast.blurred, slow.blurred)
        assert (repr(fast.psnr), repr(fast.snr)) == (repr(slow.psnr), repr(slow.snr))


@settings(max_examples=250, deadline=None)
@given(
    rows=st.integers(8, 200), cols=st.integers(8, 600), channels=st.sampled_from(((), (), (3,))),
    blur=st.floats(0.3, 8), sigmas=st.lists(st.floats(0, 40), min_size=1, max_size=3), seed=st.integers(0, 2**63 - 1),
    kind=st.sampled_from(("any", "extremes", "plain", "ink", "dot")),
)  # fmt: skip
def test_a_strip_is_the_same_compiled(rows, cols, channels, blur, sigmas, seed, kind):
    rng = np.random.default_rng(seed)
    plans = [plan_with(round(blur, 2), round(sigma, 4), (seed + n) % 2**63) for n, sigma in enumerate(sigmas)]
    margin = plans[0].margin
    agree([scene_of(kind, (rows + 2 * margin, cols + 2 * margin, *channels), rng) for _ in plans], plans)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (600, 200), (11, 4096, 3)])
@pytest.mark.parametrize("paper", [0, 255])
@pytest.mark.parametrize("sigma", [0.0, 3.0, 40.0])
def test_plain_paper_at_the_ends_of_the_scale(shape, paper, sigma):
    plan = plan_with(0.3, sigma, 2**63 - 1)
    wide = (shape[0] + 2 * plan.margin, shape[1] + 2 * plan.margin, *shape[2:])
    agree([np.full(wide, paper, np.uint8)], [plan])


def test_gains_stay_within_16_bits():
    assert noise.gain(noise.MOST_FINE_SIGMA) < 2**15
    most = int(np.abs(noise.pool().astype(int)).max())
    assert (most * noise.gain(noise.MOST_FINE_SIGMA) >> 15) + 255 * noise.FINE + noise.FINE < 2**15


@pytest.mark.parametrize("shape", [(2, 32767), (64, 256)])
@pytest.mark.parametrize(("paper", "ends"), [(0, 32767), (255, -32768), (0, -32768), (255, 32767)])
def test_sums_do_not_overflow(shape, paper, ends):
    """Noise at the ends of 16 bits, and rows as long as there may be."""
    scene, pool = np.full(shape, paper, np.uint8), np.full(shape[1] + 9, ends, np.int16)
    clear, blurred = np.empty((2, 1, shape[0], 1 + shape[1]), np.uint8)
    taps = np.array([256], np.uint16)
    ((apart, power, total, squares),) = core.degrade_strip([scene], [7], [32767], (*shape, 1), 0, taps, pool, clear, blurred)
    signal = paper << noise.SHIFT
    added = (ends * 32767 + 2**14) >> 15
    wrapped = (signal + added + 32 + 2**15) % 2**16 - 2**15
    code = min(255, max(0, wrapped >> noise.SHIFT))
    assert (blurred[:, :, 1:] == code).all()
    assert not blurred[:, :, 0].any()
    size = scene.size
    assert apart == (paper - code) ** 2 * size
    assert (total, squares) == (signal * size, signal**2 * size)
    assert power == (signal - (code << noise.SHIFT)) ** 2 * size


def call(**changed):
    given = {
        "scenes": [np.zeros((20, 30), np.uint8)], "seeds": [1], "gains": [100], "shape": (20, 30, 1), "margin": 4,
        "taps": np.array([200, 28], np.uint16), "pool": noise.pool(), "clear": np.empty((12, 23), np.uint8),
        "blurred": np.empty((12, 23), np.uint8),
    }  # fmt: skip
    return core.degrade_strip(*(given | changed).values())


@pytest.mark.parametrize(
    "changed",
    [
        {"scenes": [np.zeros((20, 31), np.uint8)]},
        {"scenes": [np.zeros((20, 15), np.uint16)]},
        {"scenes": []},
        {"seeds": []},
        {"seeds": [1, 2]},
        {"gains": []},
        {"gains": [-1]},
        {"gains": [32768]},
        {"shape": (20, 30, 3)},
        {"shape": (20, 0, 1)},
        {"shape": (-20, -30, 1)},
        {"shape": (2**40, 2**40, 2**40)},
        {"margin": 0},
        {"margin": 10},
        {"margin": -1},
        {"margin": 2**62},
        {"taps": np.array([], np.uint16)},
        {"taps": np.array([201, 28], np.uint16)},
        {"taps": np.array([256, 0, 0, 0, 0, 0], np.uint16)},
        {"taps": np.array([200, 28], np.float32)},
        {"pool": np.zeros(23, np.int16)},
        {"pool": np.zeros(0, np.int16)},
        {"pool": np.zeros(1000, np.uint8)},
        {"clear": np.empty((12, 22), np.uint8)},
        {"blurred": np.empty((13, 23), np.uint8)},
        {"clear": b"\0" * 12 * 23},
        {"scenes": [np.zeros((30, 20), np.uint8).T]},
        {"pool": memoryview(bytearray(4001))[1:].cast("h")},
    ],
)
def test_what_does_not_fit_is_refused(changed):
    call()
    with pytest.raises((ValueError, BufferError)):
        call(**changed)


@pytest.mark.parametrize("changed", [{"seeds": ["1"]}, {"gains": [0.5]}, {"scenes": [None]}, {"scenes": None}, {"taps": 7}])
def test_other_types_are_refused(changed):
    with pytest.raises(TypeError):
        call(**changed)


def test_numbers_too_large_are_refused():
    for changed in ({"seeds": [-1]}, {"seeds": [2**64]}, {"gains": [2**70]}):
        with pytest.raises(OverflowError):
            call(**changed)
