"""Near-duplicate faces: a sketch of what a face's glyphs look like, small enough for its record.

Faces that share most of their glyphs leak from one split of a dataset into another. A sketch takes up
to 64 characters, those whose hashes are least, so that two faces are asked about the same characters
wherever both have them, and keeps a hash of each one's picture. It finds copies, renamed faces and
subsets; a face with redrawn or re-hinted outlines, or converted curves, may look different to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from fontmilld.render.shaping import EM, Rasterizer, TypeFont

NEAR: Final = 0.9
_SAMPLE: Final = 64
_FEWEST: Final = 8
_PX: Final = 32


def sketch(font: TypeFont, usable: Iterable[int]) -> dict[str, str]:
    """Return {code point in hex: hash of the glyph's picture} for up to 64 of the usable characters."""
    rasterizer = Rasterizer()
    chosen = sorted(usable, key=_rank)[:_SAMPLE]
    return {f"{cp:x}": _looks(font, rasterizer, cp) for cp in sorted(chosen)}


def similarity(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """Return the share of characters, of those in both sketches, that look the same: 0 to 1.

    0 if fewer than 8 characters are in both (or fewer than the smaller sketch has). At NEAR and above,
    the faces should be flagged as near-duplicates.
    """
    shared = one.keys() & other.keys()
    if not shared or len(shared) < min(_FEWEST, len(one), len(other)):
        return 0.0
    return sum(one[cp] == other[cp] for cp in shared) / len(shared)


def _rank(cp: int) -> bytes:
    return hashlib.blake2b(cp.to_bytes(4, "little"), digest_size=8).digest()


def _looks(font: TypeFont, rasterizer: Rasterizer, cp: int) -> str:
    gid = font.hb.get_nominal_glyph(cp)
    box = font.box(gid)
    if box is None:
        return ""
    # From the corner of its ink, so that side bearings do not matter.
    scale = _PX / EM
    shape = (int((box[3] - box[1]) * scale) + 2, int((box[2] - box[0]) * scale) + 2)
    if max(shape) > 8 * _PX:
        return ""
    picture = rasterizer.coverage(font, [(gid, (scale, 0.0, 0.0, -scale, -box[0] * scale, box[3] * scale))], shape)
    # Two bits a pixel: rounding in the outlines should not show.
    data = bytes(shape) + (picture >> 6).tobytes()
    return hashlib.blake2b(data, digest_size=4).hexdigest()
