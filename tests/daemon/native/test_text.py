"""Text in the compiled core against the same in Python: shaping, placing, drawing and labels are equal, bit by bit."""

from __future__ import annotations

import gc
import io
import random
import subprocess
import sys

import numpy as np
import orjson
import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from daemon.render.conftest import PACKAGES, read_font
from fontmilld.native import core
from fontmilld.render import layout, shaping
from fontmilld.render.faces import Face, inspect_face
from fontmilld.render.labels import cluster_json, clusters, mask
from fontmilld.render.pair import PairRenderer
from fontmilld.render.raster import Rasterizer
from fontmilld.render.recipe import Background, StyleSpec, TextSpec
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import TypeFace, TypeFont, Unshapable
from fontmilld.render.strikes import Bitmap, Strike

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")

PAPER = Background("plain", (255,), (255,))
SHAPE = (96, 300)
TEXTS = (
    ("Affinity fjord AVATAR", "Latn", "en", "ltr"),
    ("Te\u0301 o\u0308 i\u0307\u0301, 1/2 «x»", "Latn", "", "ltr"),
    ("şİı THIS", "Latn", "tr", "ltr"),
    ("Съешь ещё", "Cyrl", "sr", "ltr"),
    ("سرد جہاز لا إله ١٢", "Arab", "ur", "rtl"),
    ("مُحَمَّد fox", "Arab", "ar", "rtl"),
    ("क्षत्रिय र्कि हिन्दी", "Deva", "hi", "ltr"),
    ("น้ำใจ ที่นี่ กำ", "Thai", "th", "ltr"),
    ("שָׁלוֹם עולם", "Hebr", "he", "rtl"),
    ("漢字\U00020000", "Hani", "zh", "ltr"),
)
HOSTILE = (
    "", " ", "\n", "\n\n\n", "a\n", "\nb", "\0", "a\0b", "\u25cc", "\u0301", "\u25cc\u093f", "\ud800", "a\udfffb", "\u200d\u200c\u202e",
    "\U0010ffff", "\U0001f600x", "A" * 3000, "अ\u200dक" * 300, "e" + "\u0301" * 500, "x\u2028y\r\nz", "\ufeff", "\xad\xa0",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def has_functions():
    if shaping._core is None:
        pytest.fail("uharfbuzz does not export the functions of HarfBuzz that the core needs")


@pytest.fixture(scope="module")
def twins():
    """Return a function from a face's name, axes and boldness to its font in the core and in Python."""
    files = {name: read_font(name) for name in PACKAGES}
    kept = {name: TypeFace(data, 0) for name, data in files.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaping, "_core", None)
        plain = {name: TypeFace(data, 0) for name, data in files.items()}

    def both(name, axes=None, bold=0.0):
        fonts = TypeFont(kept[name], axes or {}, bold), TypeFont(plain[name], axes or {}, bold)
        assert [font.native is None for font in fonts] == [False, True]
        return fonts

    return both


def style(**changes):
    return StyleSpec(**{"size": 30.0, "x": 12.345, "y": 60.25, "color": (0,), "background": PAPER} | changes)


def same_block(fonts, text, how):
    made = [layout.compose(font, text, how) for font in fonts]
    assert isinstance(made[1], layout.Composed)
    for name in ("glyphs", "ink", "has_ink", "is_complete"):
        assert getattr(made[0], name) == getattr(made[1], name), name
    return made


def same_placed(blocks, text, how, margin):
    placed = [layout.place(block, how, margin) for block in blocks]
    assert cluster_json(text, placed[0]) == orjson.dumps(clusters(text, placed[1].clusters))
    for name in ("glyphs", "clusters", "owners"):
        assert getattr(placed[0], name) == getattr(placed[1], name), name
    return placed


def same_picture(fonts, placed, shape, on_grid):
    rasterizer = Rasterizer()
    found, wanted = (rasterizer.measured(font, each, shape, on_grid=on_grid) for font, each in zip(fonts, placed, strict=True))
    assert np.array_equal(found[0], wanted[0])
    assert found[1] == wanted[1]


def agree(fonts, text, how, margin=7, shape=SHAPE):
    blocks = same_block(fonts, text, how)
    if blocks[0].has_ink:
        assert layout.extent(blocks[0], how) == layout.extent(blocks[1], how)
    placed = same_placed(blocks, text.text, how, margin)
    same_picture(fonts, placed, shape, how.grid > 0)


def random_style(luck):
    changes = {"size": luck.choice((8.0, 31.7, round(luck.uniform(6, 60), 2))), "leading": luck.uniform(1, 1.5)}
    changes |= {"x": round(luck.uniform(-40, 200), 3), "y": round(luck.uniform(-20, 110), 3)}
    changes["align"] = luck.choice(("left", "center", "right"))
    if luck.random() < 0.4:
        changes["tracking"] = luck.uniform(-0.05, 0.2)
    kind = luck.randrange(4)
    if kind == 0:
        changes["grid"] = luck.choice((1, 4, 7))
    if kind in (1, 3):
        changes["slant"] = luck.uniform(-0.3, 0.4)
    if kind in (2, 3):
        changes |= {name: luck.choice((0.0, luck.normalvariate(0, 9))) for name in ("rotation", "tilt_x", "tilt_y")}
    return style(**changes)


def axes_of(luck, name):
    limits = {"inter": (("opsz", 14, 32), ("wght", 100, 900)), "cairo": (("slnt", -11, 11), ("wght", 200, 1000))}
    return {tag: luck.uniform(low, high) for tag, low, high in limits.get(name, ()) if luck.random() < 0.7}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("seed", range(6))
def test_text_of_any_script_in_any_style_is_the_same(twins, name, seed):
    luck = random.Random(f"{name} {seed}")
    for text, script, language, direction in TEXTS:
        bold = luck.uniform(0.005, 0.04) if luck.random() < 0.3 else 0.0
        fonts = twins(name, axes_of(luck, name) if luck.random() < 0.5 else {}, bold)
        lines = luck.choice((text, text, text.replace(" ", "\n"), f"{text}\n{luck.choice(TEXTS)[0]}"))
        agree(fonts, TextSpec(lines, script, language, direction, "words"), random_style(luck), luck.randrange(20))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_hostile_text_is_the_same(twins, text, direction):
    for number, script in enumerate(("Latn", "Deva", "Arab", "Zzzz", "nonsense", "")):
        how = style(grid=4 * (number % 2), tracking=0.1)
        agree(twins("inter"), TextSpec(text, script, "x-none", direction, "words"), how)


@pytest.mark.parametrize("place", [(-40.0, 50.0), (290.5, 50.25), (20.0, -3.0), (20.0, 120.0), (-1e5, 1e5), (1e7, 5.0)])
@pytest.mark.parametrize("grid", [0, 4])
def test_what_lies_outside_is_cut_off_the_same_way(twins, place, grid):
    fonts, text = twins("inter"), TextSpec("Qgj|Å.", "Latn", "", "ltr", "words")
    agree(fonts, text, style(x=place[0], y=place[1], grid=grid), 0)
    agree(fonts, text, style(x=place[0], y=place[1], grid=grid), 0, (1, 1))


def test_kept_glyphs_are_the_same_again_and_few_enough(twins):
    luck, (font, plain) = random.Random(3), twins("cairo")
    for size in range(400):
        text = TextSpec("".join(map(chr, luck.sample(range(65, 123), 25))), "Latn", "", "ltr", "words")
        how = style(size=20 + size / 10 if size % 4 else 33.0, grid=4)
        blocks = [layout.compose(each, text, how) for each in (font, plain)]
        same_picture((font, plain), [layout.place(block, how) for block in blocks], SHAPE, True)
        assert 0 < font.native.kept <= 4096


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_asked_of_a_font_is_the_same(twins, name):
    for axes, bold in (({}, 0.0), ({"wght": 650.0}, 0.0), ({}, 0.02)):
        font, plain = twins(name, axes, bold)
        assert font.circle == plain.circle
        assert font.face.glyph_count == plain.face.glyph_count
        rasterizer = Rasterizer()
        for gid in (*range(0, font.face.glyph_count, 37), font.face.glyph_count, 70000):
            assert font.box(gid) == plain.box(gid)
            assert rasterizer.glyph_coverage(font, gid, 24) == rasterizer.glyph_coverage(plain, gid, 24)
        cps = (*range(0x20, 0x250), 0x627, 0x905, 0xE01, 0x25CC, 0xD800, 0x10FFFF)
        for cp in cps:
            assert font.nominal(cp) == plain.nominal(cp)
        assert font.native.nominals(cps) == [plain.nominal(cp) or 0 for cp in cps]
        for text, *_ in TEXTS:
            assert font.reckon(text) == plain.reckon(text)
    assert font.reckon("") == 0


@pytest.mark.parametrize("wrong", [[0x41], (0x41, "B"), (0x41, -1), (0x41, 1 << 32), None])
def test_glyphs_are_asked_for_by_a_tuple_of_characters(twins, wrong):
    font, _ = twins("inter", {}, 0.0)
    with pytest.raises((TypeError, OverflowError)):
        font.native.nominals(wrong)
    assert font.native.nominals(()) == []


def test_masks_are_the_same(twins):
    text, how = TextSpec("Mask fi", "Latn", "", "ltr", "words"), style(rotation=4.0)
    fonts = twins("inter")
    placed = [layout.place(layout.compose(font, text, how), how, 5) for font in fonts]

    class Size:
        height, width = 80, 260

    found, wanted = (mask(Rasterizer(), font, each, Size, 5) for font, each in zip(fonts, placed, strict=True))
    assert found.max() > 3
    assert np.array_equal(found, wanted)


def test_a_face_is_inspected_to_the_same_record(monkeypatch):
    data = read_font("thai")
    found = inspect_face(data, 0).to_record()
    from fontmilld.render import faces

    faces._judged.cache_clear()
    monkeypatch.setattr(shaping, "_core", None)
    assert inspect_face(data, 0).to_record() == found


def test_strikes_are_drawn_without_the_core():
    face = TypeFace(read_font("inter"), 0)
    gid = TypeFont(face).nominal(ord("o"))
    strike = Strike(12, {gid: Bitmap(np.full((5, 4), 200, np.uint8), 1, 5, 6)})
    font, how = TypeFont(face, strike=strike), style(size=12.0, strike=12, x=10.0, y=20.0)
    assert font.native is None
    block = layout.compose(font, TextSpec("oo", "Latn", "", "ltr", "words"), how)
    coverage, box = Rasterizer().measured(font, layout.place(block, how), (40, 40))
    assert box == (11, 15, 10, 5)
    assert set(np.unique(coverage)) == {0, 200}


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"x" * 1000])
def test_what_is_no_font_has_no_glyphs(data):
    face = TypeFace(data, 0)
    assert face.native is not None
    assert face.glyph_count == 0
    assert TypeFont(face).box(3) is None
    assert not layout.compose(TypeFont(face), TextSpec("abc", "Latn", "", "ltr", "words"), style()).is_complete


