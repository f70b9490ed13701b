"""Noise, rounding and what is measured: the compiled core gives what Python gives, bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import degrade, light, noise, presetfile, psf
from fontmilld.render.recipe import Spec
from fontmilld.render.stream import Concern, SampleStreams

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
PRESETS = ("document-camera-v1", "hradis2015", "textzoom-x2", "realesrgan")
seeds = st.integers(0, 2**63 - 1)
shapes = st.tuples(st.integers(1, 90), st.integers(1, 300)) | st.tuples(st.integers(1, 40), st.integers(1, 100), st.just(3))


def both(make):
    compiled = make()
    with pytest.MonkeyPatch.context() as patch:
        for module in (degrade, light, noise, psf):
            patch.setattr(module, "core", None)
        return compiled, make()


def codes_of(seed, shape):
    return (np.random.default_rng(seed).random(shape) * 330 - 40).astype(np.float32)


@given(seeds, shapes)
def test_fields(seed, shape):
    compiled, plain = both(lambda: noise.field(seed, shape))
    assert compiled.dtype == plain.dtype == np.float32
    assert (compiled == plain).all()
    compiled, plain = both(lambda: noise.byte_field(seed, shape[:2]))
    assert compiled.dtype == plain.dtype == np.uint8
    assert (compiled == plain).all()


@given(seeds, shapes, st.floats(0, 128))
def test_gaussian_noise(seed, shape, sigma):
    codes, step = codes_of(seed, shape), Spec("gaussian-noise", (("sigma", sigma), ("seed", seed)))
    compiled, plain = both(lambda: noise.MODELS["gaussian-noise"](codes, step))
    assert (compiled == plain).all()


@given(seeds, shapes, st.floats(0, 1), st.floats(0, 0.01), st.sampled_from(("linear", "gamma")), st.floats(0, 10))
def test_noise_of_sensors(seed, shape, shot, read, how, scale):
    codes = codes_of(seed, shape)
    for step in (
        Spec("poisson-gaussian-noise", (("light", how), ("shot", shot), ("read", read), ("seed", seed))),
        Spec("poisson-noise", (("scale", scale), ("seed", seed))),
    ):
        compiled, plain = both(lambda step=step: noise.MODELS[step.kind](codes, step))
        assert (compiled == plain).all()


@given(seeds, shapes, st.sampled_from((0.3, 3.0, 3e4, 3e9)))
def test_signal_to_noise(seed, shape, factor):
    dice = np.random.default_rng(seed)
    picture, clean = dice.integers(0, 256, shape, dtype=np.uint8), codes_of(seed, shape) * np.float32(factor)
    compiled, plain = both(lambda: degrade._snr(picture, clean))
    assert compiled == plain
    compiled, plain = both(lambda: degrade._snr(picture, picture[::-1]))
    assert compiled == plain


def test_rounding_goes_to_even():
    codes = np.array([[-9e9, -0.5, -0.0, 0.5, 1.5, 2.5, 2.4999998, 254.5, 255.5, 256.0, 9e9]], np.float32)
    out = np.empty(codes.shape, np.uint8)
    core.rounded(codes, out)
    assert out.tolist() == [[0, 0, 0, 0, 2, 2, 2, 254, 255, 255, 255]]


@settings(max_examples=60)
@given(st.sampled_from(PRESETS), st.integers(1, 10**6), st.floats(8, 60), st.sampled_from((1, 3)))
def test_all_steps_of_the_presets(preset, index, size, channels):
    streams = SampleStreams(1, "ab" * 32, 0, index)
    spec = presetfile.get(preset).sampler().sample(size, streams.of(Concern.PSF), streams.of(Concern.NOISE))
    plan = degrade.prepare(spec)
    sides = (32 + 2 * plan.margin, 64 + 2 * plan.margin)
    scene = np.random.default_rng(index).integers(0, 256, sides if channels == 1 else (*sides, 3), dtype=np.uint8)
    compiled, plain = both(lambda: degrade.degrade(scene, degrade.prepare(spec), plan.margin))
    assert (compiled.picture == plain.picture).all()
    assert compiled.snr == plain.snr


def test_what_does_not_fit_together_is_refused():
    pool, codes, out, small = noise.pool(), np.zeros((5, 7), np.float32), np.zeros((5, 7), np.float32), np.zeros((5, 7), np.uint8)
    decode, encode = light.tables("linear")
    core.add_noise(pool, 1, 1.0, codes, out)
    core.sensor_noise(pool, 1, 0.1, 0.1, decode, encode, codes, out)
    for function, args in (
        (core.add_noise, (pool[:7], 1, 1.0, codes, out)),
        (core.add_noise, (None, 1, 1.0, codes, out)),
        (core.add_noise, (pool.astype(np.float32), 1, 1.0, codes, out)),
        (core.add_noise, (pool, 1, 1.0, codes[1:], out)),
        (core.add_noise, (pool, 1, 1.0, codes[:, :, np.newaxis].repeat(3, 2), out)),
        (core.add_noise, (pool, 1, 1.0, codes, small)),
        (core.noise_bytes, (pool, 1, out)),
        (core.sensor_noise, (pool, 1, 0.1, 0.1, decode[1:], encode, codes, out)),
        (core.sensor_noise, (pool, 1, 0.1, 0.1, decode, encode[1:], codes, out)),
        (core.sensor_noise, (pool, 1, 0.1, 0.1, encode, decode, codes, out)),
        (core.sensor_noise, (pool, 1, 0.1, 0.1, None, None, codes, out)),
        (core.sensor_noise, (pool, 1, 0.1, 0.1, decode, encode, codes[:3], out)),
        (core.rounded, (codes, small[1:])),
        (core.rounded, (codes, out)),
        (core.rounded, (small, small)),
        (core.compared, (codes, small[:, 1:])),
        (core.compared, (codes[:, ::-1], small)),
    ):
        with pytest.raises(ValueError):
            function(*args)
