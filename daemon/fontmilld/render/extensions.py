"""Effects and degradations of other packages, found through entry points.

A package registers an `effects.Effect` in the group `fontmill.effects`, or an object with the methods of
`UserDegradation` in `fontmill.degradations`, under a name of its own:

    [project.entry-points."fontmill.degradations"]
    dust = "my_package.dust:DUST"

A preset names a degradation as the kind of a step; a session names an effect in its setting `effects`.
What is registered must be pure: its result may depend on nothing but its arguments. Names and versions
are part of the fingerprint. Entry points are read once per process; they are the only thing that
this package takes from outside its arguments, and they do not change while a session runs.
"""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any, Final, Protocol, cast

import numpy as np

from fontmilld.render.recipe import Spec
from fontmilld.render.stream import Stream

EFFECTS: Final = "fontmill.effects"
DEGRADATIONS: Final = "fontmill.degradations"

Codes = np.ndarray[Any, np.dtype[np.float32]]


class UserDegradation(Protocol):
    """A step on sRGB codes. It must keep the shape, and may not move what is in the picture."""

    def sample(self, stream: Stream, size: float) -> tuple[tuple[str, Any], ...]:
        """Draw parameters (JSON types) for text of `size` px per em."""

    def apply(self, codes: Codes, spec: Spec) -> Codes:
        """Return the changed codes (float32, 0..255); `codes` may be changed in place."""


@functools.lru_cache(maxsize=2)
def found(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    """Return the entry points of a group by name, sorted."""
    points = importlib.metadata.entry_points(group=group)
    return {point.name: point for point in sorted(points, key=lambda p: p.name)}


@functools.lru_cache(maxsize=64)
def load(group: str, name: str) -> Any:
    """Return the object registered as `name`; raises KeyError if there is none."""
    return found(group)[name].load()


def degradation(name: str) -> UserDegradation:
    """Return the registered degradation `name`; raises KeyError."""
    return cast(UserDegradation, load(DEGRADATIONS, name))


def versions() -> dict[str, str]:
    """Return "name" -> "distribution version" of everything registered, without loading it."""
    listed = {}
    for group in (EFFECTS, DEGRADATIONS):
        for name, point in found(group).items():
            dist = point.dist
            listed[f"{group}:{name}"] = f"{dist.name} {dist.version}" if dist else "unknown"
    return listed
