"""How many pairs does `fontmill run` make per CPU-second and per wall-second, daemon and start-up included?

    python bench/endtoend.py [--quick] [--rounds N] [--budget SECONDS] [--presets ...] [--colors ...] [--workers ...] [--disks ...]

Beside it in the same rounds: the naive loop (its imports not counted), the floor program, and for gray in memory
doctr-synth-generator where it is installed (its start-up not counted). Each colour and disk has rounds of its own, with all
that it is compared with. One JSON line a case, with the ratios taken round by round. Figures are of whole runs, start-up
and daemon included; those called `net` leave out what a run of one pair a font costs, measured in the same round:
start-up, inspecting the fonts, ending.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from answers import UnavailableError, emit, run_script
from costs import counted
from material import fonts
from places import FLOOR, scratch, tree_bytes
from programs import STYLED, completed, floor_run, fontmill_run, naive_run
from rounds import interleave, ratios, spread

PRESETS = {"plain": ("--preset", "plain"), "default": STYLED}
# Pairs a font, by colour and disk: about ten seconds of one core for those that a target is judged by, beside which a start does
# not weigh much; shorter runs, so more rounds, where the disk makes them uneven; and shorter ones for what no target is about.
SAMPLES = {
    "plain": {("gray", "tmpfs"): 10_000, ("gray", "disk"): 6_000, ("rgb", "tmpfs"): 3_000, ("rgb", "disk"): 2_000},
    "default": {("gray", "tmpfs"): 4_000, ("gray", "disk"): 1_500, ("rgb", "tmpfs"): 1_500, ("rgb", "disk"): 1_000},
}
# What part of the time each colour and disk gets; three rounds or more on two quiet cores.
SHARES = {("gray", "tmpfs"): 0.42, ("rgb", "tmpfs"): 0.15, ("gray", "disk"): 0.27, ("rgb", "disk"): 0.16}
QUICK_SAMPLES = 20
NAIVE_SHARE = 20  # the naive loop makes so many times fewer pairs, in about the same time
PEER = "doctr-synth-generator"
START = "start"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one program came to; `wall_s` is 0 where it was not measured."""

    pairs: float
    cpu_s: float
    wall_s: float
    bytes_per_pair: int = 0
    codec: str = ""  # the floor's

    @property
    def per_cpu_s(self) -> float:
        """Pairs per CPU-second."""
        return self.pairs / self.cpu_s

    @property
    def per_wall_s(self) -> float:
        """Pairs per second."""
        return self.pairs / self.wall_s if self.wall_s else 0.0

    def beyond(self, start: Run) -> Run:
        """The same without what `start` made and cost."""
        return Run(self.pairs - start.pairs, max(1e-9, self.cpu_s - start.cpu_s), max(1e-9, self.wall_s - start.wall_s))


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run fontmill."""

    preset: str
    color: str
    workers: int
    disk: str

    def samples(self, quick: bool) -> int:
        """Pairs a font."""
        return QUICK_SAMPLES if quick else SAMPLES[self.preset][self.color, self.disk]

    @property
    def place(self) -> tuple[str, str]:
        """Colour and disk: what runs in the same rounds."""
        return self.color, self.disk


def run_fontmill(case: Case, files: list[Path], samples: int) -> Run:
    """One whole `fontmill run` into an empty folder."""
    options = [*PRESETS[case.preset], "--color", case.color, "--workers", str(case.workers)]
    pairs = samples * len(files)
    with scratch(case.disk) as folder:
        run = completed(counted(fontmill_run(folder, files, samples, *options)), pairs)
        size = tree_bytes(folder)[1]
    os.sync()
    return Run(pairs, run.cpu_s, run.wall_s, round(size / pairs))


def run_self_timed(command: Callable[[Path], list[str]], disk: str) -> Run:
    """A program that prints what it cost."""
    with scratch(disk) as folder:
        said = counted(command(folder / "out")).last_json()
    os.sync()
    return Run(said["pairs"], said["cpu_s"], said["wall_s"], said["bytes_per_pair"], said.get("codec", ""))


def run_naive(color: str, disk: str, files: list[Path], samples: int) -> Run:
    """The naive loop on the same fonts."""
    return run_self_timed(lambda out: naive_run(out, files, max(1, samples // NAIVE_SHARE), color), disk)


def run_floor(color: str, disk: str, files: list[Path], samples: int) -> Run:
    """The floor program on the same fonts."""
    return run_self_timed(lambda out: floor_run(out, files, samples, color), disk)


def peer_program(quick: bool) -> dict[str, Callable[[], Run]]:
    """The live peer, if it is installed; half its images count as pairs."""
    from peers.install import python_of
    from peers.run import one_round
    from peers.table import PEERS

    peer = next(p for p in PEERS if p.name == PEER)
    if quick or not python_of(peer).exists():
        return {}

    def run() -> Run:
        try:
            extra, about = one_round(peer, peer.images // 40, peer.images // 2)
        except RuntimeError as error:
            raise UnavailableError(str(error)) from error
        if extra is None:
            raise UnavailableError(f"{PEER} ran too short to be measured")
        return Run(extra.images / 2, extra.cpu_s, 0.0, 2 * int(str(about["bytes_per_image"])))

    return {PEER: run}


def programs(cases: list[Case], files: list[Path], quick: bool) -> dict[str | Case, Callable[[], Run]]:
    """Everything that runs in one round of one colour and disk."""
    color, disk = cases[0].place
    samples = Case("plain", color, 1, disk).samples(quick)
    found: dict[str | Case, Callable[[], Run]] = {START: lambda: run_fontmill(Case("plain", color, 1, disk), files, 1)}
    found["naive"] = lambda: run_naive(color, disk, files, samples)
    if FLOOR.exists():
        found["floor"] = lambda: run_floor(color, disk, files, samples)
    for case in cases:
        found[case] = lambda case=case: run_fontmill(case, files, case.samples(quick))
    return {**found, **(peer_program(quick) if (color, disk) == ("gray", "tmpfs") else {})}


def cpu(runs: list[Run]) -> list[float]:
    """Pairs per CPU-second of each round."""
    return [run.per_cpu_s for run in runs]


def wall(runs: list[Run]) -> list[float]:
    """Pairs per wall-second of each round."""
    return [run.per_wall_s for run in runs]


def figures(runs: list[Run]) -> dict[str, object]:
    """What every line says."""
    rates: dict[str, object] = {"codec": runs[-1].codec} if runs[-1].codec else {}
    rates["pairs_per_cpu_s"] = spread(cpu(runs), 1)
    if all(run.wall_s for run in runs):
        rates["pairs_per_wall_s"] = spread(wall(runs), 1)
    return {"pairs": round(runs[-1].pairs), "rounds": len(runs), **rates, "bytes_per_pair": runs[-1].bytes_per_pair}


def net(results: dict[str | Case, list[Run]], key: Case) -> list[Run]:
    """Each round of a case without that round's start."""
    return [run.beyond(start) for run, start in zip(results[key], results[START], strict=False)]


