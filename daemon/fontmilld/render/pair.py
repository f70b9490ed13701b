"""One pair from start to finish: recipe, sharp picture, degraded picture, two PNG files and their label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fontmilld.render import degrade, draw, encode, labels, layout
from fontmilld.render.choose import ATTEMPTS, Chooser
from fontmilld.render.degrade import Plan
from fontmilld.render.draw import Picture
from fontmilld.render.faces import Face
from fontmilld.render.layout import Placed
from fontmilld.render.recipe import Recipe
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import Rasterizer, TypeFont
from fontmilld.render.stream import SampleStreams

# The pool runs one process a core: threads inside would only take turns with their neighbours.
cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True)
class RenderedPair:
    """Two PNG files and the label (JSON types, no file names, nothing that differs between two runs)."""

    index: int
    clear: bytes
    blurred: bytes
    label: dict[str, object]


@dataclass(frozen=True, slots=True)
class SampleFailure:
    """A sample that could not be made. `retryable` is False when trying again must end the same way."""

    index: int
    slug: str
    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class _Drawn:
    recipe: Recipe
    plan: Plan
    font: TypeFont
    placed: Placed
    coverage: Picture


class PairRenderer:
    """Renders the samples of one face under one set of settings; holds caches, so one per thread.

    `sha256` is the hexadecimal digest of the font file's bytes. Raises FontProblem "font-no-text" if the
    face has nothing that the text source could use.
    """

    def __init__(self, settings: RenderSettings, face: Face, sha256: str) -> None:
        self._settings = settings
        self._face = face
        self._sha256 = sha256
        self._chooser = Chooser(settings, face)
        self._rasterizer = Rasterizer()
        self._last: tuple[int, _Drawn | None] = (0, None)

    def render(self, index: int) -> RenderedPair | SampleFailure:
        """Return pair `index` (1-based); the same bytes whatever was rendered before. Raises nothing."""
        try:
            return self._render(index)
        except MemoryError:
            return SampleFailure(index, "out-of-memory", "there was not enough memory for this picture", True)
        except Exception as error:  # a bad glyph must cost one sample, not the batch
            reason = f"{type(error).__name__}: {error}"[:200]
            return SampleFailure(index, "render-failed", reason, False)

    def render_range(self, first: int, last: int) -> Iterator[RenderedPair | SampleFailure]:
        """Yield pairs `first` to `last`, both included, as `render` would return them."""
        for index in range(first, last + 1):
            yield self.render(index)

    def extras(self, index: int) -> dict[str, bytes]:
        """Return PNG files that say more about pair `index`; none if it cannot be made.

        "mask": gray, the size of the clear half, at each pixel the number (1 to 255) of the entry in the
        label's `clusters` whose ink covers most of it, 0 where none covers an eighth. "psf": gray, the kernel of the first blur, its largest tap white; one white pixel if
        nothing is blurred.
        """
        chosen = self._choose(index)
        if chosen is None:
            return {}
        mask = labels.mask(self._rasterizer, chosen.font, chosen.placed, chosen.recipe, chosen.plan.margin)
        kernel = chosen.plan.first_kernel
        picture = kernel.picture() if kernel else np.full((1, 1), 255, np.uint8)
        return {"mask": encode.png(mask), "psf": encode.png(picture)}

    def recipe(self, index: int) -> Recipe | None:
        """Return the recipe that `render` carries out, or None if no text can be made to fit."""
        chosen = self._choose(index)
        return chosen.recipe if chosen else None

    def _render(self, index: int) -> RenderedPair | SampleFailure:
        chosen = self._choose(index)
        if chosen is None:
            size = f"{self._settings.image_width}x{self._settings.image_height}"
            return SampleFailure(
                index, "text-unfit", f"no text of {ATTEMPTS} tried fits into {size} px legibly", False
            )
        recipe, plan, margin = chosen.recipe, chosen.plan, chosen.plan.margin
        scene = draw.scene(chosen.coverage, recipe)
        sharp = scene[margin : margin + recipe.height, margin : margin + recipe.width]
        degraded = degrade.degrade(scene, plan, margin)
        files = (encode.png(sharp), encode.png(degraded.picture))
        label = labels.describe(recipe, plan, files)
        label["text_box"] = list(draw.ink_box(chosen.coverage, margin))
        label["clusters"] = labels.clusters(recipe.text.text, chosen.placed.clusters)
        label["psnr"] = labels.psnr(sharp, degraded.picture)
        label["snr"] = degraded.snr
        return RenderedPair(index, files[0], files[1], label)

    def _choose(self, index: int) -> _Drawn | None:
        """Choose and draw the text; the last one is kept for `extras`."""
        if self._last[0] != index:
            self._last = (index, self._chosen(index))
        return self._last[1]

    def _chosen(self, index: int) -> _Drawn | None:
        """Choose and draw the text, again and again until what was drawn is whole."""
        streams = SampleStreams(self._settings.seed, self._sha256, self._face.face_index, index)
        for attempt in range(ATTEMPTS):
            chosen = self._chooser.choose(streams, index, attempt)
            if chosen is None:
                continue
            recipe = chosen.recipe
            plan = degrade.prepare(recipe.degradation)
            placed = layout.place(chosen.block, recipe.style, plan.margin)
            shape = (recipe.height + 2 * plan.margin, recipe.width + 2 * plan.margin)
            coverage = self._rasterizer.coverage(chosen.font, placed.glyphs, shape)
            if _is_whole(draw.ink_box(coverage, plan.margin), recipe):
                return _Drawn(recipe, plan, chosen.font, placed, coverage)
        return None


def _is_whole(box: tuple[int, int, int, int], recipe: Recipe) -> bool:
    x, y, width, height = box
    inside = x >= 0 and y >= 0 and x + width <= recipe.width and y + height <= recipe.height
    return width > 0 and height > 0 and inside
