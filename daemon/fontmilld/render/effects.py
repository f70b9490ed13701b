"""Special effects: what is painted under and over the text, from the text's coverage.

An effect is a pair of functions in EFFECTS: one draws its parameters, one paints. It must keep the
text legible: what it adds lies between ink and paper in luma, or outside the glyphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import cv2
import numpy as np

from fontmilld.render import extensions, noise, palette
from fontmilld.render.recipe import Color, Spec, StyleSpec
from fontmilld.render.stream import Stream

Mask = np.ndarray[Any, np.dtype[np.uint8]]
Layer = tuple[Mask, Color]
Window = tuple[slice, slice]

_LEAST_SIGMA: Final = 0.3


@dataclass(slots=True)
class Layers:
    """Coverage of the text and what lies under and over it, each list from the bottom up."""

    text: Mask
    under: list[Layer] = field(default_factory=list)
    over: list[Layer] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Effect:
    """`sample` draws parameters for a style; `reach` says how far ink may spread, px; `paint` adds layers."""

    sample: Callable[[Stream, StyleSpec], Spec]
    reach: Callable[[Spec], float]
    paint: Callable[[Layers, Spec], None]


def sample(stream: Stream, style: StyleSpec, allowed: tuple[str, ...] = ()) -> tuple[Spec, ...]:
    """Draw one or two different effects of `allowed` (all built-in ones if empty), or none at times."""
    if stream.chance(0.15):
        return ()
    names = list(allowed or EFFECTS)
    chosen = [stream.choice(names)]
    if stream.chance(0.3) and len(names) > 1:
        chosen.append(stream.choice([name for name in names if name != chosen[0]]))
    return tuple(find(name).sample(stream, style) for name in sorted(chosen, key=names.index))


def find(name: str) -> Effect:
    """Return the effect `name`, built-in or registered; raises KeyError."""
    if name in EFFECTS:
        return EFFECTS[name]
    return cast(Effect, extensions.load(extensions.EFFECTS, name))


def reach(specs: tuple[Spec, ...]) -> float:
    """Return how far, in px, the effects spread beyond the text's own ink."""
    return max((find(spec.kind).reach(spec) for spec in specs), default=0.0)


def apply(text: Mask, specs: tuple[Spec, ...]) -> Layers:
    """Return the layers of `text` (uint8 coverage) with all effects, in their order."""
    layers = Layers(text)
    for spec in specs:
        find(spec.kind).paint(layers, spec)
    return layers


def _sample_shadow(stream: Stream, style: StyleSpec) -> Spec:
    angle = stream.uniform(0, 2 * math.pi)
    distance = stream.uniform(0.04, 0.12) * style.size
    color = palette.between(style.color, style.background.color, stream.uniform(0.35, 0.7))
    return Spec(
        "shadow",
        (
            ("dx", round(distance * math.cos(angle))),
            ("dy", round(distance * math.sin(angle))),
            ("sigma", round(stream.uniform(0.0, 0.06) * style.size, 2)),
            ("color", color),
        ),
    )


def _paint_shadow(layers: Layers, spec: Spec) -> None:
    dx, dy, sigma = spec["dx"], spec["dy"], spec["sigma"]
    where = _around(layers.text, max(abs(dx), abs(dy)) + _radius(sigma))
    moved = _shifted(layers.text[where], dx, dy)
    layers.under.append((_alone(layers.text, where, _softened(moved, sigma)), spec["color"]))


def _reach_shadow(spec: Spec) -> float:
    return float(max(abs(spec["dx"]), abs(spec["dy"])) + 2 * spec["sigma"])


def _sample_outline(stream: Stream, style: StyleSpec) -> Spec:
    color = palette.between(style.color, style.background.color, stream.uniform(0.4, 0.75))
    return Spec(
        "outline", (("width", max(1, round(stream.uniform(0.02, 0.07) * style.size))), ("color", color))
    )


def _paint_outline(layers: Layers, spec: Spec) -> None:
    width = int(spec["width"])
    where = _around(layers.text, width)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    layers.under.append((_alone(layers.text, where, cv2.dilate(layers.text[where], brush)), spec["color"]))


def _sample_glow(stream: Stream, style: StyleSpec) -> Spec:
    color = palette.between(style.color, style.background.color, stream.uniform(0.45, 0.7))
    sigma = round(stream.uniform(0.05, 0.15) * style.size, 2)
    return Spec("glow", (("sigma", sigma), ("gain", stream.uniform(1.0, 2.0)), ("color", color)))


def _paint_glow(layers: Layers, spec: Spec) -> None:
    where = _around(layers.text, _radius(spec["sigma"]))
    halo = _softened(layers.text[where], spec["sigma"])
    brightened = np.minimum(np.arange(256, dtype=np.float32) * np.float32(spec["gain"]), np.float32(255)).astype(np.uint8)
    layers.under.append((_alone(layers.text, where, cv2.LUT(halo, brightened)), spec["color"]))


def _sample_emboss(stream: Stream, style: StyleSpec) -> Spec:
    light = palette.between(style.color, (255,) * len(style.color), 0.35)
    shade = palette.between(style.color, (0,) * len(style.color), 0.35)
    step = max(1, round(stream.uniform(0.02, 0.05) * style.size))
    return Spec(
        "emboss",
        (
            ("dx", stream.choice((-step, step))),
            ("dy", stream.choice((-step, step))),
            ("light", light),
            ("shade", shade),
        ),
    )


