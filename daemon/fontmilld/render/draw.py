"""Drawing a recipe: coverage of the text, background and layers, as one 8-bit picture with a margin."""

from __future__ import annotations

import functools
import math
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from fontmilld.native import core
from fontmilld.render import effects, light, noise, psf
from fontmilld.render.recipe import Background, Color, Recipe, Spec

Picture = np.ndarray[Any, np.dtype[np.uint8]]
_Canvas = np.ndarray[Any, np.dtype[np.float32]]

_GRAIN: Final = Spec("gaussian", (("sigma", 1.2),))
_GRAIN_SWING: Final = 3.0
# Clouds: their sizes, px, and what part of the light and shade each has.
_CLOUDS: Final = ((24, 0.6), (8, 0.25), (2, 0.15))


class _Texture(NamedTuple):
    """How far from its first colour to its second a background is: raw * gain + bias, cut to 0..1."""

    raw: _Canvas | None
    gain: float
    bias: float


def ink_box(coverage: Picture, margin: int) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) of the ink in image coordinates; width 0 if there is none."""
    x, y, width, height = cv2.boundingRect(coverage)
    return (x - margin, y - margin, width, height)


def scene(coverage: Picture, recipe: Recipe) -> Picture:
    """Return the sharp picture, margin included: (rows, cols) in gray, (rows, cols, 3) in RGB, uint8."""
    style = recipe.style
    if not recipe.effects and style.background.kind == "plain":
        return _two_tone(coverage, style.color, style.background.color)
    layers = effects.apply(coverage, recipe.effects)
    stack = [*layers.under, (layers.text, style.color), *layers.over]
    texture = _texture(style.background, coverage.shape)
    if core is not None:
        picture = np.empty(coverage.shape if recipe.channels == 1 else (*coverage.shape, 3), np.uint8)
        whole = [(np.ascontiguousarray(mask), color) for mask, color in stack]
        core.paint(*texture, style.background.color, style.background.color2, whole, picture)
        return picture
    canvas = _canvas(texture, style.background, coverage.shape, recipe.channels)
    for mask, color in stack:
        _lay(canvas, mask, color)
    return np.rint(canvas, out=canvas).astype(np.uint8)


def _two_tone(coverage: Picture, ink: Color, paper: Color) -> Picture:
    return _looked_up(coverage, ink, paper) if core is None else _compiled(coverage, ink, paper)


def _compiled(coverage: Picture, ink: Color, paper: Color) -> Picture:
    assert core is not None
    picture: Picture = np.empty(coverage.shape if len(ink) == 1 else (*coverage.shape, len(ink)), np.uint8)
    core.two_tone(coverage, bytes(ink), bytes(paper), picture)
    return picture


def _looked_up(coverage: Picture, ink: Color, paper: Color) -> Picture:
    steps = np.arange(256, dtype=np.float64)[:, np.newaxis] / 255
    table = np.rint(np.array(paper) + (np.array(ink) - np.array(paper)) * steps).astype(np.uint8)
    if len(ink) == 1:
        return np.asarray(cv2.LUT(coverage, table))
    return np.asarray(cv2.LUT(cv2.merge([coverage] * len(ink)), table.reshape(256, 1, -1)))


def _lay(canvas: _Canvas, mask: Picture, color: Color) -> None:
    """Lay a colour over the canvas; elementwise NumPy arithmetic is the same on every machine."""
    part = mask.astype(np.float32) / np.float32(255)
    if canvas.ndim == 3:
        part = part[:, :, np.newaxis]
    ink = np.array(color, dtype=np.float32)
    canvas += (ink - canvas) * part


def _canvas(texture: _Texture, background: Background, shape: tuple[int, ...], channels: int) -> _Canvas:
    first, second = (np.array(color, dtype=np.float32) for color in (background.color, background.color2))
    part = np.zeros(shape, dtype=np.float32)
    if texture.raw is not None:
        part = np.clip(texture.raw * np.float32(texture.gain) + np.float32(texture.bias), 0, 1)
    canvas: _Canvas = first + (second - first) * part[:, :, np.newaxis]
    return canvas[:, :, 0] if channels == 1 else canvas


def _texture(spec: Background, shape: tuple[int, ...]) -> _Texture:
    rows, cols = shape
    if spec.kind == "gradient":
        return _ramp(spec.angle, rows, cols)
    if spec.kind == "grain":
        return _grain(spec.seed, rows, cols)
    if spec.kind == "paper":
        return _paper(spec.seed, rows, cols)
    if spec.kind == "noise":
        return _Texture(noise.field(spec.seed, (rows, cols)), 0.25, 0.5)
    return _Texture(None, 0.0, 0.0)


def _ramp(angle: float, rows: int, cols: int) -> _Texture:
    radians = math.radians(angle)
    # Rounded, so that a last-digit difference in a machine's sine cannot move a pixel.
    across, down = round(math.cos(radians), 6), round(math.sin(radians), 6)
    raw = _span(rows)[:, np.newaxis] * np.float32(down) + _span(cols) * np.float32(across)
    return _Texture(raw, 1 / (abs(across) + abs(down)), 0.5)


@functools.lru_cache(maxsize=64)
def _span(count: int) -> _Canvas:
    return np.linspace(-0.5, 0.5, count, dtype=np.float32)


def _grain(seed: int, rows: int, cols: int) -> _Texture:
    kernel = psf.build(_GRAIN)
    wide = 2 * kernel.radius
    smooth = light.convolve(noise.byte_field(seed, (rows + wide, cols + wide)), kernel, "gamma")
    gain = _GRAIN_SWING / 128
    return _Texture(smooth, gain, 0.5 - 128 * gain)


def _paper(seed: int, rows: int, cols: int) -> _Texture:
    """Return clouds of three sizes, the coarse ones stronger, as light falls on sheets that are not flat."""
    total = np.zeros((rows, cols), dtype=np.float32)
    octaves = tuple((seed + n, cell, share / (4 * cell * cell * noise.GRID)) for n, (cell, share) in enumerate(_CLOUDS))
    if core is not None:
        core.clouds(noise.pool(), octaves, total)
        return _Texture(total, 0.35, 0.5)
    for own, cell, share in octaves:
        coarse = noise.coarse(own, (-(-rows // cell) + 1, -(-cols // cell) + 1)).astype(np.int32)
        stretched = _stretched(_stretched(coarse, cell, rows).T, cell, cols).T
        total += stretched.astype(np.float32) * np.float32(share)
    return _Texture(total, 0.35, 0.5)


def _stretched(coarse: Any, cell: int, count: int) -> Any:
    """Return `count` rows along straight lines between those of `coarse`, which are `cell` apart; times 2 * cell."""
    at, part = np.divmod(2 * np.arange(count, dtype=np.int32) + 1, 2 * cell)
    part = part[:, np.newaxis]
    return coarse[at] * (2 * cell - part) + coarse[at + 1] * part
