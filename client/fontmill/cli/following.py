"""A project followed by its folder, where no daemon can tell of it: for `fontmill wait` and `fontmill watch`."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.private import program
from fontmill.cli.text import clean
from fontmill.errors import FontmillError, how_to_go_on

Map = Mapping[str, Any]
SETTLED_AFTER = 3.0
"""Whoever has just taken a project up may not have said so yet: what it said before is believed after so many seconds."""


def followed(call: Invocation, folder: str) -> Generator[Map]:
    """The status of the project in `folder` several times a second for as long as somebody works on it, with `owner`.

    The last one has no owner. Remarks tell who works on it, and, where nobody does and it is not done, how to go on.
    Raises FontmillError.
    """
    told: object = None
    status: Map = {}
    with closing(_read(folder)) as statuses:
        for status in statuses:
            owner = status["owner"]
            if owner and owner != told:
                told = owner
                call.output.note(f"No daemon knows it; process {owner['pid']} on {clean(owner['host'])} works on it, and its folder is followed.")
            yield status
    if status.get("status") in ("interrupted", "paused"):
        call.output.note(f"Nobody works on it. {how_to_go_on(clean(shlex.quote(folder)))}")


def waited(call: Invocation, folder: str) -> Map:
    """The status once it is not active any more, or nobody works on it. Raises `timed-out` as --timeout says."""
    deadline = None if call.timeout is None else time.monotonic() + call.timeout
    settled = time.monotonic()
    status: Map = {}
    with closing(followed(call, folder)) as statuses:
        for status in statuses:
            now = time.monotonic()
            if status.get("status") == "active":
                settled = now
            elif now - settled > SETTLED_AFTER:
                break
            if status["owner"] and deadline is not None and now > deadline:
                raise FontmillError("timed-out", f"The session was still active after {call.timeout:g} s.")
    return status


def _read(folder: str) -> Generator[dict[str, Any]]:
    """What a reader of the folder writes, line by line."""
    status: dict[str, Any] = {"owner": ""}
    words = [*program("fontmilld.reader"), "follow", folder]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            for line in process.stdout or ():
                status = json.loads(line)
                if "error" in status:
                    raise FontmillError(**status["error"])
                yield status
        finally:
            process.kill()
    if status["owner"] is not None:
        raise FontmillError("internal", "The look at the folder ended before its time.")
