"""Standard streams of a program of ours: what Python lacks of them, and an end that loses nothing written."""

from __future__ import annotations

import os
import sys


def complete_streams() -> None:
    """Python has no object for a stream that was closed before it began; nothing comes from there, and what goes there goes nowhere."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