def _paint_emboss(layers: Layers, spec: Spec) -> None:
    dx, dy = spec["dx"], spec["dy"]
    where = _around(layers.text, 0)
    text = layers.text[where]
    for color, sign in ((spec["light"], 1), (spec["shade"], -1)):
        # The rim of the glyph that faces one way: what its shifted copy leaves uncovered.
        rim = cv2.subtract(text, _shifted(text, sign * dx, sign * dy))
        layers.over.append((_alone(layers.text, where, rim), color))


def _sample_extrusion(stream: Stream, style: StyleSpec) -> Spec:
    depth = max(2, round(stream.uniform(0.05, 0.14) * style.size))
    color = palette.between(style.color, style.background.color, stream.uniform(0.45, 0.7))
    dx, dy = stream.choice((-1, 1)), stream.choice((-1, 1, 1))
    return Spec("extrusion", (("dx", dx), ("dy", dy), ("depth", depth), ("color", color)))


def _paint_extrusion(layers: Layers, spec: Spec) -> None:
    depth = int(spec["depth"])
    where = _around(layers.text, depth)
    text = side = layers.text[where]
    for _ in range(depth):
        side = _mask(np.maximum(text, _shifted(side, spec["dx"], spec["dy"])))
    layers.under.append((_alone(layers.text, where, side), spec["color"]))


def _sample_bleed(stream: Stream, style: StyleSpec) -> Spec:
    sigma = round(stream.uniform(0.015, 0.035) * style.size, 2)
    return Spec("bleed", (("sigma", max(0.4, sigma)), ("gain", stream.uniform(1.6, 2.6)), ("seed", stream.below(2**31))))


def _paint_bleed(layers: Layers, spec: Spec) -> None:
    """Ink creeps into the paper: the glyph's edge moves outwards by as much as the fibres there draw."""
    text, sigma = layers.text, max(0.6, spec["sigma"])
    where = _around(text, _radius(spec["sigma"]))
    soft = _softened(text[where], spec["sigma"]).astype(np.float32)
    # What fibres around it do to the part in question counts, too.
    wide, inside = _grown(where, _radius(sigma), text.shape)
    pull = _softened(noise.byte_field(spec["seed"], text.shape)[wide], sigma)[inside].astype(np.float32) / np.float32(128)
    spread = np.clip(soft * pull * np.float32(spec["gain"]) - np.float32(64), 0, 255)
    layers.text = text.copy()
    np.maximum(text[where], np.rint(spread).astype(np.uint8), out=layers.text[where])


EFFECTS: Final[dict[str, Effect]] = {
    "shadow": Effect(_sample_shadow, _reach_shadow, _paint_shadow),
    "glow": Effect(_sample_glow, lambda spec: 2.0 * float(spec["sigma"]), _paint_glow),
    "outline": Effect(_sample_outline, lambda spec: float(spec["width"]), _paint_outline),
    "extrusion": Effect(_sample_extrusion, lambda spec: float(spec["depth"]), _paint_extrusion),
    "bleed": Effect(_sample_bleed, lambda spec: 3.0 * float(spec["sigma"]), _paint_bleed),
    "emboss": Effect(_sample_emboss, lambda _: 0.0, _paint_emboss),
}


def _mask(array: Any) -> Mask:
    mask: Mask = array
    return mask


def _shifted(mask: Mask, dx: int, dy: int) -> Mask:
    height, width = mask.shape
    out = np.zeros_like(mask)
    if abs(dx) < width and abs(dy) < height:
        rows, cols = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
        out[rows, cols] = mask[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    return out


def _around(mask: Mask, reach: int) -> Window:
    """Return the part of `mask` that has all its ink and `reach` px around it, one pixel at least."""
    x, y, width, height = cv2.boundingRect(mask)
    rows = slice(max(0, y - reach), min(mask.shape[0], max(1, y + height + reach)))
    return rows, slice(max(0, x - reach), min(mask.shape[1], max(1, x + width + reach)))


def _grown(where: Window, reach: int, shape: tuple[int, ...]) -> tuple[Window, Window]:
    """Return a window `reach` px larger on each side, where there is room, and where in it `where` is."""
    wide = tuple(slice(max(0, at.start - reach), min(most, at.stop + reach)) for at, most in zip(where, shape, strict=True))
    inside = tuple(slice(at.start - more.start, at.stop - more.start) for at, more in zip(where, wide, strict=True))
    return (wide[0], wide[1]), (inside[0], inside[1])


def _alone(mask: Mask, where: Window, part: Any) -> Mask:
    """Return an empty mask of the size of `mask` but for `part`."""
    out = np.zeros(mask.shape, np.uint8)
    out[where] = part
    return out


def _softened(mask: Mask, sigma: float) -> Mask:
    if sigma < _LEAST_SIGMA:
        return mask
    side = 2 * _radius(sigma) + 1
    # On 8-bit images this function is bit-exact on every machine.
    return _mask(cv2.GaussianBlur(mask, (side, side), sigma, borderType=cv2.BORDER_CONSTANT))


def _radius(sigma: float) -> int:
    """Return how far `_softened` reaches, px."""
    return math.ceil(2.5 * sigma) if sigma >= _LEAST_SIGMA else 0
