"""An answer is one JSON line; a script that cannot answer says why in one."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any


class UnavailableError(Exception):
    """What is asked for is not on this machine, or not in this version; the message says what is missing."""


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "kernel": platform.release()}


def emit(question: str, **answer: Any) -> None:
    """Print one answer as one JSON line."""
    print(json.dumps({"question": question, **answer}), flush=True)


def run_script(question: str, body: Callable[[], None]) -> int:
    """Answer, or say in one JSON line why there is no answer (exit status 3)."""
    try:
        body()
    except UnavailableError as reason:
        emit(question, unavailable=str(reason))
        return 3
    return 0
