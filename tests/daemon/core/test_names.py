"""Names and labels: what is built can be read back, and nothing that leads out of the tree is a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmilld.core import labels, layout

font_ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,79}", fullmatch=True)
sha = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(font_ids, st.integers(1, 9_999_999), st.sampled_from(layout.IMAGE_KINDS), st.integers(1, 9_999_999))
def test_an_image_name_is_read_back_as_it_was_built(font, index, half, total):
    width = layout.index_width(max(index, total))
    parsed = layout.parse_image_name(layout.image_name(font, index, half, width))
    assert parsed == layout.ImageName(font, index, half, width)


@given(st.text(max_size=120))
def test_a_project_name_is_one_harmless_path_component(name):
    if layout.is_project_name(name):
        assert "/" not in name
        assert name not in {".", ".."}
        assert not name.startswith(".")
        assert "\n" not in name and "\0" not in name


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\n", "a\0", "-x", "x" * 101])
def test_names_that_could_harm_are_refused(name):
    assert not layout.is_project_name(name)
    assert not layout.is_font_id(name)


@given(st.text(min_size=0, max_size=60), st.integers(1, 999), st.integers(0, 10**8 - 2), sha)
def test_a_label_line_is_json_and_its_claim_is_read_back(text, index, size, digest):
    label = {"clear_bytes": size, "blurred_bytes": size + 1, "clear_sha256": digest, "blurred_sha256": digest, "text": text}
    line = labels.label_line(index, "f_001_clear.png", "f_001_blurred.png", label)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert labels.is_sound(line)
    claim = labels.read_claim(line)
    assert claim == labels.Claim(index, (labels.Image("f_001_clear.png", size, digest), labels.Image("f_001_blurred.png", size + 1, digest)))


def test_a_label_of_a_picture_larger_than_any_is_no_claim():
    label = {"clear_bytes": 10**8, "blurred_bytes": 2, "clear_sha256": "a" * 64, "blurred_sha256": "b" * 64, "text": "x"}
    assert labels.read_claim(labels.label_line(1, "f_001_clear.png", "f_001_blurred.png", label)) is None
    largest = {**label, "clear_bytes": 4096 * (4096 * 3 + 1) * 11 // 10}
    assert labels.read_claim(labels.label_line(1, "f_001_clear.png", "f_001_blurred.png", largest)) is not None


@given(st.binary(max_size=400))
def test_bytes_that_are_no_label_are_no_claim_and_raise_nothing(data):
    assert labels.read_claim(data) is None
    labels.is_sound(data)


@given(st.integers(1, 200))
def test_a_torn_label_is_no_claim(length):
    label = {"clear_bytes": 1, "blurred_bytes": 2, "clear_sha256": "a" * 64, "blurred_sha256": "b" * 64, "text": "x"}
    line = labels.label_line(1, "f_001_clear.png", "f_001_blurred.png", label)
    assert labels.read_claim(line[: min(length, len(line) - 2)]) is None


def test_a_label_without_a_digest_cannot_be_made():
    with pytest.raises(KeyError):
        labels.label_line(1, "a", "b", {"clear_bytes": 1})
