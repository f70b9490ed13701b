"""Point spread functions: kernels of unit sum whose centroid is the centre of the middle pixel.

A kernel is held as integers that sum to 2**16: convolving 8-bit integers with it is exact in single
precision, so the result is the same whatever SIMD width or order of summation a machine uses.
Coordinates: x to the right, y downwards, pixels.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.native import core
from fontmilld.render import taps
from fontmilld.render.recipe import Spec
from fontmilld.render.taps import TOTAL, Kernel

_TILE: Final = 11
_SUPERSAMPLE: Final = 8
_MOST_RADIUS: Final = 64
_MOST_REACH: Final = 200
_MOST_POINTS: Final = 4096
# What one moment of a path weighs.
_MOMENT: Final = 2.0**20

Path = tuple[tuple[float, float], ...]
Tile = tuple[int, int, np.ndarray[Any, np.dtype[np.float32]]]


@dataclass(frozen=True, slots=True)
class Psf:
    """A kernel of odd side. `axis` is set when the kernel is the outer product of that vector with itself.

    `taps` and `axis` hold integers; the sum over the kernel (for `axis`, its sum squared) is TOTAL.
    """

    taps: Kernel
    axis: Kernel | None = None

    @property
    def radius(self) -> int:
        """Return half the side, rounded down: how far the kernel reaches."""
        return int(self.taps.shape[0]) // 2

    def has_more_taps(self, count: int) -> bool:
        """Return True if more than `count` taps are not zero and the kernel is not made of an axis."""
        return self.axis is None and self.taps.size > count and int(np.count_nonzero(self.taps)) > count

    def moments(self) -> dict[str, Any]:
        """Return size, centroid (x, y) and central second moments (xx, xy, yy) in px and px squared."""
        total, *sums = _compiled_sums(self.taps) if core is not None else _sums(self.taps)
        cx, cy, xx, xy, yy = (value / total for value in sums)
        return {
            "size": int(self.taps.shape[0]),
            "centroid": [round(cx, 4), round(cy, 4)],
            "moments": [round(xx - cx * cx, 4), round(xy - cx * cy, 4), round(yy - cy * cy, 4)],
        }

    def picture(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the taps as an 8-bit picture, the largest white; negative ones are black."""
        seen: np.ndarray[Any, np.dtype[np.uint8]] = np.clip(np.rint(self.taps * (255 / self.taps.max())), 0, 255).astype(np.uint8)
        return seen

    def tiles(self) -> list[Tile]:
        """Return the turned kernel cut into (row, column, taps) of at most 11x11, without empty ones.

        The library skips zeros in kernels of that size; larger ones it takes through a Fourier
        transform, which is neither exact nor, for a thin trajectory, fast.
        """
        turned = self.taps[::-1, ::-1].astype(np.float32)
        side = turned.shape[0]
        found = []
        for row in range(0, side, _TILE):
            for col in range(0, side, _TILE):
                tile = turned[row : row + _TILE, col : col + _TILE]
                if tile.any():
                    found.append((row, col, np.ascontiguousarray(tile)))
        return found


def _sums(taps: Kernel) -> list[int]:
    """Return the sums of the taps alone and times x, y, x x, x y, y y from the middle."""
    whole = taps.astype(np.int64)
    at = np.arange(whole.shape[0]) - whole.shape[0] // 2
    cols, rows = whole.sum(axis=0), whole.sum(axis=1)
    across = (whole * at).sum(axis=1)
    return [int(part.sum()) for part in (cols, cols * at, rows * at, cols * at * at, across * at, rows * at * at)]


def _compiled_sums(taps: Kernel) -> tuple[int, ...]:
    assert core is not None
    sums: tuple[int, ...] = core.moments(taps)
    return sums


def measured(spec: Spec, kernel: Psf) -> dict[str, Any]:
    """Return the moments of `kernel`, which is that of `spec`."""
    return dict(_remembered_moments(spec)) if spec.kind in _FIXED else kernel.moments()


@functools.lru_cache(maxsize=8)
def _remembered_moments(spec: Spec) -> dict[str, Any]:
    return _remembered(spec).moments()


