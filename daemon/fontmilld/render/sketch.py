"""A sketch of what a face's glyphs look like, small enough for its record: near-duplicates are found by it.

A sketch takes, of each of a face's main scripts, the 16 characters whose hashes are least, so that two faces
are asked about the same characters wherever both have them. Of each it keeps the advance, the size of the
ink, and an 8x8 picture of it in one bit a cell. That is coarse enough to see through converted curves,
hinting and other units per em, and fine enough to tell faces of one family apart.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np

from fontmilld.render import charset
from fontmilld.render.raster import Rasterizer
from fontmilld.render.shaping import EM, TypeFont

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
    rasterizer = Rasterizer()
    groups: dict[str, list[int]] = defaultdict(list)
    for cp in usable:
        groups[charset.script_of(cp)].append(cp)
    own = [group for script, group in groups.items() if script not in _SHARED] or list(groups.values())
    most = sorted(own, key=lambda group: (-len(group), min(group)))[:_SCRIPTS]
    chosen = [cp for group in most for cp in sorted(group, key=_rank)[:_PER_SCRIPT]]
    return {f"{cp:x}": looks for cp in sorted(chosen) if (looks := _looks(font, rasterizer, cp))}


def _rank(cp: int) -> bytes:
    return hashlib.blake2b(cp.to_bytes(4, "little"), digest_size=8).digest()


def _looks(font: TypeFont, rasterizer: Rasterizer, cp: int) -> str:
    gid = font.nominal(cp) or 0
    box = font.box(gid)
    if box is None:
        return ""
    left, bottom, right, top = box
    across, down = (_PX / side for side in (right - left, top - bottom))
    if font.strike is not None:
        ink = np.asarray(cv2.resize(font.strike.bitmaps[gid].ink, (_PX, _PX), interpolation=cv2.INTER_AREA))
    else:
        matrix = (across, 0.0, 0.0, -down, -left * across, top * down)
        ink = rasterizer.coverage(font, [(gid, matrix)], (_PX, _PX))
    side = _PX // _CELLS
    cells = ink.reshape(_CELLS, side, _CELLS, side).sum(axis=(1, 3), dtype=np.uint32) >= 128 * side * side
    lengths = (font.reckon(chr(cp)), right - left, top - bottom)
    packed = "".join(f"{min(round(length / _UNIT), 0xFFF):03x}" for length in lengths)
    return packed + np.packbits(cells).tobytes().hex()
