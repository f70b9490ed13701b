"""Pairs: determinism, sizes, legibility, truth of the labels."""

import hashlib
import io
import json
import unicodedata

import cv2
import numpy as np
import pytest
import uharfbuzz as hb
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fontmilld.render import pair as pair_module
from fontmilld.render.faces import Face, inspect_face
from fontmilld.render.pair import PairRenderer, RenderedPair, SampleFailure
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import Unshapable

NAMES = ("inter", "amiri", "cairo", "devanagari", "thai")
RICH = {"style_variations": True, "enable_special_effects": True}


def renderer(face, **options):
    return PairRenderer(RenderSettings(**options), face, face.record["sha256"])


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return np.asarray(image), image.mode


def digest(results):
    total = hashlib.sha256()
    for result in results:
        total.update(result.clear + result.blurred + json.dumps(result.label, sort_keys=True).encode())
    return total.hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_bytes_do_not_depend_on_order_or_batches(faces, font_bytes, name):
    options = RICH | {"color": "rgb", "seed": 7}
    together = list(renderer(faces[name], **options).render_range(1, 8))
    again = renderer(Face(font_bytes(name), 0), **options)
    apart = [again.render(index) for index in (8, 3, 1, 2, 7, 4, 6, 5)]
    assert digest(together) == digest(sorted(apart, key=lambda r: r.index))


def test_seed_face_and_index_all_change_the_pair(faces):
    base = renderer(faces["inter"]).render(1)
    assert base.clear != renderer(faces["inter"], seed=1).render(1).clear
    assert base.clear != renderer(faces["inter"]).render(2).clear
    assert base.label["recipe"] != renderer(faces["amiri"]).render(1).label["recipe"]


def test_effects_leave_text_and_noise_of_a_sample_as_they_are(faces):
    plain, rich = (renderer(faces["inter"], enable_special_effects=e).render(3) for e in (False, True))
    assert plain.label["text"] == rich.label["text"]
    assert plain.label["noise"] == rich.label["noise"]


@settings(max_examples=25)
@given(
    width=st.integers(8, 400),
    height=st.integers(8, 120),
    color=st.sampled_from(("gray", "rgb")),
    preset=st.sampled_from(("plain", "document-camera-v1")),
    text=st.sampled_from(("words", "charset", "numbers")),
    rich=st.booleans(),
    name=st.sampled_from(("inter", "amiri", "thai")),
    seed=st.integers(0, 2**63 - 1),
)
def test_both_halves_have_the_asked_size_or_the_sample_says_why_not(
    faces, width, height, color, preset, text, rich, name, seed
):
    result = renderer(
        faces[name], image_width=width, image_height=height, color=color, preset=preset, text=text, seed=seed,
        style_variations=rich, enable_special_effects=rich,
    ).render(1)  # fmt: skip
    if isinstance(result, SampleFailure):
        assert result.slug == "text-unfit", result.reason
        assert min(width, height) < 24
        return
    for data in (result.clear, result.blurred):
        array, mode = pixels(data)
        assert array.shape[:2] == (height, width)
        assert mode == ("RGB" if color == "rgb" else "L")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ("words", "charset", "numbers"))
