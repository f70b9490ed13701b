"""How many pairs does `fontmill run` make per CPU-second and per wall-second, daemon and start-up included?

    python bench/endtoend.py [--quick] [--rounds N] [--presets ...] [--colors ...] [--workers ...] [--disks ...]

Beside it in the same rounds: the naive loop (its imports not counted), the floor program, and
doctr-synth-generator where it is installed (its start-up not counted). One JSON line a case, with the
ratios taken round by round.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import (
    FLOOR,
    STYLED,
    UnavailableError,
    completed,
    counted,
    emit,
    floor_run,
    fontmill_run,
    fonts,
    interleave,
    naive_run,
    ratios,
    run_script,
    scratch,
    spread,
    tree_bytes,
)

PRESETS = {"plain": ("--preset", "plain"), "default": STYLED}
NAIVE_SHARE = 10  # the naive loop makes so many times fewer pairs, in about the same time
PEER = "doctr-synth-generator"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one run of one program came to."""

    per_cpu_s: float
    per_wall_s: float
    bytes_per_pair: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run fontmill."""

    preset: str
    color: str
    workers: int
    disk: str


def run_fontmill(case: Case, files: list[Path], samples: int) -> Rate:
    """One whole `fontmill run` into an empty folder."""
    options = [*PRESETS[case.preset], "--color", case.color, "--workers", str(case.workers)]
    pairs = samples * len(files)
    with scratch(case.disk) as folder:
        run = completed(counted(fontmill_run(folder, files, samples, *options)), pairs)
        size = tree_bytes(folder)[1]
    os.sync()
    return Rate(pairs / run.cpu_s, pairs / run.wall_s, round(size / pairs))


def run_self_timed(command: Callable[[Path], list[str]], disk: str) -> Rate:
    """A program that prints what it cost."""
    with scratch(disk) as folder:
        said = counted(command(folder / "out")).last_json()
    os.sync()
    return Rate(said["pairs"] / said["cpu_s"], said["pairs"] / said["wall_s"], said["bytes_per_pair"])


def run_naive(color: str, disk: str, files: list[Path], samples: int) -> Rate:
    """The naive loop on the same fonts."""
    return run_self_timed(lambda out: naive_run(out, files, max(1, samples // NAIVE_SHARE), color), disk)


def run_floor(color: str, disk: str, files: list[Path], samples: int) -> Rate:
    """The floor program on the same fonts."""
    return run_self_timed(lambda out: floor_run(out, files, samples, color), disk)


def peer_program(quick: bool) -> dict[str, Callable[[], Rate]]:
    """The live peer, if it is installed; half its images count as pairs."""
    from peers.install import python_of
    from peers.run import one_round
    from peers.table import PEERS

    peer = next(p for p in PEERS if p.name == PEER)
    if quick or not python_of(peer).exists():
        return {}

    def run() -> Rate:
        rate, about = one_round(peer, peer.images // 20, peer.images)
        if rate is None:
            raise UnavailableError(f"{PEER} ran too short to be measured")
        return Rate(rate / 2, 0.0, 2 * int(str(about["bytes_per_image"])))

    return {PEER: run}


def programs(cases: list[Case], files: list[Path], samples: int, quick: bool) -> dict[str | Case, Callable[[], Rate]]:
    """Everything that runs in one round."""
    places = sorted({(case.color, case.disk) for case in cases})
    found: dict[str | Case, Callable[[], Rate]] = {}
    for color, disk in places:
        found[f"naive {color} {disk}"] = lambda color=color, disk=disk: run_naive(color, disk, files, samples)
        if FLOOR.exists():
            found[f"floor {color} {disk}"] = lambda color=color, disk=disk: run_floor(color, disk, files, samples)
    for case in cases:
        found[case] = lambda case=case: run_fontmill(case, files, samples)
    return {**found, **peer_program(quick)}


def cpu(rates: list[Rate]) -> list[float]:
    """Pairs per CPU-second of each round."""
    return [rate.per_cpu_s for rate in rates]


def wall(rates: list[Rate]) -> list[float]:
    """Pairs per wall-second of each round."""
    return [rate.per_wall_s for rate in rates]


def figures(rates: list[Rate]) -> dict[str, object]:
    """What every line says."""
    return {"pairs_per_cpu_s": spread(cpu(rates), 1), "pairs_per_wall_s": spread(wall(rates), 1), "bytes_per_pair": rates[-1].bytes_per_pair}


def report_case(case: Case, results: dict[str | Case, list[Rate]], pairs: int) -> None:
    """One case and its ratios to what ran beside it."""
    ours = results[case]
    answer: dict[str, object] = {"program": "fontmill", "preset": case.preset, "color": case.color, "workers": case.workers, "disk": case.disk, "pairs": pairs, **figures(ours)}
    place = f"{case.color} {case.disk}"
    for name, key in (("naive", f"naive {place}"), ("floor", f"floor {place}"), ("peer", PEER)):
        if key in results:
            answer[f"cpu_vs_{name}"] = ratios(cpu(ours), cpu(results[key]))
    for name, other, measure in (
        ("cpu_vs_plain", Case("plain", case.color, case.workers, case.disk), cpu),
        ("wall_vs_one_worker", Case(case.preset, case.color, 1, case.disk), wall),
    ):
        if other != case and other in results:
            answer[name] = ratios(measure(ours), measure(results[other]))
    emit("endtoend", **answer)


def report(cases: list[Case], results: dict[str | Case, list[Rate]], pairs: int) -> None:
    """One line a program and case."""
    for key, rates in results.items():
        if isinstance(key, str):
            program, *place = key.split(" ")
            emit("endtoend", program=program, **dict(zip(("color", "disk"), place, strict=False)), **figures(rates))
    for case in cases:
        report_case(case, results, pairs)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small cases, once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5000, help="pairs per font")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--colors", nargs="+", default=["gray", "rgb"], choices=["gray", "rgb"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--disks", nargs="+", default=["tmpfs", "disk"], choices=["tmpfs", "disk"])
    return parser.parse_args()


def main() -> None:
    """Run all cases and report."""
    args = parse()
    cases = [Case(*c) for c in itertools.product(args.presets, args.colors, args.workers, args.disks)]
    files = fonts()
    if args.quick:
        cases, files = [Case("plain", "gray", 1, "tmpfs"), Case("default", "rgb", 2, "disk")], files[:2]
    samples, rounds = (20, 1) if args.quick else (args.samples, args.rounds)
    if not args.quick and not FLOOR.exists():
        raise UnavailableError("the floor is not built: python bench/floor/build.py")
    report(cases, interleave(rounds, programs(cases, files, samples, args.quick)), samples * len(files))


if __name__ == "__main__":
    sys.exit(run_script("endtoend", main))
