"""What does durability cost? `batch` (survives power loss) beside `relaxed` on the same disk, interleaved.

    python bench/durability.py [--quick] [--rounds N] [--budget SECONDS] [--workers N...]

One JSON line a number of workers; ratios are batch / relaxed, so 1.0 means free.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable

from answers import UnavailableError, emit, run_script
from costs import Counted, counted
from material import fonts
from places import scratch
from programs import completed, fontmill_run
from rounds import interleave, ratios, spread

MODES = ("batch", "relaxed")


def run(mode: str, workers: int, samples: int) -> Counted:
    """One run on disk; what it left in the cache is written out before the next."""
    files = fonts()
    with scratch("disk") as folder:
        options = ["--preset", "plain", "--durability", mode, "--workers", str(workers)]
        cost = completed(counted(fontmill_run(folder, files, samples, *options)), samples * len(files))
        os.sync()
    return cost


def report(workers: int, results: dict[str, list[Counted]], pairs: int) -> None:
    """One line."""
    batch, relaxed = (results[mode] for mode in MODES)
    if not batch or not relaxed:
        raise UnavailableError("a run failed in the first round; standard error says why")
    emit("durability", workers=workers, pairs=pairs, rounds=len(batch), batch_wall_s=spread([c.wall_s for c in batch]), relaxed_wall_s=spread([c.wall_s for c in relaxed]),
         wall=ratios([c.wall_s for c in batch], [c.wall_s for c in relaxed]), cpu=ratios([c.cpu_s for c in batch], [c.cpu_s for c in relaxed]))


def main() -> None:
    """Measure each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds after which no further round is begun")
    parser.add_argument("--samples", type=int, default=2500, help="pairs per font")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    samples, rounds = (20, 1) if args.quick else (args.samples, args.rounds)
    counts = args.workers[:1] if args.quick else args.workers
    for workers in counts:
        tasks: dict[str, Callable[[], Counted]] = {mode: (lambda mode=mode, workers=workers: run(mode, workers, samples)) for mode in MODES}
        report(workers, interleave(rounds, tasks, args.budget / len(counts)), samples * len(fonts()))


if __name__ == "__main__":
    sys.exit(run_script("durability", main))
