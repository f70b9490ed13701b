"""Layout: lines of text to a block in units of the em, and the block to glyphs in the picture.

A block is shaped once and has no size. Where its glyphs land follows from the style: scale, slant, and
a geometry that turns the block in space about the middle of its ink and looks at it in perspective.
Each glyph is drawn through the affine map that touches the perspective at the glyph's middle; at the
tilts used here this differs from the true picture by less than a tenth of a pixel, and outlines stay
outlines: nothing is resampled.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from fontmilld.render.recipe import StyleSpec, TextSpec
from fontmilld.render.shaping import EM, Box, GlyphRun, Matrix, TypeFont, Unshapable, shape, spacing

if TYPE_CHECKING:
    from fontmilld.native import _core as native

# The eye's distance from the block, in lengths of the block's diagonal.
_EYE: Final = 2.0
# How much of what a line is shorter than the widest one is to its left.
_SHARES: Final = {"left": 0.0, "center": 0.5, "right": 1.0}

Corners = tuple[float, float, float, float]
Turn = tuple[float, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Composed:
    """Shaped lines. `glyphs` are (id, x, y, index in the text, ink box), origin on the first baseline.

    `ink` is the union of the boxes in units, y upwards.
    """

    glyphs: tuple[tuple[int, int, int, int, Box | None], ...]
    ink: Box
    is_complete: bool

    @property
    def has_ink(self) -> bool:
        """Return True if any glyph has an outline."""
        return self.ink[2] > self.ink[0] and self.ink[3] > self.ink[1]


@dataclass(frozen=True, slots=True)
class Laid:
    """A block in the picture: glyphs with their matrices, and each cluster's (start, box) in px.

    `owners` has, for each glyph, the start of its cluster.
    """

    glyphs: tuple[tuple[int, Matrix], ...]
    clusters: tuple[tuple[int, Corners], ...]
    owners: tuple[int, ...]


# Both are what is said above, or its equal in the compiled core.
Block: TypeAlias = "Composed | native.Block"
Placed: TypeAlias = "Laid | native.Placed"


def compose(font: TypeFont, text: TextSpec, style: StyleSpec) -> Block:
    """Shape every line of `text` (parted by newlines) and stack them, `style.leading` em apart. Raises Unshapable."""
    rtl = text.direction == "rtl"
    if font.native is not None:
        extra, share = spacing(text.script, style.tracking), _SHARES[style.align]
        try:
            block: Block = font.native.compose(text.text, text.script, text.language or "und", rtl, extra, style.leading, share)
        except OverflowError as error:
            raise Unshapable from error
        return block
    lines = text.text.split("\n")
    runs = [
        shape(font, line, text.script, text.language, rtl=rtl, tracking=style.tracking) for line in lines
    ]
    complete = all(_is_complete(font, line, run) for line, run in zip(lines, runs, strict=True))
    if len(runs) == 1:
        return Composed(runs[0].glyphs, runs[0].ink, complete)
    widest = max(run.advance for run in runs)
    glyphs, start = [], 0
    for number, (line, run) in enumerate(zip(lines, runs, strict=True)):
        dx = round((widest - run.advance) * _SHARES[style.align])
        dy = -round(number * style.leading * EM)
        glyphs += [(g, x + dx, y + dy, cluster + start, box) for g, x, y, cluster, box in run.glyphs]
        start += len(line) + 1
    return Composed(tuple(glyphs), _ink(glyphs), complete)


def _is_complete(font: TypeFont, line: str, run: GlyphRun) -> bool:
    """Return True if the line shows something, no .notdef, and no dotted circle that it does not ask for."""
    gids = [glyph[0] for glyph in run.glyphs]
    return run.has_ink and 0 not in gids and (font.circle not in gids or "\u25cc" in line)


def _ink(glyphs: list[tuple[int, int, int, int, Box | None]]) -> Box:
    boxes = [(x + b[0], y + b[1], x + b[2], y + b[3]) for _, x, y, _, b in glyphs if b is not None]
    if not boxes:
        return (0, 0, 0, 0)
    left, bottom, right, top = zip(*boxes, strict=True)
    return (min(left), min(bottom), max(right), max(top))


def extent(block: Block, style: StyleSpec) -> Corners:
    """Return (left, top, right, bottom) of the block at 1 px per em and its origin at (0, 0), y down."""
    if not isinstance(block, Composed):
        return block.extent(style.slant, _turn(block.ink, style))
    left, bottom, right, top = block.ink
    if style.is_upright:
        lean = (style.slant * bottom, style.slant * top)
        return ((left + min(lean)) / EM, -top / EM, (right + max(lean)) / EM, -bottom / EM)
    boxes = [corners for _, _, _, corners in _turned(block, style.unit())]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (min(lefts), min(tops), max(rights), max(bottoms))


def place(block: Block, style: StyleSpec, margin: int = 0) -> Placed:
    """Return where the glyphs of `block` are drawn in a picture with a margin of `margin` px around it.

    Boxes of clusters are in image coordinates: without the margin.
    """
    if not isinstance(block, Composed):
        return block.place(style.size, style.x, style.y, style.slant, style.grid, margin, _turn(block.ink, style))
    lay = _turned if not style.is_upright else _slanted if style.slant else _level
    glyphs: list[tuple[int, Matrix]] = []
    clusters: dict[int, Corners] = {}
    owners: list[int] = []
    for gid, (xx, yx, xy, yy, x, y), cluster, corners in lay(block, style):
        have = clusters.get(cluster)
        clusters[cluster] = corners if have is None else _union(have, corners)
        glyphs.append((gid, (xx, yx, xy, yy, x + margin, y + margin)))
        owners.append(cluster)
    return Laid(tuple(glyphs), tuple(sorted(clusters.items())), tuple(owners))


_Laid = Iterator[tuple[int, Matrix, int, Corners]]


def _level(block: Composed, style: StyleSpec) -> _Laid:
    """Lay glyphs side by side as they are: the usual case, with as little arithmetic as it takes."""
    scale, grid = style.size / EM, style.grid
    for gid, x, y, cluster, box in block.glyphs:
        if box is None:
            continue
        x0, y0 = style.x + scale * x, style.y - scale * y
        if grid:
            x0, y0 = math.floor(x0 * grid + 0.5) / grid, math.floor(y0 * grid + 0.5) / grid
        left, bottom, right, top = box
        corners = (x0 + scale * left, y0 - scale * top, x0 + scale * right, y0 - scale * bottom)
        yield gid, (scale, 0.0, 0.0, -scale, x0, y0), cluster, corners


def _slanted(block: Composed, style: StyleSpec) -> _Laid:
    scale, slant = style.size / EM, style.slant
    for gid, x, y, cluster, box in block.glyphs:
        if box is not None:
            matrix = (scale, 0.0, slant * scale, -scale, style.x + scale * (x + slant * y), style.y - scale * y)
            yield gid, matrix, cluster, _corners(matrix, box)


def _turned(block: Composed, style: StyleSpec) -> _Laid:
    turn = _Turn(block.ink, style)
    for gid, x, y, cluster, box in block.glyphs:
        if box is not None:
            matrix = turn.matrix(x, y, box)
            yield gid, matrix, cluster, _corners(matrix, box)


def _corners(matrix: Matrix, box: Box) -> Corners:
    xx, yx, xy, yy, x0, y0 = matrix
    left, bottom, right, top = box
    x, y, wide, high = (left + right) / 2, (bottom + top) / 2, (right - left) / 2, (top - bottom) / 2
    x, y = xx * x + xy * y + x0, yx * x + yy * y + y0
    across, down = abs(xx) * wide + abs(xy) * high, abs(yx) * wide + abs(yy) * high
    return (x - across, y - down, x + across, y + down)


def _union(a: Corners, b: Corners) -> Corners:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


@functools.lru_cache(maxsize=16)
def _rotation(angle: float, tilt_x: float, tilt_y: float) -> tuple[float, ...]:
    """Return the 3x2 matrix, row by row, that turns the page: tilts about its axes first, then in the picture's plane."""
    a, b, c = math.radians(tilt_x), math.radians(tilt_y), math.radians(angle)
    sin_a, cos_a, sin_b, cos_b, sin_c, cos_c = math.sin(a), math.cos(a), math.sin(b), math.cos(b), math.sin(c), math.cos(c)
    lean, deep = sin_a * sin_b, sin_a * cos_b
    turned = (
        cos_c * cos_b, cos_c * lean - sin_c * cos_a,
        sin_c * cos_b, sin_c * lean + cos_c * cos_a,
        -sin_b, deep,
    )  # fmt: skip
    # Rounded, so that a last-digit difference between mathematical libraries cannot move an edge.
    return tuple([round(part, 9) for part in turned])


