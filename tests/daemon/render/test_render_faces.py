"""Faces: inspection, refusal, ids."""

import copy
import io
import pickle
import re

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.misc.textTools import Tag
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from fontmilld.render import charset, coverage, naming
from fontmilld.render.faces import Face, FontProblem, count_faces, font_id_for, inspect_face


def build_font(glyphs, cmap, box_notdef=True):
    """Make a TTF whose glyphs are squares of the given sides (0: empty)."""
    order = [".notdef", *glyphs]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(cmap)
    sides = {".notdef": 500 if box_notdef else 0, **glyphs}
    outlines = {}
    for name, side in sides.items():
        pen = TTGlyphPen(None)
        if side:
            pen.moveTo((0, 0))
            for point in ((0, side), (side, side), (side, 0)):
                pen.lineTo(point)
            pen.closePath()
        outlines[name] = pen.glyph()
    builder.setupGlyf(outlines)
    builder.setupHorizontalMetrics(dict.fromkeys(order, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


def test_report_names_axes_scripts_and_licence(font_bytes):
    report = inspect_face(font_bytes("inter"), 0)
    assert report.family == "Inter"
    assert {axis["tag"] for axis in report.axes} == {"opsz", "wght"}
    assert report.instances
    assert report.licence == "OFL-1.1"
    assert "Open Font License" in report.licence_evidence
    assert {"Latn", "Cyrl", "Grek"} <= report.scripts.keys()
    assert report.os2["weight"] == 400
    assert report.usable_count == len(charset.from_ranges(report.usable))


def test_record_is_json_and_reopens_the_face(font_bytes):
    import json

    data = font_bytes("amiri")
    report = inspect_face(data, 0)
    record = json.loads(json.dumps(report.to_record()))
    assert record == report.to_record()
    assert Face(data, 0, record).repertoire.usable == charset.from_ranges(report.usable)


def test_usable_agrees_with_the_tables_and_outlines(font_bytes):
    data = font_bytes("devanagari")
    usable = charset.from_ranges(inspect_face(data, 0).usable)
    font = TTFont(io.BytesIO(data))
    cmap, glyf = font.getBestCmap(), font["glyf"]
    drawable = {cp for cp, name in cmap.items() if glyf[name].numberOfContours != 0 and charset.is_text(cp)}
    assert usable == drawable


def test_mapped_but_empty_and_copied_tofu_are_not_usable():
    data = build_font(
        {"A": 700, "B": 0, "C": 500, "space": 0},
        {0x41: "A", 0x42: "B", 0x43: "C", 0x44: ".notdef", 0x20: "space"},
    )
    report = inspect_face(data, 0)
    assert report.usable == "41"
    assert report.empty == "42"
    assert report.tofu_count == 1


def test_private_use_is_usable_only_where_there_is_nothing_else():
    icons = inspect_face(build_font({"i": 700}, {0xE000: "i"}), 0)
    assert icons.usable == "e000"
    assert any("private-use" in note for note in icons.notes)
    mixed = inspect_face(build_font({"A": 700, "i": 600}, {0x41: "A", 0xE000: "i"}), 0)
    assert mixed.usable == "41"


def test_all_faces_of_a_collection_are_found(collection):
    assert count_faces(collection) == 2
    families = [inspect_face(collection, i).family for i in range(2)]
    assert families == ["Amiri", "Inter"]
    with pytest.raises(FontProblem, match="no face 2"):
        inspect_face(collection, 2)


@pytest.mark.parametrize(
    ("data", "slug", "words"),
    [
        (b"", "font-unreadable", "empty"),
        (b"<!DOCTYPE html><html>", "font-unreadable", "not a TrueType"),
        (b"wOF2" + b"\0" * 60, "font-unreadable", "WOFF2"),
        (b"\0\1\0\0" + b"\xff" * 300, "font-unreadable", ""),
    ],
)
def test_what_is_no_font_is_refused_with_a_reason(data, slug, words):
    with pytest.raises(FontProblem) as caught:
        inspect_face(data, 0)
    assert caught.value.slug == slug
    assert words in caught.value.reason


def test_blank_font_is_refused():
    with pytest.raises(FontProblem) as caught:
        inspect_face(build_font({"A": 0}, {0x41: "A"}), 0)
    assert caught.value.slug == "font-no-drawable-glyphs"


@pytest.mark.parametrize("tables, slug", [(("EBDT",), "font-bitmap-only"), (("CBDT",), "font-color-only")])
def test_pictures_without_outlines_are_refused_by_kind(tables, slug):
    from fontTools.ttLib.tables.DefaultTable import DefaultTable

    font = TTFont(io.BytesIO(build_font({"A": 700}, {0x41: "A"})))
    for tag in ("glyf", "loca"):
        del font[tag]
    for tag in tables:
        table = DefaultTable(tag)
        table.data = b"\0\2\0\0"
        font[tag] = table
    out = io.BytesIO()
    font.save(out)
    with pytest.raises(FontProblem) as caught:
        inspect_face(out.getvalue(), 0)
    assert caught.value.slug == slug


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 400))
def test_damaged_fonts_are_refused_or_opened_but_never_anything_else(font_bytes, seed, cut):
    import random

    data = bytearray(font_bytes("thai")[: 30000 + cut])
    dice = random.Random(seed)
    for _ in range(20):
        data[dice.randrange(12, 2000)] = dice.randrange(256)
    try:
        inspect_face(bytes(data), 0)
    except FontProblem as problem:
        assert problem.reason


