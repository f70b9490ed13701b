"""A daemon of our own for one `fontmill run`: started, watched, ended, and nothing left behind."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from fontmill.errors import ExitStatus, FontmillError
from fontmill.sockets import CONTROL_SOCKET, MAX_SOCKET_PATH

PREFIX = "fontmill-run-"
FORKSERVER_SOCKET = "fontmilld-12345678/listener-12345678"
"""The longest name of a socket in the folder: the daemon makes it."""
LOG = "daemon.log"
SAYS = "fontmilld: "
"""What a line begins with that says why it ended."""
POLL = 0.01
START_LIMIT = 60.0
END_LIMIT = 60.0
STALE_AFTER = 60.0
SLUGS = {
    ExitStatus.USAGE: "invalid-argument", ExitStatus.DENIED: "denied", ExitStatus.BUSY: "busy",
    ExitStatus.INCOMPATIBLE: "version-mismatch",
}


class PrivateDaemon:
    """A child `fontmilld` that ends when we do, even when we are killed: it drains when its stdin closes.

    Used as a context; leaving it ends the daemon and removes its folder.
    """

    def __init__(self, roots: Sequence[str], workers: int | None, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._folder, self._lock = _folder()
        self.socket = os.path.join(self._folder, CONTROL_SOCKET)
        try:
            self._process = self._spawn(command(self.socket, os.path.join(self._folder, "state"), roots, workers))
        except BaseException:
            self._remove()
            raise
        self._end_of = _end_of(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end()
        finally:
            if self._end_of is not None:
                os.close(self._end_of)
            self._remove()

    def _spawn(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        with open(os.path.join(self._folder, LOG), "wb") as log:
            return subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, pass_fds=(self._lock,),
                env={**os.environ, "TMPDIR": self._folder},  # what it leaves when it is killed is swept with the folder
            )

    def ready(self) -> None:
        """Return once it listens. Raises the reason when it ends instead."""
        from fontmill.endpoint import Endpoint  # noqa: PLC0415  the daemon starts meanwhile

        endpoint, deadline = Endpoint(self.socket), time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            self.check()
            self._tick()
            try:
                if os.path.exists(self.socket):  # asked hundreds of times
                    endpoint.probe()
                    return
            except FontmillError:
                pass
            self._pause()
        raise FontmillError("timed-out", f"The private daemon did not listen within {START_LIMIT:g} s.")

    def check(self) -> None:
        """Raise the reason if it has ended."""
        status = self._process.poll()
        if status is None:
            return
        said = self.last_words()
        if status in SLUGS and said.startswith(SAYS):
            raise FontmillError(SLUGS[ExitStatus(status)], said.removeprefix(SAYS), action=" ")
        ended = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        told = f" after: {said}" if said else ""
        action = "Run the same command again to continue; FONTMILL_DEBUG=1 shows the daemon's log."
        raise FontmillError("internal", f"The private daemon {ended}{told}.", action=action)

    def last_words(self) -> str:
        """Its reason for ending, else the last line it wrote; all of it goes to stderr with FONTMILL_DEBUG=1."""
        with open(os.path.join(self._folder, LOG), errors="replace") as log:
            text = log.read()
        if os.environ.get("FONTMILL_DEBUG"):
            sys.stderr.write(text)
        lines = [line.strip() for line in reversed(text.splitlines()) if line.strip()]
        return next((line for line in lines if line.startswith(SAYS)), lines[0] if lines else "")

    def finish(self) -> None:
        """Wait a while for it to end by itself, as after `shutdown`."""
        self._close_stdin()
        deadline = time.monotonic() + END_LIMIT
        while self._process.poll() is None and time.monotonic() < deadline:
            self._tick()
            self._pause()

    def _pause(self) -> None:
        """Wait a moment, or until it has ended."""
        if self._end_of is None:
            time.sleep(POLL)
        else:
            select.select([self._end_of], [], [], POLL)

    def kill(self) -> None:
        """End it and its workers at once; at most the batches in flight are done again later."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _end(self) -> None:
        try:
            self.finish()
        finally:
            if self._process.poll() is None:
                self.kill()

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _end_of(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended, from kernels that have them."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def command(socket: str, state: str, roots: Sequence[str], workers: int | None) -> list[str]:
    """The command line of a private daemon. Raises `not-running` when fontmilld is not installed."""
    words = [*program("fontmilld"), "--private", "--socket", socket, "--state-dir", state]
    if workers is not None:
        words += ["--workers", str(workers)]
    return [*words, "--allow-root", *roots]


def program(module: str) -> list[str]:
    """How a program of fontmilld is started. Raises `not-running` when fontmilld is not installed."""
    if importlib.util.find_spec("fontmilld") is None:
        action = "Install the whole package: pip install fontmill."
        raise FontmillError("not-running", "The daemon (fontmilld) is not installed in this Python.", action=action)
    return [sys.executable, "-P", "-m", module]  # no module of the folder that the user happens to be in


def _folder() -> tuple[str, int]:
    """A new private folder, short enough for a socket, and a lock on it that we and the daemon hold."""
    for base in _bases():
        _sweep(base)
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=base)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder, lock
    raise FontmillError("path-unwritable", "There is no folder for the private daemon's socket.", action="Set TMPDIR to one.")


def _bases() -> Iterator[str]:
    needed = len(f"/{PREFIX}12345678/{FORKSERVER_SOCKET}".encode())
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp makes it ours
        if base.startswith("/") and len(os.fsencode(base)) + needed <= MAX_SOCKET_PATH and os.access(base, os.W_OK | os.X_OK):
            yield base


def _sweep(base: str) -> None:
    """Remove the folders of runs that were killed: old ones of ours on which nobody holds the lock."""
    with os.scandir(base) as entries:
        mine = [
            entry.path for entry in entries
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_uid == os.getuid()
            and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_AFTER
        ]
    for path in mine:
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
