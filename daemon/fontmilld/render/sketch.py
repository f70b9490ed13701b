"""Near-duplicate faces: a sketch of what a face's glyphs look like, small enough for its record.

Faces that share most of their glyphs leak from one split of a dataset into another. A sketch takes, of
each of a face's main scripts, the 16 characters whose hashes are least, so that two faces are asked about
the same characters wherever both have them. Of each it keeps the advance, the size of the ink, and an
8x8 picture of it in one bit a cell. That is coarse enough to see through converted curves, hinting and
other units per em, and fine enough to tell faces of one family apart.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fontmilld.render import charset
from fontmilld.render.shaping import EM, Rasterizer, TypeFont

Sketch = Mapping[str, str]

NEAR: Final = 0.9
_PER_SCRIPT: Final = 16
_SCRIPTS: Final = 4
_FEWEST: Final = 8
# Digits and dots alone make no twins.
_SHARED: Final = frozenset({"Zyyy", "Zinh", "Zzzz", "Brai"})
_CELLS: Final = 8
_PX: Final = 32
# Lengths are in 1/500 em; what curves and rounding move stays within these.
_UNIT: Final = EM / 500
_LENGTH_ROOM: Final = 2
_BIT_ROOM: Final = 5
# Where so many faces look alike, each is compared with its neighbours in order only.
_CROWD: Final = 16


@dataclass(frozen=True, slots=True)
class Twin:
    """Another face, by its place in order, the share of compared characters that look alike in it, and the
    scripts in which nearly all do."""

    at: int
    similarity: float
    scripts: tuple[str, ...]


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


def near_duplicates(sketches: Sequence[Sketch]) -> list[list[Twin]]:
    """Return, for each sketch, those that look like it in 9 of 10 characters of a script, in order.

    A script counts if 8 of its characters, or all that the smaller sketch has, are in both. Only faces
    that have characters of the same size in common are compared, so thousands are no matter.
    """
    near: list[list[Twin]] = [[] for _ in sketches]
    for at, other in _candidates(sketches):
        share, scripts = _compared(sketches[at], sketches[other])
        if scripts:
            near[at].append(Twin(other, share, scripts))
            near[other].append(Twin(at, share, scripts))
    return [sorted(found, key=lambda twin: twin.at) for found in near]


def _candidates(sketches: Sequence[Sketch]) -> list[tuple[int, int]]:
    alike: dict[tuple[str, int, int, int], list[int]] = defaultdict(list)
    for at, found in enumerate(sketches):
        for cp, looks in found.items():
            advance, width = int(looks[:3], 16), int(looks[3:6], 16)
            # Two grids, half a cell apart: lengths that differ by little meet in one of them.
            for shift in (0, 2):
                alike[cp, shift, (advance + shift) // 4, (width + shift) // 4].append(at)
    met: Counter[tuple[int, int]] = Counter()
    for places in alike.values():
        for number, at in enumerate(places):
            met.update((at, other) for other in places[number + 1 : number + 1 + _CROWD])
    return sorted(pair for pair, times in met.items() if times >= min(_FEWEST, *(len(sketches[n]) for n in pair)))


def _compared(one: Sketch, other: Sketch) -> tuple[float, tuple[str, ...]]:
    """Return the share of shared characters that look alike, and the scripts where NEAR or more do."""
    same: dict[str, list[bool]] = defaultdict(list)
    for cp in one.keys() & other.keys():
        same[charset.script_of(int(cp, 16))].append(_alike(one[cp], other[cp]))
    least = min(_FEWEST, len(one), len(other))
    near = (script for script, found in same.items() if len(found) >= least and sum(found) >= NEAR * len(found))
    every = [each for found in same.values() for each in found]
    return round(sum(every) / max(1, len(every)), 3), tuple(sorted(near))


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    lengths = (abs(int(one[at : at + 3], 16) - int(other[at : at + 3], 16)) for at in (0, 3, 6))
    return max(lengths) <= _LENGTH_ROOM and (int(one[9:], 16) ^ int(other[9:], 16)).bit_count() <= _BIT_ROOM


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
    cells = ink.reshape(_CELLS, side, _CELLS, side).mean(axis=(1, 3)) >= 128
    lengths = (font.reckon(chr(cp)), right - left, top - bottom)
    packed = "".join(f"{min(round(length / _UNIT), 0xFFF):03x}" for length in lengths)
    return packed + np.packbits(cells).tobytes().hex()
