"""Runs every bench script in one go, writes their lines to results/<question>.jsonl and draws results/bars.png.

    python bench/suite.py [--quick] [--only NAME...] [--results DIR] [--minutes N] [--continue]

First it says what it will run, and about how long each takes. Each line carries the suite's time, its machine, how busy that
was before, and whether the suite was quick: quick figures mean nothing and go to results/local, which is not kept.
`--minutes` shares out the time that is left before each script: one that takes longer takes it from all that follow, and
one that repeats begins no further round that would end after its share. A script that hangs is ended.
What a script has printed is kept whatever becomes of it or the suite; the results of a script that ran replace earlier ones.
`--continue` takes up the last suite that did not end well: it runs what is missing or failed, under that suite's time.
At the end, targets.py holds the results against what they must show.
Exit status 1 when a script failed; one that had nothing to measure says so in its line.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from answers import machine
from places import BENCH, CACHE, OWNER, RESULTS, base_of, sweep, write_file


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the seconds it takes in a suite of 24 minutes; one that repeats takes more or less with the suite."""

    seconds: float
    repeats: bool = False


# Those that write to disk come last: what was removed from it before the suite slows them for minutes (see places.scratch).
SCRIPTS = {
    "scale": Script(330, repeats=True), "memory": Script(100), "dispatch": Script(30), "control": Script(40), "stages": Script(45),
    "peers": Script(100, repeats=True), "endtoend": Script(560, repeats=True), "resume": Script(110, repeats=True), "durability": Script(90, repeats=True),
}
NOTHING_TO_MEASURE = 3
GRACE_S = 240.0  # a first round may take so much longer than planned on a slow machine: three times that and this is a hang
UNFINISHED = CACHE / "unfinished-suite.json"


def shares(names: list[str], seconds: float) -> dict[str, float]:
    """Seconds for each script: those that do not repeat take theirs, the others share the rest by what they ask for."""
    rest = seconds - sum(SCRIPTS[name].seconds for name in names if not SCRIPTS[name].repeats)
    asked = sum(SCRIPTS[name].seconds for name in names if SCRIPTS[name].repeats)
    return {name: max(1.0, rest * SCRIPTS[name].seconds / asked) if SCRIPTS[name].repeats else SCRIPTS[name].seconds for name in names}


def command_of(name: str, quick: bool, budget: float) -> list[str]:
    """How a script is run."""
    script = BENCH / ("peers/run.py" if name == "peers" else f"{name}.py")
    options = ["--quick"] if quick else ["--budget", f"{budget:.0f}"] if SCRIPTS[name].repeats else []
    return [sys.executable, str(script), *options, *(["--no-install"] if quick and name in {"peers", "memory"} else [])]


def run(name: str, command: list[str], limit: float, save: Callable[[list[dict[str, Any]]], None]) -> bool:
    """Whether a script went well; `save` gets all its lines after each. One that failed or ran past `limit` seconds has a line that says so."""
    lines: list[dict[str, Any]] = []
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    clock = threading.Timer(limit, end, (process,))
    clock.start()
    try:
        for text in process.stdout:
            if text.startswith("{"):
                lines.append(json.loads(text))
                save(lines)
                print(text, end="", flush=True)
        status = process.wait()
    finally:
        clock.cancel()
        end(process)
    took = time.monotonic() - began
    print(f"{name}: {took:.0f} s", file=sys.stderr, flush=True)
    if status not in (0, NOTHING_TO_MEASURE):
        lines.append({"question": name, "failed": f"ended after {took:.0f} s" if took >= limit else f"exit status {status}"})
        save(lines)
    return status in (0, NOTHING_TO_MEASURE)


def end(process: subprocess.Popen[str]) -> None:
    """End a script and what it started, unless it has ended: politely, so that it removes its scratch folders, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                continue


def keep(name: str, results: Path, about: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """Put in the results file in place of what an earlier suite found."""
    write_file(results / f"{name}.jsonl", "".join(json.dumps({**about, **line}) + "\n" for line in lines))


def build_floor() -> None:
    """The floor needs Debian packages; without them it is left out, and said so."""
    subprocess.run([sys.executable, str(BENCH / "floor" / "build.py")], check=False, stdout=sys.stderr)


def conclude(results: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Targets and picture of what is there now; the lines of the targets."""
    done = subprocess.run([sys.executable, str(BENCH / "targets.py"), "--results", str(results)], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    keep("targets", results, about, lines)
    subprocess.run([sys.executable, str(BENCH / "chart.py"), "--results", str(results)], check=True)
    return lines


def begun(args: argparse.Namespace) -> dict[str, Any]:
    """The suite: a new one, or with --continue that which did not end well."""
    if args.taken_up:
        if not UNFINISHED.exists():
            raise SystemExit("no suite is unfinished")
        found: dict[str, Any] = json.loads(UNFINISHED.read_text(encoding="utf-8"))
        return found
    about = {"suite": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), "quick": args.quick, "machine": machine(), "load_before": round(os.getloadavg()[0], 2)}
    results = args.results or (RESULTS / "local" if args.quick else RESULTS)
    return {"about": about, "results": str(results.resolve()), "left": [name for name in SCRIPTS if name in args.only]}


def clear() -> None:
    """Remove what scripts left on disk until now, and what killed runs left."""
    for kind in ("tmpfs", "disk"):
        sweep(base_of(kind), os.getpid())


def announce(names: list[str], quick: bool, seconds: float) -> None:
    """Say what will run, in this order, and about how long it takes."""
    planned = "" if quick else f", in about {seconds / 60:.0f} minutes"
    print(f"bench{planned}: " + ", ".join(name if quick else f"{name} {share:.0f} s" for name, share in shares(names, seconds).items()), file=sys.stderr, flush=True)


def main() -> int:
    """Run them all, then conclude."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--results", type=Path, default=None)
    parser.add_argument("--minutes", type=float, default=24)
    parser.add_argument("--continue", dest="taken_up", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    suite = begun(args)
    about, results, quick = suite["about"], Path(suite["results"]), suite["about"]["quick"]
    os.environ[OWNER] = str(os.getpid())
    atexit.register(clear)
    clear()
    announce(suite["left"], quick, 60 * args.minutes)
    build_floor()
    finish = time.monotonic() + 60 * args.minutes
    targets: list[dict[str, Any]] = []
    todo = list(suite["left"])
    for number, name in enumerate(todo):
        write_file(UNFINISHED, json.dumps(suite))
        budget = shares(todo[number:], finish - time.monotonic())[name]
        good = run(name, command_of(name, quick, budget), 3 * budget + GRACE_S, functools.partial(keep, name, results, about))
        targets = conclude(results, about)  # after each, so that a suite that is ended early leaves a whole picture
        if good:
            suite["left"].remove(name)
    for line in [] if quick else targets:
        print(json.dumps(line), flush=True)
    if suite["left"]:
        write_file(UNFINISHED, json.dumps(suite))
        print(f"failed: {', '.join(suite['left'])}; again with --continue", file=sys.stderr)
        return 1
    UNFINISHED.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
