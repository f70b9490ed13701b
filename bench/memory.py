"""Watches the memory of a running `fontmill run`: peak PSS of the daemon and of the largest worker."""

from __future__ import annotations

import threading
from typing import Any, Self

import psutil


class MemoryWatch:
    """A thread that looks at all processes below one, every `period` seconds, while the context lasts."""

    def __init__(self, pid: int, period: float = 0.5) -> None:
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
        """Peak PSS in MB by role."""
        return {role: round(peak / 1e6, 1) for role, peak in sorted(self.peaks.items())}

    def _watch(self) -> None:
        while not self._end.wait(self._period):
            try:
                family = psutil.Process(self._pid).children(recursive=True)
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


def role_of(process: psutil.Process) -> str:
    """`daemon`, `worker`, `forkserver`, `client` or `other`, told by command line and parent."""
    line = " ".join(process.cmdline())
    if "forkserver" in line:
        parent = process.parent()
        return "worker" if parent is not None and "forkserver" in " ".join(parent.cmdline()) else "forkserver"
    if "resource_tracker" in line:
        return "other"
    if "fontmilld" in line:
        return "daemon"
    return "client" if "fontmill" in line else "other"