def build(spec: Spec) -> Psf:
    """Return the kernel that `spec` describes; raises KeyError for an unknown kind."""
    if spec.kind in _FIXED:
        return _remembered(spec)
    return _BUILDERS[spec.kind](spec)


@functools.lru_cache(maxsize=8)
def _remembered(spec: Spec) -> Psf:
    return _BUILDERS[spec.kind](spec)


def _identity(_: Spec) -> Psf:
    return Psf(np.full((1, 1), float(TOTAL)))


def _gaussian(spec: Spec) -> Psf:
    axis = taps.gaussian_axis(float(spec["sigma"]))
    return Psf(np.outer(axis, axis), axis)


def _elliptic(spec: Spec) -> Psf:
    return _quantised(_density(spec, 3.0, lambda squared: np.exp(-0.5 * squared)))


def _generalised(spec: Spec) -> Psf:
    beta = float(spec["beta"])
    return _quantised(_density(spec, 3.0, lambda squared: np.exp(-0.5 * squared**beta)))


def _plateau(spec: Spec) -> Psf:
    beta = float(spec["beta"])
    return _quantised(_density(spec, 4.0, lambda squared: 1.0 / (1.0 + squared**beta)))


def _isotropic(build: Callable[[Spec], Psf]) -> Callable[[Spec], Psf]:
    """Return the builder for the same profile with one sigma in all directions."""

    def built(spec: Spec) -> Psf:
        ellipse = (("sigma_x", spec["sigma"]), ("sigma_y", spec["sigma"]), ("angle", 0.0))
        return build(Spec(spec.kind, (*spec.params, *ellipse)))

    return built


def _density(spec: Spec, reach: float, profile: Callable[[Kernel], Kernel]) -> Kernel:
    """Return `profile` of the squared distance in units of an ellipse turned by `angle` degrees."""
    sigma_x, sigma_y, angle = float(spec["sigma_x"]), float(spec["sigma_y"]), math.radians(spec["angle"])
    radius = min(_MOST_RADIUS, max(1, math.ceil(reach * max(sigma_x, sigma_y))))
    samples = 5 if min(sigma_x, sigma_y) < 0.6 else 3
    x, y = _grid(radius, samples)
    along = (x * math.cos(angle) + y * math.sin(angle)) / sigma_x
    across = (y * math.cos(angle) - x * math.sin(angle)) / sigma_y
    return _pooled(profile(along * along + across * across), samples)


def _sinc(spec: Spec) -> Psf:
    """Return the circular low-pass filter of Real-ESRGAN: J1(c r) c / (2 pi r), cut at `radius`."""
    cutoff, radius = float(spec["cutoff"]), int(spec["radius"])
    at = np.arange(-radius, radius + 1, dtype=np.float64)
    r = np.hypot(at[np.newaxis, :], at[:, np.newaxis])
    r[radius, radius] = 1.0
    density = cutoff * _bessel_j1(cutoff * r) / (2 * math.pi * r)
    density[radius, radius] = cutoff * cutoff / (4 * math.pi)
    return _quantised(density)


def _bessel_j1(z: Kernel) -> Kernel:
    """Return J1 by Bessel's integral, 1/pi times that of cos(t - z sin t) over [0, pi]."""
    steps = 64  # the trapezoid rule converges geometrically here
    t = (np.arange(steps) + 0.5) * (math.pi / steps)
    mean: Kernel = np.cos(t - z[..., np.newaxis] * np.sin(t)).mean(axis=-1)
    return mean


def _disc(spec: Spec) -> Psf:
    return _lens_and_hand(None, float(spec["radius"]))


def _motion(spec: Spec) -> Psf:
    return _lens_and_hand(spec["path"], None)


def _disc_motion(spec: Spec) -> Psf:
    return _lens_and_hand(spec["path"], float(spec["radius"]))


