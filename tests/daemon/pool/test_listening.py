"""The forkserver's folder: of our own, gone when its daemon ends, swept by the next one where that was killed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fontmilld.pool.listening import LONGEST_BASE, PREFIX, STALE_AFTER, sweep

STARTS = "import os, sys; from fontmilld.pool.process import Launcher; Launcher(); print(*os.listdir(sys.argv[1]), flush=True); "


def made(path: Path, age: float) -> Path:
    path.mkdir()
    (path / "listener-12345678").touch()
    os.utime(path, (time.time() - age,) * 2)
    return path


def begun(base: Path, then: str = "") -> list[str]:
    """What lies in `base` while a launcher that was started there lives; `then` is what it does next."""
    done = subprocess.run([sys.executable, "-c", STARTS + then, str(base)], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(base)}, check=False)
    return done.stdout.split()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    if len(os.fsencode(tmp_path)) > LONGEST_BASE:
        pytest.skip("the path of this test's folder is too long for a socket in it")
    return tmp_path


def test_only_old_folders_of_ours_that_nobody_holds_are_swept(tmp_path: Path) -> None:
    old = made(tmp_path / f"{PREFIX}old", STALE_AFTER + 100)
    held, young = made(tmp_path / f"{PREFIX}held", STALE_AFTER + 100), made(tmp_path / f"{PREFIX}young", 0)
    other = made(tmp_path / "pymp-other", STALE_AFTER + 100)
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    (tmp_path / f"{PREFIX}file").touch()
    lock = os.open(held, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    sweep(str(tmp_path))
    assert not old.exists()
    assert all((path / "listener-12345678").exists() for path in (held, young, other))
    assert (tmp_path / f"{PREFIX}link").is_symlink() and (tmp_path / f"{PREFIX}file").exists()
    os.close(lock)
    sweep(str(tmp_path))
    assert not held.exists()
    sweep(str(tmp_path / "missing"))


def test_the_folder_goes_with_its_process(base: Path) -> None:
    (name,) = begun(base)
    assert name.startswith(PREFIX)
    assert list(base.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(base: Path) -> None:
    (left,) = begun(base, "os.kill(os.getpid(), 9)")
    os.utime(base / left, (time.time() - STALE_AFTER - 100,) * 2)
    (name,) = begun(base)
    assert name != left and not (base / left).exists()
