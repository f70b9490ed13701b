"""Near-duplicate faces, found by their sketches (sketch.py); the supervisor imports this, and nothing that draws.

Faces that share most of their glyphs leak from one split of a dataset into another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from fontmilld.render import charset

Sketch = Mapping[str, str]

NEAR: Final = 0.9
_FEWEST: Final = 8
# What curves and rounding move stays within these: lengths in units of a sketch, cells of a picture.
_LENGTH_ROOM: Final = 2
_BIT_ROOM: Final = 5
# Where so many faces look alike, each is compared with its neighbours in order only.
_CROWD: Final = 16


class Twin(NamedTuple):
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
    of_equals: dict[int, tuple[float, tuple[str, ...]]] = {}
    for at, other in _candidates(sketches):
        one = sketches[at]
        if one == sketches[other]:  # whoever has many copies and conversions of a font has many such pairs
            share, scripts = of_equals.get(at) or of_equals.setdefault(at, _compared(one, one))
        else:
            share, scripts = _compared(one, sketches[other])
        if scripts:
            near[at].append(Twin(other, share, scripts))
            near[other].append(Twin(at, share, scripts))
    return [sorted(found, key=lambda twin: twin.at) for found in near]


def _candidates(sketches: Sequence[Sketch]) -> list[tuple[int, int]]:
    crowds = Counter(tuple(sorted(places)) for places in _cells(sketches))
    met = Counter(pair for places, times in crowds.items() if times == 1 for pair in _neighbours(places))
    for places, times in crowds.items():
        if times > 1:
            met.update(dict.fromkeys(_neighbours(places), times))
    return sorted(pair for pair, times in met.items() if times >= min(_FEWEST, *(len(sketches[n]) for n in pair)))


def _cells(sketches: Sequence[Sketch]) -> Iterator[list[int]]:
    """Yield, for every character and size it has, the places of two or more sketches that have it so."""
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, found in enumerate(sketches):
        for drawn in found.items():
            same[drawn].append(at)
    alike: dict[tuple[str, int, int, int], list[int]] = defaultdict(list)
    for (cp, looks), places in same.items():
        advance, width = int(looks[:3], 16), int(looks[3:6], 16)
        # Two grids, half a cell apart: lengths that differ by little meet in one of them.
        for shift in (0, 2):
            alike[cp, shift, (advance + shift) // 4, (width + shift) // 4] += places
    return (places for places in alike.values() if len(places) > 1)


def _neighbours(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((at, other) for number, at in enumerate(places) for other in places[number + 1 : number + 1 + _CROWD])


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