def test_damaged_fonts_come_to_the_same(monkeypatch):
    luck, data = random.Random(5), bytearray(read_font("thai"))
    for _ in range(12):
        at = luck.randrange(12, len(data) - 64)
        data[at : at + 64] = luck.randbytes(64)
        kept = TypeFace(bytes(data), 0)
        with monkeypatch.context() as patch:
            patch.setattr(shaping, "_core", None)
            plain = TypeFace(bytes(data), 0)
        agree((TypeFont(kept), TypeFont(plain)), TextSpec("น้ำ Ab", "Thai", "th", "ltr", "words"), style(grid=4))


def test_what_it_holds_outlives_what_it_came_from():
    face = Face(read_font("inter"), 0, inspect_face(read_font("inter"), 0).to_record())
    text, how = TextSpec("Late", "Latn", "en", "ltr", "words"), style(grid=4)
    font = face.font((("wght", 700.0),))
    block = layout.compose(font, text, how)
    del face
    gc.collect()
    placed = layout.place(block, how)
    del block
    gc.collect()
    coverage, box = Rasterizer().measured(font, placed, SHAPE, on_grid=True)
    native = font.native
    del font
    gc.collect()
    again = np.empty(SHAPE, np.uint8)
    assert native.draw(placed, again, True) == box
    assert np.array_equal(again, coverage)


