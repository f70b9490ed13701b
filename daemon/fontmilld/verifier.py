"""`python -m fontmilld.verifier LEVEL PROJECT`: a project held against its labels, by all cores, without a daemon.

For `fontmill verify`: a daemon's start takes longer than tens of thousands of files. Nothing is drawn and nothing
is written. One JSON line is printed: the reply of the verb, or `{"error": {"slug", "message", "details"}}`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, ValidationResult
from fontmilld.store.checking import Check, CheckResult, Level, run_check
from fontmilld.store.files import LocalTree
from fontmilld.store.sessions import load_session
from fontmilld.store.verify import conclude, look_before, plan_checks

PIECE_BYTES: Final = 256 << 10
"""Of labels in a check: every core gets some, and none is left with much more than the others."""


def main(argv: Sequence[str]) -> int:
    """Print the verdict; the exit status is 0 when there is one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    level: Level = "quick" if argv[0] == "quick" else "full"
    parent, name = os.path.split(argv[1].rstrip("/"))
    try:
        answer = verify(f"{os.path.realpath(parent).rstrip('/')}/{name}", level, len(os.sched_getaffinity(0))).to_dict()
    except FontmillError as error:
        answer = {"error": error.to_dict()}
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    return 1 if "error" in answer else 0


def verify(path: str, level: Level, processes: int) -> ValidationResult:
    """validateSessionIntegrity by so many processes. Raises FontmillError. No thread may run in this one."""
    tree = LocalTree(path)
    try:
        session = load_session(tree, path)
        before = look_before(tree, session)
        checks = plan_checks(tree, session, before, PIECE_BYTES)
        return conclude(tree, session, before, _results(path, session, checks, level, processes), level)
    finally:
        tree.close()


def _results(path: str, session: ExportSession, checks: Sequence[Check], level: Level, processes: int) -> Iterator[CheckResult]:
    shares = [share for first in range(processes) if (share := checks[first::processes])]
    children = [_begin(path, session, share, level) for share in shares]
    for pid, out in children:
        with os.fdopen(out, "rb") as file:
            said = file.read()
        status = os.waitpid(pid, 0)[1]
        yield from _understood(said if status == 0 else b"")


def _understood(said: bytes) -> Iterator[CheckResult]:
    found: Any = orjson.loads(said) if said else {"slug": "internal", "message": "A part of the verification ends its process.", "details": {}}
    if isinstance(found, dict):
        raise FontmillError(**found)
    for result in found:
        yield CheckResult.from_dict(result)


def _begin(path: str, session: ExportSession, checks: Sequence[Check], level: Level) -> tuple[int, int]:
    """A child that carries out `checks`: its pid, and where it writes the results."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    status = 1
    try:
        os.close(out)
        with os.fdopen(into, "wb") as file:
            file.write(orjson.dumps(_checked(path, session, checks, level)))
        status = 0
    finally:
        os._exit(status)  # not a step further in what is the parent's


def _checked(path: str, session: ExportSession, checks: Sequence[Check], level: Level) -> list[dict[str, Any]] | dict[str, Any]:
    try:
        tree = LocalTree(path)
        try:
            fonts = {font.font_id: font for font in session.fonts if font.accepted}
            return [run_check(tree, fonts[check.font_id], session.config, check, level).to_dict() for check in checks]
        finally:
            tree.close()
    except FontmillError as error:
        return error.to_dict()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
