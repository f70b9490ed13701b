"""A contact sheet: pairs side by side in one picture, for people to judge a configuration by."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_GAP: Final = 10
_LINE: Final = 16
_PAPER: Final = (238, 238, 240)
_INK: Final = (40, 40, 48)
_MAX_PIXELS: Final = 100_000_000
_MAX_LINES: Final = 5
_CUT: Final = "..."


def contact_sheet(images: Sequence[tuple[str, bytes, bytes]], columns: int = 2) -> bytes:
    """Return a PNG of all pairs, (caption, clear PNG, blurred PNG): clear above blurred, caption above both.

    A blurred half that is smaller is shown with square pixels at the clear one's size. Captions take as many
    lines as they need, the same for all, but at most 5: of a longer one the middle is left out. What Pillow's own
    font lacks shows as boxes, so captions should be in Latin script.
    Raises ValueError without pairs or columns, or if the sheet would have more than 100 million pixels.
    """
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one pair and one column")
    halves = [(_opened(clear), _opened(blurred)) for _, clear, blurred in images]
    captions = [_fitted(caption, sharp.width) for (caption, _, _), (sharp, _) in zip(images, halves, strict=True)]
    above = max(1, *map(len, captions)) * _LINE
    cells = [_cell(caption, above, *pair) for caption, pair in zip(captions, halves, strict=True)]
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


def _cell(caption: Sequence[str], above: int, sharp: Image.Image, soft: Image.Image) -> Image.Image:
    """A pair beneath its caption, which has `above` pixels."""
    if soft.size != sharp.size:
        soft = soft.resize(sharp.size, Image.Resampling.NEAREST)
    cell = Image.new("RGB", (sharp.width, above + 2 * sharp.height + 2), _PAPER)
    for number, line in enumerate(caption):
        ImageDraw.Draw(cell).text((0, number * _LINE), line.replace("\u00a0", " "), font=_font(), fill=_INK)
    cell.paste(sharp, (0, above))
    cell.paste(soft, (0, above + sharp.height + 2))
    return cell


def _fitted(caption: str, width: int) -> list[str]:
    """The lines of a caption in `width` pixels: all of it, or, where that is more than _MAX_LINES, its beginning and its end."""
    lines, kept = _wrapped(caption, width), len(caption) // 2
    while len(lines) > _MAX_LINES and kept > 0:
        kept -= 1
        lines = _wrapped(caption[:kept] + _CUT + caption[len(caption) - kept:], width)
    return lines[:_MAX_LINES]


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` pixels, or one character; broken between words, in a word only where it has a line to itself."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and _font().getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        while _font().getlength(word) > width and len(word) > 1:
            fits = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or _font().getlength(word[:n]) <= width)
            lines.append(word[:fits])
            word = word[fits:]  # noqa: PLW2901  what is left of it
        lines.append(word)
    return lines


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")
