"""A contact sheet: pairs side by side in one picture, for people to judge a configuration by."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_GAP: Final = 10
_LINE: Final = 16
_PAPER: Final = (238, 238, 240)
_INK: Final = (40, 40, 48)
_MAX_PIXELS: Final = 100_000_000


def contact_sheet(images: Sequence[tuple[str, bytes, bytes]], columns: int = 2) -> bytes:
    """Return a PNG of all pairs, (caption, clear PNG, blurred PNG): clear above blurred, caption above both.

    A blurred half that is smaller is shown with square pixels at the clear one's size. Captions are cut
    to the cell; what Pillow's own font lacks shows as boxes, so captions should be in Latin script.
    Raises ValueError without pairs or columns, or if the sheet would have more than 100 million pixels.
    """
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one pair and one column")
    cells = [_cell(caption, clear, blurred) for caption, clear, blurred in images]
    columns = min(columns, len(cells))
    width, height = (max(cell.size[k] for cell in cells) + _GAP for k in (0, 1))
    rows = -(-len(cells) // columns)
    size = (columns * width + _GAP, rows * height + _GAP)
    if size[0] * size[1] > _MAX_PIXELS:
        raise ValueError(f"the contact sheet would have {size[0]}x{size[1]} px; ask for fewer pairs")
    sheet = Image.new("RGB", size, _PAPER)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        sheet.paste(cell, (_GAP + column * width, _GAP + row * height))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _cell(caption: str, clear: bytes, blurred: bytes) -> Image.Image:
    sharp, soft = (_opened(data) for data in (clear, blurred))
    if soft.size != sharp.size:
        soft = soft.resize(sharp.size, Image.Resampling.NEAREST)
    cell = Image.new("RGB", (sharp.width, 2 * sharp.height + _LINE + 2), _PAPER)
    font = ImageFont.load_default(12)
    while caption and font.getlength(caption) > sharp.width:
        caption = caption[:-1]
    ImageDraw.Draw(cell).text((0, 0), caption, font=font, fill=_INK)
    cell.paste(sharp, (0, _LINE))
    cell.paste(soft, (0, _LINE + sharp.height + 2))
    return cell


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")
