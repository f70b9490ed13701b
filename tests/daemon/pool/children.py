"""What the children of the process tests do, and whether they live. Imported by name in the forkserver's children."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fontmilld.pool.messages import BatchFailed, ProbeTask, Ready
from fontmilld.pool.process import ChildEnd


def echo(end: ChildEnd) -> None:
    """Be ready, then send back what comes."""
    end.send(Ready(os.getpid()))
    while (message := end.receive()) is not None:
        end.send(message)


def babble(end: ChildEnd) -> None:
    """Send bytes that are no message."""
    end._socket.sendall(b"\x05\0\0\0hello" * 3)
    time.sleep(60)


def announce_too_much(end: ChildEnd) -> None:
    """Announce a message of 4 GB."""
    end._socket.sendall(b"\xff\xff\xff\xff")
    time.sleep(60)


def deaf(end: ChildEnd) -> None:
    """Never read."""
    end.send(Ready(os.getpid()))
    time.sleep(60)


def crash(end: ChildEnd) -> None:
    """Say something and die of it."""
    end.send(BatchFailed(1, "internal", "last words"))
    os.abort()


__all__ = ["ProbeTask", "announce_too_much", "babble", "crash", "deaf", "echo"]


def is_running(pid: int) -> bool:
    """Whether there is such a process, and not its zombie only."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
