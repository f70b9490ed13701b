"""Sets of sample indices as sorted, disjoint, inclusive ranges. Immutable and compact on disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LARGEST = 1 << 62
"""No index is larger: their number is a size, and a damaged file must not claim more."""


@dataclass(frozen=True, slots=True)
class RangeSet:
    """Indices >= 1. `spans` is sorted, disjoint and not touching; build with `RangeSet.of`."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Iterable[int]]) -> RangeSet:
        """Normalise any (first, last) pairs, overlapping or not. Raises ValueError on a bad pair."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted((int(a), int(b)) for a, b in spans):
            if first < 1 or last < first or last > LARGEST:
                raise ValueError(f"not a range of indices: {first}..{last}")
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def span(cls, first: int, last: int) -> RangeSet:
        """first..last inclusive; empty when last < first."""
        return cls(((first, last),)) if last >= first else cls()

    def __len__(self) -> int:
        count = 0
        for first, last in self.spans:
            count += last - first + 1
        return count

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.spans:
            yield from range(first, last + 1)

    def __contains__(self, index: int) -> bool:
        at = bisect_right(self.spans, (index, LARGEST)) - 1
        return at >= 0 and index <= self.spans[at][1]

    def __or__(self, other: RangeSet) -> RangeSet:
        if not self.spans or not other.spans:
            return other if other.spans else self
        if len(other.spans) == 1 and other.spans[0][0] > self.spans[-1][0]:
            return self._appended(*other.spans[0])
        return RangeSet.of((*self.spans, *other.spans))

    def _appended(self, first: int, last: int) -> RangeSet:
        """The common case in constant time: a batch behind everything else (I8)."""
        begin, end = self.spans[-1]
        if first <= end + 1:
            return RangeSet((*self.spans[:-1], (begin, max(end, last))))
        return RangeSet((*self.spans, (first, last)))

    def __sub__(self, other: RangeSet) -> RangeSet:
        if not self.spans or not other.spans:
            return self
        out: list[tuple[int, int]] = []
        holes = list(other.spans)
        at = 0
        for first, last in self.spans:
            begin = first
            while at < len(holes) and holes[at][1] < begin:
                at += 1
            probe = at
            while probe < len(holes) and holes[probe][0] <= last:
                if holes[probe][0] > begin:
                    out.append((begin, holes[probe][0] - 1))
                begin = max(begin, holes[probe][1] + 1)
                probe += 1
            if begin <= last:
                out.append((begin, last))
        return RangeSet(tuple(out))

    def __and__(self, other: RangeSet) -> RangeSet:
        return self - (self - other)

    @property
    def first(self) -> int:
        """The smallest index. Raises IndexError when empty."""
        return self.spans[0][0]

    @property
    def last(self) -> int:
        """The largest index. Raises IndexError when empty."""
        return self.spans[-1][1]

    def take(self, count: int) -> tuple[RangeSet, RangeSet]:
        """The first contiguous run of at most `count` indices, and the rest."""
        if not self.spans or count < 1:
            return RangeSet(), self
        first, last = self.spans[0]
        end = min(last, first + count - 1)
        rest = ((end + 1, last), *self.spans[1:]) if end < last else self.spans[1:]
        return RangeSet(((first, end),)), RangeSet(rest)

    def to_list(self) -> list[list[int]]:
        """JSON form: [[first, last], ...]."""
        return [[first, last] for first, last in self.spans]
