"""Colours: 8-bit sRGB, one number for gray or three for RGB, always with contrast between ink and paper."""

from __future__ import annotations

from typing import Final

from fontmilld.render.recipe import Background, Color
from fontmilld.render.stream import Stream

# Least distance in luma (0..255) between the ink and every part of the background.
MIN_CONTRAST: Final = 100
_CHROMA: Final = 70
TEXTURES: Final = frozenset({"paper", "grain", "noise"})
_LUMA: Final = (0.299, 0.587, 0.114)


def luma(color: Color) -> float:
    """Return the luma of a colour, 0..255."""
    return float(color[0]) if len(color) == 1 else sum(w * c for w, c in zip(_LUMA, color, strict=True))


def black_on_white(channels: int) -> tuple[Color, Background]:
    """Return black ink and a plain white background."""
    white = (255,) * channels
    return (0,) * channels, Background("plain", white, white)


def sample(stream: Stream, channels: int) -> tuple[Color, Background]:
    """Draw ink and background; every background colour is MIN_CONTRAST or more from the ink in luma."""
    split = 60 + stream.below(256 - MIN_CONTRAST - 60)
    dark = stream.below(split)
    light = [split + MIN_CONTRAST + stream.below(256 - MIN_CONTRAST - split) for _ in range(2)]
    ink, paper = (dark, light) if stream.chance(0.75) else (255 - dark, [255 - v for v in light])
    kind = stream.weighted((("plain", 0.35), ("gradient", 0.25), ("paper", 0.2), ("grain", 0.1), ("noise", 0.1)))
    colors = [tinted(stream, value, channels) for value in paper]
    if kind in TEXTURES and channels > 1:
        # Grain of another hue is nothing that paper has.
        colors[1] = tuple(max(0, min(255, c + paper[1] - paper[0])) for c in colors[0])
        if abs(luma(colors[1]) - ink) < MIN_CONTRAST:
            colors[1] = colors[0]
    background = Background(
        kind, colors[0], colors[1], angle=stream.uniform(0, 360), seed=stream.below(2**31)
    )
    return tinted(stream, ink, channels), background


def tinted(stream: Stream, value: int, channels: int) -> Color:
    """Return a colour of luma `value`: gray, or with a hue as strong as the gamut has room for."""
    if channels == 1:
        return (value,)
    red, blue = (stream.uniform(-_CHROMA, _CHROMA) for _ in range(2))
    green = -(_LUMA[0] * red + _LUMA[2] * blue) / _LUMA[1]
    room = min(_room(value, offset) for offset in (red, green, blue))
    return tuple(round(value + offset * room) for offset in (red, green, blue))


def between(color: Color, other: Color, part: float) -> Color:
    """Return the colour that lies `part` (0..1) of the way from `color` to `other`."""
    return tuple(round(a + (b - a) * part) for a, b in zip(color, other, strict=True))


def _room(value: int, offset: float) -> float:
    if offset == 0:
        return 1.0
    return min(1.0, (255 - value) / offset if offset > 0 else value / -offset)
