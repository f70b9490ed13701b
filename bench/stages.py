"""Where does the time of one pair go? Renders and writes pairs in this process and splits the CPU by stage.

    python bench/stages.py [--quick] [--presets NAME...] [--colors gray|rgb...] [--samples N]

Stages are exclusive: what a stage calls is not counted in it. `other` is what no stage covers. One JSON line
a preset and colour, in us per pair, with the same work untimed beside it (`untimed_us`) to show what the
timing itself costs.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from answers import UnavailableError, emit, run_script
from material import fonts
from places import scratch
from rounds import spread

ROUNDS, STRIDE = 3, 100_000
# (stage, module, attribute): functions looked up through their module or class when they are called.
STAGES = (
    ("choose", "fontmilld.render.choose", "Chooser.choose"),
    ("psf", "fontmilld.render.degrade", "prepare"),
    ("shape", "fontmilld.render.choose", "compose"),
    ("shape", "fontmilld.render.layout", "place"),
    ("draw", "fontmilld.render.raster", "Rasterizer.measured"),
    ("draw", "fontmilld.render.draw", "scene"),
    ("effects", "fontmilld.render.effects", "apply"),
    ("blur", "fontmilld.render.strip", "degrade"),
    ("blur", "fontmilld.render.degrade", "degrade"),
    ("noise", "fontmilld.render.noise", "field"),
    ("noise", "fontmilld.render.noise", "fine_fields"),
    ("encode", "fontmilld.render.encode", "from_lines"),
    ("label", "fontmilld.render.labels", "LabelWriter.write"),
    ("label", "fontmilld.render.labels", "cluster_json"),
    ("label", "fontmilld.render.pair", "sha256"),
    ("label", "fontmilld.core.labels", "claim_line"),
    ("write", "fontmilld.store.files", "LocalFolder.write"),
)


class Clock:
    """Exclusive CPU time by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._stack: list[int] = []

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its own time added to `stage`."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._stack.append(0)
            began = time.thread_time_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.thread_time_ns() - began
                within = self._stack.pop()
                self.spent[stage] = self.spent.get(stage, 0) + took - within
                if self._stack:
                    self._stack[-1] += took

        return wrapper


def holder_of(module: str, path: str) -> tuple[Any, str]:
    """The module or class that holds a function, and the function's name in it."""
    *outer, name = path.split(".")
    holder = functools.reduce(getattr, outer, importlib.import_module(module))
    getattr(holder, name)
    return holder, name


@contextmanager
def timing(clock: Clock) -> Iterator[list[str]]:
    """Time all stages; yields the names of those that this version does not have."""
    undo, missing = [], []
    for stage, module, path in STAGES:
        try:
            holder, name = holder_of(module, path)
        except (ImportError, AttributeError):
            missing.append(f"{module}.{path}")
            continue
        undo.append((holder, name, getattr(holder, name)))
        setattr(holder, name, clock.timed(stage, getattr(holder, name)))
    try:
        yield missing
    finally:
        for holder, name, function in undo:
            setattr(holder, name, function)


def renderers(preset: str, color: str) -> list[Any]:
    """A renderer for each bench font."""
    try:
        import hashlib

        import cv2

        from fontmilld.render.faces import Face, inspect_face
        from fontmilld.render.pair import PairRenderer
        from fontmilld.render.settings import RenderSettings
    except ImportError as error:
        raise UnavailableError(f"the renderer is not as this script knows it: {error}") from error
    cv2.setNumThreads(1)  # as in a worker
    style = {"style_variations": True, "enable_special_effects": True} if preset != "plain" else {}
    settings = RenderSettings(preset=preset, color=color, **style)
    made = []
    for path in fonts():
        data = path.read_bytes()
        face = Face(data, 0, inspect_face(data, 0).to_record())
        made.append(PairRenderer(settings, face, hashlib.sha256(data).hexdigest()))
    return made


def work(made: list[Any], folder: Path, first: int, samples: int) -> float:
    """Render and write `samples` pairs a font; CPU us per pair."""
    from fontmilld.core import labels
    from fontmilld.store.files import LocalTree

    tree = LocalTree(str(folder))
    began = time.process_time()
    for number, renderer in enumerate(made):
        tree.make_dir(f"{number}-{first}")
        place = tree.dir(f"{number}-{first}")
        for pair in renderer.render_range(first, first + samples - 1):
            clear = labels.Image(f"{pair.index:06d}_clear.png", len(pair.clear), pair.clear_sha256)
            blurred = labels.Image(f"{pair.index:06d}_blurred.png", len(pair.blurred), pair.blurred_sha256)
            labels.claim_line(pair.index, clear, blurred, pair.members)
            place.write(clear.file_name, pair.clear)
            place.write(blurred.file_name, pair.blurred)
    return (time.process_time() - began) / (samples * len(made)) * 1e6


def measure(preset: str, color: str, samples: int) -> None:
    """Warm up, then untimed and timed by turns."""
    made, clock = renderers(preset, color), Clock()
    each = max(1, samples // ROUNDS)
    untimed, timed, missing = [], [], []
    with scratch("tmpfs") as folder:
        work(made, folder, 1, each)
        for number in range(1, ROUNDS + 1):
            untimed.append(work(made, folder, 2 * number * STRIDE, each))
            with timing(clock) as missing:
                timed.append(work(made, folder, (2 * number + 1) * STRIDE, each))
    pairs = each * ROUNDS * len(made)
    stages = {stage: round(spent / 1000 / pairs, 2) for stage, spent in sorted(clock.spent.items(), key=lambda item: -item[1])}
    emit("stages", preset=preset, color=color, pairs=pairs, us_per_pair=stages, other_us=round(sum(timed) / ROUNDS - sum(stages.values()), 2),
         timed_us=spread(timed, 2), untimed_us=spread(untimed, 2), not_found=missing)


def main() -> None:
    """Profile the asked for presets and colours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--presets", nargs="+", default=["plain", "document-camera-v1"])
    parser.add_argument("--colors", nargs="+", default=["gray", "rgb"])
    parser.add_argument("--samples", type=int, default=1000, help="pairs per font")
    args = parser.parse_args()
    for preset, color in itertools.product(args.presets, args.colors):
        measure(preset, color, 10 if args.quick else args.samples)


if __name__ == "__main__":
    sys.exit(run_script("stages", main))
