"""PSFs and degradation: centred, unit sum, exact, registered."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.render import degrade, light, presetfile, presets, psf
from fontmilld.render.recipe import Degradation, Spec
from fontmilld.render.stream import Concern, SampleStreams

QUIET = Spec("gaussian-noise", (("sigma", 0.0), ("seed", 0)))


def blurred(scene, kernel, how):
    return light.convolve(scene, kernel, how)


def run(scene, steps, margin=None, scale=1, how="linear"):
    plan = degrade.prepare(Degradation(how, tuple(steps), scale))
    return degrade.degrade(scene, plan, plan.margin if margin is None else margin)


def drawn(index, size=32.0, preset="document-camera-v1"):
    streams = SampleStreams(1, "ab" * 32, 0, index)
    return presetfile.get(preset).sampler().sample(size, streams.of(Concern.PSF), streams.of(Concern.NOISE))


@given(st.integers(1, 10**6), st.floats(6, 200))
def test_kernels_have_unit_sum_and_are_centred(index, size):
    kernel = psf.build(drawn(index, size).steps[0])
    assert kernel.taps.sum() == psf.TOTAL
    assert (kernel.taps >= 0).all()
    assert (kernel.taps == np.rint(kernel.taps)).all()
    assert max(map(abs, kernel.moments()["centroid"])) < 0.05


def test_all_kinds_occur_in_the_proportions_of_the_preset():
    kinds = [drawn(index).steps[0].kind for index in range(1, 2001)]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    wanted = {"disc": 0.25, "motion": 0.25, "disc-motion": 0.30, "gaussian": 0.09, "elliptic-gaussian": 0.06, "identity": 0.05}
    assert shares == pytest.approx(wanted, abs=0.03)


def test_ranges_are_those_of_the_sources():
    specs = [drawn(index, 20.0) for index in range(1, 1001)]
    radii = [s.steps[0]["radius"] for s in specs if s.steps[0].kind == "disc"]
    assert 0.5 <= min(radii) < 0.7
    assert 3.8 < max(radii) <= 4.0
    for spec in specs:
        assert 0 <= spec.steps[1]["sigma"] <= 7
        if "motion" in spec.steps[0].kind:
            extent = np.ptp(np.array(spec.steps[0]["path"]), axis=0).max()
            assert 4 - 1e-3 <= extent <= 20 + 1e-3


@given(st.floats(0.8, 8), st.floats(0.8, 8), st.floats(0, 180))
def test_gaussian_moments_are_those_asked_for(sigma_x, sigma_y, angle):
    spec = Spec("elliptic-gaussian", (("sigma_x", sigma_x), ("sigma_y", sigma_y), ("angle", angle)))
    xx, _, yy = psf.build(spec).moments()["moments"]
    # A pixel's own width adds 1/12 per axis; tails beyond three sigma are cut.
    wanted = sigma_x**2 + sigma_y**2 + 2 / 12
    assert xx + yy == pytest.approx(wanted, rel=0.05, abs=0.1)


@pytest.mark.parametrize("how", ("linear", "gamma"))
def test_impulse_reproduces_the_kernel_not_its_mirror_image(how):
    path = ((0.0, 0.0), (6.0, 0.0), (6.0, 1.0), (6.0, 4.0))
    kernel = psf.build(Spec("motion", (("path", path),)))
    margin = kernel.radius + 3
    side = 2 * margin + 31
    scene = np.zeros((side, side), np.uint8)
    scene[margin + 15, margin + 15] = 255
    out = blurred(scene, kernel, how)
    levels = np.rint(kernel.taps * 65535 / psf.TOTAL).astype(int)
    r, middle = kernel.radius, out.shape[0] // 2
    got = out[middle - r : middle + 1 + r, middle - r : middle + 1 + r]
    assert np.abs(got - light._encode(how)[levels]).max() < 0.2


@settings(max_examples=40)
@given(st.integers(1, 10**6), st.sampled_from(("linear", "gamma")))
def test_convolution_equals_integer_arithmetic(index, how):
    dice = np.random.default_rng(index)
    kernel = psf.build(drawn(index, 20.0).steps[0])
    r = kernel.radius
    scene = dice.integers(0, 256, (2 * r + 6, 2 * r + 7), dtype=np.uint8)
    got = blurred(scene, kernel, how)
    levels = np.rint(light.decode(scene.astype(np.float32), how).astype(float) * 65535).astype(np.int64)
    taps = kernel.taps.astype(np.int64)[::-1, ::-1]
    for y in range(6):
        for x in range(7):
            if how == "gamma":
                wanted = int((scene[y : y + 2 * r + 1, x : x + 2 * r + 1].astype(np.int64) * taps).sum()) / psf.TOTAL
            else:
                level = round(int((levels[y : y + 2 * r + 1, x : x + 2 * r + 1] * taps).sum()) / psf.TOTAL)
                wanted = light._encode(how)[level]
            assert got[y, x] == wanted


@pytest.mark.parametrize("preset", ("document-camera-v1", "hradis2015", "textzoom-x2", "realesrgan"))
@pytest.mark.parametrize("channels", (1, 3))
def test_flat_scenes_stay_flat_up_to_the_border(preset, channels):
    for index in range(1, 9):
        spec = drawn(index, preset=preset)
        steps = [s for s in spec.steps if "noise" not in s.kind and s.kind != "jpeg"]
        for value in (0, 17, 128, 255):
            plan = degrade.prepare(Degradation(spec.light, tuple(steps), spec.scale))
            sides = (64 + 2 * plan.margin, 96 + 2 * plan.margin)
            flat = np.full(sides if channels == 1 else (*sides, 3), value, np.uint8)
            out = degrade.degrade(flat, plan, plan.margin).picture
            assert out.shape[:2] == (64 // spec.scale, 96 // spec.scale)
            # The lobes of a sinc are the one thing that is not exact.
            assert np.abs(out.astype(int) - value).max() <= any(s.kind == "sinc" for s in steps)


@pytest.mark.parametrize("preset", ("document-camera-v1", "hradis2015", "plain"))
def test_borders_are_what_the_middle_of_a_larger_picture_would_be(preset):
    """Nothing is mirrored or repeated at a border: more scene around it changes no pixel inside."""
    dice = np.random.default_rng(5)
    for index in range(1, 25):
        spec = drawn(index, preset=preset)
        plan = degrade.prepare(spec)
        wide = plan.margin + 24
        scene = dice.integers(0, 256, (40 + 2 * wide, 70 + 2 * wide), dtype=np.uint8)
        narrow = np.ascontiguousarray(scene[24:-24, 24:-24])
        assert (degrade.degrade(scene, plan, wide).picture == degrade.degrade(narrow, plan, plan.margin).picture).all()


def test_noise_has_the_sigma_that_the_label_states():
    flat = np.full((70, 300), 128, np.uint8)
    out = run(flat, [Spec("gaussian-noise", (("sigma", 5.0), ("seed", 9)))]).picture
    assert out.astype(float).std() == pytest.approx(math.sqrt(25 + 1 / 12), rel=0.03)
    assert abs(out.astype(float).mean() - 128) < 0.15


def test_sensor_noise_grows_with_the_light():
    spec = Spec("poisson-gaussian-noise", (("light", "linear"), ("shot", 1e-3), ("read", 1e-5), ("seed", 3)))
    for value in (60, 128, 200):
        out = run(np.full((80, 400), value, np.uint8), [spec]).picture
        levels = light.decode(out.astype(np.float32), "linear").astype(float)
        wanted = 1e-3 * float(light.decode(np.float32(value), "linear")) + 1e-5
        assert levels.var() == pytest.approx(wanted, rel=0.1)


def test_margin_smaller_than_the_kernel_is_an_error():
    with pytest.raises(ValueError, match="margin"):
        run(np.zeros((40, 40), np.uint8), [Spec("disc", (("radius", 4.0),)), QUIET], margin=2)


@pytest.mark.parametrize(
    "spec",
    [
        Spec("generalised-gaussian", (("beta", 0.6), ("sigma_x", 2.0), ("sigma_y", 1.0), ("angle", 40.0))),
        Spec("plateau", (("beta", 1.5), ("sigma_x", 2.0), ("sigma_y", 1.0), ("angle", 40.0))),
        Spec("sinc", (("cutoff", 1.5), ("radius", 8))),
        Spec("disc", (("radius", 0.0),)),
    ],
)
def test_every_kernel_is_centred_with_unit_sum(spec):
    kernel = psf.build(spec)
    assert kernel.taps.sum() == psf.TOTAL
    assert max(map(abs, kernel.moments()["centroid"])) < 0.05


SIGMAS = (0.05, 1.0, 6.0, 30.0)
ELLIPSES = [
    (("sigma_x", x), ("sigma_y", y), ("angle", angle)) for x in SIGMAS for y in SIGMAS for angle in (0.0, 33.3)
]
WHOLE_RANGES = [
    *(Spec("disc", (("radius", radius / 4),)) for radius in range(201)),
    *(Spec("gaussian", (("sigma", sigma),)) for sigma in (*SIGMAS, 6.1, 10.0, 20.0)),
    *(Spec("isotropic-generalised-gaussian", (("beta", b), ("sigma", s))) for b in (0.3, 2.0, 10.0) for s in SIGMAS),
    *(Spec("isotropic-plateau", (("beta", b), ("sigma", s))) for b in (0.8, 2.0, 10.0) for s in SIGMAS),
    *(Spec("elliptic-gaussian", ellipse) for ellipse in ELLIPSES),
    *(Spec("generalised-gaussian", (("beta", b), *ellipse)) for b in (0.3, 10.0) for ellipse in ELLIPSES),
    *(Spec("plateau", (("beta", b), *ellipse)) for b in (0.8, 10.0) for ellipse in ELLIPSES),
]


def test_kernels_of_all_sizes_are_centred_and_have_no_negative_tap():
    for spec in WHOLE_RANGES:
        kernel = psf.build(spec)
        assert kernel.taps.sum() == psf.TOTAL
        assert kernel.taps.min() >= 0, spec
        assert max(map(abs, kernel.moments()["centroid"])) < 0.001, spec


@settings(max_examples=40)
@given(st.integers(1, 10**6), st.floats(1, 100), st.none() | st.floats(0, 50))
def test_shakes_of_all_sizes_are_centred_and_have_no_negative_tap(seed, support, radius):
    units = np.random.default_rng(seed).random(35)
    path, _ = presets.walk(list(units[2:]), 6.0 * units[0], 0.1 + units[1], support)
    given_radius = () if radius is None else (("radius", radius),)
    kernel = psf.build(Spec("motion" if radius is None else "disc-motion", (("path", path), *given_radius)))
    assert kernel.taps.sum() == psf.TOTAL
    assert kernel.taps.min() >= 0
    assert max(map(abs, kernel.moments()["centroid"])) < 0.05


def test_no_tap_of_a_large_disc_stands_out():
    for radius in (12.0, 26.5, 49.5, 50.0):
        taps = psf.build(Spec("disc", (("radius", radius),))).taps
        middle = taps.shape[0] // 2
        inner = taps[middle - 4 : middle + 5, middle - 4 : middle + 5]
        assert np.ptp(inner) <= 1
        assert taps.max() == inner.max()


@pytest.mark.parametrize("sigma", [6.01, 6.5, 7.0, 8.0, 9.0, 10.0, 12.5, 15.0, 17.7, 20.0, 25.0, 30.0])
def test_a_wide_gaussian_is_as_wide_as_asked_for(sigma):
    kernel = psf.build(Spec("gaussian", (("sigma", sigma),)))
    xx, xy, yy = kernel.moments()["moments"]
    # A pixel's own width adds 1/12.
    assert math.sqrt(xx - 1 / 12) == pytest.approx(sigma, rel=0.01)
    assert (xx, xy) == (yy, 0)
    axis = kernel.axis
    middle = axis.size // 2
    assert axis[middle] <= axis[middle + 1] + 2
    # A straight edge is blurred as it ought to be, to half a code of 255.
    edges = [0.5 + 0.5 * math.erf((k - middle + 0.5) / (sigma * math.sqrt(2))) for k in range(axis.size)]
    assert np.abs(np.cumsum(axis) / 256 - edges).max() <= 0.5 / 255


def test_what_is_out_of_range_is_refused_in_the_same_words(monkeypatch):
    line = ((0.0, 0.0), (1.0, 1.0))
    for compiled in (psf.core, None):
        monkeypatch.setattr(psf, "core", compiled)
        for radius in (-1.0, 200.5, float("nan")):
            with pytest.raises(ValueError, match=r"^a disc's radius is out of range$"):
                psf.build(Spec("disc-motion", (("path", line), ("radius", radius))))
        for path in ((), ((0.0, 0.0),), ((0.0, 0.0),) * 4097):
            with pytest.raises(ValueError, match=r"^a path is of 2 to 4096 points$"):
                psf.build(Spec("motion", (("path", path),)))
        for far in (201.0, -1e9, float("inf"), float("nan")):
            with pytest.raises(ValueError, match=r"^a path goes too far$"):
                psf.build(Spec("motion", (("path", (*line, (0.0, far))),)))


def test_sinc_is_the_bessel_function_of_the_source():
    # Values of J1 from Abramowitz and Stegun, table 9.1.
    got = psf._bessel_j1(np.array([0.0, 1.0, 2.0, 5.0, 10.0, 17.5]))
    assert got[:5] == pytest.approx([0, 0.4400505857, 0.5767248078, -0.3275791376, 0.0434727462], abs=1e-9)


@pytest.mark.parametrize("scale", (2, 4))
@pytest.mark.parametrize("how", ("area", "bilinear", "bicubic"))
def test_reduced_pictures_stay_registered(scale, how):
    """A soft blob comes out where it was, in units of the smaller pixels."""
    kernel, reduce = Spec("gaussian", (("sigma", 3.0),)), Spec("final-resize", (("filter", how),))
    plan = degrade.prepare(Degradation("gamma", (kernel, reduce), scale))
    m = plan.margin
    y, x = np.mgrid[0 : 64 + 2 * m, 0 : 96 + 2 * m]
    scene = np.rint(255 * np.exp(-0.5 * (((x - m - 40) / 6) ** 2 + ((y - m - 30) / 6) ** 2))).astype(np.uint8)
    out = degrade.degrade(scene, plan, m).picture.astype(float)
    rows, cols = np.mgrid[0 : out.shape[0], 0 : out.shape[1]]
    for grid, wanted in ((cols, 40), (rows, 30)):
        centre = (grid * out).sum() / out.sum()
        assert (centre + 0.5) * scale - 0.5 == pytest.approx(wanted, abs=0.05)


def test_both_ways_of_summing_agree_to_the_last_bit():
    kernel = psf.build(Spec("disc", (("radius", 11.0),)))
    assert kernel.has_more_taps(light._MOST_TAPS)
    scene = np.random.default_rng(1).integers(0, 256, (70, 90), dtype=np.uint8)
    levels = light._levels(scene, "linear")
    by_tiles = light._summed(levels >> 8, kernel).astype(np.float64) * 256 + light._summed(levels & 255, kernel)
    assert (by_tiles == light._transformed(levels, kernel)).all()
