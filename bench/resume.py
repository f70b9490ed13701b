"""What does it cost to resume, to find nothing to do, and to verify?

    python bench/resume.py [--quick] [--rounds N] [--budget SECONDS] [--disk tmpfs|disk]

Three JSON lines: `interrupted` (Ctrl-C half way and run again, against one go), `complete` (run again when
all is there), `verify` (against `sha256sum` of the same files on all cores): by a daemon that runs, and without one, where
the start of the command is part of it. Verification reads what the storage holds, not what the page cache does; so
`sha256sum` has to read the storage, too: its files are put out of the cache before, which is not in its time. `cached_sha256sum`
is another with all files in the cache; on tmpfs both are the same. What the start costs is told beside it: `start_wall_s` is the verification
of a project of one pair a font, `asking_wall_s` the same by the daemon, `python_wall_s` an empty Python; `net` ratios leave
these starts out.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from answers import UnavailableError, emit, run_script
from control import daemon
from costs import Counted, counted, finish_counted, start_counted
from fontmill import wire
from material import fonts
from places import scratch, tree_bytes
from programs import completed, fontmill, fontmill_run
from rounds import interleave, ratios, spread

OPTIONS = ("--preset", "plain")


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


def verify(folder: Path, *options: str) -> float:
    """Wall seconds of a full verification."""
    run = counted(fontmill(*options, "verify", folder / "bench", "--json"))
    if run.rc != 0:
        raise UnavailableError(f"fontmill verify exited {run.rc}: {(run.stderr or run.stdout)[-300:]}")
    return run.wall_s


def sha256sum(folder: Path) -> float:
    """Wall seconds of sha256sum over the same files, one process a core."""
    names = b"\0".join(os.fsencode(p) for p in folder.rglob("*.png"))
    began = time.monotonic()
    subprocess.run(["xargs", "-0", "-n", "500", "-P", str(os.cpu_count()), "sha256sum"], input=names, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def uncached_sha256sum(folder: Path) -> float:
    """The same of files that are not in the page cache; to put them out of it is not counted."""
    os.sync()  # what is not written yet stays in the cache
    for path in folder.rglob("*.png"):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    return sha256sum(folder)


def python_start() -> float:
    """Wall seconds of a Python that does nothing."""
    return counted([sys.executable, "-c", "pass"]).wall_s


def measure_complete(folder: Path, small: Path, samples: int, rounds: int) -> None:
    """Run again when nothing is missing; beside it, the same of a project of one pair a font."""
    costs = interleave(rounds, {"all": lambda: run_whole(folder, samples), "start": lambda: run_whole(small, 1)})
    pairs = samples * len(fonts())
    emit("resume", kind="complete", pairs=pairs, wall_s=spread([c.wall_s for c in costs["all"]]), start_wall_s=spread([c.wall_s for c in costs["start"]]),
         pairs_per_wall_s=spread([pairs / c.wall_s for c in costs["all"]], 1))


def measure_verify(folder: Path, small: Path, rounds: int, budget: float) -> None:
    """Verify and sha256sum, turn about."""
    with scratch("tmpfs") as home, daemon(home, os.cpu_count() or 1, roots=(folder, small)) as (_, endpoint):
        socket = (endpoint + wire.CONTROL_SOCKET).removeprefix("ipc://")
        verify(small, "--socket", socket)  # for the daemon's workers to be up
        tasks: dict[str, Callable[[], float]] = {
            "sha256sum": lambda: uncached_sha256sum(folder), "cached": lambda: sha256sum(folder), "daemon": lambda: verify(folder, "--socket", socket),
            "asking": lambda: verify(small, "--socket", socket), "alone": lambda: verify(folder), "start": lambda: verify(small), "python": python_start,
        }
        times = interleave(rounds, tasks, budget)
    files, size = tree_bytes(folder)
    net = {kind: [whole - start for whole, start in zip(times[kind], times[base], strict=True)] for kind, base in (("daemon", "asking"), ("alone", "start"))}
    emit("resume", kind="verify", files=files, megabytes=round(size / 1e6, 1), rounds=len(times["alone"]), sha256sum_wall_s=spread(times["sha256sum"]), cached_sha256sum_wall_s=spread(times["cached"]),
         daemon_wall_s=spread(times["daemon"]), alone_wall_s=spread(times["alone"]), start_wall_s=spread(times["start"]), asking_wall_s=spread(times["asking"]), python_wall_s=spread(times["python"]),
         daemon_vs_sha256sum=ratios(times["sha256sum"], times["daemon"]), alone_vs_sha256sum=ratios(times["sha256sum"], times["alone"]),
         daemon_vs_cached_sha256sum=ratios(times["cached"], times["daemon"]), alone_vs_cached_sha256sum=ratios(times["cached"], times["alone"]),
         **{f"{kind}_net_vs_sha256sum": ratios(times["sha256sum"], spent) for kind, spent in net.items() if min(spent) > 0})


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds after which no further round is begun")
    parser.add_argument("--samples", type=int, default=4000, help="pairs per font")
    parser.add_argument("--disk", choices=("tmpfs", "disk"), default="disk")
    args = parser.parse_args()
    samples, rounds = (100, 1) if args.quick else (args.samples, args.rounds)
    began = time.monotonic()
    found = interleave(rounds, {"interrupted": lambda: interrupted(args.disk, samples)}, 0.4 * args.budget)["interrupted"]
    emit("resume", kind="interrupted", rounds=len(found), pairs=samples * len(fonts()), first_part=spread([share for _, share in found]), cpu_vs_one_go=spread([ratio for ratio, _ in found]))
    with scratch(args.disk) as folder, scratch(args.disk) as small:
        run_whole(folder, samples)
        run_whole(small, 1)
        measure_complete(folder, small, samples, rounds)
        measure_verify(folder, small, rounds, args.budget - (time.monotonic() - began))


if __name__ == "__main__":
    sys.exit(run_script("resume", main))
