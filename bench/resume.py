"""What does it cost to resume, to find nothing to do, and to verify?

    python bench/resume.py [--quick] [--rounds N] [--disk tmpfs|disk]

Three JSON lines: `interrupted` (Ctrl-C half way and run again, against one go), `complete` (run again when
all is there), `verify` (against `sha256sum` of the same files on all cores, files in the page cache).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import (
    Counted,
    UnavailableError,
    completed,
    counted,
    emit,
    finish_counted,
    fontmill,
    fontmill_run,
    fonts,
    interleave,
    ratios,
    run_script,
    scratch,
    spread,
    start_counted,
    tree_bytes,
)

OPTIONS = ("--preset", "plain")
PROBLEM_EXITS = (1, 2)


def run_whole(folder: Path, samples: int) -> Counted:
    """One run, new or continued."""
    return completed(counted(fontmill_run(folder, fonts(), samples, *OPTIONS)), samples * len(fonts()))


def images(folder: Path) -> int:
    """Image files there are now."""
    return sum(len(os.listdir(path)) for path in folder.glob("bench/fonts/*/images"))


def run_until(folder: Path, samples: int, share: float) -> tuple[Counted, int]:
    """A run that gets Ctrl-C when `share` of its images are there; its cost and the images it left."""
    enough = 2 * samples * len(fonts()) * share
    with tempfile.TemporaryDirectory() as notes:
        report = Path(notes) / "cost.json"
        process = start_counted(fontmill_run(folder, fonts(), samples, *OPTIONS), report)
        while process.poll() is None and images(folder) < enough:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        cost = finish_counted(process, report)
    return cost, images(folder)


def interrupted(disk: str, samples: int) -> tuple[float, float]:
    """CPU of a run in two parts over CPU of one in one go; share that the first part made."""
    with scratch(disk) as folder:
        first, left = run_until(folder, samples, 0.5)
        second = run_whole(folder, samples)
    with scratch(disk) as folder:
        whole = run_whole(folder, samples)
    return (first.cpu_s + second.cpu_s) / whole.cpu_s, left / (2 * samples * len(fonts()))


def verify(folder: Path) -> float:
    """Wall seconds of a full verification."""
    run = counted(fontmill("verify", folder / "bench", "--json"))
    if run.rc in PROBLEM_EXITS:
        raise UnavailableError(f"fontmill verify exited {run.rc}: {(run.stderr or run.stdout)[-300:]}")
    return run.wall_s


def sha256sum(folder: Path) -> float:
    """Wall seconds of sha256sum over the same files, one process a core."""
    names = b"\0".join(os.fsencode(p) for p in folder.rglob("*.png"))
    began = time.monotonic()
    subprocess.run(["xargs", "-0", "-n", "500", "-P", str(os.cpu_count()), "sha256sum"], input=names, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def has_verify() -> bool:
    """Whether this version knows the verb."""
    return subprocess.run(fontmill("verify", "--help"), capture_output=True, check=False).returncode == 0


def measure_complete(folder: Path, samples: int, rounds: int) -> None:
    """Run again when nothing is missing."""
    costs = [run_whole(folder, samples) for _ in range(rounds)]
    pairs = samples * len(fonts())
    emit("resume", kind="complete", pairs=pairs, wall_s=spread([c.wall_s for c in costs]), pairs_per_wall_s=spread([pairs / c.wall_s for c in costs], 1))


def measure_verify(folder: Path, rounds: int) -> None:
    """Verify and sha256sum, turn about."""
    if not has_verify():
        emit("resume", kind="verify", unavailable="this version has no verb `verify`")
        return
    tasks: dict[str, Callable[[], float]] = {"verify": lambda: verify(folder), "sha256sum": lambda: sha256sum(folder)}
    times = interleave(rounds, tasks)
    files, size = tree_bytes(folder)
    emit("resume", kind="verify", files=files, megabytes=round(size / 1e6, 1), verify_wall_s=spread(times["verify"]), sha256sum_wall_s=spread(times["sha256sum"]),
         speed_vs_sha256sum=ratios(times["sha256sum"], times["verify"]))


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=5000, help="pairs per font")
    parser.add_argument("--disk", choices=("tmpfs", "disk"), default="disk")
    args = parser.parse_args()
    samples, rounds = (100, 1) if args.quick else (args.samples, args.rounds)
    found = [interrupted(args.disk, samples) for _ in range(rounds)]
    emit("resume", kind="interrupted", pairs=samples * len(fonts()), first_part=spread([share for _, share in found]), cpu_vs_one_go=spread([ratio for ratio, _ in found]))
    with scratch(args.disk) as folder:
        run_whole(folder, samples)
        measure_complete(folder, samples, rounds)
        measure_verify(folder, rounds)


if __name__ == "__main__":
    sys.exit(run_script("resume", main))
