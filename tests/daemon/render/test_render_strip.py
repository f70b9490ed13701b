"""Strips and grids: what is done to many pictures or with kept glyphs at once is what is done to one."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.render import degrade, encode, metrics, noise, raster, shaping, strip
from fontmilld.render.pair import PairRenderer, SampleFailure
from fontmilld.render.raster import Rasterizer
from fontmilld.render.recipe import Degradation, Spec
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import EM, TypeFace, TypeFont

PLAIN = Degradation("gamma", (Spec("gaussian", (("sigma", 2.0),)), Spec("gaussian-noise", (("sigma", 3.0), ("seed", 5)))))


def renderer(face, **options):
    return PairRenderer(RenderSettings(**options), face, face.record["sha256"])


def plan_with(blur, sigma, seed):
    noisy = Spec("gaussian-noise", (("sigma", sigma), ("seed", seed)))
    return degrade.prepare(Degradation("gamma", (Spec("gaussian", (("sigma", blur),)), noisy)))


@settings(max_examples=12, deadline=None)
@given(
    first=st.integers(1, 40), count=st.integers(1, 40), width=st.integers(64, 300), height=st.integers(40, 90),
    color=st.sampled_from(("gray", "rgb")), preset=st.sampled_from(("plain", "document-camera-v1")), rich=st.booleans(),
)  # fmt: skip
def test_a_pair_is_the_same_alone_and_in_any_strip(faces, first, count, width, height, color, preset, rich):
    options = {"image_width": width, "image_height": height, "color": color, "preset": preset}
    made = renderer(faces["inter"], style_variations=rich, enable_special_effects=rich, **options)
    last = first + count - 1
    for index, pair in enumerate(made.render_range(first, last), start=first):
        assert pair == made.render(index)


@settings(max_examples=30, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**31), min_size=1, max_size=5), blur=st.floats(0.4, 4), sigma=st.floats(0, 40),
    shape=st.sampled_from([(20, 33), (8, 8), (9, 21, 3)]), paper=st.sampled_from((0, 255, None)),
)  # fmt: skip
def test_a_strip_is_exact_arithmetic_rounded_once(seeds, blur, sigma, shape, paper):
    plans = [plan_with(round(blur, 2), round(sigma, 2), seed) for seed in seeds]
    margin, axis = plans[0].margin, plans[0].kernels[0].axis.ravel()
    wide = (shape[0] + 2 * margin, shape[1] + 2 * margin, *shape[2:])
    rng = np.random.default_rng(seeds[0])
    scenes = [np.full(wide, paper, np.uint8) if paper is not None else rng.integers(0, 256, wide, dtype=np.uint8) for _ in seeds]
    for scene, plan, found in zip(scenes, plans, strip.degrade(scenes, plans), strict=True):
        total = scene.astype(np.int64)
        radius = len(axis) // 2
        for dimension in (0, 1):
            padded = np.moveaxis(total, dimension, 0)
            taps = [int(tap) * padded[k : padded.shape[0] - 2 * radius + k] for k, tap in enumerate(axis)]
            total = np.moveaxis(sum(taps), 0, dimension)
        inner = margin - radius
        total = total[inner : total.shape[0] - inner or None, inner : total.shape[1] - inner or None]
        lines = total.reshape(shape[0], -1)
        added = noise.fine_fields([plan.spec.steps[1]], (shape[0], lines.shape[1] + 1))[:, 1:]
        wanted = np.clip(np.floor((np.rint(lines / 1024) + added) / 64 + 0.5), 0, 255)
        assert np.array_equal(found.blurred[:, 1:], wanted)
        assert not found.blurred[:, 0].any()
        sharp = scene[margin : margin + shape[0], margin : margin + shape[1]]
        assert np.array_equal(found.clear, encode.lines(np.ascontiguousarray(sharp)))


def test_noise_on_a_strip_has_the_sigma_of_its_recipe():
    steps = [Spec("gaussian-noise", (("sigma", 7.0), ("seed", seed))) for seed in range(8)]
    fields = noise.fine_fields(steps, (64, 257)) / noise.FINE
    assert fields.std() == pytest.approx(7.0, rel=0.01)
    assert abs(fields.mean()) < 0.1
    halves = fields.reshape(8, -1)
    assert len({half.tobytes() for half in halves}) == 8


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), shape=st.sampled_from([(20, 300), (600, 500), (9, 21, 3)]), spread=st.sampled_from((1, 2, 300, 16000)))
def test_figures_are_those_of_exact_sums(seed, shape, spread):
    rng = np.random.default_rng(seed)
    signal = (rng.integers(0, 300) + rng.integers(0, spread, shape)).astype(np.int16)
    noisy = (signal + rng.integers(-1, 2, shape)).astype(np.int16)
    wide, size = signal.astype(np.int64), signal.size
    total, squares, power = int(wide.sum()), int((wide * wide).sum()), int(((wide - noisy) ** 2).sum())
    found = metrics.snr(signal, noisy, size)
    assert found == metrics.snr_of(power, total, squares, size)
    exact = Fraction(squares * size - total * total, size * power)
    assert found == (round(10 * math.log10(exact), 3) if exact else None)


@pytest.mark.parametrize(
    "changed",
    [
        Degradation("linear", PLAIN.steps),
        Degradation("gamma", PLAIN.steps[:1]),
        Degradation("gamma", (*PLAIN.steps, Spec("jpeg", (("quality", 80),)))),
        Degradation("gamma", (Spec("disc", (("radius", 2.0),)), PLAIN.steps[1])),
        Degradation("gamma", (PLAIN.steps[0], Spec("gaussian-noise", (("sigma", 41.0), ("seed", 1))))),
    ],
)
def test_what_is_not_a_blur_of_codes_and_then_noise_is_in_no_strip(changed):
    scene = np.zeros((90, 280), np.uint8)
    assert strip.key(scene, degrade.prepare(PLAIN)) is not None
    assert strip.key(scene, degrade.prepare(changed)) is None


@pytest.mark.parametrize("name", ["inter", "cairo", "thai"])
def test_kept_glyphs_are_pasted_where_they_would_be_drawn(faces, name):
    font, rasterizer = faces[name].font(), Rasterizer()
    scale, shape = 30 / EM, (70, 200)
    glyphs = [(gid, (scale, 0.0, 0.0, -scale, 5 + 17.25 * n, 40.5 + n / 4)) for n, gid in enumerate((36, 40, 44, 60, 3, 90))]
    apart = np.zeros(shape, np.uint16)
    for glyph in glyphs:
        apart += rasterizer.coverage(font, [glyph], shape)
    for _ in range(2):
        assert np.array_equal(rasterizer.coverage(font, glyphs, shape, on_grid=True), np.minimum(apart, 255))


@pytest.mark.parametrize("place", [(-7.25, 20.0), (195.5, 20.5), (50.0, -3.75), (50.0, 69.75), (-400.0, 20.0), (50.0, 900.0)])
def test_kept_glyphs_are_cut_off_at_the_edges_as_drawn_ones_are(faces, place):
    font, rasterizer, scale = faces["inter"].font(), Rasterizer(), 30 / EM
    glyph = (40, (scale, 0.0, 0.0, -scale, *place))
    drawn = rasterizer.coverage(font, [glyph], (70, 200))
    assert np.array_equal(rasterizer.coverage(font, [glyph], (70, 200), on_grid=True), drawn)


def test_kept_glyphs_do_not_pile_up(font_bytes, monkeypatch):
    monkeypatch.setattr(shaping, "_core", None)
    monkeypatch.setattr(raster, "_MOST_INKS", 10)
    font, rasterizer = TypeFont(TypeFace(font_bytes("cairo"), 0)), Rasterizer()
    for size in range(10, 60):
        scale = size / EM
        rasterizer.coverage(font, [(40, (scale, 0.0, 0.0, -scale, 9.0, 50.0))], (70, 90), on_grid=True)
        assert 0 < len(font.inks) <= 11


def grids(face, **options):
    return {(p.label["script"], p.label["recipe"]["style"]["grid"]) for p in renderer(face, **options).render_range(1, 30)}


def test_recipes_tell_whether_glyphs_sit_on_a_grid(faces):
    assert grids(faces["inter"], preset="plain") == {(script, 4) for script, _ in grids(faces["inter"], preset="plain")}
    assert {grid for _, grid in grids(faces["inter"], preset="plain", style_variations=True)} == {0}
    assert {grid for _, grid in grids(faces["inter"])} == {0}  # turned
    assert {grid for script, grid in grids(faces["amiri"], preset="plain") if script == "Arab"} == {0}


def test_boxes_of_clusters_are_those_of_glyphs_on_the_grid(faces):
    made = renderer(faces["inter"], preset="plain", text="numbers")
    for index in range(1, 10):
        pair, recipe = made.render(index), made.recipe(index)
        assert recipe.style.grid == 4
        x, _, width, _ = pair.label["text_box"]
        left = min(cluster[2] for cluster in pair.label["clusters"])
        right = max(cluster[4] for cluster in pair.label["clusters"])
        assert x <= left < x + 1.01
        assert x + width - 1.01 < right <= x + width


def test_every_sample_is_announced_before_it_is_drawn(faces):
    announced = []
    for pair in renderer(faces["inter"], preset="plain").render_range(5, 50, announced.append):
        assert not isinstance(pair, SampleFailure)
        assert announced[-1] >= pair.index
    assert announced == list(range(5, 51))
