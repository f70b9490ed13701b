"""Shaping held against two other renderers, each with a HarfBuzz of its own: `hb-view` with cairo (Debian:
libharfbuzz-bin), and Pillow with raqm and FreeType.

Both pictures are cut to their ink and compared by overlap: the shared coverage over the coverage of either.
A control draws the same characters one beside the other, unshaped, and must fall below the threshold.
"""

import io
import os
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from daemon.render.realfonts import debian_fonts
from fontmilld.render import layout, raster, shaping
from fontmilld.render.faces import Face
from fontmilld.render.recipe import Background, StyleSpec, TextSpec

PX = 128
AGREE = 0.88
JOINED = {"Arab", "Deva", "Thai"}

CASES = [
    ("opentype/fonts-hosny-amiri/Amiri-Regular.ttf", "Arab", "ar", "بسم الله الرحمن الرحيم"),
    ("opentype/fonts-hosny-amiri/Amiri-Bold.ttf", "Arab", "fa", "پژوهشگاه"),
    ("opentype/fonts-hosny-amiri/Amiri-Regular.ttf", "Arab", "ur", "ٹھیک ہے"),
    ("truetype/kacst/KacstBook.ttf", "Arab", "ar", "المكتبة العامة"),
    ("truetype/dejavu/DejaVuSans.ttf", "Arab", "ar", "لا إله"),
    ("truetype/lohit-devanagari/Lohit-Devanagari.ttf", "Deva", "hi", "राष्ट्रीय क्षेत्र"),
    ("truetype/Gargi/Gargi.ttf", "Deva", "hi", "विद्यार्थी कर्म"),
    ("truetype/tlwg/Loma.ttf", "Thai", "th", "น้ำที่ผู้ใหญ่ดื่ม"),
    ("truetype/tlwg/Garuda-Bold.ttf", "Thai", "th", "ปั๊มน้ำ"),
    ("truetype/culmus/FrankRuehlCLM-Medium.ttf", "Hebr", "he", "שָׁלוֹם עולם"),
    ("truetype/culmus/DavidCLM-Medium.otf", "Hebr", "he", "בראשית ברא"),
    ("truetype/liberation/LiberationSerif-Regular.ttf", "Latn", "en", "AVATAR To office fifth"),
    ("truetype/dejavu/DejaVuSerif.ttf", "Grek", "el", "ἀρχὴ ἥμισυ παντός"),
    ("truetype/dejavu/DejaVuSans.ttf", "Cyrl", "ru", "Съешь ещё"),
    ("truetype/wqy/wqy-microhei.ttc", "Hani", "zh", "天地玄黃"),
]


@pytest.fixture(scope="module")
def hb_view():
    if shutil.which("hb-view") is None:
        missing = "hb-view is not here (apt-get install libharfbuzz-bin)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)

    def view(path, script, language, text):
        way = "rtl" if script in ("Arab", "Hebr") else "ltr"
        command = ["hb-view", str(path), f"--text={text}", f"--font-size={PX}", "--output-format=png", "--margin=40"]
        command += [f"--script={script}", f"--language={language}", f"--direction={way}"]
        data = subprocess.run(command, capture_output=True, check=True).stdout
        with Image.open(io.BytesIO(data)) as image:
            return 255 - np.asarray(image.convert("L"))

    return view


def drawn(face, script, language, text):
    way = "rtl" if script in ("Arab", "Hebr") else "ltr"
    style = StyleSpec(float(PX), 40.0, 240.0, (0,), Background("plain", (255,), (255,)))
    font = face.font()
    placed = layout.place(layout.compose(font, TextSpec(text, script, language, way, ""), style), style)
    return raster.Rasterizer().coverage(font, placed.glyphs, (480, 2400))


