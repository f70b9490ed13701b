"""How a program of ours begins and ends: with streams that are there, without a traceback, and without taking Python down piece by piece."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from typing import NoReturn


def hold_off_interrupt() -> bool:
    """Let an interrupt end this program as it ends any, without Python's traceback, until somebody minds it.

    False where it is minded or ignored already: then nothing is changed.
    """
    unminded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if unminded:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return unminded


def complete_streams() -> None:
    """Python has no object for a stream that was closed before it began; nothing comes from there, and what goes there goes nowhere."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115


def end(status: int) -> NoReturn:
    """End at once, with what is to be done at exit and all that is written. Everything else must be on record and closed by now."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
