"""Degrading many pictures at once, where all are blurred and get noise in the same way.

The pictures lie below each other in one array, so that one call blurs them all and one adds the noise; their
margins keep them apart. Everything is in 16-bit integers, 1/64 of a code each: sums are exact, so
a picture comes out the same in a strip of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.render import metrics, noise, psf
from fontmilld.render.degrade import Plan
from fontmilld.render.light import Picture

_SHIFT: Final = 6
_FINE: Final = 1 << _SHIFT
# Noise is at most 5.3 sigma in the pool: with these the sum still fits 16 bits.
_MOST_SIGMA: Final = 40.0
_AXIS: Final = 256.0

Key = tuple[tuple[int, ...], bytes, float]
Fine = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True, slots=True)
class Finished:
    """Both halves as the lines of their PNG files (see encode.lines), and what was measured, in dB."""

    clear: Picture
    blurred: Picture
    psnr: float | None
    snr: float | None


def key(scene: Picture, plan: Plan) -> Key | None:
    """Return what pictures of one strip have in common, None for a picture that cannot be in one."""
    spec, axis = plan.spec, plan.kernels[0].axis if plan.kernels and plan.kernels[0] else None
    if axis is None or spec.light != "gamma" or spec.scale != 1 or len(spec.steps) != 2:
        return None
    step = spec.steps[1]
    if step.kind != "gaussian-noise" or step["sigma"] > _MOST_SIGMA:
        return None
    return (scene.shape, axis.tobytes(), float(step["sigma"]))


def degrade(scenes: Sequence[Picture], plans: Sequence[Plan]) -> list[Finished]:
    """Degrade pictures that have one `key`; uint8, each with its plan's margin on all sides."""
    margin, (rows, cols, *rest) = plans[0].margin, scenes[0].shape
    channels = rest[0] if rest else 1
    height, length = rows - 2 * margin, (cols - 2 * margin) * channels
    strip = np.concatenate(scenes)
    # One value more to the left than the picture has: its place is that of the filter byte.
    window = slice(margin, margin + height), slice(margin * channels - 1, margin * channels + length)
    clear = np.array(strip.reshape(-1, rows, cols * channels)[:, *window])
    clear[:, :, 0] = 0
    blurred = _blurred(strip, plans[0].kernels[0]).reshape(-1, rows, cols * channels)[:, *window].copy()
    blurred[:, :, 0] = 0
    noisy = _noisy(blurred, plans)
    back = np.left_shift(noisy, _SHIFT, dtype=np.int16)
    size = height * length
    return [
        Finished(clear[n], noisy[n], metrics.psnr(clear[n], noisy[n], size), metrics.snr(blurred[n], back[n], size))
        for n in range(len(scenes))
    ]


def _blurred(strip: Picture, kernel: psf.Psf | None) -> Fine:
    assert kernel is not None and kernel.axis is not None
    axis = kernel.axis * (1 / _AXIS)
    return np.asarray(cv2.sepFilter2D(strip, cv2.CV_16S, axis, axis * _FINE))


def _noisy(blurred: Fine, plans: Sequence[Plan]) -> Picture:
    count, height, length = blurred.shape
    summed = noise.fine_fields([plan.spec.steps[1] for plan in plans], (height, length), _FINE)
    summed += blurred.reshape(count * height, length)
    summed[:, 0] = 0
    # To the nearest code, halves up.
    summed += _FINE // 2
    summed >>= _SHIFT
    noisy: Picture = np.clip(summed, 0, 255, out=summed).astype(np.uint8)
    return noisy.reshape(count, height, length)
