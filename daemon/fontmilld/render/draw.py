"""Drawing a recipe: coverage of the text, background and layers, as one 8-bit picture with a margin."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.render import effects, noise
from fontmilld.render.recipe import Background, Color, Recipe

Picture = np.ndarray[Any, np.dtype[np.uint8]]
_Canvas = np.ndarray[Any, np.dtype[np.float32]]

_GRAIN_SIGMA: Final = 1.2
_GRAIN_SWING: Final = 3.0


def scene(coverage: Picture, recipe: Recipe) -> Picture:
    """Return the sharp picture, margin included: (rows, cols) in gray, (rows, cols, 3) in RGB, uint8."""
    style = recipe.style
    if not recipe.effects and style.background.kind == "plain":
        return _two_tone(coverage, style.color, style.background.color)
    canvas = _background(style.background, coverage.shape, recipe.channels)
    layers = effects.apply(coverage, recipe.effects)
    for mask, color in (*layers.under, (layers.text, style.color), *layers.over):
        _lay(canvas, mask, color)
    return np.rint(canvas, out=canvas).astype(np.uint8)


def _two_tone(coverage: Picture, ink: Color, paper: Color) -> Picture:
    if ink == (0,) and paper == (255,):
        return np.asarray(cv2.bitwise_not(coverage))
    steps = np.arange(256, dtype=np.float64)[:, np.newaxis] / 255
    table = np.rint(np.array(paper) + (np.array(ink) - np.array(paper)) * steps).astype(np.uint8)
    if len(ink) == 1:
        return np.asarray(cv2.LUT(coverage, table))
    picture: Picture = table[coverage]
    return picture


def _lay(canvas: _Canvas, mask: Picture, color: Color) -> None:
    """Lay a colour over the canvas; elementwise NumPy arithmetic is the same on every machine."""
    part = mask.astype(np.float32) / np.float32(255)
    if canvas.ndim == 3:
        part = part[:, :, np.newaxis]
    ink = np.array(color, dtype=np.float32)
    canvas += (ink - canvas) * part


def _background(spec: Background, shape: tuple[int, ...], channels: int) -> _Canvas:
    first, second = np.array(spec.color, dtype=np.float32), np.array(spec.color2, dtype=np.float32)
    part: _Canvas
    if spec.kind == "gradient":
        part = _ramp(spec.angle, shape)
    elif spec.kind == "grain":
        part = _grain(spec.seed, shape)
    elif spec.kind == "paper":
        part = _paper(spec.seed, shape)
    elif spec.kind == "noise":
        part = np.clip(noise.field(spec.seed, (shape[0], shape[1])) * np.float32(0.25) + np.float32(0.5), 0, 1)
    else:
        part = np.zeros(shape, dtype=np.float32)
    canvas: _Canvas = first + (second - first) * part[:, :, np.newaxis]
    return canvas[:, :, 0] if channels == 1 else canvas


def _ramp(angle: float, shape: tuple[int, ...]) -> _Canvas:
    radians = math.radians(angle)
    # Rounded, so that a last-digit difference in a machine's sine cannot move a pixel.
    across, down = round(math.cos(radians), 6), round(math.sin(radians), 6)
    rows = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, np.newaxis] * np.float32(down)
    cols = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32) * np.float32(across)
    ramp = (rows + cols) / np.float32(abs(across) + abs(down)) + np.float32(0.5)
    return np.asarray(ramp, dtype=np.float32)


def _grain(seed: int, shape: tuple[int, ...]) -> _Canvas:
    raw = noise.field(seed, (shape[0], shape[1])) * np.float32(40) + np.float32(128)
    coarse = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    smooth = cv2.GaussianBlur(coarse, (0, 0), _GRAIN_SIGMA)
    swing = (np.asarray(smooth).astype(np.float32) - np.float32(128)) * np.float32(_GRAIN_SWING / 128)
    grain: _Canvas = np.clip(swing + np.float32(0.5), 0, 1)
    return grain


def _paper(seed: int, shape: tuple[int, ...]) -> _Canvas:
    """Return clouds of three sizes, the coarse ones stronger, as light falls on sheets that are not flat."""
    total = np.zeros((shape[0], shape[1]), dtype=np.float32)
    for octave, (cell, share) in enumerate(((24, 0.6), (8, 0.25), (2, 0.15))):
        small = (-(-shape[0] // cell) + 2, -(-shape[1] // cell) + 2)
        coarse = noise.field(seed + octave, small)
        wide = cv2.resize(coarse, (small[1] * cell, small[0] * cell), interpolation=cv2.INTER_LINEAR)
        total += np.asarray(wide)[: shape[0], : shape[1]] * np.float32(share)
    # To 1/256, so that the order in which a machine interpolates does not show.
    part: _Canvas = np.clip(np.rint(total * np.float32(0.35 * 256) + np.float32(128)) / np.float32(256), 0, 1)
    return part