def unshaped(face, text):
    """Draw each character's own glyph at its own width, in the order in which they are seen."""
    font, at, scale = face.font(), 40.0, PX / shaping.EM
    glyphs = []
    right_to_left = any(0x590 <= ord(c) < 0x700 for c in text)
    for character in reversed(text) if right_to_left else text:
        gid = font.hb.get_nominal_glyph(ord(character))
        glyphs.append((gid, (scale, 0.0, 0.0, -scale, at, 240.0)))
        at += scale * font.hb.get_glyph_h_advance(gid)
    return raster.Rasterizer().coverage(font, glyphs, (480, 3200))


def overlap(one, other):
    """Return the shared ink over the ink of either, best over shifts of up to a pixel; 0 to 1."""
    cut = []
    for picture in (one, other):
        x, y, width, height = cv2.boundingRect((picture > 96).astype(np.uint8))
        cut.append(picture[y : y + height, x : x + width].astype(float))
    shape = [max(c.shape[k] for c in cut) + 4 for k in (0, 1)]
    boards = [np.zeros(shape) for _ in cut]
    for board, picture in zip(boards, cut, strict=True):
        board[2 : 2 + picture.shape[0], 2 : 2 + picture.shape[1]] = picture
    shares = []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            moved = np.roll(boards[1], (dy, dx), (0, 1))
            shares.append(np.minimum(boards[0], moved).sum() / np.maximum(boards[0], moved).sum())
    return max(shares)


def with_pillow(path, script, language, text):
    if not features.check("raqm"):
        pytest.fail("the second renderer needs libfribidi on this host (apt-get install libfribidi0)")
    font = ImageFont.truetype(str(path), PX, layout_engine=ImageFont.Layout.RAQM)
    board = Image.new("L", (2400, 480))
    way = "rtl" if script in ("Arab", "Hebr") else "ltr"
    ImageDraw.Draw(board).text((40, 240), text, font=font, fill=255, anchor="ls", direction=way, language=language)
    return np.asarray(board)


# Cairo cuts glyphs off at the font's ascent, where these reach beyond it.
CUT_BY_CAIRO = ("بسم الله الرحمن الرحيم", "น้ำที่ผู้ใหญ่ดื่ม", "ปั๊มน้ำ")


@pytest.mark.parametrize(("pattern", "script", "language", "text"), CASES)
def test_text_looks_as_pillow_draws_it(pattern, script, language, text):
    path = debian_fonts(pattern)[0]
    face = Face(path.read_bytes(), 0)
    assert face.repertoire.can_draw(text)
    theirs = with_pillow(path, script, language, text)
    assert overlap(drawn(face, script, language, text), theirs) > AGREE
    if script in JOINED:
        assert overlap(unshaped(face, text), theirs) < AGREE


@pytest.mark.parametrize(("pattern", "script", "language", "text"), [c for c in CASES if c[3] not in CUT_BY_CAIRO])
def test_text_looks_as_hb_view_draws_it(hb_view, pattern, script, language, text):
    path = debian_fonts(pattern)[0]
    face = Face(path.read_bytes(), 0)
    theirs = hb_view(path, script, language, text)
    assert overlap(drawn(face, script, language, text), theirs) > AGREE
    if script in JOINED - {"Thai"}:
        assert overlap(unshaped(face, text), theirs) < AGREE


def test_the_wrong_direction_shows(hb_view):
    path = debian_fonts("truetype/culmus/DavidCLM-Medium.otf")[0]
    face = Face(path.read_bytes(), 0)
    theirs = hb_view(path, "Hebr", "he", "בראשית ברא")
    assert overlap(drawn(face, "Latn", "", "בראשית ברא"), theirs) < AGREE - 0.15


@pytest.mark.parametrize("bold", [0.0, 0.005, 0.03])
def test_a_space_has_no_ink_however_bold_the_font_is(faces, bold):
    font = faces.get("cairo").font((), bold)
    assert font.box(font.nominal(ord(" "))) is None
    assert font.box(font.nominal(ord("o"))) is not None
