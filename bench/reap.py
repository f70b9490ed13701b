"""Runs a command as the reaper of all its descendants and reports the CPU time of every one of them.

    python bench/reap.py REPORT COMMAND...

A child subreaper adopts orphans (daemons, forkservers, their workers), so waiting until no child is left
counts each process that ever ran below the command. REPORT becomes one JSON object: `user_s`, `system_s`,
`wall_s` (the command itself), `settle_s` (until its last descendant left), `max_rss_kb`, `rc`.
Only a process whose parent ignores SIGCHLD escapes; `tests/bench` holds the method to a known load.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def reap_all(main: int, begin: float) -> tuple[int, float]:
    """Wait for every descendant; the main command's exit status and the moment it left."""
    status, left = 1, begin
    while True:
        try:
            pid, code = os.wait()
        except ChildProcessError:
            return status, left
        if pid == main:
            status, left = os.waitstatus_to_exitcode(code), time.monotonic()


def main() -> int:
    """Run, reap, report."""
    report, command = Path(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    begin = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGINT, lambda *_: os.kill(child, signal.SIGINT))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    status, left = reap_all(child, begin)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report.write_text(json.dumps({
        "user_s": usage.ru_utime, "system_s": usage.ru_stime, "wall_s": left - begin,
        "settle_s": time.monotonic() - begin, "max_rss_kb": usage.ru_maxrss, "rc": status,
    }))
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
