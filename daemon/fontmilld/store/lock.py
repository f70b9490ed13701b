"""One owner per project tree (I6): `.fontmill.lock`, which says who, and a flock on it where that works.

- A lock file is published complete (link or rename of a private file), already flocked by its owner.
- flock refused: a living process on this kernel owns the tree, in whichever container it is.
- flock granted: the owner is dead if it was on this machine, whatever boot; so a SIGKILLed owner's tree is
  taken at once. If it was on another machine, that proves nothing on network storage (there flock may be
  local): then the owner counts as alive until its lock has not been touched for STALE_AFTER seconds, as
  told by the storage's own clock. On a local file system the tree was carried here, and the owner is gone.
- flock unsupported: pid and start time decide on this machine in this pid namespace, the age elsewhere.

This is the one file beside files.py that creates and removes a file in the tree: only this one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final, Literal, Self

import orjson

from fontmill.errors import FontmillError
from fontmilld.core.layout import LOCK_FILE
from fontmilld.store import identity
from fontmilld.store.folders import HeldFolders, call
from fontmilld.store.kernel import LinuxKernel, is_local

BEAT_EVERY: Final = 10.0
STALE_AFTER: Final = 60.0
_ATTEMPTS: Final = 20
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_FLOCK: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
MAX_BYTES: Final = 4096

Flock = Literal["granted", "refused", "unsupported"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a tree. `daemon` is the id of one life of a daemon; `nonce` of one acquisition."""

    host: str
    host_name: str
    boot_id: str
    pid_space: str
    pid: int
    started: str
    daemon: str
    nonce: str

    @classmethod
    def me(cls, daemon: str) -> Self:
        """This process."""
        pid = os.getpid()
        return cls(identity.host_id(), os.uname().nodename, identity.boot_id(), identity.pid_space(), pid,
                   identity.start_time(pid), daemon, uuid.uuid4().hex)

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """From the lock file's bytes; None when they are not an owner."""
        try:
            raw = orjson.loads(data)
            texts = {name: str(raw[name]) for name in _TEXTS}
            return cls(pid=int(raw["pid"]), **texts)
        except (ValueError, TypeError, KeyError):
            return None


_TEXTS: Final = ("host", "host_name", "boot_id", "pid_space", "started", "daemon", "nonce")


def is_stale(
    owner: Owner | None, me: Owner, flock: Flock, *, age: float, local: bool,
    start_time: Callable[[int], str] = identity.start_time,
) -> bool:
    """Whether a lock found may be taken over. `age` is seconds since it was last touched. See the module."""
    if flock == "refused":
        return False
    if owner is None:
        return flock == "granted" and (local or age > STALE_AFTER)
    if owner.host != me.host:
        return (local and flock == "granted") or age > STALE_AFTER
    if owner.boot_id != me.boot_id or flock == "granted":
        return True
    if owner.pid_space != me.pid_space:
        return age > STALE_AFTER
    return start_time(owner.pid) != owner.started


