"""The kinds of steps that a preset can name, their parameters and what these may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both of the same type; drawn evenly."""

    low: float | int
    high: float | int


@dataclass(frozen=True, slots=True)
class Kind:
    """`numbers` maps a parameter to its bounds (ints: an integer), `names` to its allowed values."""

    numbers: dict[str, tuple[float, float]]
    names: dict[str, tuple[str, ...]]
    has_path: bool = False
    has_seed: bool = False


# Parameters that are lengths in px and grow with the text where a preset says so.
LENGTHS: Final = frozenset({"radius", "support", "sigma", "sigma_x", "sigma_y"})

_SIGMA: Final = (0.05, 30.0)
_ELLIPSE: Final = {"sigma_x": _SIGMA, "sigma_y": _SIGMA, "angle": (0.0, 360.0)}
_FILTERS: Final = ("area", "bilinear", "bicubic")
_LIGHTS: Final = ("linear", "gamma")

KINDS: Final[dict[str, Kind]] = {
    "identity": Kind({}, {}),
    "disc": Kind({"radius": (0.0, 50.0)}, {}),
    "motion": Kind({"support": (1.0, 100.0)}, {}, has_path=True),
    "disc-motion": Kind({"radius": (0.0, 50.0), "support": (1.0, 100.0)}, {}, has_path=True),
    "gaussian": Kind({"sigma": _SIGMA}, {}),
    "elliptic-gaussian": Kind(_ELLIPSE, {}),
    "generalised-gaussian": Kind({"beta": (0.3, 10.0)} | _ELLIPSE, {}),
    "isotropic-generalised-gaussian": Kind({"beta": (0.3, 10.0), "sigma": _SIGMA}, {}),
    "isotropic-plateau": Kind({"beta": (0.8, 10.0), "sigma": _SIGMA}, {}),
    "plateau": Kind({"beta": (0.8, 10.0)} | _ELLIPSE, {}),
    "sinc": Kind({"cutoff": (0.2, 3.1416), "radius": (1, 30)}, {}),
    "gaussian-noise": Kind({"sigma": (0.0, 128.0)}, {}, has_seed=True),
    "poisson-gaussian-noise": Kind(
        {"shot": (0.0, 1.0), "read": (0.0, 1.0)}, {"light": _LIGHTS}, has_seed=True
    ),
    "poisson-noise": Kind({"scale": (0.0, 10.0)}, {}, has_seed=True),
    "resize": Kind({"factor": (0.1, 2.0)}, {"filter": _FILTERS}),
    # To a multiple of the finished size, whatever the size was before.
    "target-resize": Kind({"factor": (0.1, 2.0)}, {"filter": _FILTERS}),
    "final-resize": Kind({}, {"filter": _FILTERS}),
    "jpeg": Kind({"quality": (1, 100)}, {}),
}
