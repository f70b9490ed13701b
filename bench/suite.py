"""Runs every bench script in one go, appends their lines to results/<question>.jsonl and draws results/bars.png.

    python bench/suite.py [--quick] [--only NAME...] [--results DIR]

Each line carries the suite's time, its machine, and whether it was quick: quick figures mean nothing and go to results/local, which is
not kept.
Exit status 1 when a script failed; one that had nothing to measure says so in its line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import BENCH, RESULTS, machine

SCRIPTS = ("endtoend", "peers", "stages", "durability", "resume", "control", "dispatch", "scale")
NOTHING_TO_MEASURE = 3


def command_of(name: str, quick: bool) -> list[str]:
    """How a script is run."""
    script = BENCH / ("peers/run.py" if name == "peers" else f"{name}.py")
    options = [*(["--quick"] if quick else []), *(["--no-install"] if quick and name == "peers" else [])]
    return [sys.executable, str(script), *options]


def run(name: str, quick: bool) -> tuple[list[dict[str, Any]], bool]:
    """A script's lines, and whether it went well."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(command_of(name, quick), capture_output=True, text=True, check=False)
    if done.returncode not in (0, NOTHING_TO_MEASURE):
        print(done.stderr[-2000:], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.returncode in (0, NOTHING_TO_MEASURE)


def keep(name: str, lines: list[dict[str, Any]], results: Path, about: dict[str, Any]) -> None:
    """Append to the results file, and show."""
    results.mkdir(parents=True, exist_ok=True)
    with (results / f"{name}.jsonl").open("a", encoding="utf-8") as out:
        for line in lines:
            print(json.dumps(line), flush=True)
            out.write(json.dumps({**about, **line}) + "\n")


def build_floor() -> None:
    """The floor needs Debian packages; without them it is left out, and said so."""
    subprocess.run([sys.executable, str(BENCH / "floor" / "build.py")], check=False, stdout=subprocess.DEVNULL)


def main() -> int:
    """Run them all, then draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    parser.add_argument("--results", type=Path, default=None)
    args = parser.parse_args()
    results = args.results or (RESULTS / "local" if args.quick else RESULTS)
    about = {"suite": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), "quick": args.quick, "machine": machine()}
    build_floor()
    well = True
    for name in args.only:
        lines, good = run(name, args.quick)
        keep(name, lines, results, about)
        well = well and good
    subprocess.run([sys.executable, str(BENCH / "chart.py"), "--results", str(results)], check=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