class TreeLock:
    """Held from construction to `release`. Raises `project-owned` naming host and pid of a living owner.

    `path` is the project's, which exists. `beat` must be called every BEAT_EVERY seconds.
    """

    def __init__(self, path: str, daemon: str) -> None:
        self._folders = HeldFolders(LinuxKernel(), path, create=False)
        self._dir = self._folders.root
        self._local = is_local(self._dir)
        self.owner = Owner.me(daemon)
        self._fd = -1
        try:
            with call("lock"):
                self._acquire()
        except BaseException:
            self._folders.close()
            raise

    def _acquire(self) -> None:
        mine = f"{LOCK_FILE}.{self.owner.nonce}"
        fd = self._prepare(mine)
        try:
            for _ in range(_ATTEMPTS):
                if self._publish_new(mine) or self._take_over(mine, fd):
                    self._fd = fd
                    self._sweep()
                    return
            raise FontmillError("project-owned", details={"owner": "several daemons want this project at once"})
        finally:
            with suppress(FileNotFoundError):
                os.unlink(mine, dir_fd=self._dir)
            if self._fd != fd:
                os.close(fd)

    def _prepare(self, mine: str) -> int:
        """A private, complete and flocked lock file."""
        fd = os.open(mine, _NEW, 0o644, dir_fd=self._dir)
        os.write(fd, orjson.dumps(asdict(self.owner)))
        _flock(fd)
        return fd

    def _publish_new(self, mine: str) -> bool:
        """Link the private file into place; False when there is a lock already."""
        try:
            os.link(mine, LOCK_FILE, src_dir_fd=self._dir, dst_dir_fd=self._dir, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:  # no hard links here (vfat, some FUSE): rename what nobody has yet
            if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
                raise
            if _exists(LOCK_FILE, self._dir):
                return False
            os.rename(mine, LOCK_FILE, src_dir_fd=self._dir, dst_dir_fd=self._dir)
        return True

    def _take_over(self, mine: str, fd: int) -> bool:
        """Replace a stale lock; False to look again. Raises `project-owned`.

        Whoever holds the flock on the stale file, and finds it still in place, is the only one to replace it.
        """
        try:
            old = os.open(LOCK_FILE, _OLD, dir_fd=self._dir)
        except FileNotFoundError:
            return False
        try:
            flock = _flock(old)
            if flock == "refused" and not self._in_place(old):
                return False  # someone else has just taken it over
            owner = Owner.parse(os.read(old, MAX_BYTES))
            age = self._age(old, fd)
            if not is_stale(owner, self.owner, flock, age=age, local=self._local):
                raise _owned(owner)
            if not self._in_place(old):
                return False
            os.rename(mine, LOCK_FILE, src_dir_fd=self._dir, dst_dir_fd=self._dir)
            return self._in_place(fd)
        finally:
            os.close(old)

    def _age(self, old: int, mine: int) -> float:
        """Seconds since the old lock was touched, by the storage's clock: a fresh touch of ours tells its time."""
        os.utime(mine)
        return os.fstat(mine).st_mtime - os.fstat(old).st_mtime

    def _in_place(self, fd: int) -> bool:
        try:
            there = os.stat(LOCK_FILE, dir_fd=self._dir, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(fd))

    def _sweep(self) -> None:
        """Remove the private files of acquirers that died: their flock is free."""
        for name in os.listdir(self._dir):
            if name.startswith(LOCK_FILE + ".") and not name.endswith(self.owner.nonce):
                with suppress(OSError):
                    fd = os.open(name, _OLD, dir_fd=self._dir)
                    try:
                        if _flock(fd) == "granted":
                            os.unlink(name, dir_fd=self._dir)
                    finally:
                        os.close(fd)

    def beat(self) -> bool:
        """Show that we live; False when the lock is no longer ours: stop writing at once."""
        with call("lock"):
            if self._fd < 0 or not self._in_place(self._fd):
                return False
            os.utime(self._fd)
            return True

    def release(self) -> None:
        """Give the tree free, durably: no power cut brings the file back. It may be called twice."""
        if self._fd < 0:
            return
        with suppress(OSError):
            if self._in_place(self._fd):
                os.unlink(LOCK_FILE, dir_fd=self._dir)
                os.fsync(self._dir)
        fd, self._fd = self._fd, -1
        os.close(fd)
        self._folders.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


def read_owner(path: str) -> Owner | None:
    """Who says to own the project at `path`; None when nobody does or it cannot be told."""
    try:
        folders = HeldFolders(LinuxKernel(), path, create=False)
    except FontmillError:
        return None
    try:
        fd = os.open(LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folders.root)
    except OSError:
        return None
    finally:
        folders.close()
    try:
        return Owner.parse(os.read(fd, MAX_BYTES))
    except OSError:
        return None
    finally:
        os.close(fd)


def living_owner(path: str) -> Owner | None:
    """Who works on the project at `path`, as far as that can be told without taking its lock. See `is_stale`."""
    owner = read_owner(path)
    try:
        age = time.time() - os.lstat(f"{path}/{LOCK_FILE}").st_mtime
    except OSError:
        return None
    stale = owner is None or is_stale(owner, Owner.me(""), "unsupported", age=age, local=False)
    return None if stale else owner


def _flock(fd: int) -> Flock:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "refused"
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return "unsupported"
        raise
    return "granted"


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _owned(owner: Owner | None) -> FontmillError:
    if owner is None:
        return FontmillError("project-owned")
    return FontmillError(
        "project-owned", f"Another daemon owns this project: process {owner.pid} on {owner.host_name}.",
        {"host": owner.host_name, "pid": owner.pid, "daemon": owner.daemon},
    )
