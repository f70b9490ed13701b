"""Worn paper: text struck twice, and dust on the lens.

Both are pure. All that is drawn by chance is drawn in `sample`, from the stream that fontmill hands over, and
ends up in the label; what paints looks at nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fontmilld.render import palette
from fontmilld.render.effects import Effect, Layers
from fontmilld.render.recipe import Spec, StyleSpec
from fontmilld.render.stream import Stream


def _sample_double(stream: Stream, style: StyleSpec) -> Spec:
    shift = max(1, round(stream.uniform(0.03, 0.08) * style.size))
    return Spec("double", (("shift", shift), ("color", palette.between(style.color, style.background.color, 0.6))))


def _paint_double(layers: Layers, spec: Spec) -> None:
    moved = np.zeros_like(layers.text)
    moved[:, spec["shift"] :] = layers.text[:, : -spec["shift"]]
    layers.under.append((moved, spec["color"]))


DOUBLE = Effect(_sample_double, lambda spec: float(spec["shift"]), _paint_double)


class Dust:
    """Round specks, as large as dots of the text, in places of their own."""

    def sample(self, stream: Stream, size: float) -> tuple[tuple[str, Any], ...]:
        """Specks as (x, y) in shares of the picture and a radius in px."""
        specks = tuple(
            (round(stream.unit(), 4), round(stream.unit(), 4), round(stream.uniform(0.02, 0.06) * size, 2))
            for _ in range(3 + stream.below(6))
        )
        return (("specks", specks), ("gray", stream.below(256)))

    def apply(self, codes: np.ndarray[Any, np.dtype[np.float32]], spec: Spec) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Codes with the specks on them."""
        rows, cols = codes.shape[:2]
        y, x = np.ogrid[:rows, :cols]
        for at_x, at_y, radius in spec["specks"]:
            codes[(x - at_x * cols) ** 2 + (y - at_y * rows) ** 2 <= radius**2] = spec["gray"]
        return codes


DUST = Dust()
