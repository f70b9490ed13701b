"""Text: sources, lines, lengths, a user's own text; boxes of clusters; quality measured from the files."""

import io
import unicodedata

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from PIL import Image

from daemon.render.realfonts import debian_fonts
from fontmilld.pool.probe import probe_file
from fontmilld.render import languages, presetlib, twins
from fontmilld.render.faces import FontProblem, inspect_face
from fontmilld.render.pair import PairRenderer
from fontmilld.render.pseudowords import Letters
from fontmilld.render.settings import RenderSettings
from fontmilld.render.stream import Concern, SampleStreams


def labels(face, count=20, **options):
    render = PairRenderer(RenderSettings(**options), face, face.record["sha256"])
    return [render.render(index).label for index in range(1, count + 1)]


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L")).astype(float)


@pytest.mark.parametrize("name", ("inter", "amiri", "thai"))
def test_lines_and_lengths_are_those_asked_for(faces, name):
    asked = {"text_lines": 3, "text_min_words": 1, "text_max_words": 2, "image_height": 160}
    texts = [label["text"] for label in labels(faces[name], 30, **asked)]
    assert max(len(text.split("\n")) for text in texts) == 3
    assert all(1 <= len(line.split()) <= 2 for text in texts for line in text.split("\n"))


def test_mixtures_follow_their_weights(faces):
    sources = [r["text_source"] for r in labels(faces["inter"], 200, text="words:0.5,codes:0.3,numbers:0.2")]
    assert sources.count("words") / 200 == pytest.approx(0.5, abs=0.12)
    assert sources.count("codes") / 200 == pytest.approx(0.3, abs=0.12)
    assert sources.count("numbers") > 10


def without_digits(data):
    """The font, with ASCII letters and a space, and no digit."""
    font = TTFont(io.BytesIO(data))
    subsetter = Subsetter(Options(notdef_outline=True))
    subsetter.populate(unicodes=[0x20, *range(0x41, 0x5B), *range(0x61, 0x7B)])
    subsetter.subset(font)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def test_a_source_of_a_mixture_that_a_font_cannot_draw_is_told_by_its_probe(font_bytes, tmp_path):
    for name, data in (("less.ttf", without_digits(font_bytes("inter"))), ("whole.ttf", font_bytes("inter"))):
        (tmp_path / name).write_bytes(data)
    config = {"text": "words:0.7,codes:0.2,numbers:0.1", "image_width": 128, "image_height": 32}
    less, whole = (probe_file(0, str(tmp_path / name), config).faces[0] for name in ("less.ttf", "whole.ttf"))
    assert (less["slug"], less["record"]["lacks_text_sources"]) == ("", ["codes", "numbers"])
    assert (whole["slug"], "lacks_text_sources" in whole["record"]) == ("", False)


def test_users_text_is_taken_where_the_face_can_draw_it(faces):
    content = "Die Straße nach Süden\nשלום only 世界 hidden\nCafe\u0301 au lait"
    texts = {r["text"] for r in labels(faces["inter"], 80, text="user", text_content=content)}
    words = {word for text in texts for word in text.split()}
    assert words <= {"Die", "Straße", "nach", "Süden", "only", "hidden", "Café", "au", "lait"}
    assert "Café" in words
    assert not any("only hidden" in text for text in texts)
    arabic = labels(faces["amiri"], 20, text="user", text_content="السلام عليكم 2024 hello")
    assert {r["direction"] for r in arabic if "ا" in r["text"]} == {"rtl"}
    with pytest.raises(FontProblem, match="no word of the text"):
        labels(faces["inter"], 1, text="user", text_content="世界")


def test_no_text_is_taken_for_which_the_shaper_makes_up_a_dotted_circle(faces):
    """A vowel sign after the anusvara has no letter to stand on: the font would show one that the label lacks."""
    found = labels(faces["devanagari"], 30, text="user", text_content="कि कंे घंि घर")
    assert {word for r in found for word in r["text"].split()} <= {"कि", "घर"}


def test_scripts_without_a_word_list_get_syllables(faces):
    found = [r for r in labels(faces["thai"], 60) if r["script"] == "Thai"]
    assert {r["text_source"] for r in found if len(r["text"]) > 3} == {"pseudo-words"}
    for label in found:
        for before, mark in zip(label["text"], label["text"][1:], strict=False):
            if unicodedata.category(mark) == "Mn":
                assert unicodedata.category(before) == "Lo", label["text"]
                assert before not in "าะเแโใไ"


