"""Near-duplicate faces, found by their sketches (sketch.py); the supervisor imports this, and nothing that draws.

Faces that share most of their glyphs leak from one split of a dataset into another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fontmilld.render import charset

Sketch = Mapping[str, str]

NEAR: Final = 0.9
_FEWEST: Final = 8
# What curves and rounding move stays within these: lengths in units of a sketch, cells of a picture.
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
    met = Counter(
        (at, other) for places in alike.values()
        for number, at in enumerate(places) for other in places[number + 1 : number + 1 + _CROWD]
    )
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
