"""A sketch of what a face's glyphs look like, small enough for its record: near-duplicates are found by it.

A sketch takes, of each of a face's main scripts, the 16 characters whose hashes are least, so that two faces
are asked about the same characters wherever both have them. Of each it keeps the advance, the size of the
ink, and an 8x8 picture of it in one bit a cell. That is coarse enough to see through converted curves,
hinting and other units per em, and fine enough to tell faces of one family apart.
"""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import cv2
import numpy as np

from fontmilld.render import charset
from fontmilld.render.raster import Rasterizer
from fontmilld.render.shaping import EM, Box, Coverage, TypeFont

_PER_SCRIPT: Final = 16
_SCRIPTS: Final = 4
# Digits and dots alone make no twins.
_SHARED: Final = frozenset({"Zyyy", "Zinh", "Zzzz", "Brai"})
_CELLS: Final = 8
_PX: Final = 32
# Lengths are in so much of an em.
_UNIT: Final = EM / 500


def sketch(font: TypeFont, usable: frozenset[int]) -> dict[str, str]:
    """Return {code point in hex: looks} for up to 16 characters of each of the 4 scripts it has most of.

    Looks are hexadecimal: advance (3 digits), width and height of the ink (3 each), 8x8 bits (16).
    """
    return {f"{cp:x}": looks for cp, looks in _looks(font, _chosen(usable))}


# Most faces of a family have the same characters.
@functools.lru_cache(maxsize=4)
def _chosen(usable: frozenset[int]) -> tuple[int, ...]:
    groups: dict[str, list[int]] = defaultdict(list)
    for cp in usable:
        groups[charset.script_of(cp)].append(cp)
    own = [group for script, group in groups.items() if script not in _SHARED] or list(groups.values())
    most = sorted(own, key=lambda group: (-len(group), min(group)))[:_SCRIPTS]
    return tuple(sorted(cp for group in most for cp in sorted(group, key=_rank)[:_PER_SCRIPT]))


# All faces of a script are asked about the same characters.
@functools.lru_cache(maxsize=1 << 16)
def _rank(cp: int) -> bytes:
    return hashlib.blake2b(cp.to_bytes(4, "little"), digest_size=8).digest()


def _looks(font: TypeFont, chosen: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Yield the code points of glyphs with ink, with their looks."""
    inked = [(cp, gid, box) for cp in chosen if (box := font.box(gid := font.nominal(cp) or 0)) is not None]
    bits = _thumbnails(font, [(gid, box) for _, gid, box in inked])
    for number, (cp, _, (left, bottom, right, top)) in enumerate(inked):
        advance, width, height = (
            min(round(length / _UNIT), 0xFFF) for length in (font.reckon(chr(cp)), right - left, top - bottom)
        )
        yield cp, f"{advance:03x}{width:03x}{height:03x}{bits[_CELLS * number : _CELLS * (number + 1)].hex()}"


def _thumbnails(font: TypeFont, inked: list[tuple[int, Box]]) -> bytes:
    """Return for each glyph 8 bytes: whether the cells of its ink, stretched to a square, are half full."""
    if font.native is not None:
        return bytes(font.native.thumbnails([gid for gid, _ in inked]))
    inks = np.empty((len(inked), _PX, _PX), np.uint8)
    rasterizer = Rasterizer()
    for ink, (gid, box) in zip(inks, inked, strict=True):
        ink[:] = _stretched(font, rasterizer, gid, box)
    side = _PX // _CELLS
    cells = inks.reshape(-1, _CELLS, side, _CELLS, side).sum(axis=(2, 4), dtype=np.uint32) >= 128 * side * side
    return np.packbits(cells.reshape(-1, _CELLS * _CELLS), axis=1).tobytes()


def _stretched(font: TypeFont, rasterizer: Rasterizer, gid: int, box: Box) -> Coverage:
    """Return the ink of a glyph, stretched to a square."""
    if font.strike is not None:
        return np.asarray(cv2.resize(font.strike.bitmaps[gid].ink, (_PX, _PX), interpolation=cv2.INTER_AREA))
    left, bottom, right, top = box
    across, down = (_PX / side for side in (right - left, top - bottom))
    matrix = (across, 0.0, 0.0, -down, -left * across, top * down)
    return rasterizer.coverage(font, [(gid, matrix)], (_PX, _PX))
