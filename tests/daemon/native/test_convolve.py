"""Convolution: the compiled core gives what Python gives, bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import light, presetfile, psf
from fontmilld.render.psf import Psf
from fontmilld.render.stream import Concern, SampleStreams

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
PRESETS = ("document-camera-v1", "hradis2015", "textzoom-x2", "realesrgan")


def kernels(preset, index, size):
    streams = SampleStreams(1, "ab" * 32, 0, index)
    drawn = presetfile.get(preset).sampler().sample(size, streams.of(Concern.PSF), streams.of(Concern.NOISE))
    return [psf.build(step) for step in drawn.steps if step.kind in psf.KINDS]


def both(codes, kernel, how):
    compiled = light.convolve(codes, kernel, how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(light, "core", None)
        return compiled, light.convolve(codes, kernel, how)


def check(codes, kernel, how):
    compiled, plain = both(codes, kernel, how)
    assert compiled.dtype == plain.dtype == np.float32
    assert compiled.shape == plain.shape
    assert (compiled == plain).all()


def picture(dice, kernel, rows, cols, channels, is_float):
    shape = (rows + 2 * kernel.radius, cols + 2 * kernel.radius, 3)[: 3 if channels == 3 else 2]
    if is_float:
        return (dice.random(shape) * 300 - 20).astype(np.float32)
    return dice.integers(0, 256, shape, dtype=np.uint8)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(PRESETS), st.integers(1, 10**6), st.floats(6, 90), st.integers(1, 90), st.integers(1, 150),
    st.sampled_from((1, 3)), st.booleans(), st.sampled_from(("linear", "gamma")),
)
def test_pictures_and_kernels_of_all_kinds(preset, index, size, rows, cols, channels, is_float, how):
    dice = np.random.default_rng(index)
    for kernel in kernels(preset, index, size):
        check(picture(dice, kernel, rows, cols, channels, is_float), kernel, how)


@pytest.mark.parametrize("how", ("linear", "gamma"))
@pytest.mark.parametrize("channels", (1, 3))
def test_white_and_black_and_a_part_of_a_larger_picture(how, channels):
    dice = np.random.default_rng(3)
    for kernel in kernels("document-camera-v1", 4, 32.0):
        large = picture(dice, kernel, 80, 600, channels, False)
        check(large[7:-9, 5:-3], kernel, how)
        for value in (0, 255):
            check(np.full_like(large, value), kernel, how)


@pytest.mark.parametrize("how", ("linear", "gamma"))
def test_taps_of_any_size_and_sign(how):
    dice = np.random.default_rng(8)
    for side in (1, 3, 5, 13):
        for spread in (1, 40, 30_000, 65_536):
            taps = dice.integers(-spread, spread + 1, (side, side)).astype(float)
            taps[dice.random((side, side)) < 0.4] = 0
            taps[side // 2, side // 2] += psf.TOTAL - taps.sum()
            if np.abs(taps).sum() < 2**23:
                check(picture(dice, Psf(taps), 9, 70, 1, False), Psf(taps), how)


def test_an_axis_that_is_not_symmetric_or_does_not_reach_its_sum():
    dice = np.random.default_rng(9)
    for axis in ([256.0], [1.0, 200.0, 55.0], [0.0, 3.0, 9.0, 100.0, 2.0]):
        line = np.array(axis)
        kernel = Psf(np.outer(line, line), line)
        for how in ("linear", "gamma"):
            check(picture(dice, kernel, 20, 33, 3, False), kernel, how)


def test_what_does_not_fit_together_is_refused():
    codes, kernel, blurred = np.zeros((9, 9), np.uint8), np.ones((3, 3)), np.zeros((7, 7), np.float32)
    decode, encode = np.zeros(256, np.uint16), np.zeros(65536, np.float32)
    core.convolve(codes, kernel, None, decode, encode, blurred)
    for args in (
        (codes, np.ones((5, 5)), None, decode, encode, blurred),
        (codes, kernel, np.ones(5), decode, encode, blurred),
        (codes, kernel, np.array([200.0, 200.0, 1.0]), decode, encode, blurred),
        (codes, kernel, np.array([-1.0, 200.0, 1.0]), decode, encode, blurred),
        (codes, kernel + 0.5, None, decode, encode, blurred),
        (codes, kernel * np.nan, None, decode, encode, blurred),
        (codes, kernel * 2.0**20, None, decode, encode, blurred),
        (codes, kernel.astype(np.float32), None, decode, encode, blurred),
        (codes, kernel, None, decode[1:], encode, blurred),
        (codes, kernel, None, decode, encode[1:], blurred),
        (codes, kernel, None, None, encode, blurred),
        (codes, kernel, None, decode, None, blurred),
        (codes.astype(np.uint16), kernel, None, None, None, blurred),
        (codes, kernel, None, decode, encode, np.zeros((6, 7), np.float32)),
        (codes, kernel, None, decode, encode, np.zeros((7, 14), np.float32)[:, ::2]),
        (codes, kernel, None, decode, encode, np.zeros((7, 14), np.float32)[:, :7]),
        (codes, kernel, None, decode, encode, np.zeros((7, 7))),
        (codes, kernel, None, decode, encode, np.zeros((11, 11), np.float32)),
        (codes[:, ::-1], kernel, None, decode, encode, blurred),
        (np.zeros((9, 9, 3), np.uint8), kernel, None, decode, encode, blurred),
        (np.zeros((9, 9, 5), np.uint8), kernel, None, decode, encode, np.zeros((7, 7, 5), np.float32)),
        (np.zeros((0, 9), np.uint8), kernel, None, decode, encode, blurred),
    ):
        with pytest.raises(ValueError):
            core.convolve(*args)
