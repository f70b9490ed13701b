"""The contact sheet."""

import io

import numpy as np
import pytest
from PIL import Image

from fontmilld.render import encode
from fontmilld.render.sheet import contact_sheet


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