def test_font_problem_survives_pickling():
    problem = pickle.loads(pickle.dumps(FontProblem("font-unreadable", "why")))
    assert (problem.slug, problem.reason) == ("font-unreadable", "why")


@given(st.lists(st.text(max_size=100), min_size=1, max_size=8))
def test_ids_are_safe_and_unique(stems):
    taken = set()
    for number, stem in enumerate(stems):
        made = naming.free_id(naming.slug(stem), f"{number:064x}", taken)
        assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,79}", made)
        assert made not in taken
        taken.add(made)


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        ("Inter-4.0", "inter-4-0"),
        ("test-soehne", "ftest-soehne"),
        ("Inter-dev_1", "inter-fdev_1"),
        ("Nul", "fnul"),
    ],
)
def test_ids_avoid_dots_split_names_and_device_names(font_bytes, stem, wanted):
    assert font_id_for(inspect_face(font_bytes("inter"), 0), stem, 0, set()) == wanted


def test_twins_and_collection_faces_get_ids_of_their_own(collection, font_bytes):
    reports = [inspect_face(collection, i) for i in range(2)]
    assert font_id_for(reports[0], "both", 0, set()) == "amiri-regular"
    report = inspect_face(font_bytes("inter"), 0)
    first = font_id_for(report, "Inter", 0, set())
    second = font_id_for(reports[1], "Inter", 1, {first, "inter-regular"})
    assert second.startswith("inter-regular-")


@given(st.sets(st.integers(0, 0x10FFFF), max_size=60))
def test_ranges_round_trip(codepoints):
    assert charset.from_ranges(charset.to_ranges(codepoints)) == codepoints


def odd_script(data: bytes) -> bytes:
    """Add to a font's GSUB, in front, a script whose tag is no text."""
    font = TTFont(io.BytesIO(data))
    scripts = font["GSUB"].table.ScriptList.ScriptRecord
    odd = copy.copy(scripts[0])
    odd.ScriptTag = Tag(b"\x80\xff\x01z")
    scripts.insert(0, odd)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def test_a_script_tag_that_is_no_text_takes_nothing_from_a_font(font_bytes):
    data = font_bytes("amiri")
    told, odd = (inspect_face(each, 0, "0" * 64) for each in (data, odd_script(data)))
    assert (odd.usable, odd.scripts, odd.unshaped) == (told.usable, told.scripts, told.unshaped)


def test_a_font_whose_glyphs_are_far_larger_than_its_em_is_refused_without_looking_at_all(monkeypatch):
    data = build_font({"A": 900, "B": 900, "C": 900}, {65: "A", 66: "B", 67: "C"})
    inspect_face(data, 0, "a" * 64)
    monkeypatch.setattr(coverage, "_MOST", 1)
    with pytest.raises(FontProblem, match="many times larger than its em of 1000 units") as refused:
        inspect_face(data, 0, "b" * 64)
    assert refused.value.slug == "font-unreadable"
