"""multiprocess and its forkserver, as light as they can be: without dill, and a server that is a fork of this process.

Whoever needs multiprocess takes it from here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

# multiprocess would load dill in the place of pickle: a third of what the start of a daemon costs up to here. What our
# children are sent, functions by name and file descriptors, needs no more than pickle.
_known = sys.modules.get("dill")
sys.modules["dill"] = None  # type: ignore[assignment]
try:
    import multiprocess
    from multiprocess import connection, forkserver, process, resource_tracker, util
finally:
    del sys.modules["dill"]
    if _known is not None:
        sys.modules["dill"] = _known

__all__ = ["connection", "forkserver", "multiprocess", "process", "start_server", "tell_ready", "track_nothing", "util"]

_NAME = "fontmill-fork"
"""What the server is called in lists of processes: who ends `fontmilld` by name does not mean it and the workers."""


_until_ready = -1
"""In a server that is a fork: the descriptor to close once it has imported what its children need."""


def start_server() -> int:
    """Have the forkserver run. It is forked from this process while that has no other thread, else begun as a new Python.

    What is imported by now need not be imported again there. Returns a descriptor that is readable once a child can be
    started without waiting for that, or the server has failed; at once where it is a new Python.
    """
    ready, busy = os.pipe()
    spawn = util.spawnv_passfds
    if len(os.listdir("/proc/self/task")) == 1:
        util.spawnv_passfds = functools.partial(_fork, busy)
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = spawn
        os.close(busy)
    return ready


def tell_ready() -> None:
    """In the server: all is imported."""
    global _until_ready  # noqa: PLW0603  a process has one
    if _until_ready >= 0:
        with contextlib.suppress(BrokenPipeError):  # the daemon is gone already
            os.write(_until_ready, b"\0")
        os.close(_until_ready)
    _until_ready = -1


def _fork(busy: int, _program: Any, words: Sequence[Any], kept: Iterable[int]) -> int:
    """The pid of a fork that does what the Python program in the last of `words` says.

    It has no open files but the standard streams and `kept`, and leaves without a look at what is its parent's.
    """
    global _until_ready  # noqa: PLW0603
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal it is meant for the daemon, which then ends this one
        _until_ready = busy
        _close_others({0, 1, 2, busy, *kept})
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write(_NAME)
        exec(words[-1], {"__name__": "__main__"})  # noqa: S102  multiprocess wrote it for this
    except SystemExit:
        status = 0  # so it ends when nobody needs it any more
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _close_others(kept: set[int]) -> None:
    for number in {int(name) for name in os.listdir("/proc/self/fd")} - kept:
        with contextlib.suppress(OSError):  # one is that of the listing itself
            os.close(number)


def track_nothing() -> None:
    """Have no process that cleans up named semaphores and shared memory after us: we have neither.

    It is a whole Python, a tenth of what a start costs. A multiprocess that keeps its state in another way starts it nevertheless.
    """
    tracker = resource_tracker._resource_tracker
    if tracker._fd is None:
        tracker._fd = os.open(os.devnull, os.O_WRONLY)
