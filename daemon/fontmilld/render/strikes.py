"""Bitmap strikes: glyphs that a font holds as pixels, for a few sizes only (tables EBLC and EBDT).

A strike is drawn as it is, at whole pixels: no outline exists that could be scaled or turned. Positions
are handed on in the units of `shaping`, so that layout need not know what it lays out.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

Coverage = np.ndarray[Any, np.dtype[np.uint8]]
_BYTE_ALIGNED: Final = frozenset({1, 6})
_BIT_ALIGNED: Final = frozenset({2, 5, 7})
# A strike with fewer of the font's glyphs than this share of the fullest one's is left aside.
_FULL_ENOUGH: Final = 0.9


@dataclass(frozen=True, slots=True)
class Bitmap:
    """Coverage without empty rows and columns; its upper left corner is `left` px to the right of the
    origin and `top` px above the baseline. `advance` is in px."""

    ink: Coverage
    left: int
    top: int
    advance: int


@dataclass(frozen=True, slots=True)
class Strike:
    """The bitmaps by glyph id at `size` px per em; glyphs without ink have bitmaps without pixels."""

    size: int
    bitmaps: Mapping[int, Bitmap]

    def draw(self, glyphs: Iterable[tuple[int, tuple[float, ...]]], shape: tuple[int, int]) -> Coverage:
        """Draw glyphs with their origins at the offset of their matrices, rounded; cut off at `shape`."""
        out = np.zeros(shape, dtype=np.uint8)
        for gid, matrix in glyphs:
            bitmap = self.bitmaps[gid]
            paste(out, bitmap.ink, round(matrix[4]) + bitmap.left, round(matrix[5]) - bitmap.top)
        return out


def read(data: bytes, face_index: int) -> dict[int, Strike]:
    """Return the strikes of a font by size, without those that lack much of what the fullest one has.

    Raises what fontTools raises for damaged tables.
    """
    from fontTools.ttLib import TTFont  # noqa: PLC0415  it loads much that is for few fonts

    with TTFont(io.BytesIO(data), fontNumber=face_index, lazy=True) as font:
        if "EBDT" not in font or "EBLC" not in font:
            return {}
        pairs = zip(font["EBLC"].strikes, font["EBDT"].strikeData, strict=True)
        found = {int(index.bitmapSizeTable.ppemY): _strike(font, index, glyphs) for index, glyphs in pairs}
    most = max((len(strike.bitmaps) for strike in found.values()), default=0)
    kept = {size: s for size, s in found.items() if size > 0 and s.bitmaps and len(s.bitmaps) >= _FULL_ENOUGH * most}
    return dict(sorted(kept.items()))


def _strike(font: TTFont, index: Any, glyphs: Mapping[str, Any]) -> Strike:
    depth = int(index.bitmapSizeTable.bitDepth)
    bitmaps = {}
    for table in index.indexSubTables:
        for name in table.names:
            metrics = getattr(glyphs[name], "metrics", None) or getattr(table, "metrics", None)
            if metrics is not None and table.imageFormat in _BYTE_ALIGNED | _BIT_ALIGNED:
                pixels = _pixels(glyphs[name].imageData, metrics, depth, table.imageFormat in _BYTE_ALIGNED)
                bitmaps[font.getGlyphID(name)] = _trimmed(pixels, metrics)
    return Strike(int(index.bitmapSizeTable.ppemY), bitmaps)


def _pixels(data: bytes, metrics: Any, depth: int, whole_bytes: bool) -> Coverage:
    """Return the image as coverage; raises ValueError if it has too few bits."""
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
    length = int(metrics.width) * depth
    pitch = -(-length // 8) * 8 if whole_bytes else length
    rows = bits[: metrics.height * pitch].reshape(metrics.height, pitch)[:, :length]
    weights = (1 << np.arange(depth)[::-1]) * 255 // ((1 << depth) - 1)
    levels: Coverage = (rows.reshape(metrics.height, metrics.width, depth) @ weights).astype(np.uint8)
    return levels


def _trimmed(pixels: Coverage, metrics: Any) -> Bitmap:
    big = hasattr(metrics, "horiAdvance")
    left, top, advance = (
        int(getattr(metrics, name))
        for name in (("horiBearingX", "horiBearingY", "horiAdvance") if big else ("BearingX", "BearingY", "Advance"))
    )
    rows, cols = np.nonzero(pixels.any(axis=1))[0], np.nonzero(pixels.any(axis=0))[0]
    if not rows.size:
        return Bitmap(np.zeros((0, 0), np.uint8), 0, 0, advance)
    ink = pixels[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return Bitmap(ink, left + int(cols[0]), top - int(rows[0]), advance)


def paste(out: Coverage, ink: Coverage, x: int, y: int) -> None:
    """Add the coverage of a glyph whose upper left corner is at (x, y), up to full, cut off at the edges."""
    height, width = ink.shape
    part = out[y : y + height, x : x + width] if x >= 0 and y >= 0 else out[:0, :0]
    if part.shape != ink.shape:
        top, left = max(0, y), max(0, x)
        part = out[top : max(0, y + height), left : max(0, x + width)]
        ink = ink[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]]
    if part.size:
        cv2.add(part, ink, dst=part)
