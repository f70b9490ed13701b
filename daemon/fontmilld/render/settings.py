"""What a session asks of its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from fontmill.pictures import COLORS, mixture
from fontmilld.render import effects, extensions, presetfile
from fontmilld.render.presets import Preset

MIN_SIDE: Final = 8
MAX_SIDE: Final = 4096
MAX_SEED: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """The part of a session's configuration that can change a pixel.

    `image_width` and `image_height` are pixels in [8, 4096], multiples of the preset's scale; `seed` is in
    [0, 2**63 - 1]; `color` is a member of pictures.COLORS. `preset` is a preset that comes with fontmill, or any name with
    `preset_source` holding the TOML that describes it. `text` is a mixture of text sources
    (pictures.mixture); "user" draws from `text_content`. `text_lines` is the number of lines in a
    picture (1 to 8), the others are bounds for words and characters a line (1 to 100). `effects` names
    the special effects to choose from, all built-in ones if empty. `png_level` is that of encode.from_lines. Raises ValueError naming the field.
    """

    image_width: int = 256
    image_height: int = 64
    seed: int = 0
    style_variations: bool = False
    enable_special_effects: bool = False
    preset: str = "document-camera-v1"
    preset_source: str = ""
    color: str = "gray"
    text: str = "words"
    text_content: str = ""
    text_lines: int = 1
    text_min_words: int = 1
    text_max_words: int = 6
    text_min_chars: int = 3
    text_max_chars: int = 14
    effects: tuple[str, ...] = ()
    png_level: int = 1

    def __post_init__(self) -> None:
        for name in ("image_width", "image_height"):
            _check_range(name, getattr(self, name), MIN_SIDE, MAX_SIDE)
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("text_lines", self.text_lines, 1, 8)
        _check_range("png_level", self.png_level, 0, 12)
        for least, most in (("text_min_words", "text_max_words"), ("text_min_chars", "text_max_chars")):
            _check_range(least, getattr(self, least), 1, 100)
            _check_range(most, getattr(self, most), getattr(self, least), 100)
        if self.color not in COLORS:
            raise ValueError(f"color: {self.color!r} is not one of {', '.join(COLORS)}")
        self._check_text()
        for side in ("image_width", "image_height"):
            if getattr(self, side) % self.degradations.scale:
                scale = self.degradations.scale
                raise ValueError(f"{side}: {getattr(self, side)} is no multiple of the preset's scale, {scale}")
        known = (*effects.EFFECTS, *extensions.found(extensions.EFFECTS))
        for name in self.effects:
            if name not in known:
                raise ValueError(f"effects: {name!r} is not one of {', '.join(known)}")

    def _check_text(self) -> None:
        if "user" in self.text_weights and not self.text_content.strip():
            raise ValueError("text_content: is empty, and the text source is the user's own text")

    @property
    def degradations(self) -> Preset:
        """Return the preset; raises ValueError if there is no such preset or its source is wrong."""
        return presetfile.get(self.preset, self.preset_source)

    @property
    def text_weights(self) -> dict[str, float]:
        """Return the text sources with their weights; raises ValueError if `text` is not understood."""
        return mixture(self.text)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Build settings from a session's configuration; keys that are not about pixels are ignored."""
        known = {f.name for f in fields(cls)}
        chosen = {k: v for k, v in config.items() if k in known and v is not None}
        if "effects" in chosen:
            chosen["effects"] = tuple(chosen["effects"])  # type: ignore[arg-type]  # JSON has lists only
        return cls(**chosen)  # type: ignore[arg-type]  # __post_init__ checks the values

    @property
    def channels(self) -> int:
        """Return the number of colour channels: 1 (gray, PNG mode L) or 3 (PNG mode RGB)."""
        return 3 if self.color == "rgb" else 1


def _check_range(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not an integer between {low} and {high}")
