"""The contact sheet."""

import io

import numpy as np
import pytest
from PIL import Image

from fontmilld.render import encode
from fontmilld.render.sheet import _fitted, contact_sheet


def grey(value, size=(20, 60)):
    return encode.png(np.full(size, value, np.uint8))


def test_sheet_shows_clear_above_blurred_in_columns():
    pairs = [(f"{n} caption that is far too long for the cell", grey(n), grey(n + 251)) for n in range(5)]
    with Image.open(io.BytesIO(contact_sheet(pairs, 2))) as sheet:
        pixels = np.asarray(sheet.convert("L"))
    for n in range(5):
        rows, cols = np.nonzero(pixels == n)
        below = np.nonzero(pixels == n + 251)[0]
        assert len(rows) == len(below) == 1200
        assert rows.max() < below.min()
        assert (cols.min() < 60) == (n % 2 == 0)


def test_smaller_halves_are_enlarged():
    with Image.open(io.BytesIO(contact_sheet([("x2", grey(1), grey(2, (10, 30)))], 4))) as sheet:
        assert (np.asarray(sheet.convert("L")) == 2).sum() == 1200


@pytest.mark.parametrize("pairs, columns", [([], 2), ([("a", grey(1), grey(2))], 0)])
def test_nothing_to_show_is_an_error(pairs, columns):
    with pytest.raises(ValueError, match="contact sheet"):
        contact_sheet(pairs, columns)


NAME = "source-serif-variable-display-semibold-italic"


@pytest.mark.parametrize("width", [120, 180, 256])
def test_captions_are_whole_where_there_is_room(width):
    caption = f"{NAME}, Latn, gaussian+motion, 23 dB"
    lines = _fitted(caption, width)
    assert "".join(lines).replace(" ", "") == caption.replace(" ", "")
    assert len(lines) > 1


def test_a_caption_that_finds_no_room_keeps_its_beginning_and_its_end():
    lines = _fitted(f"{NAME}, Latn, gaussian+motion, 23 dB", 48)
    told = "".join(lines)
    assert len(lines) == 5 and "..." in told and told.startswith("source-serif-v") and told.replace(" ", "").endswith("23dB")


def test_a_number_stays_with_its_unit():
    assert all(line.count("23") == line.count("dB") for width in range(60, 300) for line in _fitted("inter, Latn, motion, 23\u00a0dB", width))


def test_captions_that_differ_at_their_end_differ_on_a_narrow_sheet():
    assert _fitted("noto-sans-condensed-black", 64) != _fitted("noto-sans-condensed-black-2", 64)


def test_a_sheet_with_long_captions_is_as_high_as_they_need_and_no_picture_is_covered():
    short, long = (contact_sheet([(caption, grey(1), grey(2))], 1) for caption in ("a", NAME * 2))
    with Image.open(io.BytesIO(short)) as one, Image.open(io.BytesIO(long)) as other:
        assert other.height - one.height == 4 * 16
        for sheet in (one, other):
            assert [(np.asarray(sheet.convert("L")) == value).sum() for value in (1, 2)] == [1200, 1200]
