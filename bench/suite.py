"""Runs every bench script in one go, writes their lines to results/<question>.jsonl and draws results/bars.png.

    python bench/suite.py [--quick] [--only NAME...] [--results DIR] [--minutes N]

Each line carries the suite's time, its machine, how busy that was before, and whether the suite was quick: quick figures mean
nothing and go to results/local, which is not kept. The results of a script that ran replace those of earlier suites.
`--minutes` shares out the time: scripts that repeat begin no further round that would end after their share.
At the end, targets.py holds the results against what they must show.
Exit status 1 when a script failed; one that had nothing to measure says so in its line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import BENCH, RESULTS, machine, sweep

# Each script's share of the time, where it repeats what it measures; None: it takes what it takes, about a minute or less.
SCRIPTS: dict[str, float | None] = {
    "endtoend": 0.46, "peers": 0.06, "stages": None, "durability": 0.07, "resume": 0.08, "control": None, "dispatch": None,
    "memory": None, "scale": 0.19,
}
NOTHING_TO_MEASURE = 3


def command_of(name: str, quick: bool, minutes: float) -> list[str]:
    """How a script is run."""
    script = BENCH / ("peers/run.py" if name == "peers" else f"{name}.py")
    share = SCRIPTS[name]
    options = ["--quick"] if quick else ["--budget", f"{60 * minutes * share:.0f}"] if share else []
    return [sys.executable, str(script), *options, *(["--no-install"] if quick and name in {"peers", "memory"} else [])]


def run(name: str, quick: bool, minutes: float) -> tuple[list[dict[str, Any]], bool]:
    """A script's lines, and whether it went well."""
    began = time.monotonic()
    done = subprocess.run(command_of(name, quick, minutes), capture_output=True, text=True, check=False)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if done.returncode not in (0, NOTHING_TO_MEASURE):
        print(done.stderr[-2000:], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.returncode in (0, NOTHING_TO_MEASURE)


def keep(name: str, lines: list[dict[str, Any]], results: Path, about: dict[str, Any]) -> None:
    """Put in the results file in place of what an earlier suite found."""
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.jsonl").write_text("".join(json.dumps({**about, **line}) + "\n" for line in lines), encoding="utf-8")


def build_floor() -> None:
    """The floor needs Debian packages; without them it is left out, and said so."""
    subprocess.run([sys.executable, str(BENCH / "floor" / "build.py")], check=False, stdout=subprocess.DEVNULL)


def show(lines: list[dict[str, Any]]) -> None:
    """Print."""
    for line in lines:
        print(json.dumps(line), flush=True)


def conclude(results: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Targets and picture of what is there now; the lines of the targets."""
    done = subprocess.run([sys.executable, str(BENCH / "targets.py"), "--results", str(results)], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    keep("targets", lines, results, about)
    subprocess.run([sys.executable, str(BENCH / "chart.py"), "--results", str(results)], check=True)
    return lines


def main() -> int:
    """Run them all, then conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--results", type=Path, default=None)
    parser.add_argument("--minutes", type=float, default=25)
    args = parser.parse_args()
    results = args.results or (RESULTS / "local" if args.quick else RESULTS)
    about = {"suite": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), "quick": args.quick, "machine": machine(), "load_before": round(os.getloadavg()[0], 2)}
    for base in ("/dev/shm", "/var/tmp"):
        sweep(Path(base))
    build_floor()
    well, targets = True, []
    for name in args.only:
        lines, good = run(name, args.quick, args.minutes)
        show(lines)
        if good:
            keep(name, lines, results, about)
            targets = conclude(results, about)  # after each, so that a suite that is ended early leaves a whole picture
        well = well and good
    if not args.quick:
        show(targets)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
