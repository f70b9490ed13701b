"""The recipe: everything that is chosen about one pair, frozen, before anything is drawn.

Given a recipe and its face, drawing has no choice left. Lengths are pixels of the finished image with
the origin in its upper left corner and y downwards; colours are 8-bit sRGB, one number per channel.

Nothing here is changed once it is built. Named tuples, and classes that do not enforce it, take a fifth of the time of
frozen ones, and every pair has a dozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

Color = tuple[int, ...]
Params = tuple[tuple[str, Any], ...]


class Background(NamedTuple):
    """`kind` is "plain", "gradient" (from `color` to `color2` along `angle`, degrees), or a texture
    between the two colours from `seed`: "grain", "paper" or "noise"."""

    kind: str
    color: Color
    color2: Color
    angle: float = 0.0
    seed: int = 0

    def record(self) -> dict[str, Any]:
        """Return the parameters that the kind uses."""
        base: dict[str, Any] = {"kind": self.kind, "color": list(self.color)}
        if self.kind == "gradient":
            base |= {"color2": list(self.color2), "angle": self.angle}
        if self.kind in ("grain", "paper", "noise"):
            base |= {"color2": list(self.color2), "seed": self.seed}
        return base


class TextSpec(NamedTuple):
    """NFC text in logical order, lines parted by newlines; ISO 15924 script, BCP 47 language or "",
    direction ("ltr" or "rtl"), the source it came from."""

    text: str
    script: str
    language: str
    direction: str
    source: str


class StyleSpec(NamedTuple):
    """`size` px per em (`strike` the same, if bitmaps for it are drawn; 0 for outlines); pen origin (`x`, `y`) on the baseline; `slant` is a tangent; `bold`,
    `tracking` and `leading` (from baseline to baseline) in em; `axes` are (tag, design value) pairs.
    `rotation` (anticlockwise), `tilt_x` and `tilt_y` (about the horizontal and vertical axis) in degrees.
    With a `grid`, the origin of each glyph is moved to the nearest multiple of 1/grid px; 0: nowhere."""

    size: float
    x: float
    y: float
    color: Color
    background: Background
    slant: float = 0.0
    bold: float = 0.0
    tracking: float = 0.0
    axes: tuple[tuple[str, float], ...] = ()
    leading: float = 1.3
    align: str = "left"
    rotation: float = 0.0
    tilt_x: float = 0.0
    tilt_y: float = 0.0
    strike: int = 0
    grid: int = 0

    @property
    def is_upright(self) -> bool:
        """Return True if the text lies flat and level in the picture."""
        return not (self.rotation or self.tilt_x or self.tilt_y)

    def unit(self) -> StyleSpec:
        """Return the style at 1 px per em with its origin at (0, 0)."""
        return self.at(1.0, 0.0, 0.0)

    def at(self, size: float, x: float, y: float) -> StyleSpec:
        """Return the style at `size` px per em with its origin at (x, y)."""
        return StyleSpec._make((size, x, y, *self[3:]))

    def record(self) -> dict[str, Any]:
        """Return the style as JSON types."""
        return {
            "size": self.size,
            "drawn_from": "bitmaps" if self.strike else "outlines",
            "grid": self.grid,
            "x": self.x,
            "y": self.y,
            "color": list(self.color),
            "background": self.background.record(),
            "slant": self.slant,
            "bold": self.bold,
            "tracking": self.tracking,
            "axes": dict(self.axes),
            "leading": self.leading,
            "align": self.align,
            "rotation": self.rotation,
            "tilt": [self.tilt_x, self.tilt_y],
        }


@dataclass(slots=True, unsafe_hash=True)
class Spec:
    """A named step with its parameters (JSON types): an effect, a PSF, a noise model."""

    kind: str
    params: Params = ()

    def __getitem__(self, name: str) -> Any:
        """Return one parameter; raises KeyError."""
        for key, value in self.params:
            if key == name:
                return value
        raise KeyError(name)

    def record(self) -> dict[str, Any]:
        """Return kind and parameters as one flat JSON-able dict."""
        return {"kind": self.kind} | {name: _plain(value) for name, value in self.params}


class Degradation(NamedTuple):
    """What happens to the sharp picture, `steps` in their order, then one quantisation to 8 bits.

    Blur acts in `light`: "linear", or "gamma" for the sRGB codes themselves. The degraded half is
    `scale` times smaller than the sharp one.
    """

    light: str
    steps: tuple[Spec, ...]
    scale: int = 1

    @property
    def order(self) -> list[str]:
        """Return the kinds of the steps as they are carried out."""
        return [*(step.kind for step in self.steps), "quantise"]

    def record(self) -> dict[str, Any]:
        """Return the degradation as JSON types."""
        return {"light": self.light, "scale": self.scale, "steps": [step.record() for step in self.steps]}


@dataclass(slots=True)
class Recipe:
    """The complete description of pair `index`."""

    index: int
    width: int
    height: int
    channels: int
    preset: str
    text: TextSpec
    style: StyleSpec
    effects: tuple[Spec, ...]
    degradation: Degradation

    def record(self) -> dict[str, Any]:
        """Return what the label does not already say at its top level, as JSON types."""
        return {
            "preset": self.preset,
            "style": self.style.record(),
            "effects": [effect.record() for effect in self.effects],
            "degradation": self.degradation.record(),
        }


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
