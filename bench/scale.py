"""Does a pair cost the same in large sessions and with many fonts? And how much memory does it take?

    python bench/scale.py [--quick] [--rounds N] [--budget SECONDS]

`cpu_us_per_pair` is of whole runs; `net_cpu_us_per_pair` leaves out what a run of one pair a font costs: start-up,
inspecting the fonts, folders, and opening each font once. Small sessions are run several times a round.
One JSON line a size, with its ratio to the smallest of its kind (of ten fonts, where their number grows).
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from answers import emit, run_script
from costs import finish_counted, start_counted
from manyfonts import folder_of
from memory import MemoryWatch
from places import scratch
from programs import completed, fontmill_run
from rounds import interleave, ratios, spread

ENOUGH_PAIRS = 6_000  # a round repeats a session until it has made so many


@dataclass(frozen=True, slots=True)
class Size:
    """A session: so many pairs over so many fonts."""

    fonts: int
    pairs: int

    @property
    def repeats(self) -> int:
        """Runs a round."""
        return max(1, ENOUGH_PAIRS // self.pairs)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the sessions of one round took, and the same sessions with one pair a font."""

    cpu_s: float
    wall_s: float
    bare_cpu_s: float
    pairs: int
    bare_pairs: int
    peaks_mb: dict[str, float]

    @property
    def per_pair(self) -> float:
        """CPU us per pair, start-up included."""
        return self.cpu_s / self.pairs * 1e6

    @property
    def net_per_pair(self) -> float:
        """CPU us per pair beyond the bare run."""
        return (self.cpu_s - self.bare_cpu_s) / (self.pairs - self.bare_pairs) * 1e6


FULL = {
    "samples": (Size(10, 2_000), Size(10, 20_000), Size(10, 200_000)),
    "fonts": (Size(10, 200_000), Size(1, 200_000), Size(100, 200_000), Size(2000, 200_000)),
}
ONCE = {Size(10, 20_000), Size(1, 200_000), Size(100, 200_000)}  # between what the targets are about: measured in the first round only
QUICK = {"samples": (Size(2, 40),), "fonts": (Size(2, 40), Size(4, 40))}


def run(fonts: int, samples: int) -> tuple[float, float, dict[str, float]]:
    """CPU seconds, wall seconds and memory peaks of one run."""
    with scratch("tmpfs") as folder, tempfile.TemporaryDirectory() as notes:
        report = Path(notes) / "cost.json"
        process = start_counted(fontmill_run(folder, [folder_of(fonts)], samples, "--preset", "plain"), report)
        with MemoryWatch(process.pid) as memory:
            cost = completed(finish_counted(process, report), fonts * samples)
    return cost.cpu_s, cost.wall_s, memory.peaks_mb


def measure(size: Size, repeats: int) -> Cost:
    """The session and its bare twin, by turns."""
    cpu = wall = bare = 0.0
    peaks: dict[str, float] = {}
    for _ in range(repeats):
        bare += run(size.fonts, 1)[0]
        spent, took, seen = run(size.fonts, size.pairs // size.fonts)
        cpu, wall = cpu + spent, wall + took
        peaks = {role: max(peaks.get(role, 0.0), seen.get(role, 0.0)) for role in {*peaks, *seen}}
    return Cost(cpu, wall, bare, size.pairs * repeats, size.fonts * repeats, peaks)


def report(kind: str, size: Size, costs: list[Cost], base: list[Cost], repeats: int) -> None:
    """One line."""
    emit("scale", kind=kind, fonts=size.fonts, pairs=size.pairs, runs=len(costs) * repeats, wall_s=spread([c.wall_s / repeats for c in costs], 2),
         cpu_us_per_pair=spread([c.per_pair for c in costs], 1), net_cpu_us_per_pair=spread([c.net_per_pair for c in costs], 1),
         bare_cpu_s=spread([c.bare_cpu_s / repeats for c in costs], 2),
         vs_base=ratios([c.per_pair for c in costs], [c.per_pair for c in base]),
         net_vs_base=ratios([c.net_per_pair for c in costs], [c.net_per_pair for c in base]) if min(c.net_per_pair for c in base) > 0 else None,
         peak_pss_mb=dict(sorted(costs[0].peaks_mb.items())))


def main() -> None:
    """Run all sizes, interleaved, those of `ONCE` first; a size of both kinds runs once a round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds after which no further round is begun")
    args = parser.parse_args()
    kinds = QUICK if args.quick else FULL
    repeats = {size: 1 if args.quick else size.repeats for sizes in kinds.values() for size in sizes}
    for size in repeats:
        folder_of(size.fonts)
    tasks: dict[Size, Callable[[], Cost]] = {size: (lambda size=size, times=times: measure(size, times)) for size, times in repeats.items()}
    began = time.monotonic()
    results = interleave(1, {size: task for size, task in tasks.items() if size in ONCE})
    again = {size: task for size, task in tasks.items() if size not in ONCE}
    results |= interleave(1 if args.quick else args.rounds, again, args.budget - (time.monotonic() - began))
    for kind, sizes in kinds.items():
        for size in sizes if results[sizes[0]] else ():
            if results[size]:
                report(kind, size, results[size], results[sizes[0]], repeats[size])


if __name__ == "__main__":
    sys.exit(run_script("scale", main))
