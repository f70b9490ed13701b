"""What is said about a pair: JSON types, in px of the sharp picture, origin in its upper left corner."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

from fontmilld.render import metrics, noise, psf
from fontmilld.render.degrade import Plan
from fontmilld.render.draw import Picture
from fontmilld.render.layout import Corners, Placed
from fontmilld.render.recipe import Recipe, Spec
from fontmilld.render.shaping import Rasterizer, TypeFont

_MODES: Final = {1: "L", 3: "RGB"}
_LEAST_COVERAGE: Final = 32


def describe(recipe: Recipe, plan: Plan, files: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return the part of a label that follows from the recipe and the two PNG files."""
    text, degradation = recipe.text, recipe.degradation
    return {
        "index": recipe.index,
        "width": recipe.width,
        "height": recipe.height,
        "blurred_width": recipe.width // degradation.scale,
        "blurred_height": recipe.height // degradation.scale,
        "scale": degradation.scale,
        "mode": _MODES[recipe.channels],
        "text": text.text,
        "script": text.script,
        "language": text.language,
        "direction": text.direction,
        "text_source": text.source,
        "recipe": recipe.record(),
        "psf": _psf(plan),
        "noise": [step.record() for step in degradation.steps if step.kind in noise.MODELS],
        "order": degradation.order,
        "clear_bytes": len(files[0]),
        "blurred_bytes": len(files[1]),
        "clear_sha256": hashlib.sha256(files[0]).hexdigest(),
        "blurred_sha256": hashlib.sha256(files[1]).hexdigest(),
    }


def _psf(plan: Plan) -> list[dict[str, Any]]:
    """Return what was measured of each kernel, in order; always a list, as loaders want one type a column."""
    return [_measured(step, kernel) for step, kernel in zip(plan.spec.steps, plan.kernels, strict=True) if kernel]


def _measured(step: Spec, kernel: psf.Psf) -> dict[str, Any]:
    raw = next((list(value) for name, value in step.params if name == "raw_offset"), [0.0, 0.0])
    return {"kind": step.kind} | psf.measured(step, kernel) | {"raw_offset": raw}


def clusters(text: str, boxes: Sequence[tuple[int, Corners]]) -> list[list[Any]]:
    """Return [start, characters, left, top, right, bottom] for what is drawn of `text`, in logical order.

    A cluster is a grapheme cluster, or several where the font joins them into one shape. Start and
    length count code points of the text; edges are those of the outlines after geometry, rounded
    outwards to 1/100 px.
    Clusters without ink, as spaces, are left out.
    """
    starts = [start for start, _ in boxes]
    edges = np.array([box for _, box in boxes], dtype=np.float64).reshape(-1, 4) * 100
    np.floor(edges[:, :2], out=edges[:, :2])
    np.ceil(edges[:, 2:], out=edges[:, 2:])
    # Adding 0 makes -0.0, which JSON would show, 0.0.
    rounded: list[list[float]] = (edges / 100 + 0.0).tolist()
    # A space or a line's end before the next cluster belongs to none.
    spans = [len(text[start:end].rstrip()) or 1 for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [[start, span, *box] for start, span, box in zip(starts, spans, rounded, strict=True)]


def psnr(sharp: Picture, degraded: Picture) -> float | None:
    """Return the PSNR in dB between the halves as they are in the files; None if they are equal.

    A larger sharp half is reduced to the other's size by the mean of the pixels, rounded to 8 bits.
    """
    if sharp.shape != degraded.shape:
        size = (degraded.shape[1], degraded.shape[0])
        sharp = np.asarray(cv2.resize(sharp, size, interpolation=cv2.INTER_AREA)).astype(np.uint8)
    return metrics.psnr(sharp, degraded, degraded.size)


def mask(rasterizer: Rasterizer, font: TypeFont, placed: Placed, recipe: Recipe, margin: int) -> Picture:
    """Return, for each pixel of the sharp picture, the number of the cluster that covers most of it.

    It is 0 where none covers an eighth: hairlines of small text never cover half of a pixel.
    """
    shape = (recipe.height + 2 * margin, recipe.width + 2 * margin)
    found = np.zeros(shape, dtype=np.uint8)
    most = np.full(shape, _LEAST_COVERAGE - 1, dtype=np.uint8)
    for number, (start, _) in enumerate(placed.clusters[:255], start=1):
        glyphs = [g for g, owner in zip(placed.glyphs, placed.owners, strict=True) if owner == start]
        coverage = rasterizer.coverage(font, glyphs, shape)
        found[coverage > most] = number
        most = np.maximum(most, coverage)
    return found[margin : margin + recipe.height, margin : margin + recipe.width]
