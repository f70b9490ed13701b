"""For commands that need no service: a daemon, the running one or a private one, and files that it sends."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fontmill.cli.arguments import TIMEOUT, Invocation
from fontmill.cli.ondisk import socket_named
from fontmill.cli.private import PrivateDaemon, program
from fontmill.endpoint import Endpoint
from fontmill.errors import FontmillError, invalid

TICK = 0.1


@contextmanager
def served(call: Invocation, roots: tuple[str, ...]) -> Iterator[None]:
    """Within it `call.client()` has a daemon. A private one, which may write beneath `roots`, is started where
    nobody names a socket and no daemon runs that may; without roots none is.
    """
    if not alone(call, roots):
        yield
        return
    with PrivateDaemon(roots, None, _no_tick) as daemon:
        call.client(daemon.socket, daemon.check)  # while it starts
        daemon.ready()
        yield


def alone(call: Invocation, roots: tuple[str, ...]) -> bool:
    """Whether a command about folders has no daemon: nobody names a socket, and none runs that may look at them."""
    if not roots or socket_named(call):
        return False
    return not runs() or _minds_other_folders(call, roots)


def _minds_other_folders(call: Invocation, roots: tuple[str, ...]) -> bool:
    """Whether the daemon that runs refuses such a command: the folder lies outside its roots, or it serves other users."""
    from fontmill.client import Client  # noqa: PLC0415  as in Invocation.client

    args = call.verb_args()
    wanted = args.get("path") or os.path.dirname(roots[0])  # of a project, its folder must lie beneath a root
    try:
        with Client(timeout=call.timeout or TIMEOUT) as client:
            client.call("list", {"output_path": wanted})
    except FontmillError as error:
        return error.slug in ("path-not-allowed", "denied")
    return False


def verified(project: str, level: str, timeout: float | None, tick: Callable[[], None]) -> dict[str, Any]:
    """The reply of `verify` of a project by a process of its own, which needs no daemon; `level` is quick or full.

    `tick` is called about every 0.1 s.
    """
    return _said([*program("fontmilld.verifier"), level, project], "verification", timeout, tick)


def read(verb: str, project: str, timeout: float | None) -> dict[str, Any]:
    """The reply of `status`, `fonts`, `why` or `owner` (who works on it, or None), as the folder of a project says it. Raises FontmillError."""
    return _said([*program("fontmilld.reader"), verb, project], "look at the folder", timeout)


def _said(words: list[str], what: str, timeout: float | None, tick: Callable[[], None] = lambda: None) -> dict[str, Any]:
    status, out, err = _ended(words, timeout, tick)
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError as error:
        said = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise FontmillError("internal", f"The {what} ended with status {status}{': ' if said else ''}{said}.") from error
    if "error" in answer:
        raise FontmillError(**answer["error"])
    return answer


def _ended(words: list[str], timeout: float | None, tick: Callable[[], None]) -> tuple[int, bytes, bytes]:
    """The exit status of a program, and what it wrote. It is killed when it takes too long, and whatever ends the wait."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while True:
                tick()
                try:
                    out, err = process.communicate(timeout=TICK)
                except subprocess.TimeoutExpired as error:
                    if deadline is not None and time.monotonic() >= deadline:
                        raise FontmillError("timed-out") from error
                else:
                    return process.returncode, out, err
        except BaseException:
            process.kill()
            raise


def write_new(field: str, path: str, data: bytes) -> None:
    """Write a file that the daemon sent; one with other content is not replaced. Raises `invalid-argument`."""
    try:
        if os.path.lexists(path):
            with open(path, "rb") as file:
                if file.read(len(data) + 1) == data:
                    return
            raise invalid(field, f"there is another file {path}; it is not replaced.")
        with open(path, "xb") as file:
            file.write(data)
    except OSError as error:
        raise invalid(field, f"{path} cannot be written ({error.strerror}).") from error


def runs() -> bool:
    """Whether a daemon listens where a client looks for one."""
    try:
        Endpoint().probe()
    except FontmillError as error:
        return error.slug != "not-running"
    return True


def _no_tick() -> None:
    return None
