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


def sketch(font: TypeFont, usable: Iterable[int]) -> dict[str, str]:
    """Return {code point in hex: looks} for up to 16 characters of each of the 4 scripts it has most of.

    Looks are hexadecimal: advance (3 digits), width and height of the ink (3 each), 8x8 bits (16).
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for cp in usable:
        groups[charset.script_of(cp)].append(cp)
    own = [group for script, group in groups.items() if script not in _SHARED] or list(groups.values())
    most = sorted(own, key=lambda group: (-len(group), min(group)))[:_SCRIPTS]
    chosen = [cp for group in most for cp in sorted(group, key=_rank)[:_PER_SCRIPT]]
    return {f"{cp:x}": looks for cp, looks in _looks(font, sorted(chosen))}


# All faces of a script are asked about the same characters.
@functools.lru_cache(maxsize=1 << 16)
def _rank(cp: int) -> bytes:
    return hashlib.blake2b(cp.to_bytes(4, "little"), digest_size=8).digest()


def _looks(font: TypeFont, chosen: list[int]) -> Iterator[tuple[int, str]]:
    """Yield the code points of glyphs with ink, with their looks."""
    inked = [(cp, gid, box) for cp in chosen if (box := font.box(gid := font.nominal(cp) or 0)) is not None]
    inks = np.empty((len(inked), _PX, _PX), np.uint8)
    rasterizer = Rasterizer()
    for ink, (_, gid, box) in zip(inks, inked, strict=True):
        ink[:] = _stretched(font, rasterizer, gid, box)
    side = _PX // _CELLS
    cells = inks.reshape(-1, _CELLS, side, _CELLS, side).sum(axis=(2, 4), dtype=np.uint32) >= 128 * side * side
    bits = np.packbits(cells.reshape(-1, _CELLS * _CELLS), axis=1)
    for (cp, _, (left, bottom, right, top)), own in zip(inked, bits, strict=True):
        lengths = (font.reckon(chr(cp)), right - left, top - bottom)
        yield cp, "".join(f"{min(round(length / _UNIT), 0xFFF):03x}" for length in lengths) + own.tobytes().hex()


def _stretched(font: TypeFont, rasterizer: Rasterizer, gid: int, box: Box) -> Coverage:
    """Return the ink of a glyph, stretched to a square."""
    if font.strike is not None:
        return np.asarray(cv2.resize(font.strike.bitmaps[gid].ink, (_PX, _PX), interpolation=cv2.INTER_AREA))
    left, bottom, right, top = box
    across, down = (_PX / side for side in (right - left, top - bottom))
    matrix = (across, 0.0, 0.0, -down, -left * across, top * down)
    return rasterizer.coverage(font, [(gid, matrix)], (_PX, _PX))
