"""What a face can draw: the compiled core judges its glyphs as Python does."""

import functools
import importlib.metadata
import io
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.native import core
from fontmilld.render import coverage, shaping, sketch
from fontmilld.render.shaping import EM, TypeFace, TypeFont

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
PACKAGES = ("fontpkg-inter", "fontpkg-amiri", "fontpkg-noto-sans-devanagari")


@functools.cache
def data_of(package):
    return next(Path(str(f.locate())) for f in importlib.metadata.files(package) if f.name.endswith(".ttf")).read_bytes()


def opened():
    return [TypeFont(TypeFace(data_of(package), 0)) for package in PACKAGES]


@functools.cache
def compiled():
    return opened()


@functools.cache
def plain():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaping, "_core", None)
        return opened()


@pytest.mark.parametrize("which", range(len(PACKAGES)))
def test_coverage_and_sketch_of_whole_faces(which):
    ours, theirs = compiled()[which], plain()[which]
    assert ours.native is not None
    assert theirs.native is None
    found = coverage.find(ours.face, [ours], False)
    assert found == coverage.find(theirs.face, [theirs], False)
    assert found.usable
    assert sketch.sketch(ours, found.usable) == sketch.sketch(theirs, found.usable)


@given(st.integers(0, len(PACKAGES) - 1), st.lists(st.integers(0, 4000) | st.integers(0, 2**32 - 1), max_size=40))
def test_any_glyph_ids(which, gids):
    assert coverage._judgements([compiled()[which]], gids) == coverage._judgements([plain()[which]], gids)


def drawn(pen, contours):
    for start, *pieces in contours:
        pen.moveTo(start)
        for ends in pieces:
            (pen.lineTo, pen.qCurveTo, pen.curveTo)[len(ends) - 1](*ends)
        pen.closePath()
    return pen


def font_of(glyphs, curves):
    """A font whose glyphs 1 and on have these contours, of an em of 1,000 units."""
    names = [".notdef", *(f"g{number}" for number in range(len(glyphs)))]
    builder = FontBuilder(1000, isTTF=curves == 2)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({0x41 + number: name for number, name in enumerate(names[1:])})
    if curves == 2:
        builder.setupGlyf({name: drawn(TTGlyphPen(None), contours).glyph() for name, contours in zip(names, [[], *glyphs], strict=True)})
    else:
        pens = {name: drawn(T2CharStringPen(600, None), contours) for name, contours in zip(names, [[], *glyphs], strict=True)}
        builder.setupCFF("Drawn", {}, {name: pen.getCharString() for name, pen in pens.items()}, {})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    out = io.BytesIO()
    builder.font.save(out)
    return out.getvalue()


def contours_of(curves):
    """Any shapes: small ones, which come to one side or the other of a pixel's tenth, and large ones."""
    def points(most):
        number = st.integers(-most, most)
        return st.tuples(number, number)

    def contour(most):
        piece = st.lists(points(most), min_size=1, max_size=1) | st.lists(points(most), min_size=curves, max_size=curves)
        return st.builds(lambda start, pieces: [start, *pieces], points(most), st.lists(piece, min_size=1, max_size=4))

    return st.sampled_from((20, 60, 200, 900, 3000)).flatmap(lambda most: st.lists(contour(most), max_size=4))