def test_wrong_arguments_are_refused(twins):
    native, out = twins("inter")[0].native, np.empty((8, 8), np.uint8)
    glyph = (5, (0.01, 0.0, 0.0, -0.01, 1.0, 7.0))
    for wrong in (np.empty((8, 8), np.uint16), np.empty(64, np.uint8), np.empty((8, 0), np.uint8), np.empty((8, 8, 1), np.uint8)):
        with pytest.raises(ValueError, match="picture"):
            native.draw([glyph], wrong, False)
    for wrong in (out[:, ::2], np.frombuffer(bytes(64), np.uint8).reshape(8, 8), "x"):
        with pytest.raises((ValueError, TypeError, BufferError)):
            native.draw([glyph], wrong, False)
    for wrong in ([5], [(5,)], [(5, (1.0, 2.0))], [(-1, glyph[1])], 7, [[5, glyph[1]]]):
        with pytest.raises((TypeError, OverflowError)):
            native.draw(wrong, out, False)
    for x in (float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match="place"):
            native.draw([(5, (0.01, 0.0, 0.0, -0.01, x, 7.0))], out, True)
    with pytest.raises(ValueError, match="large"):
        native.draw([(40, (1e5, 0.0, 0.0, -1e5, 1.0, 7.0))], out, True)
    for call in (native.compose, native.draw, native.looks):
        with pytest.raises(TypeError):
            call()
    for value in (-1, 2**32):
        with pytest.raises(OverflowError):
            native.box(value)
    with pytest.raises(TypeError):
        type(native.compose("a", "Latn", "en", False, 0, 1.0, 0.0))()


