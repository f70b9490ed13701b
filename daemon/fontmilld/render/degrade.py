"""Degrading a picture: the steps of a recipe on sRGB codes held in floats, and one quantisation.

Lengths shrink on the way: the scene comes with a margin, blur uses it up, what is left is cut away as
soon as no later step can look beyond the picture's border.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.native import core
from fontmilld.render import extensions, light, metrics, noise, psf
from fontmilld.render.light import Codes, Picture
from fontmilld.render.psf import Psf
from fontmilld.render.recipe import Degradation, Spec

RESIZES: Final = frozenset({"resize", "target-resize", "final-resize"})
_FILTERS: Final = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
_GRID: Final = np.float32(256)


@dataclass(frozen=True, slots=True)
class Plan:
    """A degradation made ready: the kernel of each blurring step, and the margin its scene needs, px."""

    spec: Degradation
    kernels: tuple[Psf | None, ...]
    margin: int

    @property
    def first_kernel(self) -> Psf | None:
        """Return the kernel of the first blur, None if nothing is blurred."""
        return next((kernel for kernel in self.kernels if kernel is not None), None)


@dataclass(frozen=True, slots=True)
class Degraded:
    """The degraded picture (uint8), and its signal-to-noise ratio in dB.

    `snr` compares the variance of what the steps before the first noise gave with the mean square of
    what came after. It is None without noise, and where a later step blurs or resizes.
    """

    picture: Picture
    snr: float | None


def prepare(spec: Degradation) -> Plan:
    """Build the kernels of `spec` and find the margin; a multiple of the scale, at least 1."""
    kernels = tuple(psf.build(step) if step.kind in psf.KINDS else None for step in spec.steps)
    margin, factor = 0.0, 1.0
    for step, kernel in zip(spec.steps, kernels, strict=True):
        if kernel is not None:
            margin += kernel.radius / factor
        elif step.kind in RESIZES:
            factor = _factor(step, factor, spec.scale)
            margin += 2 / min(1.0, factor)
    whole = max(1, math.ceil(margin))
    return Plan(spec, kernels, -(-whole // spec.scale) * spec.scale)


def degrade(scene: Picture, plan: Plan, margin: int) -> Degraded:
    """Return the degraded picture of `scene`, which is uint8, (rows, cols) or (rows, cols, 3), and has
    `margin` px too many on each side. Raises ValueError if that does not cover the plan's.
    """
    if margin < plan.margin or margin % plan.spec.scale:
        raise ValueError(f"a margin of {margin} px does not cover {plan.margin} px at 1/{plan.spec.scale}")
    frame = _Frame(scene, margin, plan.spec)
    clean: Codes | None = None
    last_wide = _last_wide(plan)
    for number, (step, kernel) in enumerate(zip(plan.spec.steps, plan.kernels, strict=True)):
        if number > last_wide:
            frame.crop()
            if clean is None:
                clean = frame.codes
        frame.take(step, kernel)
    frame.crop()
    picture = frame.quantised()
    return Degraded(picture, None if clean is None or _noisy_before(plan, last_wide) else _snr(picture, clean))


def _factor(step: Spec, before: float, scale: int) -> float:
    """Return how many times larger than the scene a picture is after a resizing step."""
    if step.kind == "resize":
        return before * float(step["factor"])
    return float(step["factor"]) / scale if step.kind == "target-resize" else 1 / scale


def _last_wide(plan: Plan) -> int:
    """Return the number of the last step that looks beyond a pixel's own place, -1 if none does."""
    wide = [n for n, (s, k) in enumerate(zip(plan.spec.steps, plan.kernels, strict=True)) if k or s.kind in RESIZES]
    return max(wide, default=-1)


def _noisy_before(plan: Plan, last_wide: int) -> bool:
    steps = zip(plan.spec.steps[: last_wide + 1], plan.kernels, strict=False)
    return any(kernel is None and step.kind not in RESIZES for step, kernel in steps)


def _snr(picture: Picture, clean: Any) -> float | None:
    codes = np.asarray(clean, np.float32)
    if core is not None:
        power, total, squares = core.compared(codes, picture)
        return metrics.snr_of(power, total, squares, picture.size)
    signal = np.rint(np.clip(codes, 0, 255) * _GRID).astype(np.int32)
    return metrics.snr(signal, picture.astype(np.int32) << 8, signal.size)


