"""Which boot of which machine this is, and which process: what tells a live owner from a dead one."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    """The kernel's id of this boot; another one means that caches did not survive."""
    return _read("/proc/sys/kernel/random/boot_id")


@cache
def host_id() -> str:
    """What tells this machine from others. Cloned machines share the machine id, containers often lack it."""
    return f"{_read('/etc/machine-id')}/{socket.gethostname()}"


def start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; "" when there is no such process (or only its zombie)."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in {"Z", "X"} else ""


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by a signal or whoever traces it."""
    return _stat(pid)[:1] in (["T"], ["t"])


@cache
def pid_space() -> str:
    """The pid namespace: only within one do pids mean the same."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on; nothing when there is none."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