@pytest.mark.parametrize("curves", [2, 3])
@given(st.data())
def test_any_outlines(curves, data):
    glyphs = data.draw(st.lists(contours_of(curves), min_size=1, max_size=12))
    ours = TypeFont(TypeFace(font_of(glyphs, curves), 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaping, "_core", None)
        theirs = TypeFont(TypeFace(font_of(glyphs, curves), 0))
    gids = [*range(len(glyphs) + 1)]
    assert coverage._judgements([ours], gids) == coverage._judgements([theirs], gids)
    codepoints = frozenset(range(0x41, 0x41 + len(glyphs)))
    assert sketch.sketch(ours, codepoints) == sketch.sketch(theirs, codepoints)


def rectangle(x, y, width, height):
    return [(x, y), [(x + width, y)], [(x + width, y + height)], [(x, y + height)]]


def test_thin_lines_are_told_from_nothing():
    """A line of `width` units, where a pixel has 41.7, is ink from some width on, alone and beside its like."""
    glyphs = [[rectangle(at, 0, width, 700)] for width in range(1, 12) for at in (0, 20, 41)]
    glyphs += [[rectangle(20, 0, width, 700), rectangle(620, 0, width, 700)] for width in range(1, 12)]
    # One way round and the other: what is cut out of itself is nothing.
    glyphs += [[rectangle(0, 0, 500, 500), [(0, 0), [(0, 500)], [(500, 500)], [(500, 0)]]]]
    data = font_of(glyphs, 2)
    ours = TypeFont(TypeFace(data, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaping, "_core", None)
        theirs = TypeFont(TypeFace(data, 0))
    gids = [*range(len(glyphs) + 1)]
    found = coverage._judgements([ours], gids)
    assert found == coverage._judgements([theirs], gids)
    assert {"empty", "ink"} == set(found)


# The number of its last point is too large; it is made of others (-1), which are not there.
@pytest.mark.parametrize(("place", "damage"), [(10, b"\xff\xf0"), (0, b"\xff\xff")])
def test_a_damaged_glyph_with_a_box_and_no_outline_is_empty(place, damage):
    data = bytearray(font_of([[rectangle(0, 0, 300, 700)]] * 2, 2))
    with TTFont(io.BytesIO(bytes(data))) as font:
        at = font.reader.tables["glyf"].offset + font["loca"][2]
    data[at + place : at + place + 2] = damage
    font = TypeFont(TypeFace(bytes(data), 0))
    assert font.box(2) is not None
    assert font.native.judge([1, 2], 24, 16 * EM, 24, 1 << 21) == b"\2\0"


def test_what_is_too_large_or_too_faint_is_empty():
    judge = compiled()[0].native.judge
    gid = compiled()[0].nominal(ord("A"))
    assert judge([0, gid], 24, 16 * EM, 24, 1 << 21) == b"\0\2"
    assert judge([gid], 24, 1, 24, 1 << 21) == b"\0"
    assert judge([gid], 24, 16 * EM, 256, 1 << 21) == b"\0"
    assert judge([], 24, 16 * EM, 24, 1 << 21) == b""


def test_glyphs_that_are_too_large_together_are_not_all_looked_at(monkeypatch):
    ours, theirs = compiled()[0], plain()[0]
    gids = [*range(1, 1500)]
    squares = sum((box[2] - box[0]) * (box[3] - box[1]) for gid in gids if (box := ours.box(gid))) // EM**2
    monkeypatch.setattr(coverage, "_MOST", squares + 1)
    assert coverage._judgements([ours], gids) == coverage._judgements([theirs], gids)
    monkeypatch.setattr(coverage, "_MOST", squares // 2)
    for font in (ours, theirs):
        with pytest.raises(coverage.TooLarge):
            coverage._judgements([font], gids)


@pytest.mark.parametrize("size", [0, -1, 5000, float("nan"), float("inf")])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="px"):
        compiled()[0].native.judge([1], size, EM, 24, 1 << 21)


@pytest.mark.parametrize("largest", [-1, 1 << 40])
def test_boxes_out_of_range_are_refused(largest):
    with pytest.raises(ValueError, match="em"):
        compiled()[0].native.judge([1], 24, largest, 24, 1 << 21)


@pytest.mark.parametrize(("gids", "error"), [([-1], OverflowError), ([1 << 32], ValueError), (["a"], TypeError), ((1,), TypeError)])
def test_what_is_no_list_of_glyph_ids_is_refused(gids, error):
    with pytest.raises(error):
        compiled()[0].native.judge(gids, 24, EM, 24, 1 << 21)


@pytest.mark.parametrize(("gids", "error"), [([-1], OverflowError), ([1 << 32], ValueError), (["a"], TypeError), ((1,), TypeError)])
def test_thumbnails_are_of_lists_of_glyph_ids(gids, error):
    with pytest.raises(error):
        compiled()[0].native.thumbnails(gids)


def test_thumbnails_of_glyphs_without_ink_are_blank():
    font = compiled()[0]
    assert font.native.thumbnails([]) == b""
    assert font.native.thumbnails([font.nominal(0x20), 1 << 20]) == bytes(16)
    block = TypeFont(TypeFace(font_of([[rectangle(-50, -20, 300, 700)]], 2), 0))
    assert block.native.thumbnails([1]) == b"\xff" * 8
