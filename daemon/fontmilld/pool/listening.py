"""The folder of the forkserver's socket: one of our own, so that those of daemons that were killed can be told, and removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from typing import Final

from fontmilld.pool.forking import process, util

PREFIX: Final = "fontmilld-"
LONGEST_BASE: Final = 107 - len(f"/{PREFIX}12345678/listener-12345678")
"""Bytes of the folder in which ours is made: a socket's path has 107."""
STALE_AFTER: Final = 60.0
"""Seconds: a folder that is younger may be one whose daemon is about to lock it."""
_LAST: Final = -100
"""After everything else of multiprocess has ended, as its own folder goes."""


def use_own_folder() -> None:
    """Have multiprocess keep its socket in a new folder of ours, which goes with this process, unless it has one already.

    Removes the folders of daemons of this user that were killed.
    """
    kept = process.current_process()._config
    if kept.get("tempdir") is not None:
        return
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > LONGEST_BASE:
        base = "/tmp"  # noqa: S108  the folder that is made in it is ours alone
    sweep(base)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=base)
    fcntl.flock(_opened(folder), fcntl.LOCK_EX | fcntl.LOCK_NB)  # never closed: the kernel frees it when we end, however that comes
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=_LAST)
    kept["tempdir"] = folder


def sweep(base: str) -> None:
    """Remove the folders in `base` that daemons of this user left when they were killed: old, and locked by nobody."""
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False) and _is_old(entry):
                _remove_unless_locked(entry.path)


def _is_old(entry: os.DirEntry[str]) -> bool:
    info = entry.stat(follow_symlinks=False)
    return info.st_uid == os.getuid() and time.time() - info.st_mtime > STALE_AFTER


def _remove_unless_locked(folder: str) -> None:
    with contextlib.suppress(OSError):
        lock = _opened(folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _opened(folder: str) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