def test_letters_of_an_abugida_are_sorted_by_their_part():
    letters = Letters.of("Deva", range(0x900, 0x980))
    assert {"क", "ह"} <= set(letters.consonants)
    assert not {"अ", "आ", "ा"} & set(letters.consonants)
    assert {"ा", "ि"} <= set(letters.vowels)
    assert letters.virama == "्"
    stream = SampleStreams(0, "", 0, 1).of(Concern.TEXT)
    assert all(letters.word(stream) for _ in range(50))


@pytest.mark.parametrize("name", ("inter", "amiri", "devanagari", "thai"))
def test_boxes_enclose_the_ink_of_their_clusters(faces, name):
    render = PairRenderer(RenderSettings(text_lines=2, image_height=96), faces[name], "ab" * 32)
    for index in range(1, 21):
        pair = render.render(index)
        ink, label = pixels(pair.clear) < 255, pair.label
        boxed = np.zeros_like(ink)
        covered = set()
        for start, length, left, top, right, bottom in label["clusters"]:
            box = (slice(int(top), int(np.ceil(bottom))), slice(int(left), int(np.ceil(right))))
            assert ink[box].any()
            boxed[box] = True
            covered.update(range(start, start + length))
        # The rasterizer counts in parts of a pixel of its own: a trace may lie beyond an edge.
        assert pixels(pair.clear)[ink & ~boxed].min(initial=255) >= 252
        visible = {i for i, c in enumerate(label["text"]) if not c.isspace() and unicodedata.category(c) != "Cf"}
        assert visible <= covered


@pytest.mark.parametrize("preset", ("document-camera-v1", "hradis2015", "plain", "textzoom-x2"))
def test_snr_is_what_the_files_say_within_quantisation(faces, preset):
    """The same samples without noise and JPEG are the signal; both files are rounded to whole codes."""
    source = presetlib.SOURCES[preset]
    quiet = "\n".join(line for line in source.splitlines() if "noise" not in line and "jpeg" not in line)
    asked = (RenderSettings(preset=preset, style_variations=True), RenderSettings(preset="own", preset_source=quiet, style_variations=True))
    noisy, clean = (PairRenderer(settings, faces["inter"], "ab" * 32) for settings in asked)
    for index in range(1, 41):
        label, signal = noisy.render(index).label, pixels(clean.render(index).blurred)
        found = pixels(noisy.render(index).blurred)
        stated = np.sqrt(signal.var() / 10 ** (label["snr"] / 10))
        measured = np.sqrt(((found - signal) ** 2).mean())
        # Rounding the signal moves the noise's length by the length of the rounding error at most.
        assert stated == pytest.approx(measured, abs=0.3)
        if measured > 3:
            assert label["snr"] == pytest.approx(10 * np.log10(signal.var() / measured**2), abs=0.1)


@pytest.mark.parametrize("color", ("gray", "rgb"))
@pytest.mark.parametrize("preset", presetlib.SOURCES)
def test_psnr_is_what_the_files_say(faces, preset, color):
    render = PairRenderer(RenderSettings(preset=preset, color=color), faces["inter"], "ab" * 32)
    for index in range(1, 13):
        pair = render.render(index)
        clear, blurred = (np.asarray(Image.open(io.BytesIO(half))).astype(float) for half in (pair.clear, pair.blurred))
        scale = pair.label["scale"]
        rows, cols = blurred.shape[:2]
        blocks = clear.reshape(rows, scale, cols, scale, -1).mean(axis=(1, 3)).reshape(blurred.shape)
        error = ((blocks - blurred) ** 2).mean()
        # Reducing the clear half rounds it to whole codes, at most half a code away.
        wanted, room = 10 * np.log10(255**2 / error), 0.002 if scale == 1 else 0.06
        assert pair.label["psnr"] == pytest.approx(wanted, abs=room)


def test_snr_is_left_open_where_later_steps_mix_noise_and_signal(faces):
    render = PairRenderer(RenderSettings(preset="realesrgan"), faces["inter"], "ab" * 32)
    assert {render.render(index).label["snr"] for index in range(1, 9)} == {None}


