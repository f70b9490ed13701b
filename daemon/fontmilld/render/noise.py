"""Noise fields from one pool of normal deviates, made once per process and the same in all of them.

Each row of a field starts at its own place in the pool, so fields do not repeat although the pool does.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from fontmilld.native import core
from fontmilld.render import light
from fontmilld.render.recipe import Spec

_POOL: Final = 1 << 20
_PART: Final = 1 << 14
_KEY: Final = 0x666F6E746D696C6C
GRID: Final = 4096
# Codes of 8 bits in 16, with room for the sign and for noise that adds up to 5.3 sigma.
SHIFT: Final = 6
FINE: Final = 1 << SHIFT
MOST_FINE_SIGMA: Final = 40.0

Field = np.ndarray[Any, np.dtype[np.float32]]
Fine = np.ndarray[Any, np.dtype[np.int16]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@functools.lru_cache(maxsize=1)
def pool() -> Fine:
    """Return the deviates, in steps of sigma/4096: all within 6 sigma."""
    drawn = np.random.Generator(np.random.Philox(key=_KEY))
    found: Fine = np.empty(_POOL, np.int16)
    part = np.empty(_PART)  # one after the other, in memory that stays in the cache
    for start in range(0, _POOL, _PART):
        drawn.standard_normal(out=part)
        part *= GRID
        # A coarse grid swallows last-digit differences between mathematical libraries.
        found[start : start + _PART] = np.rint(part, out=part)
    found.flags.writeable = False
    return found


def field(seed: int, shape: tuple[int, ...]) -> Field:
    """Return a new float32 array of `shape` (rows, columns[, channels]) of normal deviates, sigma 1.

    The same `seed` (0 <= seed < 2**63) and shape give the same field on any machine.
    """
    if core is not None:
        out = np.empty(shape, np.float32)
        core.add_noise(pool(), seed, 1.0, None, out)
        return out
    length = math.prod(shape[1:])
    drawn = _windows(length)[_starts((seed,), shape[0], length)].astype(np.float32)
    drawn *= np.float32(1 / GRID)
    found: Field = drawn.reshape(shape)
    return found


def byte_field(seed: int, shape: tuple[int, int]) -> Bytes:
    """Return the field (rows, columns) in bytes: 40 to a sigma, 128 for 0, cut to 0..255."""
    if core is not None:
        out = np.empty(shape, np.uint8)
        core.noise_bytes(pool(), seed, out)
        return out
    rows, length = shape
    drawn = _windows(length)[_starts((seed,), rows, length)].astype(np.int32)
    found: Bytes = np.clip((drawn * 40 + (128 * GRID + GRID // 2)) // GRID, 0, 255).astype(np.uint8)
    return found


def coarse(seed: int, shape: tuple[int, int]) -> Fine:
    """Return the field (rows, columns) in whole numbers, GRID to a sigma."""
    found: Fine = _windows(shape[1])[_starts((seed,), *shape)]
    return found


def gain(sigma: float) -> int:
    """Return what `fine_fields` multiplies deviates by for a sigma of `sigma` codes, below MOST_FINE_SIGMA."""
    return round(sigma * FINE * 2**15 / GRID)


def fine_fields(steps: Sequence[Spec], shape: tuple[int, int]) -> Fine:
    """Return fields of 1/FINE codes below each other, (len(steps) * rows, columns), for steps of "gaussian-noise"."""
    rows, length = shape
    drawn = _windows(length)[_starts([step["seed"] for step in steps], rows, length)].astype(np.int32)
    drawn *= np.repeat([gain(step["sigma"]) for step in steps], rows).astype(np.int32)[:, np.newaxis]
    drawn += 1 << 14
    drawn >>= 15
    fields: Fine = drawn.astype(np.int16)
    return fields


def _starts(seeds: Sequence[int], rows: int, length: int) -> Any:
    """Return where in the pool each row begins, the rows of all fields one after the other."""
    words = b"".join([hashlib.shake_128(seed.to_bytes(8, "little")).digest(4 * rows) for seed in seeds])
    return np.frombuffer(words, dtype="<u4") % np.uint32(_POOL - length)


@functools.lru_cache(maxsize=8)
def _windows(length: int) -> Fine:
    """Return all stretches of `length` deviates of the pool, as a view."""
    return np.lib.stride_tricks.sliding_window_view(pool(), length)


def _gaussian(codes: Field, step: Spec) -> Field:
    """Add normal noise of `sigma` codes."""
    if core is not None:
        noisy = np.empty(codes.shape, np.float32)
        core.add_noise(pool(), step["seed"], step["sigma"], codes, noisy)
        return noisy
    out = field(step["seed"], codes.shape)
    out *= np.float32(step["sigma"])
    out += codes
    return out


def _poisson_gaussian(codes: Field, step: Spec) -> Field:
    """Add noise of variance shot x + read at a light of x (0..1), as sensors do; then clip, as they do."""
    how = step["light"]
    if core is not None:
        noisy = np.empty(codes.shape, np.float32)
        core.sensor_noise(pool(), step["seed"], step["shot"], step["read"], *light.tables(how), codes, noisy)
        return noisy
    levels = light.decode(codes, how)
    variance = levels * np.float32(step["shot"]) + np.float32(step["read"])
    return light.encode(levels + np.sqrt(variance) * field(step["seed"], codes.shape), how)


def _poisson(codes: Field, step: Spec) -> Field:
    """Add shot noise of `scale` to the codes, as Real-ESRGAN does, in its normal approximation."""
    shot = float(step["scale"]) ** 2 / 256
    params = (("light", "gamma"), ("shot", shot), ("read", 0.0), ("seed", step["seed"]))
    return _poisson_gaussian(codes, Spec(step.kind, params))


MODELS: Final[dict[str, Callable[[Field, Spec], Field]]] = {
    "gaussian-noise": _gaussian,
    "poisson-gaussian-noise": _poisson_gaussian,
    "poisson-noise": _poisson,
}
