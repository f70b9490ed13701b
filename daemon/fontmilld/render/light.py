"""Light: between sRGB codes and light levels, and exact convolution of either.

Light levels are 16-bit integers. The compiled core sums taps times levels in integers; without it they are
split into two bytes, so that every sum of taps (16 bits) times bytes fits the 24 bits of a single-precision
number. Either way results are exact, on every machine and in any order.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.native import core
from fontmilld.render.psf import Psf
from fontmilld.render.taps import TOTAL

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Codes = np.ndarray[Any, np.dtype[np.float32]]
Levels = np.ndarray[Any, np.dtype[np.uint16]]

TOP: Final = 65535
_FINE: Final = 64
# A kernel of more taps is faster through a Fourier transform.
_MOST_TAPS: Final = 320
_MOST_TAPS_COMPILED: Final = 3000


def convolve(codes: Any, kernel: Psf, light: str) -> Codes:
    """Return sRGB codes (float32) of the blurred picture, smaller by the kernel's radius on each side.

    `codes` is uint8 or float32 in 0..255. What comes out is a multiple of 1/256 at least.
    """
    if core is not None and not kernel.has_more_taps(_MOST_TAPS_COMPILED):
        return _compiled(codes, kernel, light)
    # Taps below 0 make intermediate sums of more than the 24 bits of single precision.
    through_fourier = kernel.has_more_taps(_MOST_TAPS) or kernel.taps.min() < 0
    if light == "gamma" and codes.dtype == np.uint8:
        total = _transformed(codes, kernel) if through_fourier else _summed(codes, kernel)
        return np.asarray(total.astype(np.float32) * np.float32(1 / TOTAL), np.float32)
    levels = _levels(codes, light)
    if through_fourier:
        total = _transformed(levels, kernel)
    else:
        total = _summed(levels >> 8, kernel).astype(np.float64) * 256.0
        total += _summed(levels & 255, kernel)
    total *= 1 / TOTAL
    np.clip(np.rint(total, out=total), 0, TOP, out=total)
    blurred: Codes = np.take(_encode(light), total.astype(np.uint16))
    return blurred


def tables(light: str) -> tuple[Levels, Codes]:
    """Return the light levels of codes in steps of 1/64, and the codes of light levels."""
    return _decode_fine(light), _encode(light)


def _compiled(codes: Any, kernel: Psf, light: str) -> Codes:
    assert core is not None
    rows, cols, *channels = codes.shape
    blurred = np.empty((rows - 2 * kernel.radius, cols - 2 * kernel.radius, *channels), np.float32)
    if codes.dtype != np.uint8:
        core.convolve(_levels(codes, light), kernel.taps, kernel.axis, None, _encode(light), blurred)
    elif light == "gamma":
        core.convolve(codes, kernel.taps, kernel.axis, None, None, blurred)
    else:
        core.convolve(codes, kernel.taps, kernel.axis, _decode_bytes(light), _encode(light), blurred)
    return blurred


def decode(codes: Codes, light: str) -> Codes:
    """Return the light, 0..1 in float32, of float codes in 0..255."""
    index = np.rint(np.clip(codes, 0, 255) * np.float32(_FINE)).astype(np.uint16)
    levels: Codes = np.take(_decode_fine(light), index).astype(np.float32) / np.float32(TOP)
    return levels


def encode(levels: Codes, light: str) -> Codes:
    """Return sRGB codes (float32) of light 0..1."""
    index = np.rint(np.clip(levels, 0, 1) * np.float32(TOP)).astype(np.uint16)
    codes: Codes = np.take(_encode(light), index)
    return codes


def _summed(values: Any, kernel: Psf) -> Any:
    """Return the integer sums of taps, none below 0, times values 0..255, where the kernel lies inside."""
    radius = kernel.radius
    rows, cols = values.shape[0] - 2 * radius, values.shape[1] - 2 * radius
    wide = values.astype(np.float32)
    if kernel.axis is not None:
        found = np.asarray(cv2.sepFilter2D(wide, cv2.CV_32F, kernel.axis, kernel.axis))
        return found[radius : radius + rows, radius : radius + cols]
    total: Any = None
    for row, col, taps in kernel.tiles():
        height, width = taps.shape
        part = wide[row : row + rows + height - 1, col : col + cols + width - 1]
        found = np.asarray(cv2.filter2D(part, cv2.CV_32F, taps, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT))
        inner = found[:rows, :cols]
        total = inner if total is None else np.add(total, inner, out=total)
    return total


def _transformed(levels: Any, kernel: Psf) -> Any:
    """Return the same sums by a Fourier transform in double precision; rounding makes them exact."""
    turned = np.ascontiguousarray(kernel.taps[::-1, ::-1])
    wide: Any = np.asarray(cv2.filter2D(levels.astype(np.float64), cv2.CV_64F, turned))
    radius = kernel.radius
    return np.rint(wide[radius : wide.shape[0] - radius, radius : wide.shape[1] - radius])


def _levels(codes: Any, light: str) -> Levels:
    """Return the light levels, 0..65535."""
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(codes, _decode_bytes(light)))
    index = np.rint(np.clip(codes, 0, 255) * np.float32(_FINE)).astype(np.uint16)
    levels: Levels = np.take(_decode_fine(light), index)
    return levels


@functools.lru_cache(maxsize=2)
def _decode_fine(light: str) -> Levels:
    """Return the light, 0..65535, of codes in steps of 1/64."""
    codes = np.arange(255 * _FINE + 1) / (255 * _FINE)
    if light == "linear":
        codes = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return np.rint(codes * TOP).astype(np.uint16)


@functools.lru_cache(maxsize=2)
def _decode_bytes(light: str) -> Levels:
    """Return the light, 0..65535, of whole codes."""
    return np.ascontiguousarray(_decode_fine(light)[::_FINE])


@functools.lru_cache(maxsize=2)
def _encode(light: str) -> Codes:
    """Return, for each light level in 0..65535, the sRGB code, to 1/256."""
    levels = np.arange(TOP + 1) / TOP
    if light == "linear":
        levels = np.where(levels <= 0.0031308, levels * 12.92, 1.055 * levels ** (1 / 2.4) - 0.055)
    table: Codes = (np.rint(levels * 255 * 256) / 256).astype(np.float32)
    return table