LOOK = """
import sys
from fontmilld.native import core
assert "uharfbuzz" not in sys.modules
for path in ("/nowhere/at/all.so", core.__file__):
    assert core.open_harfbuzz(path) is False, path
try:
    core.Face(b"", 0)
except RuntimeError:
    print("refused")
"""


def test_a_library_without_the_functions_is_refused():
    found = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, "refused\n"), found.stderr


@pytest.mark.parametrize(("preset", "rich"), [("plain", False), ("document-camera-v1", True)])
@pytest.mark.parametrize("name", ["inter", "amiri", "thai"])
def test_pairs_are_the_same_with_and_without_it(name, preset, rich, monkeypatch):
    data = read_font(name)
    record = inspect_face(data, 0).to_record()
    settings = RenderSettings(preset=preset, style_variations=rich, enable_special_effects=rich)

    def pairs():
        return list(PairRenderer(settings, Face(data, 0, record), record["sha256"]).render_range(1, 12))

    found = pairs()
    monkeypatch.setattr(shaping, "_core", None)
    assert found == pairs()


def exploding_font() -> bytes:
    """A font that makes two letters of an "a", 24 times over."""
    pen = TTGlyphPen(None)
    for step, point in zip((pen.moveTo, pen.lineTo, pen.lineTo), ((100, 0), (100, 700), (500, 0)), strict=True):
        step(point)
    pen.closePath()
    names = [".notdef", "a", "b"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({97: "a", 98: "b"})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Explode", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    doubling = "".join(f"lookup L{n} {{ sub a by a a; }} L{n};\n" for n in range(24))
    used = "".join(f"lookup L{n};\n" for n in range(24))
    addOpenTypeFeaturesFromString(builder.font, f"{doubling} feature ccmp {{ {used} }} ccmp;")
    written = io.BytesIO()
    builder.save(written)
    return written.getvalue()


@pytest.mark.parametrize("native", [True, False])
def test_a_font_that_makes_too_many_glyphs_is_said_to_and_shapes_its_other_letters(native, monkeypatch):
    if not native:
        monkeypatch.setattr(shaping, "_core", None)
    font = TypeFont(TypeFace(exploding_font(), 0))
    assert (font.native is not None) == native
    for text in ("banana", "b\nbab"):
        with pytest.raises(Unshapable):
            layout.compose(font, TextSpec(text, "Latn", "en", "ltr", "words"), style())
    assert len(layout.compose(font, TextSpec("bbb", "Latn", "en", "ltr", "words"), style()).glyphs) == 3
