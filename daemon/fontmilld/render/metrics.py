"""How far two pictures are apart, in dB. Sums are of integers: exact in any order, on any machine.

Not with NumPy's products: those go to a BLAS that starts threads of its own, in every worker.
"""

from __future__ import annotations

import math
from typing import Any

import cv2

Integers = Any


def psnr(one: Integers, other: Integers, size: int) -> float | None:
    """Return the peak signal-to-noise ratio of two uint8 arrays of `size` values; None if they are equal."""
    squares = cv2.norm(one, other, cv2.NORM_L2SQR)
    return round(10 * math.log10(255 * 255 * size / squares), 3) if squares else None


def snr(signal: Integers, noisy: Integers, size: int) -> float | None:
    """Return the variance of `signal` to the mean square of what `noisy` differs by; integers of one scale.

    Only `size` of the values count, the others are 0 in both. None if there is no noise or no signal.
    """
    power = cv2.norm(signal, noisy, cv2.NORM_L2SQR)
    mean = cv2.sumElems(signal)[0] / size
    variance = cv2.norm(signal, cv2.NORM_L2SQR) / size - mean * mean
    return round(10 * math.log10(variance * size / power), 3) if power > 0 and variance > 1e-6 else None
