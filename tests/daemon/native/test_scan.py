"""Outlines: the compiled core turns them into the coverage that HarfBuzz' rasterizer has, bit by bit."""

import io
import platform
import random

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen

from daemon.render.conftest import PACKAGES, read_font
from fontmilld.native import core
from fontmilld.render.raster import Rasterizer
from fontmilld.render.shaping import EM, TypeFace, TypeFont

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
SHAPES = ((1, 1), (20, 20), (64, 70), (98, 290), (300, 500), (3000, 5))


def scribble(luck, pen, pieces, reach):
    """Draw one closed curve of lines and cubic arcs anywhere within `reach` units, loops and all."""
    def anywhere():
        return luck.randrange(-reach, reach), luck.randrange(-reach, reach)

    pen.moveTo(anywhere())
    for _ in range(pieces):
        if luck.random() < 0.4:
            pen.lineTo(anywhere())
        else:
            pen.curveTo(anywhere(), anywhere(), anywhere())
    pen.closePath()


def stack(_luck, pen, count, reach):
    """Draw one square upon the other: how often may not matter."""
    for _ in range(count):
        pen.moveTo((0, 0))
        for point in ((0, reach), (reach, reach), (reach, 0)):
            pen.lineTo(point)
        pen.closePath()


GLYPHS = (
    *((scribble, pieces, reach) for pieces in (1, 3, 8, 40) for reach in (30, 700, 1200, 16000)),
    (stack, 2, 700), (stack, 128, 700), (stack, 256, 700), (stack, 257, 700), (stack, 3000, 700), (scribble, 300, 900), (scribble, 3000, 900),
)  # fmt: skip


def cubic_font():
    luck, names = random.Random(3), [".notdef", *(f"g{n}" for n in range(len(GLYPHS)))]
    builder = FontBuilder(1000, isTTF=False)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({0x41: "g1"})
    drawn = {}
    for name, (draw, *how) in zip(names[1:], GLYPHS, strict=True):
        pen = T2CharStringPen(1000, None)
        draw(luck, pen, *how)
        drawn[name] = pen.getCharString()
    drawn[".notdef"] = T2CharStringPen(1000, None).getCharString()
    builder.setupCFF("Scribbles", {}, drawn, {})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupPost()
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def fonts():
    """Return fonts of quadratic and of cubic outlines, some emboldened; each draws with the library when it is asked to by hand."""
    faces = [TypeFace(data, 0) for data in (*map(read_font, PACKAGES), cubic_font())]
    return [TypeFont(face, {}, bold) for face in faces for bold in (0.0, 0.04)]


def same(font, glyphs, shape):
    found = np.full(shape, 77, np.uint8)
    font.native.draw(glyphs, found, False)
    assert np.array_equal(found, Rasterizer()._drawn(font, glyphs, shape)), (glyphs, shape)
    return found


def matrix(luck, shape):
    """Return any affine map that leaves a glyph somewhere near the picture."""
    scale = luck.choice((6.0, 11.3, 32.0, 32.0, 47.77, 90.0, 400.0)) / EM
    at = (luck.uniform(-20, shape[1] + 5), luck.uniform(-5, shape[0] + 20))
    if luck.random() < 0.5:
        return (scale, 0.0, 0.0, -scale, *(round(4 * place) / 4 for place in at))
    turned = [scale * luck.uniform(-1.2, 1.2) for _ in range(4)]
    return (*turned, *at)


@pytest.mark.parametrize("seed", range(12))
def test_glyphs_are_what_the_library_makes_of_them(fonts, seed):
    luck, inked = random.Random(seed), 0
    for _ in range(300):
        font, shape = luck.choice(fonts), luck.choice(SHAPES)
        count = luck.choice((1, 1, 1, 3, 12))
        glyphs = [(luck.randrange(font.face.glyph_count), matrix(luck, shape)) for _ in range(count)]
        inked += bool(same(font, glyphs, shape).any())
    assert inked > 50


@pytest.mark.parametrize("gid", range(1, 1 + len(GLYPHS)))
def test_scribbles_are_what_the_library_makes_of_them(fonts, gid):
    luck, font = random.Random(gid), fonts[-2]
    for shape in SHAPES:
        for _ in range(4):
            same(font, [(gid, matrix(luck, shape))], shape)


@pytest.mark.parametrize("at", [0.0, 1e4, -1e4, 16383.9, 16384.0, -16384.0, 4e6, 1e30, float("inf"), float("nan")])
def test_what_is_far_away_is_what_the_library_makes_of_it(fonts, at):
    for font in fonts:
        for place in ((at, 20.0), (20.0, at), (at, -at)):
            same(font, [(3, (32 / EM, 0.0, 0.0, -32 / EM, *place)), (4, (32 / EM, 0.0, 0.0, -32 / EM, 8.0, 30.0))], (40, 60))


def test_what_was_given_up_leaves_nothing_behind(fonts):
    font, plain = fonts[-2], (40 / EM, 0.0, 0.0, -40 / EM, 10.0, 40.0)
    before = same(font, [(6, plain)], (64, 64))
    same(font, [(6, plain), (len(GLYPHS), plain), (5, (1.0, 0.0, 0.0, 1.0, 1e9, 0.0))], (64, 64))
    assert np.array_equal(same(font, [(6, plain)], (64, 64)), before)


def test_the_core_draws_by_itself_where_it_is_sure_to_be_the_equal():
    assert core.scans() is (platform.machine() in ("x86_64", "AMD64"))