def test_of_many_copies_each_has_its_neighbours_in_order():
    looks = {f"{cp:x}": f"0f00c8078{cp:016x}" for cp in range(0x61, 0x71)}
    other = {cp: f"1{seen[1:]}" for cp, seen in looks.items()}
    found = twins.near_duplicates([dict(looks) for _ in range(40)] + [other])
    assert [twin.at for twin in found[20]] == [at for at in range(4, 37) if at != 20]
    assert {twin[1:] for twins in found for twin in twins} == {(1.0, ("Latn",))}
    assert found[40] == []


def test_near_duplicates_are_recognised(font_bytes, collection):
    reports = [inspect_face(font_bytes(name), 0).sketch for name in ("amiri", "inter", "cairo")]
    found = twins.near_duplicates([*reports, inspect_face(collection, 1).sketch])
    assert [[twin.at for twin in twins] for twins in found] == [[], [3], [], [1]]
    assert (found[1][0].similarity, found[1][0].scripts) == (1.0, ("Cyrl", "Grek", "Latn"))
    assert max(map(len, reports)) <= 4 * 16


def test_a_borrowed_alphabet_is_recognised_behind_thousands_of_other_characters():
    """A Latin subset of a face of 34,000 characters is near it."""
    data = debian_fonts("truetype/wqy/wqy-microhei.ttc")[0].read_bytes()
    font = TTFont(io.BytesIO(data), fontNumber=0)
    subsetter = Subsetter(Options(notdef_outline=True))
    subsetter.populate(unicodes=range(0x20, 0x180))
    subsetter.subset(font)
    out = io.BytesIO()
    font.save(out)
    whole, part = inspect_face(data, 0), inspect_face(out.getvalue(), 0)
    assert part.usable_count < whole.usable_count / 50
    (near,), _ = twins.near_duplicates([whole.sketch, part.sketch])
    assert near == twins.Twin(1, 1.0, ("Latn",))


@pytest.mark.parametrize("name", ("NachlieliCLM-Light", "NachlieliCLM-Bold"))
def test_a_face_with_converted_curves_is_recognised(name):
    """An OTF and the TTF that converting it gives, as packages often hold both; the bold one is another face."""
    path = debian_fonts(f"truetype/culmus/{name}.otf")[0]
    font = TTFont(path)
    pens = {glyph: TTGlyphPen(None) for glyph in font.getGlyphOrder()}
    for glyph, pen in pens.items():
        font.getGlyphSet()[glyph].draw(Cu2QuPen(pen, 1.0, reverse_direction=True))
    builder = FontBuilder(font=font)
    builder.isTTF = True
    builder.setupGlyf({glyph: pen.glyph() for glyph, pen in pens.items()})
    builder.setupMaxp()
    del font["CFF "]
    font.sfntVersion = "\0\1\0\0"
    out = io.BytesIO()
    font.save(out)
    other = debian_fonts("truetype/culmus/NachlieliCLM-*Oblique.otf")[0]
    data = (path.read_bytes(), other.read_bytes(), out.getvalue())
    found = twins.near_duplicates([inspect_face(each, 0).sketch for each in data])
    assert [[twin.at for twin in twins] for twins in found] == [[2], [], [0]]


def test_geometry_is_shared_and_text_stays_inside(faces):
    styles = [r["recipe"]["style"] for r in labels(faces["inter"], 200)]
    for key, sigma in (("rotation", 1.0), ("tilt", 4.0)):
        values = np.array([np.atleast_1d(s[key]) for s in styles]).ravel()
        assert values.std() == pytest.approx(sigma, rel=0.15)


def test_mask_numbers_the_clusters_where_their_ink_is(faces):
    render = PairRenderer(RenderSettings(preset="plain"), faces["devanagari"], "ab" * 32)
    for index in range(1, 6):
        pair, extras = render.render(index), render.extras(index)
        mask, ink = pixels(extras["mask"]), 255 - pixels(pair.clear)
        assert set(np.unique(mask)) - {0} <= set(range(1, len(pair.label["clusters"]) + 1))
        assert (ink[mask > 0] >= 31).all()
        assert (mask[ink > 80] > 0).all()
        assert pixels(extras["kernel"]).max() == 255


@pytest.mark.parametrize("text", ["", "a", "abcabc\n", "żółw ść", "日本語のテキスト" * 50, "\U0001f600é\ud800"])
def test_the_characters_of_a_text_are_its_set(text):
    assert languages._characters_of(text) == set(text)
