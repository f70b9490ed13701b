"""One pair from start to finish: recipe, sharp picture, degraded picture, two PNG files and their label."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import cv2
import numpy as np
import orjson

from fontmilld.render import degrade, draw, encode, labels, layout, strip
from fontmilld.render.choose import ATTEMPTS, Chooser
from fontmilld.render.degrade import Plan
from fontmilld.render.draw import Picture
from fontmilld.render.faces import Face
from fontmilld.render.layout import Placed
from fontmilld.render.raster import Rasterizer
from fontmilld.render.recipe import Degradation, Recipe
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import TypeFont, Unshapable
from fontmilld.render.stages import StageClock
from fontmilld.render.stream import SampleStreams

# The pool runs one process a core: threads inside would only take turns with their neighbours.
cv2.setNumThreads(1)

# So many pixels are degraded at once: enough to spread the cost of a call, few enough to stay in the cache.
_STRIP_PIXELS: Final = 1 << 18
_STRIP_PAIRS: Final = 16

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class RenderedPair:
    """Two PNG files with their SHA-256 in hex, and `members`: what is said about the pair, as JSON without its braces
    (no file names, nothing that differs between two runs)."""

    index: int
    clear: bytes
    blurred: bytes
    clear_sha256: str
    blurred_sha256: str
    members: bytes

    @property
    def label(self) -> dict[str, Any]:
        """Return all that is said about the pair, sizes and digests of the files included, as JSON types."""
        return {
            "index": self.index,
            **orjson.loads(b"{%b}" % self.members),
            "clear_bytes": len(self.clear),
            "blurred_bytes": len(self.blurred),
            "clear_sha256": self.clear_sha256,
            "blurred_sha256": self.blurred_sha256,
        }


@dataclass(frozen=True, slots=True)
class SampleFailure:
    """A sample that could not be made. `retryable` is False when trying again must end the same way."""

    index: int
    slug: str
    reason: str
    retryable: bool


Outcome = RenderedPair | SampleFailure


class _Chosen(NamedTuple):
    """A recipe and the coverage of its text; `box` is that of the ink."""

    recipe: Recipe
    plan: Plan
    font: TypeFont
    placed: Placed
    coverage: Picture
    box: tuple[int, int, int, int]


@dataclass(slots=True)
class _Drawn:
    index: int
    chosen: _Chosen
    scene: Picture


@dataclass(slots=True)
class _Shared:
    """What renderers of one session have in common. `plan` is that of every sample, but for its `spec`, where kernels
    and margin are always the same."""

    labels: labels.LabelWriter
    plan: Plan | None = None


@functools.lru_cache(maxsize=4)
def _shared_by(settings: RenderSettings) -> _Shared:
    return _Shared(labels.LabelWriter(settings))


class PairRenderer:
    """Renders the samples of one face under one set of settings; all of one process in one thread: they share caches.

    `sha256` is the hexadecimal digest of the font file's bytes. `clock` is told what time is spent on.
    Raises FontProblem "font-no-text" if the face has nothing that the text source could use.
    """

    def __init__(self, settings: RenderSettings, face: Face, sha256: str, clock: StageClock | None = None) -> None:
        self._settings = settings
        self._face = face
        self._sha256 = sha256
        self._clock = clock or StageClock()
        self._chooser = Chooser(settings, face)
        self._shared = _shared_by(settings)
        self._rasterizer = Rasterizer()
        pixels = settings.image_width * settings.image_height * settings.channels
        self._together = max(1, min(_STRIP_PAIRS, _STRIP_PIXELS // pixels))
        # What the strip at hand was made from, for `extras`.
        self._kept: dict[int, _Chosen | None] = {}

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return the text sources that were asked for and of which the face can draw nothing."""
        return self._chooser.lacking

    def render(self, index: int) -> Outcome:
        """Return pair `index` (1-based); the same bytes whatever was rendered before. Raises nothing."""
        return next(self.render_range(index, index))

    def render_range(self, first: int, last: int, before: Callable[[int], None] = lambda _: None) -> Iterator[Outcome]:
        """Yield pairs `first` to `last`, both included, as `render` would return them.

        `before` is called with the index of each sample before it is drawn, which is some samples before
        it is yielded.
        """
        for start in range(first, last + 1, self._together):
            drawn: list[_Drawn | SampleFailure] = []
            self._kept = {}
            for index in range(start, min(start + self._together, last + 1)):
                before(index)
                drawn.append(_guarded(index, self._draw, index))
            yield from self._finish(drawn)

    def try_out(self, index: int) -> None:
        """Choose and draw the text of pair `index`, which is all that the font's bytes have a say in. Raises nothing."""
        _guarded(index, self._choose, index)

    def extras(self, index: int) -> dict[str, bytes]:
        """Return PNG files that say more about pair `index`; none if it cannot be made.

        "mask": gray, the size of the clear half, at each pixel the number (1 to 255) of the entry in the
        label's `clusters` whose ink covers most of it, 0 where none covers an eighth. "kernel": gray, the kernel of the
        first blur, its largest tap white; one white pixel if
        nothing is blurred.
        """
        chosen = self._choose(index)
        if chosen is None:
            return {}
        mask = labels.mask(self._rasterizer, chosen.font, chosen.placed, chosen.recipe, chosen.plan.margin)
        kernel = chosen.plan.first_kernel
        picture = kernel.picture() if kernel else np.full((1, 1), 255, np.uint8)
        level = self._settings.png_level
        return {"mask": encode.png(mask, level), "kernel": encode.png(picture, level)}

    def recipe(self, index: int) -> Recipe | None:
        """Return the recipe that `render` carries out, or None if no text can be made to fit."""
        chosen = self._choose(index)
        return chosen.recipe if chosen else None

    def _draw(self, index: int) -> _Drawn | SampleFailure:
        chosen = self._choose(index)
        if chosen is None:
            size = f"{self._settings.image_width}x{self._settings.image_height}"
            return SampleFailure(
                index, "text-unfit", f"no text of {ATTEMPTS} tried fits into {size} px legibly", False
            )
        scene = draw.scene(chosen.coverage, chosen.recipe)
        self._clock.lap("draw")
        return _Drawn(index, chosen, scene)

    def _finish(self, drawn: list[_Drawn | SampleFailure]) -> Iterator[Outcome]:
        """Degrade and encode, as many pictures at once as are degraded alike."""
        for common, group in itertools.groupby(drawn, key=_common):
            members = [*group]
            alike = [member for member in members if common is not None and isinstance(member, _Drawn)]
            finished = _guarded(0, _degraded, alike) if alike else []
            if len(members) == len(alike) and not isinstance(finished, SampleFailure):
                self._clock.lap("blur")
                for member, halves in zip(alike, finished, strict=True):
                    yield _guarded(member.index, self._pair, member, halves)
            else:
                yield from map(self._finish_one, members)

    def _finish_one(self, drawn: _Drawn | SampleFailure) -> Outcome:
        if isinstance(drawn, SampleFailure):
            return drawn
        finished = _guarded(drawn.index, _degraded, [drawn])
        self._clock.lap("blur")
        if isinstance(finished, SampleFailure):
            return finished
        return _guarded(drawn.index, self._pair, drawn, finished[0])

    def _pair(self, drawn: _Drawn, halves: strip.Finished) -> RenderedPair:
        chosen, channels, level = drawn.chosen, drawn.chosen.recipe.channels, self._settings.png_level
        clear, blurred = encode.from_lines(halves.clear, channels, level), encode.from_lines(halves.blurred, channels, level)
        placed = labels.cluster_json(chosen.recipe.text.text, chosen.placed)
        members = self._shared.labels.write(chosen.recipe, chosen.plan, chosen.box, placed, halves.psnr, halves.snr)
        pair = RenderedPair(drawn.index, clear, blurred, sha256(clear).hexdigest(), sha256(blurred).hexdigest(), members)
        self._clock.lap("encode")
        return pair

    def _choose(self, index: int) -> _Chosen | None:
        """Choose and draw the text, once for each sample of the strip at hand."""
        if index not in self._kept:
            if len(self._kept) >= _STRIP_PAIRS:
                self._kept = {}
            self._kept[index] = self._chosen(index)
        return self._kept[index]

    def _chosen(self, index: int) -> _Chosen | None:
        """Choose and draw the text, again and again until what was drawn is whole."""
        streams = SampleStreams(self._settings.seed, self._sha256, self._face.face_index, index)
        for attempt in range(ATTEMPTS):
            chosen = self._chooser.choose(streams, index, attempt)
            if chosen is None:
                continue
            recipe = chosen.recipe
            plan = self._prepared(recipe.degradation)
            placed = layout.place(chosen.block, recipe.style, plan.margin)
            self._clock.lap("shape")
            shape = (recipe.height + 2 * plan.margin, recipe.width + 2 * plan.margin)
            coverage, ink = self._rasterizer.measured(chosen.font, placed, shape, on_grid=recipe.style.grid > 0)
            box = (ink[0] - plan.margin, ink[1] - plan.margin, ink[2], ink[3])
            self._clock.lap("draw")
            if _is_whole(box, recipe):
                return _Chosen(recipe, plan, chosen.font, placed, coverage, box)
        return None

    def _prepared(self, spec: Degradation) -> Plan:
        if not self._chooser.has_fixed_blur:
            return degrade.prepare(spec)
        plan = self._shared.plan
        if plan is None:
            plan = self._shared.plan = degrade.prepare(spec)
        return Plan(spec, plan.kernels, plan.margin)


