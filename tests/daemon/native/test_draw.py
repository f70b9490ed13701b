"""Scenes: the compiled core paints what Python paints, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import draw, light, noise
from fontmilld.render.recipe import Background, Spec

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
KINDS = ("plain", "gradient", "paper", "grain", "noise")


class Wish:
    """What of a recipe a scene needs."""

    def __init__(self, background, color, specs=()):
        self.style = self
        self.background, self.color, self.effects, self.channels = background, color, specs, len(color)


def both(make):
    compiled = make()
    with pytest.MonkeyPatch.context() as patch:
        for module in (draw, light, noise):
            patch.setattr(module, "core", None)
        return compiled, make()


def colors(dice, channels):
    return [tuple(dice.integers(0, 256, channels).tolist()) for _ in range(4)]


def coverage(dice, rows, cols):
    mask = np.zeros((rows, cols), np.uint8)
    part = mask[rows // 4 : rows - rows // 4, cols // 5 : cols - cols // 5]
    part[:] = dice.integers(0, 256, part.shape) * dice.integers(0, 2, part.shape)
    return mask


def glow(color):
    return Spec("glow", (("sigma", 1.5), ("gain", 1.4), ("color", color)))


def emboss(light, shade):
    return Spec("emboss", (("dx", 1), ("dy", -1), ("light", light), ("shade", shade)))


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.integers(1, 120), st.integers(1, 600), st.sampled_from((1, 3)), st.integers(0, 2**31), st.floats(0, 360),
    st.booleans(),
)
def test_backgrounds_and_layers(kind, rows, cols, channels, seed, angle, has_effects):
    dice = np.random.default_rng(seed)
    ink, first, second, extra = colors(dice, channels)
    specs = (glow(extra), emboss(first, extra)) if has_effects else ()
    wish = Wish(Background(kind, first, second, angle, seed), ink, specs)
    mask = coverage(dice, rows, cols)
    compiled, plain = both(lambda: draw.scene(mask, wish))
    assert compiled.dtype == plain.dtype == np.uint8
    assert compiled.shape == plain.shape
    assert (compiled == plain).all()


def test_every_share_of_every_ink_over_every_paper():
    paper = np.repeat(np.arange(256, dtype=np.float32)[:, np.newaxis], 256, axis=1) / np.float32(255)
    mask = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis], 256, axis=0)
    for ink in (0, 1, 100, 127, 254, 255):
        found = np.empty((256, 256), np.uint8)
        core.paint(paper, 1.0, 0.0, (0,), (255,), [(mask, (ink,))], found)
        canvas = np.float32(255) * paper
        canvas += (np.float32(ink) - canvas) * (mask.astype(np.float32) / np.float32(255))
        assert (found == np.rint(canvas)).all()


def test_masks_that_are_parts_or_turned_are_taken_too():
    dice = np.random.default_rng(4)
    wide = coverage(dice, 60, 90)
    wish = Wish(Background("gradient", (200,), (250,), 20.0, 1), (9,))
    for mask in (wide[3:50, 7:80], wide.T, wide[::-1, ::2]):
        compiled, plain = both(lambda mask=mask: draw.scene(mask, wish))
        assert (compiled == plain).all()


def test_what_does_not_fit_together_is_refused():
    raw, mask, scene = np.zeros((5, 7), np.float32), np.zeros((5, 7), np.uint8), np.zeros((5, 7), np.uint8)
    core.paint(raw, 1.0, 0.0, (1,), (2,), [(mask, (3,))], scene)
    core.paint(None, 1.0, 0.0, (1,), (2,), [], scene)
    for args in (
        (raw[1:], 1.0, 0.0, (1,), (2,), [(mask, (3,))], scene),
        (raw, 1.0, 0.0, (1, 1, 1), (2,), [(mask, (3,))], scene),
        (raw, 1.0, 0.0, (1,), (), [(mask, (3,))], scene),
        (raw, 1.0, 0.0, (1,), (2,), [(mask, (3, 3, 3))], scene),
        (raw, 1.0, 0.0, (1,), (2,), [(mask[:, 1:], (3,))], scene),
        (raw, 1.0, 0.0, (1,), (2,), [(mask.astype(np.float32), (3,))], scene),
        (raw, 1.0, 0.0, (1,), (2,), [[mask, (3,)]], scene),
        (raw.astype(float), 1.0, 0.0, (1,), (2,), [], scene),
        (raw, 1.0, 0.0, (1,), (2,), [], np.zeros((5, 7, 5), np.uint8)),
        (raw, 1.0, 0.0, (1,), (2,), [], np.zeros((5, 14), np.uint8)[:, ::2]),
    ):
        with pytest.raises(ValueError):
            core.paint(*args)
    pool, total = noise.pool(), np.zeros((50, 70), np.float32)
    core.clouds(pool, ((1, 24, 0.5),), total)
    for args in (
        (pool[:71], ((1, 24, 0.5),), total),
        (pool, ((1, 0, 0.5),), total),
        (pool, ((1, 65, 0.5),), total),
        (pool, ((1, 2),), total),
        (pool, (5,), total),
        (pool.astype(np.int32), ((1, 24, 0.5),), total),
        (pool, ((1, 24, 0.5),), np.zeros((50, 70, 3), np.float32)),
        (None, ((1, 24, 0.5),), total),
    ):
        with pytest.raises(ValueError):
            core.clouds(*args)
