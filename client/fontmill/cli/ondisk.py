"""What can be told of a project without a daemon. Light: every `fontmill status` imports it."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.text import clean
from fontmill.endpoint import SOCKET_VARIABLE
from fontmill.errors import FontmillError, how_to_go_on

MOST_PROGRESS_BYTES = 1 << 20
ONLY_ON_DISK = frozenset({"schema_version", "stats", "performance"})

SHAPE: dict[str, type] = {
    **dict.fromkeys(("session_id", "project_name", "output_path", "status", "reason", "last_updated"), str),
    **dict.fromkeys(("total_samples", "exported_samples", "failed_samples", "skipped_samples", "durable_samples"), int),
    "pause_reasons": list, "fonts": dict,
}
"""What of a status object is shown, by type."""


def socket_named(call: Invocation) -> bool:
    """Whether the user wants one daemon, and no other."""
    return bool(call.options.socket or os.environ.get(SOCKET_VARIABLE))


def is_project(folder: str) -> bool:
    """Whether a session was begun in a folder."""
    return os.path.isfile(os.path.join(folder, "session.json"))


def with_folder(error: FontmillError, command: str, named: str | None) -> FontmillError:
    """The same error, saying too that the session `named` is no project's folder, where no daemon knows it.

    Of one that is, it says how what `command` is for is done without a daemon.
    """
    lost = error.slug == "not-running" or error.message.startswith("There is no session ")
    if not named or not lost:
        return error
    try:
        path = os.path.abspath(os.path.expanduser(named))
    except FileNotFoundError:  # the current folder is gone
        return error
    if is_project(path):
        if command not in _ALONE:
            return error
        import shlex  # noqa: PLC0415  for few errors alone

        action = _ALONE[command].format(folder=clean(shlex.quote(path)))
        return FontmillError(error.slug, error.message, error.details, action, error.after_ms)
    there = os.path.isdir(path)
    sentence = f"{error.message.rstrip('.')}, and there is no project {'in' if there else 'folder'} {path}."
    action = f"`fontmill detect {named}` finds the projects in a folder." if there else error.action
    return FontmillError(error.slug, sentence, error.details, action, error.after_ms)


_STOP = "If a `fontmill run` works on it, Ctrl-C there pauses it; `fontmill why {folder}` says who does."
_ALONE = {
    "pause": _STOP, "cancel": _STOP,
    "resume": how_to_go_on("{folder}"),
}
"""What does the same for a project's folder without a daemon."""


def only_on_disk(call: Invocation, error: FontmillError, named: str) -> bool:
    """Whether `error` says that no daemon can tell of the project's folder `named`, and the user wants no certain one."""
    unknown = error.slug in ("not-running", "unknown-session", "denied")
    return unknown and named.startswith("/") and not socket_named(call)


def read(call: Invocation, named: str) -> dict[str, Any]:
    """The reply of the command as the project's folder `named` says it, with a remark. Raises FontmillError."""
    from fontmill.cli.served import read  # noqa: PLC0415  few need it

    answer = read(call.command, named, call.timeout)
    owner = answer.get("owner")
    left = "; nobody works on it now" if answer.get("status") == "interrupted" else ""
    at_work = f"; process {owner['pid']} on {clean(owner['host'])} works on it, and may be further" if owner else left
    call.output.note(f"No daemon knows it; this is what its folder says{at_work}.")
    return answer


def last_told(project: str) -> dict[str, Any] | None:
    """The status object that a project's own progress.json holds, or None where there is none to be trusted with showing.

    It lags while the project is worked on, and is `active` after a crash.
    """
    try:
        found = json.loads(_read(os.path.join(project, "progress.json")))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in SHAPE.items()):
        return None
    return {name: value for name, value in found.items() if name not in ONLY_ON_DISK}


def _read(path: str) -> bytes:
    """The first MOST_PROGRESS_BYTES of a file; nothing that is put in its place can hold the reader up."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("not a regular file")
        return file.read(MOST_PROGRESS_BYTES)
