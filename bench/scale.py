"""Does a pair cost the same in large sessions and with many fonts? And how much memory does it take?

    python bench/scale.py [--quick] [--rounds N]

`net_cpu_us_per_pair` leaves out what a run of one pair a font costs: start-up, probing and folders.
One JSON line a size, with its ratio to the smallest of its kind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import (
    completed,
    emit,
    finish_counted,
    fontmill_run,
    interleave,
    ratios,
    run_script,
    scratch,
    spread,
    start_counted,
)
from manyfonts import folder_of
from memory import MemoryWatch


@dataclass(frozen=True, slots=True)
class Size:
    """A session: so many pairs over so many fonts."""

    kind: str
    fonts: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a session took, and the same with one pair a font."""

    cpu_s: float
    wall_s: float
    bare_cpu_s: float
    pairs: int
    peaks_mb: dict[str, float]

    @property
    def per_pair(self) -> float:
        """CPU us per pair, start-up included."""
        return self.cpu_s / self.pairs * 1e6

    @property
    def net_per_pair(self) -> float:
        """CPU us per pair beyond the bare run."""
        return (self.cpu_s - self.bare_cpu_s) / self.pairs * 1e6


FULL = (
    Size("samples", 10, 2_000), Size("samples", 10, 20_000), Size("samples", 10, 200_000),
    Size("fonts", 1, 200_000), Size("fonts", 10, 200_000), Size("fonts", 100, 200_000), Size("fonts", 2000, 200_000),
)
QUICK = (Size("samples", 2, 40), Size("samples", 2, 80), Size("fonts", 1, 40), Size("fonts", 4, 40))


def run(fonts: int, samples: int) -> tuple[float, float, dict[str, float]]:
    """CPU seconds, wall seconds and memory peaks of one run."""
    with scratch("tmpfs") as folder, tempfile.TemporaryDirectory() as notes:
        report = Path(notes) / "cost.json"
        process = start_counted(fontmill_run(folder, [folder_of(fonts)], samples, "--preset", "plain"), report)
        with MemoryWatch(process.pid) as memory:
            cost = completed(finish_counted(process, report), fonts * samples)
    return cost.cpu_s, cost.wall_s, memory.peaks_mb


def measure(size: Size) -> Cost:
    """The session and its bare twin."""
    bare, _, _ = run(size.fonts, 1)
    cpu, wall, peaks = run(size.fonts, size.pairs // size.fonts)
    return Cost(cpu, wall, bare, size.pairs, peaks)


def report(size: Size, costs: list[Cost], base: list[Cost]) -> None:
    """One line."""
    emit("scale", kind=size.kind, fonts=size.fonts, pairs=size.pairs, wall_s=spread([c.wall_s for c in costs], 2),
         cpu_us_per_pair=spread([c.per_pair for c in costs], 1), net_cpu_us_per_pair=spread([c.net_per_pair for c in costs], 1),
         bare_cpu_s=spread([c.bare_cpu_s for c in costs], 2),
         vs_base=ratios([c.per_pair for c in costs], [c.per_pair for c in base]),
         net_vs_base=ratios([c.net_per_pair for c in costs], [c.net_per_pair for c in base]) if min(c.net_per_pair for c in base) > 0 else None,
         peak_pss_mb={role: max(c.peaks_mb.get(role, 0.0) for c in costs) for role in costs[0].peaks_mb})


def base_of(size: Size, sizes: tuple[Size, ...]) -> Size:
    """What a size is compared with: the fewest samples; ten fonts where there are ten."""
    kin = [s for s in sizes if s.kind == size.kind]
    return next((s for s in kin if size.kind == "fonts" and s.fonts == 10), kin[0])


def main() -> None:
    """Run all sizes, interleaved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    sizes = QUICK if args.quick else FULL
    for count in {size.fonts for size in sizes}:
        folder_of(count)
    tasks: dict[Size, Callable[[], Cost]] = {size: (lambda size=size: measure(size)) for size in sizes}
    results = interleave(1 if args.quick else args.rounds, tasks)
    for size in sizes:
        report(size, results[size], results[base_of(size, sizes)])


if __name__ == "__main__":
    sys.exit(run_script("scale", main))