def _common(drawn: _Drawn | SampleFailure) -> strip.Key | None:
    return strip.key(drawn.scene, drawn.chosen.plan) if isinstance(drawn, _Drawn) else None


def _degraded(drawn: list[_Drawn]) -> list[strip.Finished]:
    """Degrade pictures that have a strip's key in common, or a single one."""
    if _common(drawn[0]) is not None:
        return strip.degrade([member.scene for member in drawn], [member.chosen.plan for member in drawn])
    scene, recipe, plan = drawn[0].scene, drawn[0].chosen.recipe, drawn[0].chosen.plan
    sharp = scene[plan.margin : plan.margin + recipe.height, plan.margin : plan.margin + recipe.width]
    found = degrade.degrade(scene, plan, plan.margin)
    psnr = labels.psnr(sharp, found.picture)
    return [strip.Finished(encode.lines(sharp), encode.lines(found.picture), psnr, found.snr)]


def _guarded(index: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | SampleFailure:
    """Call the function; a bad glyph must cost one sample, not the batch."""
    try:
        return function(*args, **kwargs)
    except Unshapable:
        return SampleFailure(index, "text-unshapable", "the font makes more glyphs of the text than can be shaped", False)
    except MemoryError:
        return SampleFailure(index, "out-of-memory", "there was not enough memory for this picture", True)
    except Exception as error:
        return SampleFailure(index, "render-failed", f"{type(error).__name__}: {error}"[:200], False)


def _is_whole(box: tuple[int, int, int, int], recipe: Recipe) -> bool:
    x, y, width, height = box
    inside = x >= 0 and y >= 0 and x + width <= recipe.width and y + height <= recipe.height
    return width > 0 and height > 0 and inside