def _lens_and_hand(path: Path | None, radius: float | None) -> Psf:
    """Return the kernel of a disc, of a path, or of both. Densities are whole numbers: no sum depends on its order."""
    _check(path, radius)
    if core is not None:
        side, found = core.kernel(path, radius)
        return Psf(np.frombuffer(found).reshape(side, side))
    if path is None or radius is None:
        return _quantised(_disc_density(radius) if radius is not None else _path_density(path or ()))
    disc = _disc_density(radius)
    wide = np.pad(_path_density(path), disc.shape[0] // 2)
    # The disc is symmetric, so correlation is convolution; for a large one the library goes through Fourier.
    return _quantised(np.rint(np.asarray(cv2.filter2D(wide, -1, disc, borderType=cv2.BORDER_CONSTANT))))


def _check(path: Path | None, radius: float | None) -> None:
    """Raise the ValueError of the compiled core for what is out of its range."""
    if radius is not None and not 0 <= radius <= _MOST_REACH:
        raise ValueError("a disc's radius is out of range")
    if path is not None and not 2 <= len(path) <= _MOST_POINTS:
        raise ValueError(f"a path is of 2 to {_MOST_POINTS} points")
    if path is not None and not all(abs(x) <= _MOST_REACH and abs(y) <= _MOST_REACH for x, y in path):
        raise ValueError("a path goes too far")


_BUILDERS: Final = {
    "identity": _identity,
    "gaussian": _gaussian,
    "elliptic-gaussian": _elliptic,
    "generalised-gaussian": _generalised,
    "isotropic-generalised-gaussian": _isotropic(_generalised),
    "isotropic-plateau": _isotropic(_plateau),
    "plateau": _plateau,
    "sinc": _sinc,
    "disc": _disc,
    "motion": _motion,
    "disc-motion": _disc_motion,
}


KINDS: Final = frozenset(_BUILDERS)
_FIXED: Final = frozenset({"identity", "gaussian"})


def _grid(radius: int, samples: int) -> tuple[Kernel, Kernel]:
    at = (np.arange((2 * radius + 1) * samples) + 0.5) / samples - radius - 0.5
    return at[np.newaxis, :], at[:, np.newaxis]


def _pooled(fine: Kernel, samples: int) -> Kernel:
    side = fine.shape[0] // samples
    pooled: Kernel = fine.reshape(side, samples, side, samples).sum(axis=(1, 3))
    return pooled


def _disc_density(radius: float) -> Kernel:
    x, y = _grid(max(0, math.ceil(radius - 0.5)), _SUPERSAMPLE)
    reach = max(radius, 0.1)
    inside = (x * x + y * y <= reach * reach).astype(np.float64)
    return _pooled(inside, _SUPERSAMPLE)


def _path_density(path: Path) -> Kernel:
    """Spread equal time per segment over the pixels by bilinear weights, which keep the centroid."""
    points = np.array([_centred([x for x, _ in path]), _centred([y for _, y in path])]).T
    swing = np.diff(points, axis=0)
    steps = max(2, math.ceil(4 * float(np.abs(swing).max(initial=0.5))))
    part = (np.arange(steps) + 0.5) / steps
    at = (points[:-1, np.newaxis] + part[:, np.newaxis] * swing[:, np.newaxis]).reshape(-1, 2)
    radius = math.ceil(float(np.abs(at).max()))
    side = 2 * radius + 3
    base = np.floor(at).astype(np.int64)
    fx, fy = (at - base).T
    cell = (base[:, 1] + radius + 1) * side + base[:, 0] + radius + 1
    flat = np.zeros(side * side)
    for offset, weight in (
        (0, (1 - fx) * (1 - fy)),
        (1, fx * (1 - fy)),
        (side, (1 - fx) * fy),
        (side + 1, fx * fy),
    ):
        flat += np.bincount(cell + offset, weights=np.rint(weight * _MOMENT), minlength=side * side)
    return flat.reshape(side, side)


def _centred(at: list[float]) -> list[float]:
    """Return one coordinate of a path, moved so that its mean over time is 0; equal time for each segment."""
    total = 0.0
    # Not sum(): some versions of Python make up for what rounding loses.
    for one, other in itertools.pairwise(at):
        total += (one + other) / 2
    mean = total / (len(at) - 1)
    return [value - mean for value in at]


def _quantised(density: Kernel) -> Psf:
    return Psf(taps.of(density))
