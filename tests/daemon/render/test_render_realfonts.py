"""Sixty real faces in eight scripts and more: what their labels say can be drawn, and was drawn whole.

Labels are held against the fonts by fontTools and uharfbuzz, pictures against Pillow's layout and
rasterizer; nothing of fontmill's own is trusted for either.
"""

import functools
import io
import itertools
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import uharfbuzz as hb
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont
from PIL import Image, ImageFont

from daemon.render.realfonts import debian_fonts
from fontmilld.render.faces import Face, count_faces, inspect_face
from fontmilld.render.pair import PairRenderer, RenderedPair
from fontmilld.render.settings import RenderSettings

PATTERNS = (
    "truetype/dejavu/*.ttf",
    "truetype/liberation/Liberation[MS]*-Regular.ttf",
    "truetype/liberation/LiberationSerif-*Italic.ttf",
    "truetype/lohit-devanagari/*.ttf",
    "truetype/Gargi/*.ttf",
    "truetype/tlwg/Loma*.ttf",
    "truetype/tlwg/Garuda*.ttf",
    "truetype/culmus/DavidCLM*.otf",
    "truetype/culmus/[FHMS]*CLM*.ttf",
    "truetype/kacst/*.ttf",
    "opentype/fonts-hosny-amiri/Amiri*.ttf",
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/vlgothic/*.ttf",
    "opentype/terminus/*.otb",
)
SCRIPTS = {"Latn", "Cyrl", "Grek", "Arab", "Hebr", "Deva", "Thai", "Hani"}


@dataclass
class Reader:
    """One face as fontTools and uharfbuzz read it."""

    data: bytes
    number: int

    def __post_init__(self):
        self.tables = TTFont(io.BytesIO(self.data), fontNumber=self.number, lazy=True)
        self.cmap = self.tables.getBestCmap()
        self.glyphs = self.tables.getGlyphSet()
        self.hb = hb.Font(hb.Face(hb.Blob(self.data), self.number))
        self.draws = functools.cache(self._draws)

    def _draws(self, character):
        name = self.cmap.get(ord(character))
        if name is None or self.tables.getGlyphID(name) == 0:
            return False
        if "EBDT" in self.tables:
            strikes = [strike.get(name) for strike in self.tables["EBDT"].strikeData]
            if all(glyph is not None and any(glyph.imageData) for glyph in strikes):
                return True
        pen = BoundsPen(self.glyphs)
        self.glyphs[name].draw(pen)
        return pen.bounds is not None

    def missing(self, text):
        """Return the shaped glyphs that are .notdef."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(self.hb, buffer)
        return [info.cluster for info in buffer.glyph_infos if not info.codepoint]


@pytest.fixture(scope="module")
def real():
    """Return (name, face, reader) of every face."""
    found = []
    for path in debian_fonts(*PATTERNS):
        data = path.read_bytes()
        found += [(f"{path.stem}:{n}", Face(data, n), Reader(data, n)) for n in range(count_faces(data))]
    assert len(found) >= 40
    return found


def made(real, count, **options):
    """Yield (name, reader, pair) for `count` pairs, every face in turn."""
    renders = [PairRenderer(RenderSettings(**options), face, face.record["sha256"]) for _, face, _ in real]
    for number in range(count):
        index, at = divmod(number, len(real))
        pair = renders[at].render(index + 1)
        assert isinstance(pair, RenderedPair), (real[at][0], index + 1, pair)
        yield real[at][0], real[at][2], pair


def luma(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L")).astype(int)


LENGTHS = (1000, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]))


@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("source", ("words", "charset"))
def test_every_character_of_every_label_is_drawable_by_its_face(real, count, source):
    scripts = Counter()
    for name, reader, pair in made(real, count // 2, text=source, text_lines=2, image_height=96):
        text = pair.label["text"]
        assert text == unicodedata.normalize("NFC", text)
        visible = [c for c in text if not c.isspace() and unicodedata.category(c) != "Cf"]
        assert visible, (name, pair.index)
        assert [c for c in visible if not reader.draws(c)] == [], (name, pair.index, text)
        assert [reader.missing(line) for line in text.split("\n") if reader.missing(line)] == [], (name, text)
        scripts[pair.label["script"]] += 1
    assert scripts.keys() >= SCRIPTS, scripts


@pytest.mark.parametrize("count", LENGTHS)
def test_no_picture_is_blank_and_no_ink_reaches_the_border(real, count):
    """Black on white: whatever was cut off would leave ink in the outermost pixels."""
    for name, _, pair in made(real, count):
        clear, blurred = luma(pair.clear), luma(pair.blurred)
        assert (255 - clear).sum() >= 8 * 255, (name, pair.index, pair.label["text"])
        rim = (clear[0], clear[-1], clear[:, 0], clear[:, -1])
        assert all((side == 255).all() for side in rim), (name, pair.index, pair.label["text"])
        assert np.percentile(blurred, 99) - blurred.min() >= 15, (name, pair.index)


@pytest.mark.parametrize("count", LENGTHS)
def test_text_stands_out_under_every_style_and_effect(real, count):
    options = {"style_variations": True, "enable_special_effects": True}
    for color in ("gray", "rgb"):
        for name, _, pair in made(real, count // 2, color=color, **options):
            clear, ground = luma(pair.clear), pair.label["recipe"]["style"]["background"]
            x, y, width, height = pair.label["text_box"]
            inside = clear[y : y + height, x : x + width]
            assert x >= 1, (name, pair.index)
            assert y >= 1, (name, pair.index)
            assert x + width < clear.shape[1], (name, pair.index)
            assert y + height < clear.shape[0], (name, pair.index)
            # 100 in the colours; the hairlines of a hollow face cover less than half a pixel.
            assert inside.max() - inside.min() >= 40, (name, pair.index, ground)


@pytest.mark.parametrize("count", LENGTHS)
def test_ink_has_the_extent_that_a_second_renderer_gives_it(real, count):
    """Pillow lays out the same text at the same size: what is cut off or left out here would be missing."""
    fonts = {}
    for name, reader, pair in made(real, count, preset="plain", image_width=384, image_height=96):
        label, style = pair.label, pair.label["recipe"]["style"]
        if style["drawn_from"] == "bitmaps":
            continue
        em = 120  # large, so that hinting and rounding hardly matter
        if name not in fonts:
            fonts[name] = ImageFont.truetype(io.BytesIO(reader.data), em, index=reader.number, layout_engine=ImageFont.Layout.RAQM)
        way, language = label["direction"], label["language"] or None
        mask = fonts[name].getmask(label["text"], "L", direction=way, language=language)
        left, top, right, bottom = mask.getbbox()
        _, _, width, height = label["text_box"]
        wanted = np.array([right - left, bottom - top]) * style["size"] / em
        assert np.abs(np.array([width, height]) - wanted).max() <= 2.5 + 0.01 * wanted.max(), (name, pair.index, label["text"])


@pytest.mark.parametrize(("pattern", "licence", "words"), [
    ("truetype/dejavu/DejaVuSans.ttf", "Bitstream-Vera", "Bitstream Vera"),
    ("truetype/liberation/LiberationSans-Regular.ttf", "GPL", "Liberation Fonts license"),
    ("truetype/lohit-devanagari/*.ttf", "OFL-1.1", "OFL 1.1"),
    ("truetype/culmus/DavidCLM-Medium.otf", "GPL", "GNU General Public License"),
    ("truetype/wqy/wqy-microhei.ttc", "Apache-2.0", "Apache License"),
    ("opentype/terminus/terminus-normal.otb", "unknown", "Copyright"),
])  # fmt: skip
def test_licences_are_guessed_from_words_that_stand_in_the_font(pattern, licence, words):
    report = inspect_face(debian_fonts(pattern)[0].read_bytes(), 0)
    assert report.licence == licence
    assert words in report.licence_evidence


def test_every_mapped_character_is_accounted_for(real):
    for name, face, reader in real:
        report = face.record
        counted = sum(report[kind] for kind in ("usable_count", "empty_count", "tofu_count", "private_count")) + sum(report["unshaped"].values())
        assert counted == report["mapped_count"], name
        text = {cp for cp in reader.cmap if unicodedata.category(chr(cp)) not in ("Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp")}
        assert abs(len(text) - report["mapped_count"]) <= 0.01 * len(text) + 2, name


def test_faces_and_scripts_are_as_many_as_promised(real):
    assert len({(face.record["sha256"], face.face_index) for _, face, _ in real}) >= 40
    assert set(itertools.chain.from_iterable(face.record["scripts"] for _, face, _ in real)) >= SCRIPTS
