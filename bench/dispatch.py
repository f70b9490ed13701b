"""What does a batch cost the supervisor, and how many cores can one supervisor feed?

    python bench/dispatch.py [--quick] [--workers N...] [--seconds N]

The workers are processes that draw nothing: they sleep as long as drawing would take and answer labels of the
usual length, so that more of them than there are cores can be simulated. One JSON line a number of workers:
the supervisor's CPU per batch and per pair (journal and checkpoints included), the share of one core it took,
and the share of their time that workers waited for work.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from answers import UnavailableError, emit, run_script
from control import Dealer, daemon
from fontmill import wire
from manyfonts import folder_of
from places import BENCH, scratch

RATE = 1000.0  # samples a second and worker


def measure(workers: int, seconds: float) -> None:
    """One session with a font for each worker."""
    each = max(20, round(RATE * seconds))
    context: zmq.Context[Any] = zmq.Context()
    program = [sys.executable, str(BENCH / "idleworker.py"), str(RATE)]
    with scratch("tmpfs") as folder, daemon(folder, workers, program) as (process, endpoint):
        try:
            client = Dealer(context, endpoint + wire.CONTROL_SOCKET)
            fonts = [str(font) for font in sorted(folder_of(max(2, workers)).glob("*.ttf"))]
            session = client.ask("start", output_path=str(folder), project_name="idle", fonts=fonts, num_samples=each, preset="plain")["session_id"]
            before, began = sum(process.cpu_times()[:2]), time.monotonic()
            while (status := client.ask("status", session=session))["status"] == "active":
                time.sleep(0.2)
            if status["status"] != "completed":
                raise UnavailableError(f"the session is {status['status']}: {status['pause_reasons']}")
            cpu, wall = sum(process.cpu_times()[:2]) - before, time.monotonic() - began
        finally:
            context.destroy(linger=0)
        stats = at_the_end(folder / "idle" / "logs" / "performance.log")
    pairs, batches = stats["samples"], stats["batches"]
    emit("dispatch", workers=workers, pairs=pairs, batches=batches, pairs_per_batch=round(pairs / batches, 1), cpu_us_per_batch=round(cpu / batches * 1e6, 1),
         cpu_us_per_pair=round(cpu / pairs * 1e6, 2), core_share=round(cpu / wall, 4), workers_waited=stats["stages"].get("wait", 0.0),
         wall_vs_ideal=round(wall / (pairs / workers / RATE), 3))


def at_the_end(log: Path) -> dict[str, Any]:
    """What the session came to."""
    found = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return next(line for line in reversed(found) if line["event"] == "finished")


def main() -> None:
    """Measure each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 16, 64])
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each worker has work")
    args = parser.parse_args()
    for workers in [4] if args.quick else args.workers:
        measure(workers, 0.1 if args.quick else args.seconds)


if __name__ == "__main__":
    sys.exit(run_script("dispatch", main))
