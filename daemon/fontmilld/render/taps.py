"""Taps: densities made integers that sum to 2**16, and still centred; native/psf.c is the equal of `of`."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

TOTAL: Final = 2**16
_AXIS_TOTAL: Final = 2**8
# Up to here an axis is rounded tap by tap; above, that would make it too narrow, with too large a tap in the middle.
_MOST_ROUNDED_SIGMA: Final = 6.0
# What rounding may leave to one tap, if that is no more than a third of the largest, and how far it may move the centroid
# (times TOTAL: 0.01 px).
_MOST_REST: Final = 128
_MOST_MOMENT: Final = TOTAL // 100

Kernel = np.ndarray[Any, np.dtype[np.float64]]


def gaussian_axis(sigma: float) -> Kernel:
    """Return the vector, of integers that sum to 2**8, whose outer product with itself is a Gaussian's kernel."""
    if sigma > _MOST_ROUNDED_SIGMA:
        return _wide_axis(sigma)
    radius = max(1, math.ceil(3 * sigma))
    edges = [math.erf((k - 0.5) / (sigma * math.sqrt(2))) for k in range(-radius, radius + 2)]
    mass = np.diff(np.array(edges))
    axis: Kernel = np.rint(mass / mass.sum() * _AXIS_TOTAL)
    axis[radius] += _AXIS_TOTAL - axis.sum()
    return axis


def _wide_axis(sigma: float) -> Kernel:
    """Round where the mass up to each pixel's edge is, so that errors do not add up, whatever the distance."""
    ends = [round(_AXIS_TOTAL // 2 * math.erf((k + 0.5) / (sigma * math.sqrt(2)))) for k in range(math.ceil(3.5 * sigma))]
    radius = ends.index(_AXIS_TOTAL // 2)
    half = np.diff(np.array(ends[: radius + 1], np.float64))
    return np.concatenate((half[::-1], [2.0 * ends[0]], half))


def of(density: Kernel) -> Kernel:
    """Return the taps of a kernel of odd side, proportional to `density`, without a rim of zeros."""
    taps = _rounded(density)
    if taps is None:
        taps = _carried(density)
    rim = taps.shape[0] > 1 and not (taps[0].any() or taps[-1].any() or taps[:, 0].any() or taps[:, -1].any())
    return np.ascontiguousarray(taps[1:-1, 1:-1]) if rim else taps


def _rounded(density: Kernel) -> Kernel | None:
    """Return taps rounded one by one, or None where what that leaves would show or move the centroid."""
    taps: Kernel = np.rint(density / density.sum() * TOTAL)
    middle = taps.shape[0] // 2
    rest = TOTAL - taps.sum()
    if abs(rest) > min(_MOST_REST, taps.max() / 3):
        return None
    # What rounding left goes to the middle, where it moves no centroid, unless there is nothing there.
    at = (middle, middle) if taps[middle, middle] + rest >= 0 else np.unravel_index(taps.argmax(), taps.shape)
    taps[at] += rest
    away = np.arange(-middle, middle + 1)
    moved = max(abs(float(taps.sum(axis=axis) @ away)) for axis in (0, 1))
    return taps if moved <= _MOST_MOMENT else None


def _carried(density: Kernel) -> Kernel:
    """Return taps rounded so that each takes over what was left before it: no error adds up, small taps are not lost.

    To and fro, row by row, from both ends to the middle: what is symmetric about the middle stays so.
    """
    order = density.copy()
    order[1::2] = density[1::2, ::-1]
    line, middle = order.reshape(-1), order.size // 2
    total = np.cumsum(line)[-1]
    for half in (line[:middle], line[:middle:-1]):
        ends = np.rint(np.cumsum(half) / total * TOTAL)
        half[:] = np.diff(ends, prepend=0.0)
    line[middle] = 0.0
    # Where there is nothing in the middle, two halves can round to one unit too many.
    rest = TOTAL - line.sum()
    line[middle if rest >= 0 else line.argmax()] += rest
    order[1::2] = order[1::2, ::-1].copy()
    return order
