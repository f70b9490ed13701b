"""What can be told of a project without a daemon. Light: every `fontmill status` imports it."""

from __future__ import annotations

import json
import os
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.endpoint import SOCKET_VARIABLE

MOST_PROGRESS_BYTES = 1 << 20
ONLY_ON_DISK = frozenset({"schema_version", "stats", "performance"})


def socket_named(call: Invocation) -> bool:
    """Whether the user wants one daemon, and no other."""
    return bool(call.options.socket or os.environ.get(SOCKET_VARIABLE))


def last_told(project: str) -> dict[str, Any] | None:
    """The status object that a project's own progress.json holds, or None. It lags while the project is worked on, and is `active` after a crash."""
    try:
        with open(os.path.join(project, "progress.json"), "rb") as file:
            found = json.loads(file.read(MOST_PROGRESS_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("session_id"), str):
        return None
    return {name: value for name, value in found.items() if name not in ONLY_ON_DISK}
