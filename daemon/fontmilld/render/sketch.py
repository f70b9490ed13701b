"""Near-duplicate faces: a sketch of what a face's glyphs look like, small enough for its record.

Faces that share most of their glyphs leak from one split of a dataset into another. A sketch takes, of
each script, up to 32 characters, those whose hashes are least, so that two faces are asked about the
same characters wherever both have them, and keeps a hash of each one's picture. It finds copies, renamed
faces, subsets and borrowed alphabets; a face with redrawn or re-hinted outlines, or converted curves,
may look different to it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fontmilld.render import charset
from fontmilld.render.shaping import EM, Rasterizer, TypeFont

Sketch = Mapping[str, str]

NEAR: Final = 0.9
_PER_SCRIPT: Final = 32
_SCRIPTS: Final = 6
_FEWEST: Final = 8
_PX: Final = 32
# Where so many faces look alike, each is compared with its neighbours in order only.
_CROWD: Final = 64


def sketch(font: TypeFont, usable: Iterable[int]) -> dict[str, str]:
    """Return {code point in hex: hash of the glyph's picture} for up to 32 of the usable characters of
    each of the 6 scripts that the face has most of."""
    rasterizer = Rasterizer()
    groups: dict[str, list[int]] = defaultdict(list)
    for cp in usable:
        groups[charset.script_of(cp)].append(cp)
    most = sorted(groups.values(), key=lambda group: (-len(group), min(group)))[:_SCRIPTS]
    chosen = [cp for group in most for cp in sorted(group, key=_rank)[:_PER_SCRIPT]]
    return {f"{cp:x}": _looks(font, rasterizer, cp) for cp in sorted(chosen)}


def similarity(one: Sketch, other: Sketch) -> float:
    """Return the share of characters, of those in both sketches, that look the same: 0 to 1.

    0 if fewer than 8 characters are in both (or fewer than the smaller sketch has). At NEAR and above,
    the faces are near-duplicates.
    """
    shared = one.keys() & other.keys()
    if not shared or len(shared) < min(_FEWEST, len(one), len(other)):
        return 0.0
    return sum(one[cp] == other[cp] for cp in shared) / len(shared)


def near_duplicates(sketches: Sequence[Sketch]) -> list[list[tuple[int, float]]]:
    """Return, for each sketch, (position, similarity) of those that are NEAR it or nearer, in order.

    Only faces that have the look of a character in common are compared, so thousands are no matter.
    """
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, found in enumerate(sketches):
        for entry in found.items():
            alike[entry].append(at)
    met: Counter[tuple[int, int]] = Counter()
    for places in alike.values():
        for number, at in enumerate(places):
            met.update((at, other) for other in places[number + 1 : number + 1 + _CROWD])
    near: list[list[tuple[int, float]]] = [[] for _ in sketches]
    for at, other in sorted(met):
        share = similarity(sketches[at], sketches[other])
        if share >= NEAR:
            near[at].append((other, round(share, 3)))
            near[other].append((at, round(share, 3)))
    return [sorted(found) for found in near]


def _rank(cp: int) -> bytes:
    return hashlib.blake2b(cp.to_bytes(4, "little"), digest_size=8).digest()


def _looks(font: TypeFont, rasterizer: Rasterizer, cp: int) -> str:
    gid = font.hb.get_nominal_glyph(cp)
    box = font.box(gid)
    if box is None:
        return ""
    # From the corner of its ink, so that side bearings do not matter.
    size = font.strike.size if font.strike else _PX
    scale = size / EM
    shape = (int((box[3] - box[1]) * scale) + 2, int((box[2] - box[0]) * scale) + 2)
    if max(shape) > 8 * size:
        return ""
    picture = rasterizer.coverage(font, [(gid, (scale, 0.0, 0.0, -scale, -box[0] * scale, box[3] * scale))], shape)
    # Two bits a pixel: rounding in the outlines should not show.
    data = bytes(min(side, 255) for side in shape) + (picture >> 6).tobytes()
    return hashlib.blake2b(data, digest_size=4).hexdigest()
