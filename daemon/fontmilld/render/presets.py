"""Presets: mixtures of degradations, read from TOML and drawn from.

    light = "linear"            # or "gamma": where blur acts
    scale = 1                   # the degraded half is so many times smaller
    reference_em = 20.0         # lengths hold for text of so many px per em; left out: as they are
    most_scale = 2.0            # ... and grow with the text to no more than this, nor beyond the kind's range
    size_px = [17.0, 25.0]      # px per em; left out: from the picture's height
    geometry = { rotation = 1.0, tilt = 4.0 }   # standard deviations, degrees
    step = [ { kind = "disc", radius = [0.5, 4.0] }, ... ]

A step is taken in the order of the file, with `probability` (default 1). It has a `kind` and the kind's
parameters, or `any`, a list of such tables with a `weight` each (default 1). A parameter is a value, or a
pair [low, high] to draw from evenly: integers if both are. `filter` takes one name or a list of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fontmilld.native import core
from fontmilld.render import extensions, psf
from fontmilld.render.kinds import KINDS, LENGTHS, Range
from fontmilld.render.recipe import Degradation, Params, Spec
from fontmilld.render.stream import Stream

_PATH_POINTS: Final = 12

Walk = tuple[tuple[tuple[float, float], ...], tuple[float, float]]


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

    def sampler(self) -> Sampler:
        """Return what draws from the mixture; building it costs more than a draw does."""
        return Sampler(self)


class Sampler:
    """Draws degradations from a preset; steps of which nothing is drawn are built once."""

    def __init__(self, preset: Preset) -> None:
        self._light = preset.light
        self._scale = preset.scale
        self._reference_em = preset.reference_em
        self._most_scale = preset.most_scale
        self._steps = tuple(
            (step.probability, step.choices[0].kind in psf.KINDS, [(_maker(c, preset), c.weight) for c in step.choices])
            for step in preset.steps
        )
        steps = [(step, [maker for maker, _ in made[2]]) for step, made in zip(preset.steps, self._steps, strict=True)]
        # Whether kernels and margin are the same for every sample.
        self.has_fixed_blur = all(
            step.probability >= 1 and step.choices[0].kind != "final-resize"
            and (step.choices[0].kind not in psf.KINDS or (len(makers) == 1 and isinstance(makers[0], Spec)))
            for step, makers in steps
        )  # fmt: skip

    def sample(self, size: float, blur: Stream, noise: Stream) -> Degradation:
        """Draw the degradation of a sample whose text has `size` px per em."""
        grow = min(self._most_scale, size / self._reference_em) if self._reference_em else 1.0
        steps = []
        for probability, spatial, makers in self._steps:
            stream = blur if spatial else noise
            if probability < 1 and not stream.chance(probability):
                continue
            maker = makers[0][0] if len(makers) == 1 else stream.weighted(makers)
            steps.append(maker if isinstance(maker, Spec) else maker(grow, size, stream))
        return Degradation(self._light, tuple(steps), self._scale)


_Maker = Callable[[float, float, Stream], Spec]
_Draw = Callable[[float, Stream], Any]


def _maker(choice: Choice, preset: Preset) -> Spec | _Maker:
    """Return what makes a step (from growth, px per em and a stream), or the step itself if nothing of it is drawn."""
    grows = choice.kind in psf.KINDS and preset.reference_em > 0
    fixed: list[tuple[str, Any]] = []
    params = [*choice.params]
    while params and (value := _fixed(*params[0], grows)) is not None:
        fixed.append((params.pop(0)[0], value))
    ending = _ending(choice.kind)
    if not params and ending is None:
        return Spec(choice.kind, tuple(fixed))
    draws = [(name, _draw(allowed, _most(choice.kind, name) if grows else None)) for name, allowed in params]

    def make(grow: float, size: float, stream: Stream) -> Spec:
        drawn = fixed + [(name, draw(grow, stream)) for name, draw in draws]
        return Spec(choice.kind, (*drawn, *ending(drawn, size, stream)) if ending else tuple(drawn))

    return make


def _ending(kind: str) -> Callable[[list[tuple[str, Any]], float, Stream], Params] | None:
    """Return what draws the parameters that a preset does not name, from those it does."""
    if kind not in KINDS:
        return lambda _, size, stream: extensions.degradation(kind).sample(stream, size)
    if KINDS[kind].has_path:
        return lambda drawn, _, stream: _path(next(v for name, v in drawn if name == "support"), stream)
    if KINDS[kind].has_seed:
        return lambda _, __, stream: (("seed", stream.below(2**31)),)
    return None


def _fixed(name: str, allowed: Range | tuple[str, ...], grows: bool) -> Any:
    """Return a parameter's value if there is only one, and no number is taken from the stream for it."""
    if not isinstance(allowed, Range):
        return allowed[0] if len(allowed) == 1 else None
    whole = isinstance(allowed.low, int) and isinstance(allowed.high, int)
    if whole or allowed.low != allowed.high or (grows and name in LENGTHS):
        return None
    return round(allowed.low, 7)


