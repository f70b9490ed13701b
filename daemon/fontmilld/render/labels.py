"""What is said about a pair: JSON types, in px of the sharp picture, origin in its upper left corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
import orjson

from fontmilld.native import core
from fontmilld.render import metrics, noise, psf
from fontmilld.render.degrade import Plan
from fontmilld.render.draw import Picture
from fontmilld.render.layout import Corners, Laid, Placed
from fontmilld.render.raster import Rasterizer
from fontmilld.render.recipe import Recipe, Spec, StyleSpec, TextSpec
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import TypeFont

_MODES: Final = {1: "L", 3: "RGB"}
_LEAST_COVERAGE: Final = 32


class LabelWriter:
    """Writes what is said about pairs of one session: JSON of which only what varies is made for each pair."""

    def __init__(self, settings: RenderSettings) -> None:
        scale = settings.degradations.scale
        size = {
            "width": settings.image_width,
            "height": settings.image_height,
            "blurred_width": settings.image_width // scale,
            "blurred_height": settings.image_height // scale,
            "scale": scale,
            "mode": _MODES[settings.channels],
        }
        self._size = members(size) + b',"text":'
        self._recipe = b',"recipe":{"preset":' + orjson.dumps(settings.preset) + b',"style":{"size":'
        self._degradation = b',"degradation":{"light":%b,"scale":%d,"steps":[' % (
            orjson.dumps(settings.degradations.light), scale,
        )  # fmt: skip
        self._sources: dict[tuple[str, ...], bytes] = {}
        # By grid: scripts that lie on one and scripts that do not take turns.
        self._styles: dict[int, tuple[tuple[Any, ...], bytes, bytes]] = {}
        self._psf: tuple[tuple[psf.Psf | None, ...], bytes] | None = None

    def write(
        self, recipe: Recipe, plan: Plan, box: tuple[int, int, int, int], placed: bytes,
        psnr: float | None, snr: float | None,
    ) -> bytes:  # fmt: skip
        """Return the label's members but for those of the claim, without braces.

        `box` is that of the ink (x, y, width, height); `placed` the JSON of the clusters; the last two are in dB.
        """
        text, style, steps = recipe.text, recipe.style, recipe.degradation.steps
        between, after = self._style_of(style)
        made = [step_json(step) for step in steps]
        kinds = [step.kind for step in steps]
        noises = [found for found, kind in zip(made, kinds, strict=True) if kind in noise.MODELS]
        return b"".join((
            self._size, orjson.dumps(text.text), self._source_of(text),
            orjson.dumps(style.size), between, orjson.dumps(style.x), b',"y":', orjson.dumps(style.y), after,
            b",".join(map(step_json, recipe.effects)), b"]", self._degradation, b",".join(made),
            b']}},"psf":[', self._psf_of(plan), b'],"noise":[', b",".join(noises),
            b'],"order":', orjson.dumps([*kinds, "quantise"]), b',"text_box":[%d,%d,%d,%d]' % box,
            b',"clusters":', placed, b',"psnr":', orjson.dumps(psnr), b',"snr":', orjson.dumps(snr),
        ))  # fmt: skip

    def _source_of(self, text: TextSpec) -> bytes:
        """Return what stands between the text and the size."""
        source = text[1:]
        found = self._sources.get(source)
        if found is None:
            said = {"script": text.script, "language": text.language, "direction": text.direction, "text_source": text.source}
            found = self._sources[source] = b"," + members(said) + self._recipe
        return found

    def _style_of(self, style: StyleSpec) -> tuple[bytes, bytes]:
        """Return what stands between the size and x, and from behind y to the effects."""
        rest = style[3:]
        known = self._styles.get(style.grid)
        if known is None or rest != known[0]:
            record = style.record()
            for name in ("size", "x", "y"):
                del record[name]
            first = {name: record.pop(name) for name in ("drawn_from", "grid")}
            known = rest, b"," + members(first) + b',"x":', b"," + members(record) + b'},"effects":['
            self._styles[style.grid] = known
        return known[1:]

    def _psf_of(self, plan: Plan) -> bytes:
        """Return what was measured of each kernel, in order."""
        if self._psf is None or self._psf[0] is not plan.kernels:
            steps = zip(plan.spec.steps, plan.kernels, strict=True)
            self._psf = plan.kernels, b",".join(orjson.dumps(_measured(step, kernel)) for step, kernel in steps if kernel)
        return self._psf[1]


def members(record: Mapping[str, Any]) -> bytes:
    """Return a JSON object without its braces."""
    return orjson.dumps(record)[1:-1]


def step_json(step: Spec) -> bytes:
    """Return the record of a step or an effect as JSON, tuples as lists."""
    return orjson.dumps({"kind": step.kind, **dict(step.params)})


def _measured(step: Spec, kernel: psf.Psf) -> dict[str, Any]:
    raw = next((list(value) for name, value in step.params if name == "raw_offset"), [0.0, 0.0])
    return {"kind": step.kind} | psf.measured(step, kernel) | {"raw_offset": raw}


def cluster_json(text: str, placed: Placed) -> bytes:
    """Return the `clusters` of what was placed as JSON."""
    if core is None:
        return orjson.dumps(clusters(text, placed.clusters))
    found: bytes = core.cluster_json(text, placed.clusters if isinstance(placed, Laid) else placed)
    return found


def clusters(text: str, boxes: Sequence[tuple[int, Corners]]) -> list[list[Any]]:
    """Return [start, characters, left, top, right, bottom] for what is drawn of `text`, in logical order.

    A cluster is a grapheme cluster, or several where the font joins them into one shape. Start and
    length count code points of the text; edges are those of the outlines after geometry, rounded
    outwards to 1/100 px.
    Clusters without ink, as spaces, are left out.
    """
    if not boxes:
        return []
    starts = [start for start, _ in boxes]
    edges = np.array([box for _, box in boxes], dtype=np.float64).reshape(-1, 4) * 100
    np.floor(edges[:, :2], out=edges[:, :2])
    np.ceil(edges[:, 2:], out=edges[:, 2:])
    # Adding 0 makes -0.0, which JSON would show, 0.0.
    rounded: list[list[float]] = (edges / 100 + 0.0).tolist()
    # A space or a line's end before the next cluster belongs to none.
    spans = [len(text[start:end].rstrip()) or 1 for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [[start, span, *box] for start, span, box in zip(starts, spans, rounded, strict=True)]


def caption(font_id: str, label: Mapping[str, Any]) -> str:
    """Return what a contact sheet says of a pair: font, script, kinds of blur, PSNR."""
    blur = "+".join(kernel["kind"] for kernel in label["psf"]) or "no blur"
    psnr = "" if label["psnr"] is None else f", {label['psnr']:.0f}\u00a0dB"
    return f"{font_id}, {label['script']}, {blur}{psnr}"


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
    owned = list(zip(placed.glyphs, placed.owners, strict=True))
    for number, (start, _) in enumerate(placed.clusters[:255], start=1):
        coverage = rasterizer.coverage(font, [glyph for glyph, owner in owned if owner == start], shape)
        found[coverage > most] = number
        most = np.maximum(most, coverage)
    return found[margin : margin + recipe.height, margin : margin + recipe.width]
