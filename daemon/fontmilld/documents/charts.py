"""Charts for the report as inline SVG: histograms and bars. Pure, and the same text for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

_WIDTH: Final = 360
_HEIGHT: Final = 120
_FOOT: Final = 18
_BINS: Final = 30


def histogram(title: str, unit: str, values: Sequence[float], digits: int = 1) -> str:
    """A figure of the values' distribution between their 0.5 and 99.5 per cent points, with median and mean."""
    if not values:
        return f'<figure><figcaption>{escape(title)}: nothing to show</figcaption></figure>'
    ordered = sorted(values)
    low, high = ordered[int(0.005 * len(ordered))], ordered[min(len(ordered) - 1, int(0.995 * len(ordered)))]
    counts = _binned(ordered, low, high)
    median, mean = ordered[len(ordered) // 2], math.fsum(ordered) / len(ordered)
    told = f"median {median:.{digits}f}, mean {mean:.{digits}f}, {ordered[0]:.{digits}f} to {ordered[-1]:.{digits}f} {unit}"
    ends = (
        f'<text x="0" y="{_HEIGHT + 14}">{low:.{digits}f}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{high:.{digits}f} {escape(unit)}</text>'
    )
    return (
        f'<figure><figcaption><b>{escape(title)}</b><br>{escape(told)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}" role="img" aria-label="{escape(f"{title}: {told}")}">{_bars(counts)}{ends}</svg></figure>'
    )


def _binned(values: Sequence[float], low: float, high: float) -> list[int]:
    if high <= low:
        return [len(values)]
    width, bins = (high - low) / _BINS, _BINS
    if all(isinstance(value, int) for value in values):  # so many whole numbers to each bin, or some stay empty
        width = math.ceil((high - low + 1) / _BINS)
        bins = math.ceil((high - low + 1) / width)
    counts = [0] * bins
    for value in values:
        if low <= value <= high:
            counts[min(bins - 1, int((value - low) / width))] += 1
    return counts


def _bars(counts: Sequence[int]) -> str:
    step, most = _WIDTH / len(counts), max(counts)
    return "".join(
        f'<rect x="{number * step:.1f}" y="{_HEIGHT * (1 - count / most):.1f}" width="{step - 1:.1f}" height="{_HEIGHT * count / most:.1f}"/>'
        for number, count in enumerate(counts) if count
    )


def shares(title: str, counts: Mapping[str, int], of: int = 0) -> str:
    """A figure with a bar for each name, the longest first; shares are of `of`, or of the sum of all."""
    total = of or sum(counts.values()) or 1
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{count}</td>'
        f'<td class="bar"><i style="width:{100 * count / total:.1f}%"></i></td><td class="n">{100 * count / total:.1f} %</td></tr>'
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"<figure><figcaption><b>{escape(title)}</b></figcaption><table>{rows}</table></figure>"
