"""Fonts that are not plain outlines: bitmap strikes, colour pictures, shaping rules for another engine."""

import io

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from daemon.render.realfonts import debian_fonts
from fontmilld.render import charset, strikes
from fontmilld.render.faces import Face, FontProblem, inspect_face
from fontmilld.render.pair import PairRenderer
from fontmilld.render.settings import RenderSettings

SIZES = [12, 14, 16, 18, 20, 22, 24, 28, 32]


@pytest.fixture(scope="module")
def terminus():
    data = debian_fonts("opentype/terminus/terminus-normal.otb")[0].read_bytes()
    return data, Face(data, 0)


def pairs(face, count, **options):
    render = PairRenderer(RenderSettings(**options), face, face.record["sha256"])
    return [render.render(index) for index in range(1, count + 1)]


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_a_bitmap_font_reports_its_strikes_and_what_has_ink_in_all_of_them(terminus):
    record = terminus[1].record
    assert record["strikes"] == SIZES
    assert record["drawable_by"] == "bitmaps of 9 strikes"
    assert {ord("A"), ord("я"), ord("ω")} <= terminus[1].repertoire.usable
    assert 0xA0 not in terminus[1].repertoire.usable


@pytest.mark.parametrize("size", SIZES)
def test_strikes_are_drawn_as_another_library_draws_them(terminus, size):
    """FreeType, through Pillow, gives the same pixels for the same strike."""
    data, face = terminus
    font = face.font(strike=size)
    theirs = ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)
    for character in "Aggjß|Жλ":
        picture = Image.new("1", (48, 48))
        ImageDraw.Draw(picture).text((8, 36), character, font=theirs, fill=1, anchor="ls")
        gid = font.hb.get_nominal_glyph(ord(character))
        ours = font.strike.draw([(gid, (1.0, 0.0, 0.0, 1.0, 8.0, 36.0))], (48, 48))
        assert (ours == 255 * np.asarray(picture)).all()


@pytest.mark.parametrize("rich", (False, True))
def test_text_of_a_bitmap_font_is_made_of_whole_pixels_at_a_strikes_size(terminus, rich):
    for pair in pairs(terminus[1], 30, style_variations=rich):
        style = pair.label["recipe"]["style"]
        assert style["size"] in SIZES
        assert style["drawn_from"] == "bitmaps"
        assert (style["rotation"], style["tilt"], style["slant"], style["bold"]) == (0.0, [0.0, 0.0], 0.0, 0.0)
        if not rich:
            assert set(np.unique(pixels(pair.clear))) == {0, 255}


def test_bytes_of_a_bitmap_font_do_not_depend_on_order(terminus):
    options = {"style_variations": True, "enable_special_effects": True, "seed": 4}
    together = [(p.clear, p.blurred, p.label) for p in pairs(terminus[1], 12, **options)]
    face = Face(terminus[0], 0)
    again = PairRenderer(RenderSettings(**options), face, face.record["sha256"])
    apart = {index: again.render(index) for index in (7, 12, 1, 2, 3, 11, 10, 9, 8, 4, 5, 6)}
    assert together == [(p.clear, p.blurred, p.label) for _, p in sorted(apart.items())]


def test_boxes_of_a_bitmap_font_are_those_of_its_pixels(terminus):
    for pair in pairs(terminus[1], 20, text_lines=2, style_variations=False, image_height=96):
        ink, boxed = pixels(pair.clear) == 0, None
        boxed = np.zeros_like(ink)
        for _, _, left, top, right, bottom in pair.label["clusters"]:
            box = (slice(round(top), round(bottom)), slice(round(left), round(right)))
            assert ink[box].any(axis=0)[[0, -1]].all()
            assert ink[box].any(axis=1)[[0, -1]].all()
            boxed[box] = True
        assert not (ink & ~boxed).any()


def test_a_picture_without_room_for_any_strike_is_refused_naming_them(terminus):
    with pytest.raises(FontProblem, match=r"bitmaps for 12, 14, .* 32 px per em; a picture 10 px high") as caught:
        pairs(terminus[1], 1, image_height=10)
    assert caught.value.slug == "font-bitmap-only"


def test_gray_bitmaps_of_two_and_four_bits_are_levels():
    metrics = type("Small", (), {"width": 3, "height": 2})()
    packed = bytes([0b00011011, 0b11000000])
    assert strikes._pixels(packed, metrics, 2, False).tolist() == [[0, 85, 170], [255, 255, 0]]
    rows = bytes([0x0F, 0x80, 0x1F, 0xF0])
    assert strikes._pixels(rows, metrics, 4, True).tolist() == [[0, 255, 136], [17, 255, 255]]


def test_damaged_bitmaps_are_a_refusal(terminus):
    font = TTFont(io.BytesIO(terminus[0]))
    out = io.BytesIO()
    data = font.getTableData("EBDT")
    from fontTools.ttLib.tables.DefaultTable import DefaultTable

    table = DefaultTable("EBDT")
    table.data = data[: len(data) // 3]
    font["EBDT"] = table
    font.save(out)
    with pytest.raises(FontProblem, match="bitmaps are damaged"):
        inspect_face(out.getvalue(), 0)


def test_colour_pictures_are_refused_saying_so():
    data = debian_fonts("truetype/noto/NotoColorEmoji.ttf")[0].read_bytes()
    with pytest.raises(FontProblem, match="colour pictures") as caught:
        inspect_face(data, 0)
    assert caught.value.slug == "font-color-only"


def test_what_only_graphite_can_shape_is_left_out_and_counted():
    """Awami Nastaliq has Arabic letters that only Graphite's rules join, and a Latin alphabet."""
    data = debian_fonts("truetype/awami/AwamiNastaliq-Regular.ttf")[0].read_bytes()
    report = inspect_face(data, 0)
    assert report.unshaped == {"Arab": 195}
    assert "Arab" not in report.scripts
    assert report.scripts["Latn"] > 100
    assert any("Graphite" in note and "Arab (195)" in note for note in report.notes)
    assert {r.label["script"] for r in pairs(Face(data, 0, report.to_record()), 20)} == {"Latn"}


def test_a_script_without_the_rules_it_needs_is_left_out(font_bytes):
    font = TTFont(io.BytesIO(font_bytes("devanagari")))
    del font["GSUB"]
    out = io.BytesIO()
    font.save(out)
    report = inspect_face(out.getvalue(), 0)
    assert report.unshaped["Deva"] > 100
    assert not any(charset.script_of(cp) == "Deva" for cp in charset.from_ranges(report.usable))
