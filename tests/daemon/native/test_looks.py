"""What a face can draw: the compiled core judges its glyphs as Python does."""

import functools
import importlib.metadata
from pathlib import Path

import pytest
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


def test_what_is_too_large_or_too_faint_is_empty():
    judge = compiled()[0].native.judge
    gid = compiled()[0].nominal(ord("A"))
    assert judge([0, gid], 24, 16 * EM, 24) == b"\0\2"
    assert judge([gid], 24, 1, 24) == b"\0"
    assert judge([gid], 24, 16 * EM, 256) == b"\0"
    assert judge([], 24, 16 * EM, 24) == b""


@pytest.mark.parametrize("size", [0, -1, 5000, float("nan"), float("inf")])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="px"):
        compiled()[0].native.judge([1], size, EM, 24)


@pytest.mark.parametrize("largest", [-1, 1 << 40])
def test_boxes_out_of_range_are_refused(largest):
    with pytest.raises(ValueError, match="em"):
        compiled()[0].native.judge([1], 24, largest, 24)


@pytest.mark.parametrize(("gids", "error"), [([-1], OverflowError), ([1 << 32], ValueError), (["a"], TypeError), ((1,), TypeError)])
def test_what_is_no_list_of_glyph_ids_is_refused(gids, error):
    with pytest.raises(error):
        compiled()[0].native.judge(gids, 24, EM, 24)
