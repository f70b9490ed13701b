"""Light: between sRGB codes and light levels, and exact convolution of either.

Light levels are 16-bit integers, split into two bytes, so that every sum of taps (16 bits) times bytes
fits the 24 bits of a single-precision number: results are exact, on every machine and in any order.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.render.psf import TOTAL, Psf

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Codes = np.ndarray[Any, np.dtype[np.float32]]

TOP: Final = 65535
_FINE: Final = 64


def convolve(codes: Any, kernel: Psf, light: str) -> Codes:
    """Return sRGB codes (float32) of the blurred picture, smaller by the kernel's radius on each side.

    `codes` is uint8 or float32 in 0..255. What comes out is a multiple of 1/256 at least.
    """
    if light == "gamma" and codes.dtype == np.uint8:
        return _summed(codes.astype(np.float32), kernel) * np.float32(1 / TOTAL)
    high, low = _levels(codes, light)
    if kernel.is_dense:
        total = _transformed(high * np.float32(256) + low, kernel)
    else:
        total = _summed(high, kernel).astype(np.float64) * 256.0
        total += _summed(low, kernel)
    total *= 1 / TOTAL
    np.clip(np.rint(total, out=total), 0, TOP, out=total)
    blurred: Codes = np.take(_encode(light), total.astype(np.uint16))
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


def _summed(levels: Codes, kernel: Psf) -> Codes:
    """Return the integer sums of taps times levels where the kernel lies inside."""
    radius = kernel.radius
    rows, cols = levels.shape[0] - 2 * radius, levels.shape[1] - 2 * radius
    if kernel.axis is not None:
        wide: Any = np.asarray(cv2.sepFilter2D(levels, cv2.CV_32F, kernel.axis, kernel.axis))
        inside: Codes = wide[radius : radius + rows, radius : radius + cols]
        return inside
    total: Any = None
    for row, col, taps in kernel.tiles():
        height, width = taps.shape
        part = levels[row : row + rows + height - 1, col : col + cols + width - 1]
        found = np.asarray(cv2.filter2D(part, cv2.CV_32F, taps, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT))
        inner = found[:rows, :cols]
        total = inner if total is None else np.add(total, inner, out=total)
    summed: Codes = total
    return summed


def _transformed(levels: Codes, kernel: Psf) -> Any:
    """Return the same sums by a Fourier transform in double precision; rounding makes them exact."""
    turned = np.ascontiguousarray(kernel.taps[::-1, ::-1])
    wide: Any = np.asarray(cv2.filter2D(levels.astype(np.float64), cv2.CV_64F, turned))
    radius = kernel.radius
    return np.rint(wide[radius : wide.shape[0] - radius, radius : wide.shape[1] - radius])


def _levels(codes: Any, light: str) -> tuple[Codes, Codes]:
    """Return the high and the low byte of the light levels."""
    if codes.dtype == np.uint8:
        high, low = _decode_bytes(light)
        return np.asarray(cv2.LUT(codes, high)), np.asarray(cv2.LUT(codes, low))
    index = np.rint(np.clip(codes, 0, 255) * np.float32(_FINE)).astype(np.uint16)
    levels = np.take(_decode_fine(light), index)
    return (levels >> 8).astype(np.float32), (levels & 255).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _decode_fine(light: str) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the light, 0..65535, of codes in steps of 1/64."""
    codes = np.arange(255 * _FINE + 1) / (255 * _FINE)
    if light == "linear":
        codes = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return np.rint(codes * TOP).astype(np.uint16)


@functools.lru_cache(maxsize=2)
def _decode_bytes(light: str) -> tuple[Codes, Codes]:
    levels = _decode_fine(light)[::_FINE]
    return (levels >> 8).astype(np.float32), (levels & 255).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _encode(light: str) -> Codes:
    """Return, for each light level in 0..65535, the sRGB code, to 1/256."""
    levels = np.arange(TOP + 1) / TOP
    if light == "linear":
        levels = np.where(levels <= 0.0031308, levels * 12.92, 1.055 * levels ** (1 / 2.4) - 0.055)
    table: Codes = (np.rint(levels * 255 * 256) / 256).astype(np.float32)
    return table
