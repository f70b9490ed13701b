"""Fonts and shaping, by HarfBuzz, in units of 1/16384 em with y upwards.

One library shapes and rasterises (`raster`), so what was measured is what is drawn: outlines are unhinted and scale linearly,
hence a line is shaped once and its size chosen afterwards. Nothing depends on libraries of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
import uharfbuzz as hb

from fontmilld.native import core
from fontmilld.render.strikes import Strike

EM: Final = 16384
_CIRCLE: Final = 0x25CC
Matrix = tuple[float, float, float, float, float, float]

# Letters of these scripts join or stack: extra space between clusters would break words apart.
UNTRACKED: Final = frozenset({"Arab", "Syrc", "Mong", "Nkoo", "Deva", "Beng", "Guru", "Taml", "Telu", "Mlym"})


# One placed glyph: id, origin (x, y) in units, index in the text of its cluster, ink box or None.
# Plain tuples: a pair has dozens, and building objects would cost more than shaping them.
Box = tuple[int, int, int, int]
Glyph = tuple[int, int, int, int, Box | None]

Coverage = np.ndarray[Any, np.dtype[np.uint8]]
# Coverage of one glyph, and where its upper left corner is, in px from the pixel that has the origin.
Ink = tuple[Coverage, int, int]
_NO_AXES: Final[Mapping[str, float]] = {}


class Unshapable(Exception):
    """The shaper gave up: the font makes more glyphs of a text than HarfBuzz takes."""


def _with_harfbuzz(core: ModuleType | None) -> ModuleType | None:
    """Return the compiled core if it finds the functions of HarfBuzz in the library that uharfbuzz is."""
    library = getattr(getattr(hb, "_harfbuzz", None), "__file__", None)
    return core if core is not None and library and core.open_harfbuzz(library) else None


_core: Final = _with_harfbuzz(core)


class TypeFace:
    """One face of a font file's bytes, which are kept; only `hb`, uharfbuzz' face, has a copy of them."""

    __slots__ = ("_data", "_hb", "_index", "native")

    def __init__(self, data: bytes, index: int) -> None:
        self._data, self._index, self._hb = data, index, None
        self.native = _core.Face(data, index) if _core is not None else None

    @property
    def hb(self) -> Any:
        """Return the face as uharfbuzz knows it, opened when it is first asked for."""
        if self._hb is None:
            self._hb = hb.Face(hb.Blob(self._data), self._index)
        return self._hb

    @property
    def glyph_count(self) -> int:
        """Return the number of glyphs; 0 if the bytes hold no such face."""
        return int(self.hb.glyph_count if self.native is None else self.native.glyph_count)


class TypeFont:
    """A face at `axes` (design units), emboldened by `bold` em, EM units per em; it keeps what it was asked for.

    With a `strike`, it draws that strike's bitmaps, which have advances of their own. `native` is the same
    font of the compiled core, None without one and for strikes.
    """

    __slots__ = ("_advances", "_boxes", "_hb", "_how", "circle", "face", "inks", "native", "strike", "widths")

    def __init__(
        self, face: TypeFace, axes: Mapping[str, float] = _NO_AXES, bold: float = 0.0, strike: Strike | None = None
    ) -> None:
        self.face = face
        self.strike = strike
        self._how = (axes, bold)
        self._hb: Any = None
        self.native: Any = None
        if _core is not None and face.native is not None and strike is None:
            self.native = _core.Font(face.native, dict(axes), bold)
        # What the shaper puts under a mark that no letter carries; nothing that the text says.
        self.circle: int = self.native.circle if self.native is not None else self.nominal(_CIRCLE) or -1
        self.widths = _strike_widths(strike) if strike else {}
        self._boxes: dict[int, Box | None] = _strike_boxes(strike) if strike else {}
        self._advances: dict[str, int] = {}
        # Coverage of glyphs drawn on a grid, by what it depends on; the Rasterizer's.
        self.inks: dict[tuple[float, int, float, float], Ink] = {}

    @property
    def hb(self) -> Any:
        """Return the font as uharfbuzz knows it, made when it is first asked for."""
        if self._hb is None:
            self._hb = _instance(self.face.hb, *self._how)
        return self._hb

    def nominal(self, cp: int) -> int | None:
        """Return the glyph id that a code point is mapped to."""
        found: int | None = self.hb.get_nominal_glyph(cp) if self.native is None else self.native.nominal(cp)
        return found

    def reckon(self, text: str) -> int:
        """Return the width of `text` in units as if its characters stood side by side, unshaped."""
        if self.native is not None:
            return int(self.native.reckon(text))
        total = 0
        for character in text:
            width = self._advances.get(character)
            if width is None:
                gid = self.hb.get_nominal_glyph(ord(character)) or 0
                width = self.widths.get(gid) or int(self.hb.get_glyph_h_advance(gid))
                self._advances[character] = width
            total += width
        return total

    def box(self, gid: int) -> Box | None:
        """Return (left, bottom, right, top) of a glyph's outline in units, None if it has no ink."""
        if self.native is not None:
            box: Box | None = self.native.box(gid)
            return box
        try:
            return self._boxes[gid]
        except KeyError:
            found = self._boxes[gid] = _extents(self.hb, gid)
            return found