def report_case(case: Case, results: dict[str | Case, list[Run]]) -> None:
    """One case and its ratios to what ran beside it."""
    ours, beyond = results[case], net(results, case)
    answer: dict[str, object] = {"program": "fontmill", "preset": case.preset, "color": case.color, "workers": case.workers, "disk": case.disk, **figures(ours)}
    if beyond:
        answer |= {"net_pairs_per_cpu_s": spread(cpu(beyond), 1), "net_pairs_per_wall_s": spread(wall(beyond), 1)}
    for name, key in (("naive", "naive"), ("floor", "floor"), ("peer", PEER)):
        if theirs := results.get(key):
            answer[f"cpu_vs_{name}"] = ratios(cpu(ours), cpu(theirs))
            answer |= {f"net_cpu_vs_{name}": ratios(cpu(beyond), cpu(theirs))} if beyond else {}
    for name, other, measure in (
        ("cpu_vs_plain", Case("plain", case.color, case.workers, case.disk), cpu),
        ("wall_vs_one_worker", Case(case.preset, case.color, 1, case.disk), wall),
    ):
        if other != case and results.get(other):
            answer[name] = ratios(measure(ours), measure(results[other]))
            answer |= {f"net_{name}": ratios(measure(beyond), measure(net(results, other)))} if beyond else {}
    emit("endtoend", **answer)


def report(place: tuple[str, str], results: dict[str | Case, list[Run]]) -> None:
    """One line a program and case that ran in these rounds; one that never did has a line that says so."""
    color, disk = place
    for key, runs in results.items():
        if not runs:
            emit("endtoend", color=color, disk=disk, unavailable=f"{key} failed in the first round; standard error says why")
        elif key == START:
            emit("endtoend", program=START, color=color, disk=disk, pairs=round(runs[-1].pairs), cpu_s=spread([run.cpu_s for run in runs]), wall_s=spread([run.wall_s for run in runs]))
        elif isinstance(key, str):
            emit("endtoend", program=key, color=color, disk=disk, **figures(runs))
        else:
            report_case(key, results)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small cases, once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds after which no further round is begun")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--colors", nargs="+", default=["gray", "rgb"], choices=["gray", "rgb"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--disks", nargs="+", default=["tmpfs", "disk"], choices=["tmpfs", "disk"])
    return parser.parse_args()


def main() -> None:
    """Run the cases of one colour and disk after another, and report each at its end."""
    args = parse()
    cases = [Case(*c) for c in itertools.product(args.presets, args.colors, args.workers, args.disks)]
    files = fonts()
    if args.quick:
        cases, files = [Case("plain", "gray", 1, "tmpfs"), Case("default", "rgb", 2, "disk")], files[:2]
    if not args.quick and not FLOOR.exists():
        print("the floor is not built and is left out: python bench/floor/build.py", file=sys.stderr)
    places = [place for place in SHARES if any(case.place == place for case in cases)]
    end = time.monotonic() + args.budget
    for number, place in enumerate(places):
        share = SHARES[place] / sum(SHARES[other] for other in places[number:])
        chosen = [case for case in cases if case.place == place]
        report(place, interleave(1 if args.quick else args.rounds, programs(chosen, files, args.quick), share * (end - time.monotonic())))


if __name__ == "__main__":
    sys.exit(run_script("endtoend", main))
