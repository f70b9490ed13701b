"""Degrading many pictures at once, where all are blurred in the same way and then get noise.

Everything is in 16-bit integers, 1/64 of a code each: sums are exact, so a picture comes out the same in a strip of
any length. The compiled core takes one picture after the other, row by row; without it, they lie below each other in
one array, so that one call blurs them all and one adds the noise, and their margins keep them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from fontmilld.native import core
from fontmilld.render import metrics, noise
from fontmilld.render.degrade import Plan
from fontmilld.render.light import Picture
from fontmilld.render.taps import Kernel

_AXIS: Final = 256.0

Key = tuple[tuple[int, ...], bytes]
Fine = np.ndarray[Any, np.dtype[np.int16]]


class Finished(NamedTuple):
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
    if step.kind != "gaussian-noise" or step["sigma"] > noise.MOST_FINE_SIGMA:
        return None
    return (scene.shape, axis.tobytes())


def degrade(scenes: Sequence[Picture], plans: Sequence[Plan]) -> list[Finished]:
    """Degrade pictures that have one `key`; uint8, each with its plan's margin on all sides."""
    return _stacked(scenes, plans) if core is None else _compiled(scenes, plans)


def _compiled(scenes: Sequence[Picture], plans: Sequence[Plan]) -> list[Finished]:
    assert core is not None
    margin, (rows, cols, *rest) = plans[0].margin, scenes[0].shape
    channels = rest[0] if rest else 1
    height, length = rows - 2 * margin, (cols - 2 * margin) * channels
    axis = _axis(plans[0])
    taps = axis[axis.size // 2 :].astype(np.uint16)
    clear, noisy = np.empty((2, len(scenes), height, 1 + length), np.uint8)
    steps = [plan.spec.steps[1] for plan in plans]
    seeds, gains = [step["seed"] for step in steps], [noise.gain(step["sigma"]) for step in steps]
    sums = core.degrade_strip(scenes, seeds, gains, (rows, cols, channels), margin, taps, noise.pool(), clear, noisy)
    size = height * length
    return [
        Finished(sharp, soft, metrics.psnr_of(apart, size), metrics.snr_of(power, total, squares, size))
        for sharp, soft, (apart, power, total, squares) in zip(clear, noisy, sums, strict=True)
    ]


def _stacked(scenes: Sequence[Picture], plans: Sequence[Plan]) -> list[Finished]:
    margin, (rows, cols, *rest) = plans[0].margin, scenes[0].shape
    channels = rest[0] if rest else 1
    height, length = rows - 2 * margin, (cols - 2 * margin) * channels
    strip = np.concatenate(scenes)
    # One value more to the left than the picture has: its place is that of the filter byte.
    window = slice(margin, margin + height), slice(margin * channels - 1, margin * channels + length)
    clear = np.array(strip.reshape(-1, rows, cols * channels)[:, *window])
    clear[:, :, 0] = 0
    blurred = _blurred(strip, _axis(plans[0])).reshape(-1, rows, cols * channels)[:, *window].copy()
    blurred[:, :, 0] = 0
    noisy = _noisy(blurred, plans)
    back = np.left_shift(noisy, noise.SHIFT, dtype=np.int16)
    size = height * length
    return [
        Finished(clear[n], noisy[n], metrics.psnr(clear[n], noisy[n], size), metrics.snr(blurred[n], back[n], size))
        for n in range(len(scenes))
    ]


def _axis(plan: Plan) -> Kernel:
    kernel = plan.kernels[0]
    assert kernel is not None and kernel.axis is not None
    return kernel.axis


def _blurred(strip: Picture, taps: Kernel) -> Fine:
    axis = taps * (1 / _AXIS)
    return np.asarray(cv2.sepFilter2D(strip, cv2.CV_16S, axis, axis * noise.FINE))


def _noisy(blurred: Fine, plans: Sequence[Plan]) -> Picture:
    count, height, length = blurred.shape
    summed = noise.fine_fields([plan.spec.steps[1] for plan in plans], (height, length))
    summed += blurred.reshape(count * height, length)
    summed[:, 0] = 0
    # To the nearest code, halves up.
    summed += noise.FINE // 2
    summed >>= noise.SHIFT
    noisy: Picture = np.clip(summed, 0, 255, out=summed).astype(np.uint8)
    return noisy.reshape(count, height, length)
