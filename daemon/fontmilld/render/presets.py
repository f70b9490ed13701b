"""Presets: mixtures of degradations, read from TOML and drawn from.

    light = "linear"            # or "gamma": where blur acts
    scale = 1                   # the degraded half is so many times smaller
    reference_em = 20.0         # lengths hold for text of so many px per em; left out: as they are
    most_scale = 2.0            # ... and grow with the text to no more than this
    size_px = [17.0, 25.0]      # px per em; left out: from the picture's height
    geometry = { rotation = 1.0, tilt = 4.0 }   # standard deviations, degrees
    step = [ { kind = "disc", radius = [0.5, 4.0] }, ... ]

A step is taken in the order of the file, with `probability` (default 1). It has a `kind` and the kind's
parameters, or `any`, a list of such tables with a `weight` each (default 1). A parameter is a value, or a
pair [low, high] to draw from evenly: integers if both are. `filter` takes one name or a list of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from fontmilld.render import extensions, psf
from fontmilld.render.kinds import KINDS, LENGTHS, Range
from fontmilld.render.recipe import Degradation, Spec
from fontmilld.render.stream import Stream

_PATH_POINTS: Final = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of step with its parameters: numbers to draw from, or names to pick from."""

    kind: str
    weight: float
    params: tuple[tuple[str, Range | tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One place in the order; empty with probability 1 - `probability`."""

    probability: float
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Preset:
    """A mixture of degradations (see the head of this module)."""

    name: str
    light: str
    scale: int
    steps: tuple[Step, ...]
    reference_em: float = 0.0
    most_scale: float = math.inf
    size_px: tuple[float, float] | None = None
    rotation: float = 0.0
    tilt: float = 0.0

    def sample(self, size: float, blur: Stream, noise: Stream) -> Degradation:
        """Draw the degradation of a sample whose text has `size` px per em."""
        grow = min(self.most_scale, size / self.reference_em) if self.reference_em else 1.0
        steps = []
        for step in self.steps:
            spatial = step.choices[0].kind in psf.KINDS
            stream = blur if spatial else noise
            if step.probability < 1 and not stream.chance(step.probability):
                continue
            choice = step.choices[0]
            if len(step.choices) > 1:
                choice = stream.weighted([(c, c.weight) for c in step.choices])
            steps.append(_drawn(choice, grow, size, stream))
        return Degradation(self.light, tuple(steps), self.scale)


def _drawn(choice: Choice, grow: float, size: float, stream: Stream) -> Spec:
    params: list[tuple[str, Any]] = []
    for name, allowed in choice.params:
        if isinstance(allowed, Range):
            factor = grow if name in LENGTHS and choice.kind in psf.KINDS else 1.0
            params.append((name, _number(allowed, factor, stream)))
        else:
            params.append((name, allowed[0] if len(allowed) == 1 else stream.choice(allowed)))
    if choice.kind not in KINDS:
        params += extensions.degradation(choice.kind).sample(stream, size)
    elif KINDS[choice.kind].has_path:
        at = next(i for i, (name, _) in enumerate(params) if name == "support")
        params += _path(params[at][1], stream)
    elif KINDS[choice.kind].has_seed:
        params.append(("seed", stream.below(2**31)))
    return Spec(choice.kind, tuple(params))


def _number(allowed: Range, factor: float, stream: Stream) -> float | int:
    low, high = allowed.low, allowed.high
    if isinstance(low, int) and isinstance(high, int):
        return low + stream.below(high - low + 1)
    if low == high:
        return round(low * factor, 7)
    return round((low + (high - low) * stream.unit()) * factor, 4 if high > 0.1 else 8)


def _path(support: float, stream: Stream) -> tuple[tuple[str, object], ...]:
    """Draw a shaken hand's path of the given extent: a random walk whose heading drifts."""
    heading = stream.uniform(0.0, 2 * math.pi)
    wander = stream.uniform(0.1, 1.2)
    x = y = 0.0
    points = [(x, y)]
    for _ in range(_PATH_POINTS - 1):
        heading += wander * (stream.unit() + stream.unit() - 1.0) * 2.0
        step = 0.3 + stream.unit()
        x, y = x + step * math.cos(heading), y + step * math.sin(heading)
        points.append((x, y))
    width = max(max(c) - min(c) for c in zip(*points, strict=True))
    factor = max(0.0, support - 1.0) / width
    path = tuple((round(px * factor, 3), round(py * factor, 3)) for px, py in points)
    raw = psf.mean_position(path)
    return (("path", path), ("raw_offset", (round(float(raw[0]), 3), round(float(raw[1]), 3))))
