"""Settings, streams, PNG files, fingerprint."""

import io
import json
import subprocess
import sys
import unicodedata
import zlib

import deflate
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fontmilld.render import charset, encode, languages, noise, wordlists
from fontmilld.render.corpus import corpus_of
from fontmilld.render.fingerprint import fingerprint, missing_parts
from fontmilld.render.repertoire import repertoire_of
from fontmilld.render.settings import RenderSettings
from fontmilld.render.stream import Concern, SampleStreams

WORDS = [7152242944550933840, 3883047028049522143, 59757433711626452]
ENV = {"PYTHONPATH": ":".join(p for p in sys.path if p), "PATH": ""}


def test_settings_take_what_concerns_pixels_from_a_configuration():
    config = {"image_width": 128, "num_samples": 5, "seed": 3, "preset": None, "workers": 2}
    assert RenderSettings.from_config(config) == RenderSettings(image_width=128, seed=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_width", 7),
        ("image_height", 4097),
        ("image_width", True),
        ("image_width", 64.0),
        ("seed", -1),
        ("preset", "nope"),
        ("text", "file"),
        ("text", "words:0"),
        ("text", "words,words"),
        ("text_max_words", 0),
        ("text_lines", 9),
        ("png_level", 13),
        ("png_level", 1.0),
        ("effects", ("nope",)),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        RenderSettings(**{name: value})


def test_streams_of_concerns_attempts_and_samples_differ_and_repeat():
    seen = set()
    for index in (1, 2):
        for concern in Concern:
            for attempt in (0, 1):
                words = [SampleStreams(0, "00" * 32, 0, index).of(concern, attempt).word() for _ in range(2)]
                assert words[0] == words[1]
                seen.add(words[0])
    assert len(seen) == 2 * len(Concern) * 2


def test_stream_numbers_are_part_of_the_format():
    stream = SampleStreams(1, "ab" * 32, 2, 3).of(Concern.TEXT)
    assert [stream.word() for _ in range(3)] == WORDS


@given(st.integers(0, 2**40), st.integers(1, 1000))
def test_scalars_keep_within_their_bounds(index, bound):
    stream = SampleStreams(0, "00" * 32, 0, index).of(Concern.STYLE)
    assert 0 <= stream.below(bound) < bound
    assert 0 <= stream.unit() < 1
    assert 2 <= stream.uniform(2, 5) <= 5
    assert stream.weighted((("a", 1.0), ("b", 2.0))) in "ab"


@given(st.integers(1, 70), st.integers(1, 70), st.booleans(), st.integers(0, 99))
def test_png_files_decode_to_the_same_pixels(width, height, rgb, seed):
    shape = (height, width, 3) if rgb else (height, width)
    picture = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    data = encode.png(picture)
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    with Image.open(io.BytesIO(data)) as image:
        assert (np.asarray(image) == picture).all()
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        body, crc = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        assert zlib.crc32(body) == int.from_bytes(crc)
        at += 12 + length


def test_every_level_keeps_the_pixels_and_a_high_one_is_small():
    rows, cols = np.mgrid[0:64, 0:90]
    picture = ((rows // 7 * 31 + cols // 5 * 17) % 256).astype(np.uint8)
    files = [encode.png(picture, level) for level in range(13)]
    for file in files:
        with Image.open(io.BytesIO(file)) as image:
            assert (np.asarray(image) == picture).all()
    assert len(files[12]) <= len(files[6]) < len(files[0]) > picture.size
    assert encode.png(picture) == files[1]


def test_without_the_core_libdeflate_makes_the_files(monkeypatch):
    monkeypatch.setattr(encode, "core", None)
    picture = np.arange(64 * 90, dtype=np.uint16).reshape(64, 90).astype(np.uint8)
    file = encode.png(picture)
    assert bytes(deflate.zlib_compress(encode.lines(picture).tobytes(), 1)) in file
    with Image.open(io.BytesIO(file)) as image:
        assert (np.asarray(image) == picture).all()


def test_png_accepts_views_of_larger_pictures():
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10)[2:8, 3:9]
    with Image.open(io.BytesIO(encode.png(picture))) as image:
        assert (np.asarray(image) == picture).all()


def test_noise_fields_repeat_by_seed_and_differ_otherwise():
    first = noise.field(1, (64, 256))
    assert (first == noise.field(1, (64, 256))).all()
    assert abs(np.corrcoef(first.ravel(), noise.field(2, (64, 256)).ravel())[0, 1]) < 0.05
    together = np.concatenate([noise.field(seed, (64, 256)) for seed in range(20)])
    assert together.std() == pytest.approx(1, abs=0.005)
    assert together.mean() == pytest.approx(0, abs=0.01)


def test_fingerprint_names_versions_and_is_the_same_in_another_process():
    mine = fingerprint()
    assert {"render", "harfbuzz", "numpy", "opencv", "deflate", "wordfreq", "unicode", "probe", "encoder"} <= mine.keys()
    code = "import json; from fontmilld.render.fingerprint import fingerprint as f; print(json.dumps(f()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV)
    assert json.loads(run.stdout) == mine
    assert missing_parts() == []


def test_a_png_does_not_depend_on_what_memory_held_before():
    """The codec's tables are not cleared by Python: what earlier pictures left in them must not show."""
    rng = np.random.default_rng(0)
    pictures = [
        np.clip(rng.normal(mean, sigma, (64, side)), 0, 255).astype(np.uint8)
        for mean in (255, 128, 0) for sigma in (0, 1, 3, 30) for side in (8, 256, 900)
    ]  # fmt: skip
    wanted = [encode.png(picture) for picture in pictures]
    for at in rng.integers(0, len(pictures), 1500):
        junk = rng.integers(0, 256, int(rng.integers(1, 400_000)), dtype=np.uint8)
        del junk
        assert encode.png(pictures[at]) == wanted[at]


@pytest.mark.parametrize("language", languages.LANGUAGES, ids=lambda language: language.tag)
def test_word_lists_are_those_of_the_library(language):
    import wordfreq

    wanted = wordfreq.top_n_list(language.tag, 500, wordlist="small")
    assert wordlists.top_words(language.tag, 500) == wanted


def test_word_lists_have_the_letters_of_their_language_only():
    for language in languages.LANGUAGES:
        words = languages.common_words(language)
        assert len(words) > 1000
        assert all(charset.script_of(ord(c)) in {*language.letters, "Zinh"} or c in "'’ー" for word in words for c in word)
        assert all(0 < len(word) <= 24 and charset.is_base(ord(word[0])) for word in words)
        assert words == tuple(unicodedata.normalize("NFC", word) for word in words)


def test_faces_with_the_same_characters_share_what_they_write_if_both_have_a_space_or_none():
    spaced, unspaced = (repertoire_of("41-5a,61-7a", has_space) for has_space in (True, False))
    asked = RenderSettings(text_min_words=2)
    assert corpus_of(repertoire_of("41-5a,61-7a", True), asked) is corpus_of(spaced, asked)
    assert spaced.can_draw("a b") and not unspaced.can_draw("a b")
    parts = [corpus_of(repertoire, asked).draw(SampleStreams(0, "ab", 0, 1).of(Concern.TEXT), 0).parts for repertoire in (spaced, unspaced)]
    assert len(parts[0]) > 1 and len(parts[1]) == 1
