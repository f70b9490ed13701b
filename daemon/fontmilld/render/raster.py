"""Rasterising glyphs by HarfBuzz: each drawn where it is, or, on a grid, drawn once and pasted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import cv2
import numpy as np
import uharfbuzz as hb

from fontmilld.render.shaping import EM, Box, Coverage, Ink, Matrix, TypeFont
from fontmilld.render.strikes import paste

_MOST_INKS: Final = 4096


class Placed(Protocol):
    """Whatever has glyphs with their matrices; for a font of the compiled core, only what that placed."""

    @property
    def glyphs(self) -> Sequence[tuple[int, Matrix]]:
        """Return glyph ids and matrices, as `Rasterizer.coverage` takes them."""


def _native(font: TypeFont, glyphs: object, shape: tuple[int, int], on_grid: bool) -> tuple[Coverage, Box]:
    out = np.empty(shape, dtype=np.uint8)
    return out, font.native.draw(glyphs, out, on_grid)


class Rasterizer:
    """Turns runs into coverage. Holds scratch memory of the library, so one per thread."""

    def __init__(self) -> None:
        self._draw = hb.RasterDraw()

    def coverage(
        self, font: TypeFont, glyphs: Sequence[tuple[int, Matrix]], shape: tuple[int, int], *, on_grid: bool = False
    ) -> Coverage:
        """Draw glyphs through their matrices from units, y upwards, to pixels, y downwards.

        A matrix (xx, yx, xy, yy, x0, y0) takes (x, y) to (xx x + xy y + x0, yx x + yy y + y0). Returns
        uint8 coverage of `shape` (height, width); what lies outside is cut off. `on_grid` says that the
        matrices scale and move only, with few different fractions in x0 and y0: then each glyph is drawn
        once for each of them, kept with the font, and pasted.
        """
        if font.strike is not None:
            return font.strike.draw(glyphs, shape)
        if font.native is not None:
            return _native(font, glyphs, shape, on_grid)[0]
        if on_grid:
            return self._pasted(font, glyphs, shape)
        return self._drawn(font, glyphs, shape)

    def measured(
        self, font: TypeFont, placed: Placed, shape: tuple[int, int], *, on_grid: bool = False
    ) -> tuple[Coverage, Box]:
        """Draw as `coverage` does, and return with it the box (x, y, width, height) of the ink; width 0 if there is none."""
        if font.native is not None:
            return _native(font, placed, shape, on_grid)
        drawn = self.coverage(font, placed.glyphs, shape, on_grid=on_grid)
        x, y, width, height = cv2.boundingRect(drawn)
        return drawn, (x, y, width, height)

    def _drawn(self, font: TypeFont, glyphs: Iterable[tuple[int, Matrix]], shape: tuple[int, int]) -> Coverage:
        height, width = shape
        draw = self._draw
        for gid, matrix in glyphs:
            # y runs downwards here, which turns the library's bottom-up rows into top-down ones.
            draw.transform = matrix
            draw.draw_glyph(font.hb, gid)
        draw.extents = hb.RasterExtents(0, 0, width, height, width)
        image = draw.render()
        if image is None:
            raise MemoryError("the rasterizer could not allocate its image")
        return np.frombuffer(image.buffer, dtype=np.uint8).reshape(height, width)

    def _pasted(self, font: TypeFont, glyphs: Iterable[tuple[int, Matrix]], shape: tuple[int, int]) -> Coverage:
        out = np.zeros(shape, dtype=np.uint8)
        inks = font.inks
        if len(inks) > _MOST_INKS:
            inks.clear()
        for gid, (scale, _, _, _, x, y) in glyphs:
            column, row = math.floor(x), math.floor(y)
            key = (scale, gid, x - column, y - row)
            ink = inks.get(key)
            if ink is None:
                ink = inks[key] = self._ink(font, *key)
            paste(out, ink[0], column + ink[1], row + ink[2])
        return out

    def _ink(self, font: TypeFont, scale: float, gid: int, x: float, y: float) -> Ink:
        box = font.box(gid)
        if box is None:
            return np.zeros((0, 0), np.uint8), 0, 0
        # The library's own extents may lie a pixel off the box of the outline.
        left, top = math.floor(x + scale * box[0]) - 1, math.floor(y - scale * box[3]) - 1
        shape = (math.ceil(y - scale * box[1]) + 1 - top, math.ceil(x + scale * box[2]) + 1 - left)
        drawn = self._drawn(font, [(gid, (scale, 0.0, 0.0, -scale, x - left, y - top))], shape)
        dx, dy, width, height = cv2.boundingRect(drawn)
        return drawn[dy : dy + height, dx : dx + width].copy(), left + dx, top + dy

    def glyph_coverage(self, font: TypeFont, gid: int, size: int) -> bytes:
        """Return the coverage of one glyph at `size` px, or of its bitmap, as bytes to compare; empty
        if it has no ink."""
        if font.strike is not None:
            bitmap = font.strike.bitmaps.get(gid)
            return bitmap.ink.tobytes() if bitmap is not None else b""
        if font.native is not None:
            return bytes(font.native.looks(gid, size))
        scale = size / EM
        self._draw.transform = (scale, 0.0, 0.0, -scale, 0.0, 0.0)
        if not self._draw.draw_glyph_or_fail(font.hb, gid):
            return b""
        image = self._draw.render()
        data = bytes(image.buffer) if image is not None else b""
        return data if any(data) else b""