def _instance(face: Any, axes: Mapping[str, float], bold: float) -> Any:
    font = hb.Font(face)
    font.scale = (EM, EM)
    if axes:
        font.set_variations(dict(axes))
    if bold:
        font.synthetic_bold = (bold, bold, False)
    return font


def _strike_widths(strike: Strike) -> dict[int, int]:
    return {gid: round(b.advance * EM / strike.size) for gid, b in strike.bitmaps.items()}


def _strike_boxes(strike: Strike) -> dict[int, Box | None]:
    boxes: dict[int, Box | None] = {}
    for gid, bitmap in strike.bitmaps.items():
        (height, width), left, top = bitmap.ink.shape, bitmap.left, bitmap.top
        edges = (left, top - height, left + width, top)
        boxes[gid] = tuple(round(e * EM / strike.size) for e in edges) if height else None  # type: ignore[assignment]
    return boxes


def _extents(font: Any, gid: int) -> Box | None:
    box = font.get_glyph_extents(gid)
    # HarfBuzz emboldens what has no outline, too: it gets a width of -1 and, counted upwards, a height of 1.
    if box is None or box.width <= 0 or box.height >= 0:
        return None
    return (box.x_bearing, box.y_bearing + box.height, box.x_bearing + box.width, box.y_bearing)


@dataclass(frozen=True, slots=True)
class GlyphRun:
    """A shaped line. `ink` is (left, bottom, right, top) of the outlines' boxes in units, y upwards."""

    glyphs: tuple[Glyph, ...]
    advance: int
    ink: Box

    @property
    def has_ink(self) -> bool:
        """Return True if any glyph has an outline."""
        return self.ink[2] > self.ink[0] and self.ink[3] > self.ink[1]


def spacing(script: str, tracking: float) -> int:
    """Return the units that go between clusters of a script."""
    return 0 if script in UNTRACKED else round(tracking * EM)


def shape(
    font: TypeFont, text: str, script: str, language: str, *, rtl: bool, tracking: float = 0.0
) -> GlyphRun:
    """Shape one line of one direction; `tracking` em go between clusters of scripts that allow it.

    Raises Unshapable.
    """
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.script, buffer.language = script, language or "und"
    buffer.direction = "rtl" if rtl else "ltr"
    try:
        hb.shape(font.hb, buffer)
    except MemoryError as error:  # so it says that its own limits are reached
        raise Unshapable from error
    return _place(font, buffer, spacing(script, tracking))


def _place(font: TypeFont, buffer: Any, extra: int) -> GlyphRun:
    # Comparisons in place of min() and max(): this loop is a tenth of what a pair costs.
    glyphs: list[Glyph] = []
    left = bottom = 1 << 40
    right = top = -left
    x, before, box_of, widths = 0, -1, font.box, font.widths
    for info, pos in zip(buffer.glyph_infos or (), buffer.glyph_positions or (), strict=True):
        gid, cluster = info.codepoint, info.cluster
        move_x, move_y, advance, _ = pos.position
        if extra and cluster != before and before >= 0:
            x += extra
        before = cluster
        at, box = x + move_x, box_of(gid)
        glyphs.append((gid, at, move_y, cluster, box))
        x += widths.get(gid, advance) if widths and advance else advance
        if box is None:
            continue
        x0, y0, x1, y1 = at + box[0], move_y + box[1], at + box[2], move_y + box[3]
        left, bottom = x0 if x0 < left else left, y0 if y0 < bottom else bottom
        right, top = x1 if x1 > right else right, y1 if y1 > top else top
    ink = (left, bottom, right, top) if right >= left else (0, 0, 0, 0)
    return GlyphRun(tuple(glyphs), x, ink)
