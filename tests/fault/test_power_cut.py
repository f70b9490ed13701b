"""FS_IOC_SHUTDOWN under a running session: the file system stops as when the power goes, then mounts again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import (
    SMALL,
    Promises,
    RigDaemon,
    Undisturbed,
    chance,
    differences,
    doses,
    figure,
    finish,
    leftovers,
    make_image,
    mounted,
    need,
    sh,
    unmount,
)
from system.conftest import Daemon, begin, tree_digest, until

pytestmark = [pytest.mark.fault, pytest.mark.root]
SAMPLES = 250
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
MEGABYTES = {"ext4": 128, "xfs": 320}


def cut_power(point: Path) -> None:
    """Nothing that is not on the disk yet gets there any more."""
    fd = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(fd)


def one_life(daemon: RigDaemon, point: Path, image: Path, fonts: list[str], name: str, wait: float) -> int:
    """Start, run, cut, mount again; returns the promises that were kept. Fails when one was not."""
    promises = Promises(daemon)
    session = begin(daemon, fonts, name, SAMPLES, **SMALL)
    with contextlib.suppress(AssertionError):
        until(lambda: promises.pairs, "something is promised", deadline=10)
    time.sleep(wait)
    cut_power(point)
    time.sleep(0.05)
    Daemon.kill(daemon)
    until(lambda: not daemon.family(), "no orphan", deadline=60)
    promises.close()
    unmount(point)
    until(lambda: not sh("losetup", "-j", str(image)), "the old life of the file system ends", deadline=60)
    sh("mount", "-o", "loop", str(image), str(point))
    assert promises.lost(point / name) == []
    daemon.start()
    status = finish(daemon, session)
    assert (status["status"], status["exported_samples"], status["failed_samples"]) == ("completed", SAMPLES * len(fonts), 0), status
    return len(promises.pairs)


def looks(path: Path) -> str:
    """What is there instead, for a message."""
    if not path.exists():
        return f"{path.name}: missing"
    data, info = path.read_bytes(), path.stat()
    return f"{path.name}: {len(data)} bytes of {info.st_size} ({'zeros' if not data.strip(bytes(1)) else data[:4]!r}), inode {info.st_ino}, mtime {info.st_mtime}"


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
@pytest.mark.parametrize(("cuts", "seed"), doses(3, 100, 4))
def test_a_power_cut_takes_nothing_that_was_promised(
    kind: str, cuts: int, seed: int, cleanup: contextlib.ExitStack, tmp_path: Path, launch: Callable[..., RigDaemon],
    fonts: list[str], undisturbed: Undisturbed,
) -> None:
    need("unshare", "losetup", f"mkfs.{kind}")
    wanted = undisturbed(SAMPLES)
    image = make_image(tmp_path / "disk.img", kind, MEGABYTES[kind])
    point = cleanup.enter_context(mounted(tmp_path / "mnt", "-o", "loop", str(image)))
    # The daemon sees a boot id of its own, another one after every cut, as after a real one.
    daemon = launch(point, boot=tmp_path / "boot_id")
    luck, kept = chance(seed), 0
    for cut in range(cuts):
        name = f"cut{cut}"
        kept += one_life(daemon, point, image, fonts, name, luck.uniform(0, 1.0))
        wrong = differences(tree_digest(point / name), wanted)
        assert not wrong, [looks(point / name / file) for file in wrong]
        assert leftovers(point / name) == []
        shutil.rmtree(point / name)
        subprocess.run(["sync", "-f", str(point)], check=True)
        figure("power-cut", fs=kind, seed=seed, cuts=cut + 1, violations=0, promised_pairs=kept, promised_pairs_lost=0)
    assert kept > 0