def test_every_label_is_drawable_by_an_independent_reading(faces, font_bytes, name, source):
    font = hb.Font(hb.Face(hb.Blob(font_bytes(name))))
    for result in renderer(faces[name], text=source, **RICH).render_range(1, 40):
        text = result.label["text"]
        assert text == unicodedata.normalize("NFC", text)
        assert text.strip() == text != ""
        assert not set(text) & set("\n\r\x1c\x85\u2028\u2029")
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(font, buffer)
        assert all(info.codepoint for info in buffer.glyph_infos)
        assert str(buffer.direction).lower().endswith(result.label["direction"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_blank_or_cut(faces, name):
    for result in renderer(faces[name], preset="plain").render_range(1, 40):
        array, _ = pixels(result.clear)
        ink = array < 128
        assert ink.any()
        border = np.concatenate((array[0], array[-1], array[:, 0], array[:, -1]))
        assert (border == 255).all()
        x, y, width, height = result.label["text_box"]
        rows, cols = np.nonzero(array < 255)
        assert (cols.min(), rows.min()) >= (x, y)
        assert cols.max() < x + width
        assert rows.max() < y + height


def test_styles_and_effects_change_what_they_name(faces):
    records = [r.label["recipe"] for r in renderer(faces["inter"], **RICH).render_range(1, 60)]
    styles = [record["style"] for record in records]
    assert len({s["size"] for s in styles}) > 40
    assert len({s["axes"]["wght"] for s in styles}) > 40
    assert {s["background"]["kind"] for s in styles} == {"plain", "gradient", "grain", "paper", "noise"}
    assert any(s["slant"] for s in styles)
    assert any(s["tracking"] for s in styles)
    kinds = {effect["kind"] for record in records for effect in record["effects"]}
    assert kinds == {"shadow", "outline", "glow", "extrusion", "bleed", "emboss"}
    plain = renderer(faces["inter"]).render(1).label["recipe"]
    assert plain["effects"] == []
    assert plain["style"]["color"] == [0]


def test_every_axis_that_a_font_shows_is_varied_within_its_range(faces):
    for name in ("cairo", "thai"):
        axes = faces[name].axes
        styles = [r.label["recipe"]["style"]["axes"] for r in renderer(faces[name], **RICH).render_range(1, 60)]
        for tag, axis in axes.items():
            values = [style[tag] for style in styles if tag in style]
            assert len(set(values)) > 8, (name, tag)
            assert axis["minimum"] <= min(values) <= max(values) <= axis["maximum"]


def test_static_faces_are_emboldened_instead_of_varied(faces):
    styles = [r.label["recipe"]["style"] for r in renderer(faces["amiri"], **RICH).render_range(1, 40)]
    assert any(s["bold"] for s in styles)
    assert not any(s["axes"] for s in styles)


def test_ink_stands_out_from_every_background(faces):
    for result in renderer(faces["cairo"], style_variations=True).render_range(1, 60):
        style = result.label["recipe"]["style"]
        papers = [style["background"][k] for k in ("color", "color2") if k in style["background"]]
        assert all(abs(style["color"][0] - paper[0]) >= 100 for paper in papers)


def test_label_tells_sizes_digests_and_quality_of_the_files(faces):
    result = renderer(faces["inter"], **RICH).render(5)
    label = json.loads(json.dumps(result.label))
    assert label == result.label
    assert label["clear_sha256"] == hashlib.sha256(result.clear).hexdigest()
    assert label["blurred_bytes"] == len(result.blurred)
    clear, blurred = (pixels(d)[0].astype(float) for d in (result.clear, result.blurred))
    assert label["psnr"] == pytest.approx(10 * np.log10(255**2 / ((clear - blurred) ** 2).mean()), abs=2e-3)


def test_both_scripts_of_a_face_are_used(faces):
    scripts = {r.label["script"] for r in renderer(faces["devanagari"]).render_range(1, 40)}
    assert {"Deva", "Latn"} <= scripts


def test_a_fault_in_one_sample_costs_that_sample_only(faces, monkeypatch):
    made = renderer(faces["inter"])
    whole = pair_module.draw.scene
    calls = []

    def faulty(coverage, recipe):
        calls.append(recipe.index)
        if recipe.index == 2:
            raise MemoryError
        if recipe.index == 3:
            raise ValueError("broken glyph")
        if recipe.index == 4:
            raise Unshapable
        return whole(coverage, recipe)

    monkeypatch.setattr(pair_module.draw, "scene", faulty)
    results = list(made.render_range(1, 5))
    assert [type(r) for r in results] == [RenderedPair, SampleFailure, SampleFailure, SampleFailure, RenderedPair]
    assert (results[1].slug, results[1].retryable) == ("out-of-memory", True)
    assert (results[2].slug, results[2].retryable) == ("render-failed", False)
    assert "broken glyph" in results[2].reason
    assert (results[3].slug, results[3].retryable) == ("text-unshapable", False)


def test_faces_of_a_collection_draw_themselves(collection):
    reports = [inspect_face(collection, i) for i in range(2)]
    faces = [Face(collection, i, r.to_record()) for i, r in enumerate(reports)]
    scripts = [{r.label["script"] for r in renderer(face).render_range(1, 30)} for face in faces]
    assert "Arab" in scripts[0]
    assert "Cyrl" in scripts[1]
    first, second = (renderer(face, text="numbers").render(1) for face in faces)
    assert first.label["text"] != second.label["text"]


@pytest.mark.parametrize(
    "name, text", [("amiri", "السلام عليكم"), ("devanagari", "क्षेत्रीय"), ("inter", "AVATAR To")]
)
def test_shaping_agrees_with_a_second_renderer(faces, font_bytes, name, text):
    """Pillow with raqm, an independent rasterizer and layout, gives nearly the same picture."""
    from PIL import ImageDraw, ImageFont, features

    from fontmilld.render import layout, raster
    from fontmilld.render.recipe import Background, StyleSpec, TextSpec

    if not features.check("raqm"):
        pytest.fail("the second renderer needs libfribidi on this host (apt-get install libfribidi0)")
    script = {"amiri": "Arab", "devanagari": "Deva", "inter": "Latn"}[name]
    font = faces[name].font()
    style = StyleSpec(48, 10, 70, (0,), Background("plain", (255,), (255,)))
    spec = TextSpec(text, script, "", "rtl" if script == "Arab" else "ltr", "")
    placed = layout.place(layout.compose(font, spec, style), style)
    ours = raster.Rasterizer().coverage(font, placed.glyphs, (120, 400))
    theirs = Image.new("L", (400, 120))
    pil = ImageFont.truetype(io.BytesIO(font_bytes(name)), 48, layout_engine=ImageFont.Layout.RAQM)
    ImageDraw.Draw(theirs).text((10, 70), text, font=pil, fill=255, anchor="ls")
    # Hinting moves edges by parts of a pixel, which blur forgives; another glyph or order it would not.
    pair = [cv2.GaussianBlur(np.asarray(p), (9, 9), 2).ravel() for p in (ours, theirs)]
    assert np.corrcoef(*pair)[0, 1] > 0.97
