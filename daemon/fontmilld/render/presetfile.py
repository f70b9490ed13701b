"""Reading a preset's TOML: every mistake is named with the place where it stands."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fontmilld.render import extensions, psf
from fontmilld.render.kinds import KINDS, Range
from fontmilld.render.presetlib import SOURCES
from fontmilld.render.presets import Choice, Preset, Step

SCALES: Final = (1, 2, 3, 4)
MAX_STEPS: Final = 32
_LIGHTS: Final = ("linear", "gamma")
_TOP: Final = ("light", "scale", "reference_em", "most_scale", "size_px", "geometry", "step")
_FRAME: Final = ("kind", "weight", "probability")
_RESIZES: Final = ("resize", "target-resize")


@functools.lru_cache(maxsize=16)
def get(name: str, source: str = "") -> Preset:
    """Return the preset that comes with fontmill as `name`, or that `source` describes; raises ValueError."""
    if not source and name not in SOURCES:
        raise ValueError(f"preset: {name!r} is not one of {', '.join(SOURCES)}")
    return read(name, source or SOURCES[name])


def read(name: str, text: str) -> Preset:
    """Return the preset that `text` describes; raises ValueError saying where and what is wrong."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"preset {name}: not TOML: {error}") from error
    return parse(name, table)


def parse(name: str, table: Mapping[str, Any]) -> Preset:
    """Return the preset that a TOML table describes; raises ValueError saying where and what is wrong."""
    at = f"preset {name}"
    _only(at, table, _TOP)
    geometry = table.get("geometry", {})
    if not isinstance(geometry, Mapping):
        raise ValueError(f"{at}.geometry: {geometry!r} is not a table")  # noqa: TRY004 - one kind of error
    _only(f"{at}.geometry", geometry, ("rotation", "tilt"))
    steps = _tables(f"{at}.step", table.get("step"))
    if len(steps) > MAX_STEPS:
        raise ValueError(f"{at}.step: {len(steps)} steps, at most {MAX_STEPS} are allowed")
    made = Preset(
        name=name,
        light=_one_of(f"{at}.light", table.get("light", "linear"), _LIGHTS),
        scale=_one_of(f"{at}.scale", table.get("scale", 1), SCALES),
        steps=tuple(_step(f"{at}.step[{n}]", step) for n, step in enumerate(steps)),
        reference_em=_number(f"{at}.reference_em", table.get("reference_em", 0.0), 0.0, 1000.0),
        most_scale=_number(f"{at}.most_scale", table.get("most_scale", 1000.0), 0.01, 1000.0),
        size_px=_sizes(f"{at}.size_px", table.get("size_px")),
        rotation=_number(f"{at}.geometry.rotation", geometry.get("rotation", 0.0), 0.0, 30.0),
        tilt=_number(f"{at}.geometry.tilt", geometry.get("tilt", 0.0), 0.0, 20.0),
    )
    _check_resizing(at, made)
    return made


def _step(at: str, table: Mapping[str, Any]) -> Step:
    probability = _number(f"{at}.probability", table.get("probability", 1.0), 0.0, 1.0)
    if "any" not in table:
        return Step(probability, (_choice(at, table),))
    _only(at, table, ("any", "probability"))
    tables = _tables(f"{at}.any", table["any"])
    choices = tuple(_choice(f"{at}.any[{n}]", choice) for n, choice in enumerate(tables))
    if len({choice.kind in psf.KINDS for choice in choices}) > 1:
        raise ValueError(f"{at}.any: blur and other kinds cannot stand in one place of the order")
    return Step(probability, choices)


def _choice(at: str, table: Mapping[str, Any]) -> Choice:
    kinds = [*KINDS, *extensions.found(extensions.DEGRADATIONS)]
    kind = _one_of(f"{at}.kind", table.get("kind"), kinds)
    weight = _number(f"{at}.weight", table.get("weight", 1.0), 1e-6, 1e6)
    if kind not in KINDS:
        _only(at, table, _FRAME)
        return Choice(kind, weight, ())
    known = KINDS[kind]
    _only(at, table, (*_FRAME, *known.numbers, *known.names))
    params: list[tuple[str, Range | tuple[str, ...]]] = []
    for param, (low, high) in known.numbers.items():
        params.append((param, _range(f"{at}.{param}", table.get(param), low, high)))
    for param, allowed in known.names.items():
        value = table.get(param, allowed[0])
        names = value if isinstance(value, list) and value else [value]
        params.append((param, tuple(_one_of(f"{at}.{param}", one, allowed) for one in names)))
    return Choice(kind, weight, tuple(params))


def _check_resizing(at: str, preset: Preset) -> None:
    finals = [n for n, step in enumerate(preset.steps) if step.choices[0].kind == "final-resize"]
    resized = preset.scale > 1 or any(c.kind in _RESIZES for step in preset.steps for c in step.choices)
    if resized and (len(finals) != 1 or preset.steps[finals[0]].probability < 1):
        raise ValueError(f'{at}.step: a scale above 1, or a resize, needs one step of kind "final-resize"')
    if finals and any(c.kind in _RESIZES for step in preset.steps[finals[0] :] for c in step.choices):
        raise ValueError(f"{at}.step: a resize after the final one would change the size again")
    if any(len(step.choices) > 1 and c.kind == "final-resize" for step in preset.steps for c in step.choices):
        raise ValueError(f"{at}.step: final-resize cannot be one of several choices")


def _tables(at: str, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(v, Mapping) for v in value):
        raise ValueError(f"{at}: a list of one or more tables is needed")
    return value


def _range(at: str, value: Any, low: float, high: float) -> Range:
    if value is None:
        raise ValueError(f"{at}: is missing; give a value or [low, high] between {low} and {high}")
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2:
        raise ValueError(f"{at}: {value!r} is neither a number nor a pair [low, high]")
    first, second = (_number(at, end, low, high) for end in ends)
    if first > second:
        raise ValueError(f"{at}: {value!r} runs backwards")
    if isinstance(low, int):
        return Range(_whole(at, first), _whole(at, second))
    return Range(first, second)


def _whole(at: str, value: float) -> int:
    if value != int(value):
        raise ValueError(f"{at}: {value!r} is not a whole number")
    return int(value)


def _sizes(at: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    found = _range(at, value, 6.0, 2000.0)
    return (found.low, found.high)


def _number(at: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{at}: {value!r} is not a number")
    if not low <= value <= high:
        raise ValueError(f"{at}: {value!r} is not between {low} and {high}")
    return float(value)


def _one_of(at: str, value: Any, allowed: Sequence[Any]) -> Any:
    if isinstance(value, bool) or value not in allowed:
        raise ValueError(f"{at}: {value!r} is not one of {', '.join(map(str, allowed))}")
    return value


def _only(at: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{at}: unknown key {key!r}; known are {', '.join(known)}")