class _Frame:
    """A picture under way: codes in float32 (8-bit integers until the first step that needs more)."""

    def __init__(self, scene: Picture, margin: int, spec: Degradation) -> None:
        self.codes: Any = scene
        # Whole codes of a later step are blurred like fractions of codes are.
        self._is_scene = True
        self._spec = spec
        self._margin = margin
        # The finished size, and how many px (fractions, once resized) of margin remain on each side.
        self._full = (scene.shape[0], scene.shape[1])
        self._rest = float(margin)

    def take(self, step: Spec, kernel: Psf | None) -> None:
        """Carry out one step; raises KeyError for an unknown kind."""
        if kernel is not None:
            self._blur(kernel)
        elif step.kind == "resize":
            factor = float(step["factor"])
            self._resize(tuple(max(4, round(side * factor)) for side in self.codes.shape[:2]), step["filter"])
        elif step.kind in RESIZES:
            factor = float(step["factor"]) if step.kind == "target-resize" else 1.0
            sides = (side // self._spec.scale * factor for side in self._full)
            self._resize(tuple(max(4, round(side)) for side in sides), step["filter"])
        elif step.kind == "jpeg":
            self.codes = _jpeg(self.quantised(), int(step["quality"]))
            self._is_scene = False
        elif step.kind in noise.MODELS:
            self.codes = noise.MODELS[step.kind](np.asarray(self.codes, np.float32), step)
        else:
            # A copy of its own: an extension may write into what it gets.
            self.codes = extensions.degradation(step.kind).apply(np.array(self.codes, np.float32), step)

    def crop(self) -> None:
        """Cut what is left of the margin; a picture still at full size keeps none of it."""
        scale = self._spec.scale
        rows, cols = self.codes.shape[:2]
        height, width = ((side - 2 * self._margin) // scale for side in self._full)
        top, left = (rows - height) // 2, (cols - width) // 2
        if top or left:
            self.codes = self.codes[top : top + height, left : left + width]

    def quantised(self) -> Picture:
        """Return the codes rounded to 8 bits."""
        if self.codes.dtype == np.uint8:
            return np.ascontiguousarray(self.codes)
        if core is not None and self.codes.dtype == np.float32:
            whole = np.empty(self.codes.shape, np.uint8)
            core.rounded(self.codes, whole)
            return whole
        rounded: Codes = np.rint(self.codes)
        return np.clip(rounded, 0, 255, out=rounded).astype(np.uint8)

    def _blur(self, kernel: Psf) -> None:
        if kernel.radius == 0:
            return
        if not self._is_scene:
            self.codes = np.asarray(self.codes, np.float32)
        if not self._resized():
            # What the kernel cannot reach from the picture need not be computed.
            spare = (self.codes.shape[0] - (self._full[0] - 2 * self._margin)) // 2 - self._needed(kernel)
            if spare > 0:
                self.codes = self.codes[spare:-spare, spare:-spare]
            self.codes = light.convolve(self.codes, kernel, self._spec.light)
        else:
            wide = cv2.copyMakeBorder(self.codes, *(kernel.radius,) * 4, cv2.BORDER_REFLECT_101)
            self.codes = light.convolve(np.asarray(wide), kernel, self._spec.light)

    def _needed(self, kernel: Psf) -> int:
        return kernel.radius if len(self._spec.steps) and not self._wide_spec() else 10**6

    def _wide_spec(self) -> bool:
        blurs = sum(step.kind in psf.KINDS for step in self._spec.steps)
        return blurs > 1 or any(step.kind in RESIZES for step in self._spec.steps)

    def _resized(self) -> bool:
        return any(step.kind in RESIZES for step in self._spec.steps)

    def _resize(self, shape: Sequence[int], how: str) -> None:
        codes = np.asarray(self.codes, np.float32)
        small = cv2.resize(codes, (shape[1], shape[0]), interpolation=_FILTERS[how])
        # Rounded, so that the order in which a machine sums does not show.
        self.codes = np.rint(np.asarray(small) * _GRID) / _GRID


def _jpeg(picture: Picture, quality: int) -> Picture:
    flags = cv2.IMREAD_GRAYSCALE if picture.ndim == 2 else cv2.IMREAD_COLOR
    # Swapping channels is what the library is fastest at; its name for it is that of the other direction, too.
    ordered = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    _, data = cv2.imencode(".jpg", ordered, (cv2.IMWRITE_JPEG_QUALITY, quality))
    back = cv2.imdecode(data, flags)
    if back is None:
        raise MemoryError("the JPEG codec could not allocate its picture")
    found: Picture = np.asarray(back if picture.ndim == 2 else cv2.cvtColor(back, cv2.COLOR_BGR2RGB))
    return found