def _most(kind: str, name: str) -> float | None:
    """Return how long a length may become that grows with the text; None for what is not a length."""
    return KINDS[kind].numbers[name][1] if name in LENGTHS else None


def _draw(allowed: Range | tuple[str, ...], most: float | None) -> _Draw:
    """Return what draws a parameter; with `most` it grows with the text, to no more than that."""
    if not isinstance(allowed, Range):
        names = allowed
        return lambda _, stream: names[0] if len(names) == 1 else stream.choice(names)
    low, high = allowed.low, allowed.high
    if isinstance(low, int) and isinstance(high, int):
        count = high - low + 1
        return lambda _, stream: low + stream.below(count)
    if low == high:
        return lambda grow, _: round(low if most is None else min(low * grow, most), 7)
    span, digits = high - low, 4 if high > 0.1 else 8
    if most is not None:
        return lambda grow, stream: round(min((low + span * stream.unit()) * grow, most), digits)
    return lambda _, stream: round(low + span * stream.unit(), digits)


def _path(support: float, stream: Stream) -> Params:
    """Draw a shaken hand's path of the given extent: a random walk whose heading drifts."""
    heading = stream.uniform(0.0, 2 * math.pi)
    wander = stream.uniform(0.1, 1.2)
    units = [stream.unit() for _ in range(3 * (_PATH_POINTS - 1))]
    path, offset = _FASTEST_WALK(units, heading, wander, support)
    return (("path", path), ("raw_offset", offset))


def walk(units: list[float], heading: float, wander: float, support: float) -> Walk:
    """Return a path of `support` px and where it is on average, equal time per segment, to 3 decimals.

    `units` has three numbers in [0, 1) for each step: two turn it, one makes it longer.
    """
    xs, ys = [0.0], [0.0]
    for n in range(0, len(units), 3):
        heading += wander * (units[n] + units[n + 1] - 1.0) * 2.0
        step = 0.3 + units[n + 2]
        xs.append(xs[-1] + step * math.cos(heading))
        ys.append(ys[-1] + step * math.sin(heading))
    factor = max(0.0, support - 1.0) / max(max(xs) - min(xs), max(ys) - min(ys))
    xs, ys = [round(x * factor, 3) for x in xs], [round(y * factor, 3) for y in ys]
    offset = (round(_mean_position(xs), 3), round(_mean_position(ys), 3))
    return tuple(zip(xs, ys, strict=True)), offset


def _mean_position(path: list[float]) -> float:
    """Return where a point moving along the path is on average, equal time per segment; one coordinate."""
    total = 0.0
    for one, other in itertools.pairwise(path):
        total += (one + other) / 2
    return total / (len(path) - 1)


_FASTEST_WALK: Final[Callable[[list[float], float, float, float], Walk]] = core.walk if core is not None else walk
