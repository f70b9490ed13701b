"""What a command costs, all its descendants included."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from answers import UnavailableError
from places import BENCH, SCRATCH


@dataclass(frozen=True, slots=True)
class Counted:
    """Cost of one command and all its descendants."""

    rc: int
    wall_s: float
    settle_s: float
    user_s: float
    system_s: float
    max_rss_kb: int
    stdout: str
    stderr: str

    @property
    def cpu_s(self) -> float:
        """User and system time."""
        return self.user_s + self.system_s

    def last_json(self) -> dict[str, Any]:
        """The last line of the output that is a JSON object."""
        for line in reversed(self.stdout.splitlines()):
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise UnavailableError(f"no JSON line in the output (exit {self.rc}): {(self.stderr or self.stdout)[-400:]}")


def start_counted(argv: Sequence[str | Path], report: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a command under the reaper; `finish_counted` reads what it cost."""
    command = [sys.executable, str(BENCH / "reap.py"), str(report), *map(str, argv)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish_counted(process: subprocess.Popen[str], report: Path, timeout: float = 3600) -> Counted:
    """Wait for a command started by `start_counted`."""
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except BaseException:
        process.terminate()
        raise
    if not report.exists():
        raise UnavailableError(f"the reaper failed: {stderr[-400:]}")
    return Counted(stdout=stdout, stderr=stderr, **json.loads(report.read_text()))


def counted(argv: Sequence[str | Path], timeout: float = 3600, **options: Any) -> Counted:
    """Run a command and count the CPU time of everything below it."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as folder:
        report = Path(folder) / "cost.json"
        return finish_counted(start_counted(argv, report, **options), report, timeout)