def _turn(ink: Box, style: StyleSpec) -> Turn | None:
    """Return the eye's distance in units and the matrix of a block with this ink, None if it is upright."""
    if style.is_upright:
        return None
    left, bottom, right, top = ink
    eye = _EYE * math.hypot(right - left, top - bottom)
    ax, ay, bx, by, cx, cy = _rotation(style.rotation, style.tilt_x, style.tilt_y)
    return (eye, ax, ay, bx, by, cx, cy)


class _Turn:
    """The block turned about the middle of its ink, seen from a point in front of it."""

    def __init__(self, ink: Box, style: StyleSpec) -> None:
        left, bottom, right, top = ink
        self._style = style
        self._middle_y = (bottom + top) / 2
        self._middle_x = (left + right) / 2 + style.slant * self._middle_y
        turn = _turn(ink, style)
        assert turn is not None
        self._turn = turn

    def matrix(self, x: int, y: int, box: Box) -> Matrix:
        """Return the map of a glyph whose origin is at (x, y), exact at the middle of its box."""
        slant, scale = self._style.slant, self._style.size / EM
        at_x, at_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        px = x + at_x + slant * (y + at_y) - self._middle_x
        py = y + at_y - self._middle_y
        eye, ax, ay, bx, by, cx, cy = self._turn
        flat_x, flat_y = ax * px + ay * py, bx * px + by * py
        near = eye / (eye - (cx * px + cy * py))
        bend = near * near / eye
        ux, uy = near * ax + flat_x * bend * cx, near * ay + flat_x * bend * cy
        vx, vy = near * bx + flat_y * bend * cx, near * by + flat_y * bend * cy
        # Columns of the linear map for the slanted glyph, then the offset that meets the middle.
        xx, yx = scale * ux, -scale * vx
        xy, yy = scale * (uy + slant * ux), -scale * (vy + slant * vx)
        mid_x = self._style.x + scale * (self._middle_x + near * flat_x)
        mid_y = self._style.y - scale * (self._middle_y + near * flat_y)
        return (xx, yx, xy, yy, mid_x - xx * at_x - xy * at_y, mid_y - yx * at_x - yy * at_y)
