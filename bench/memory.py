"""How much memory does a session of a million samples take? Peak PSS of the daemon and of the largest worker.

    python bench/memory.py [--quick] [--seconds N] [--no-install]

JSON lines: `to-its-end` (1,000,000 samples completed by simulated workers that draw nothing: all that grows in the daemon
grows; figures of the daemon alone), then `plain`, `default` and `cjk` (a real session of 1,000,000 samples, watched for
N seconds from its first pair and cancelled then; `pairs` says how many it made). The Chinese or Japanese font is FONTMILL_BENCH_CJK,
one of the system, or one from the package registry.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil
import zmq

from answers import UnavailableError, emit, run_script
from control import DAEMON, Dealer, daemon
from fontmill import wire
from material import fonts
from places import BENCH, CACHE, scratch

MILLION = 1_000_000
FOUND_CJK = ("wqy*/*.tt[cf]", "opentype/noto/NotoSansCJK-Regular.ttc", "truetype/wqy/*.tt[cf]", "truetype/arphic/*.tt[cf]", "truetype/droid/*Fallback*.ttf")
CJK_PACKAGE = "noto-cjk-sans-jp-regular"
IDLE_WORKERS, IDLE_RATE = 64, 1000.0
PRESETS: dict[str, dict[str, Any]] = {"plain": {"preset": "plain"}, "default": {"style_variations": True, "enable_special_effects": True}}


class MemoryWatch:
    """A thread that looks at a process and all below it, every `period` seconds, while the context lasts."""

    def __init__(self, pid: int, period: float = 0.2) -> None:
        self._pid, self._period = pid, period
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peaks: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._end.set()
        self._thread.join()

    @property
    def peaks_mb(self) -> dict[str, float]:
        """Peak PSS in MB of the largest process of each role."""
        return {role: round(peak / 1e6, 1) for role, peak in sorted(self.peaks.items())}

    def _watch(self) -> None:
        while not self._end.wait(self._period):
            try:
                root = psutil.Process(self._pid)
                family = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in family:
                self._look(process)

    def _look(self, process: psutil.Process) -> None:
        try:
            role, pss = role_of(process), process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return
        self.peaks[role] = max(self.peaks.get(role, 0), pss)


def is_of_forkserver(process: psutil.Process) -> bool:
    """Whether it is fontmilld's forkserver, a fork of it or a Python of its own, or has the name from being a child of it."""
    return process.name() == "fontmill-fork" or "forkserver" in " ".join(process.cmdline())


def role_of(process: psutil.Process) -> str:
    """`daemon`, `worker`, `forkserver`, `client` or `other`, told by name, command line and parent."""
    line = " ".join(process.cmdline())
    if is_of_forkserver(process):
        parent = process.parent()
        return "worker" if parent is not None and is_of_forkserver(parent) else "forkserver"
    if "resource_tracker" in line or "reap.py" in line:
        return "other"
    if "fontmilld" in line or "idleworker.py" in line:
        return "daemon"
    return "client" if "fontmill" in line else "other"


def chinese_font(may_install: bool) -> Path:
    """A font with thousands of glyphs. Raises UnavailableError where there is none."""
    if named := os.environ.get("FONTMILL_BENCH_CJK"):
        return Path(named)
    for pattern in FOUND_CJK:
        if found := sorted(Path("/usr/share/fonts").glob(pattern)):
            return found[0]
    folder = CACHE / "cjk"
    if may_install and not folder.exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), CJK_PACKAGE], capture_output=True, check=False)
    if found := sorted(folder.rglob("*.[ot]tf")):
        return found[0]
    raise UnavailableError(f"no Chinese font: install fonts-wqy-zenhei or name one in FONTMILL_BENCH_CJK ({CJK_PACKAGE} is tried, too)")


def watch(kind: str, program: Sequence[str], workers: int, files: list[Path], samples: int, seconds: float, **options: Any) -> None:
    """Start a session of `samples` pairs, watch it for `seconds` or to its end, say what it took."""
    context: zmq.Context[Any] = zmq.Context()
    with scratch("tmpfs") as folder, daemon(folder, workers, program) as (process, endpoint):
        try:
            client = Dealer(context, endpoint + wire.CONTROL_SOCKET)
            asked = {"fonts": [str(file) for file in files], "num_samples": samples // len(files), **options}
            with MemoryWatch(process.pid) as memory:
                session = client.ask("start", output_path=str(folder), project_name="memory", **asked)["session_id"]
                status = followed(client, session, seconds)
            if status["status"] == "active":
                client.ask("cancel", session=session)
        finally:
            context.destroy(linger=0)
    peaks = memory.peaks_mb
    if kind == "to-its-end":
        peaks.pop("worker", None)
    emit("memory", kind=kind, asked_pairs=samples, pairs=status["exported_samples"], ended=status["status"] == "completed", fonts=len(files), workers=workers,
         font=files[0].name if len(files) == 1 else None, peak_pss_mb=peaks)


def followed(client: Dealer, session: str, seconds: float) -> dict[str, Any]:
    """The last status of a session: at its end, or `seconds` after its first pair."""
    end = math.inf
    while (status := client.ask("status", session=session))["status"] == "active" and time.monotonic() < end:
        if status["exported_samples"] and end == math.inf:
            end = time.monotonic() + seconds
        time.sleep(0.2)
    if status["status"] not in {"active", "completed"}:
        raise UnavailableError(f"the session is {status['status']}: {status['pause_reasons'] or status['reason']}")
    return status


def main() -> None:
    """Watch all kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=12, help="how long a real session is watched")
    parser.add_argument("--no-install", action="store_true", help="fetch no Chinese font")
    args = parser.parse_args()
    seconds, samples = (1.0, 400) if args.quick else (args.seconds, MILLION)
    idle = [sys.executable, str(BENCH / "idleworker.py"), str(IDLE_RATE)]
    watch("to-its-end", idle, 4 if args.quick else IDLE_WORKERS, fonts(4), samples, math.inf, preset="plain")
    for name in ("plain",) if args.quick else PRESETS:
        watch(name, DAEMON, 2, fonts(4), samples, seconds, **PRESETS[name])
    try:
        watch("cjk", DAEMON, 2, [chinese_font(not (args.no_install or args.quick))], samples, seconds, **PRESETS["default"])
    except UnavailableError as reason:
        emit("memory", kind="cjk", unavailable=str(reason))


if __name__ == "__main__":
    sys.exit(run_script("memory", main))
