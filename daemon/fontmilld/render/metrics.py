"""How far two pictures are apart, in dB. Sums are of integers: exact in any order, on any machine.

Not with NumPy's products: those go to a BLAS that starts threads of its own, in every worker.
"""

from __future__ import annotations

import math
from typing import Any, Final

import cv2

Integers = Any

# Squares of so many values, below 2**16, stay so far below 2**53 that a last digit lost is found again by rounding.
_MOST_VALUES: Final = 1 << 18


def psnr(one: Integers, other: Integers, size: int) -> float | None:
    """Return the peak signal-to-noise ratio of two uint8 arrays of `size` values; None if they are equal."""
    return psnr_of(_squares(one, other), size)


def psnr_of(apart: int, size: int) -> float | None:
    """Return `psnr` of two arrays whose differences, squared, sum to `apart`."""
    return round(10 * math.log10(255 * 255 * size / apart), 3) if apart else None


def snr(signal: Integers, noisy: Integers, size: int) -> float | None:
    """Return the variance of `signal` to the mean square of what `noisy` differs by; integers of one scale, below 2**16.

    Only `size` of the values count, the others are 0 in both. None if there is no noise or no signal.
    """
    return snr_of(_squares(signal, noisy), round(sum(cv2.sumElems(signal))), _squares(signal), size)


def snr_of(power: int, total: int, squares: int, size: int) -> float | None:
    """Return `snr` of sums: of squared differences, of the signal, and of its squares."""
    spread = squares * size - total * total
    return round(10 * math.log10(spread / (size * power)), 3) if power and spread else None


def _squares(one: Integers, other: Integers = None) -> int:
    """Return the sum of the squares of an array, or of what two differ by."""
    rows = max(1, _MOST_VALUES // one[0].size)
    if rows >= len(one):
        return round(cv2.norm(one, cv2.NORM_L2SQR) if other is None else cv2.norm(one, other, cv2.NORM_L2SQR))
    parts = range(0, len(one), rows)
    return sum(_squares(one[at : at + rows], None if other is None else other[at : at + rows]) for at in parts)
