"""Choosing a recipe: text that fits, style, effects, degradation, all from the sample's own streams."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

from fontmilld.render import effects, palette
from fontmilld.render.corpus import Phrase, corpus_of
from fontmilld.render.faces import Face, FontProblem
from fontmilld.render.layout import Block, Corners, compose, extent
from fontmilld.render.presets import Preset, Sampler
from fontmilld.render.recipe import Recipe, Spec, StyleSpec, TextSpec
from fontmilld.render.settings import RenderSettings
from fontmilld.render.shaping import EM, UNTRACKED, TypeFont
from fontmilld.render.stream import Concern, SampleStreams, Stream

ATTEMPTS: Final = 12
MIN_SIZE: Final = 6.0
_FREE_ATTEMPTS: Final = 6
_SHORT_ATTEMPTS: Final = 9
_LEAST_SHRINK: Final = 0.6
# 18 to 48 px per em in a picture of 64 px is what document cameras see.
_SIZES: Final = (0.28, 0.75)
_PLAIN_SIZE: Final = 0.5
_PAD: Final = 0.05
_LEADING: Final = 1.3
_ROOMY: Final = 1.02
# Where nothing but the text varies, glyphs sit on quarters of a pixel, so that few pictures of each are needed.
_GRID: Final = 4


class Chosen(NamedTuple):
    """A recipe with what was made on the way to it: the font at its axes, and the shaped text."""

    recipe: Recipe
    font: TypeFont
    block: Block


class Chooser:
    """Draws recipes for one face under one set of settings.

    Raises FontProblem "font-bitmap-only" if no strike of a bitmap face fits the picture, "font-no-text"
    if the text source has nothing for the face.
    """

    def __init__(self, settings: RenderSettings, face: Face) -> None:
        self._settings = settings
        self._face = face
        self._preset = settings.degradations
        self._degradations = _sampler_of(self._preset)
        self._strikes = _fitting(face, settings)
        self._fixed = None if settings.style_variations or self._preset.size_px else self._plain_style(None)
        self._upright = face.font() if not self._strikes else None
        # Paper around the ink shows that nothing was cut; small pictures have a pixel to spare, no more.
        self._paper = max(1.0, round(_PAD * min(settings.image_width, settings.image_height)))
        self._corpus = corpus_of(face.repertoire, settings)
        # What every recipe begins with, after its index.
        self._frame = (settings.image_width, settings.image_height, settings.channels, settings.preset)

    @property
    def has_fixed_blur(self) -> bool:
        """Return True if kernels and margin are the same for every sample."""
        return self._degradations.has_fixed_blur

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return the text sources that were asked for and of which the face can draw nothing."""
        return self._corpus.lacking

    def choose(self, streams: SampleStreams, index: int, attempt: int) -> Chosen | None:
        """Return the recipe of a sample at its `attempt`-th text, or None if that text does not fit."""
        brevity = 0 if attempt < _FREE_ATTEMPTS else 1 if attempt < _SHORT_ATTEMPTS else 2
        wanted, font = self._wanted(streams, brevity)
        drawn = self._corpus.draw(streams.of(Concern.TEXT, attempt), brevity)
        phrase: Phrase | None = self._trimmed(drawn, font, wanted)
        shrunk = wanted.size * _LEAST_SHRINK if brevity == 0 else MIN_SIZE
        while phrase is not None:
            text = TextSpec(phrase.text, phrase.script, phrase.language, phrase.direction, phrase.source)
            styled = self._aligned(streams, text, wanted)
            block = compose(font, text, styled)
            if not block.has_ink or not block.is_complete:
                return None
            least = wanted.size if len(phrase.parts) > 1 or wanted.strike else max(MIN_SIZE, shrunk)
            fit = self._fit(streams, block, styled, least)
            if not isinstance(fit, float):
                return Chosen(self._recipe(streams, index, text, *fit), font, block)
            # Not one by one: what is left should come near to what there is room for.
            parts = len(phrase.parts)
            phrase = phrase.shortened(min(parts - 1, max(1, int(parts * fit + 0.5))))
        return None

    def _wanted(self, streams: SampleStreams, brevity: int) -> tuple[StyleSpec, TypeFont]:
        """Return the style that the text is to have if there is room, and the font for it."""
        wanted = self._fixed or self._style(streams.of(Concern.STYLE))
        if self._preset.rotation or self._preset.tilt:
            wanted = self._turned(streams.of(Concern.GEOMETRY), wanted)
        if self._strikes:
            wanted = self._struck(wanted, brevity)
        if self._upright is not None and not wanted.axes and not wanted.bold:
            return wanted, self._upright
        return wanted, self._face.font(wanted.axes, wanted.bold, wanted.strike)

    def _trimmed(self, phrase: Phrase, font: TypeFont, style: StyleSpec) -> Phrase:
        """Drop parts that there cannot be room for, which is cheaper to reckon than to shape."""
        if len(phrase.parts) < 2 or phrase.most_lines > 1 or phrase.script in UNTRACKED:
            return phrase
        room = _ROOMY * (self._settings.image_width - 2 * self._paper) * EM / style.size
        gap = font.reckon(phrase.joiner)
        for number, part in enumerate(phrase.parts):
            room -= font.reckon(part)
            if room < 0:
                return phrase.shortened(max(1, number)) or phrase
            room -= gap
        return phrase

    def _aligned(self, streams: SampleStreams, text: TextSpec, style: StyleSpec) -> StyleSpec:
        """Return the style with the line's alignment; letters that join keep their exact distances."""
        if style.grid and text.script in UNTRACKED:
            style = style._replace(grid=0)
        return style._replace(align=self._align(streams, text)) if "\n" in text.text else style

    def _align(self, streams: SampleStreams, text: TextSpec) -> str:
        if text.direction == "rtl":
            return "right"
        free = self._settings.style_variations and not self._strikes
        return streams.of(Concern.LAYOUT, 1).choice(("left", "center")) if free else "left"

    def _struck(self, style: StyleSpec, brevity: int) -> StyleSpec:
        """Return the style at the strike that comes nearest, a smaller one where text did not fit.

        Bitmaps are neither slanted, emboldened nor turned, and everything is at whole pixels.
        """
        below = [size for size in self._strikes if size <= style.size + 0.5] or [self._strikes[0]]
        size = below[(len(below) - 1) * (2 - brevity) // 2]
        return style._replace(
            size=float(size),
            strike=size,
            grid=0,
            slant=0.0,
            bold=0.0,
            tracking=0.0,
            leading=round(style.leading * size) / size,
            rotation=0.0,
            tilt_x=0.0,
            tilt_y=0.0,
        )

    def _turned(self, stream: Stream, style: StyleSpec) -> StyleSpec:
        preset = self._preset
        rotation, tilt_x, tilt_y = (stream.normal(s) for s in (preset.rotation, preset.tilt, preset.tilt))
        return style._replace(rotation=rotation, tilt_x=tilt_x, tilt_y=tilt_y, grid=0)

    def _plain_style(self, drawn: float | None) -> StyleSpec:
        """Return black on white, at `drawn` px per em or as large as the picture has room for."""
        height, lines = self._settings.image_height, 1 + (self._settings.text_lines - 1) * _LEADING
        size = _PLAIN_SIZE * height / lines if drawn is None else drawn
        color, background = palette.black_on_white(self._settings.channels)
        return StyleSpec(round(size, 2), 0.0, 0.0, color, background, grid=_GRID)

    def _style(self, stream: Stream) -> StyleSpec:
        height, channels = self._settings.image_height, self._settings.channels
        lines = 1 + (self._settings.text_lines - 1) * _LEADING
        drawn = self._preset.size_px
        if not self._settings.style_variations:
            return self._plain_style(stream.uniform(*drawn) if drawn else None)
        color, background = palette.sample(stream, channels)
        size = round(stream.uniform(*drawn) if drawn else stream.uniform(*_SIZES) * height / lines, 2)
        axes = self._axes(stream, size)
        weighted = any(tag == "wght" for tag, _ in axes)
        return StyleSpec(
            size=size,
            x=0.0,
            y=0.0,
            color=color,
            background=background,
            slant=stream.uniform(-0.1, 0.3) if stream.chance(0.3) else 0.0,
            bold=stream.uniform(0.005, 0.03) if not weighted and stream.chance(0.35) else 0.0,
            tracking=stream.uniform(-0.02, 0.12) if stream.chance(0.4) else 0.0,
            axes=axes,
            leading=stream.uniform(1.15, 1.5),
        )

    def _axes(self, stream: Stream, size: float) -> tuple[tuple[str, float], ...]:
        chosen = []
        for tag, axis in sorted(self._face.axes.items()):
            low, high = axis["minimum"], axis["maximum"]
            at = stream.uniform(low, high)
            if tag == "opsz":
                chosen.append((tag, min(max(size, low), high)))
            elif tag == "wght" or (not axis["hidden"] and stream.chance(0.3)):
                chosen.append((tag, at))
        return tuple(chosen)

    def _fit(
        self, streams: SampleStreams, block: Block, wanted: StyleSpec, least: float
    ) -> tuple[StyleSpec, tuple[Spec, ...]] | float:
        """Find the size, at most the wanted and at least `least`, at which text and effects fit.

        Returns the style there and its effects, or the share of that size which there is room for (below 1) if it is
        not to be had.
        """
        corners = extent(block, wanted)
        reach = 0.0
        for _ in range(3):
            room = self._largest(corners, reach)
            size = round(min(wanted.size, room) - 0.005, 2)
            if wanted.strike and room >= wanted.size:
                size = wanted.size
            if size < min(least - 0.005, wanted.size - 0.01):
                break
            specs = self._effects(streams, wanted, size)
            needed = effects.reach(specs) if specs else 0.0
            if needed <= reach:
                return self._placed(streams, corners, wanted, size, reach), specs
            reach = needed
        return max(0.0, min(0.95, self._largest(corners, reach) / wanted.size))

    def _effects(self, streams: SampleStreams, wanted: StyleSpec, size: float) -> tuple[Spec, ...]:
        if not self._settings.enable_special_effects:
            return ()
        return effects.sample(streams.of(Concern.EFFECT), wanted.at(size, 0.0, 0.0), self._settings.effects)

    def _largest(self, corners: Corners, reach: float) -> float:
        left, top, right, bottom = corners
        width = self._frame[0] - 2 * (self._paper + reach)
        height = self._frame[1] - 2 * (self._paper + reach)
        return min(width / (right - left), height / (bottom - top))

    def _placed(
        self, streams: SampleStreams, corners: Corners, wanted: StyleSpec, size: float, reach: float
    ) -> StyleSpec:
        left, top = corners[0] * size, corners[1] * size
        pad = self._paper + reach
        free_x = self._frame[0] - 2 * pad - (corners[2] * size - left)
        free_y = self._frame[1] - 2 * pad - (corners[3] * size - top)
        part_x = part_y = 0.5
        if self._settings.style_variations:
            stream = streams.of(Concern.LAYOUT)
            part_x, part_y = stream.unit(), stream.unit()
        x = pad - left + max(0.0, free_x) * part_x
        y = pad - top + max(0.0, free_y) * part_y
        digits = 0 if wanted.strike else 3
        return wanted.at(size, round(x, digits), round(y, digits))

    def _recipe(
        self, streams: SampleStreams, index: int, text: TextSpec, style: StyleSpec, specs: tuple[Spec, ...]
    ) -> Recipe:
        blur, noise = streams.of(Concern.PSF), streams.of(Concern.NOISE)
        return Recipe(index, *self._frame, text, style, specs, self._degradations.sample(style.size, blur, noise))


@functools.lru_cache(maxsize=4)
def _sampler_of(preset: Preset) -> Sampler:
    """Return what draws from the mixture, the same object for the latest ones: it costs more than a draw does."""
    return Sampler(preset)


def _fitting(face: Face, settings: RenderSettings) -> tuple[int, ...]:
    """Return the strikes that the picture is high enough for; none for a face with outlines."""
    room = settings.image_height // settings.text_lines
    fitting = tuple(size for size in face.strikes if size <= room)
    if face.strikes and not fitting:
        sizes = ", ".join(map(str, face.strikes))
        lines = f" of {settings.text_lines} lines" if settings.text_lines > 1 else ""
        raise FontProblem(
            "font-bitmap-only",
            f"its glyphs are bitmaps for {sizes} px per em; a picture{lines} {settings.image_height} px high "
            f"has no room for them",
        )
    return fitting
