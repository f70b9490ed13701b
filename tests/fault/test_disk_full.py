"""A real small file system runs full, of bytes or of inodes; later there is room again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import (
    SMALL,
    Promises,
    RigDaemon,
    Undisturbed,
    differences,
    figure,
    finish,
    leftovers,
    make_image,
    mounted,
    need,
    sh,
)
from system.conftest import begin, tree_digest, until

pytestmark = [pytest.mark.fault, pytest.mark.root]
SAMPLES = 600


def small_tmpfs(stack: contextlib.ExitStack, folder: Path) -> tuple[Path, Callable[[], None]]:
    out = stack.enter_context(mounted(folder / "mnt", "-t", "tmpfs", "-o", "size=3m", "none"))
    return out, lambda: _ran("mount", "-o", "remount,size=128m", str(out))


def few_inodes(stack: contextlib.ExitStack, folder: Path) -> tuple[Path, Callable[[], None]]:
    out = stack.enter_context(mounted(folder / "mnt", "-t", "tmpfs", "-o", "size=128m,nr_inodes=900", "none"))
    return out, lambda: _ran("mount", "-o", "remount,nr_inodes=20000", str(out))


def small_ext4(stack: contextlib.ExitStack, folder: Path) -> tuple[Path, Callable[[], None]]:
    image = make_image(folder / "disk.img", "ext4", 48)
    out = stack.enter_context(mounted(folder / "mnt", "-o", "loop", str(image)))
    room = os.statvfs(out)
    ballast = out / "ballast"
    sh("fallocate", "-l", str(room.f_bavail * room.f_frsize - (3 << 20)), str(ballast))
    return out, ballast.unlink


def _ran(*words: str) -> None:
    sh(*words)


def full(out: Path) -> bool:
    room = os.statvfs(out)
    return room.f_bavail * room.f_frsize < 16384 or (room.f_files > 0 and room.f_favail < 4)


@pytest.mark.parametrize("scene", [small_tmpfs, few_inodes, small_ext4])
def test_a_full_disk_pauses_and_room_resumes(
    scene: Callable[..., tuple[Path, Callable[[], None]]], cleanup: contextlib.ExitStack, tmp_path: Path,
    launch: Callable[..., RigDaemon], fonts: list[str], undisturbed: Undisturbed,
) -> None:
    need("mount", "mkfs.ext4", "fallocate")
    wanted = undisturbed(SAMPLES)
    out, make_room = scene(cleanup, tmp_path)
    daemon = launch(out)
    promises = Promises(daemon)
    session = begin(daemon, fonts, "full", SAMPLES, **SMALL)
    full_at: list[float] = []

    def paused() -> bool:
        if not full_at and full(out):
            full_at.append(time.monotonic())
        return any(reason == "disk" for _, reason in promises.paused)

    until(paused, "paused with reason `disk`")
    paused_at = next(at for at, reason in promises.paused if reason == "disk")
    late = max(0.0, paused_at - full_at[0]) if full_at else 0.0
    until(lambda: daemon.client.status(session)["quiescent"], "quiet")
    answers = []
    for _ in range(50):
        began = time.monotonic()
        status = daemon.client.status(session)
        answers.append(time.monotonic() - began)
        assert status["pause_reasons"] == ["disk"]
    stuck = status["exported_samples"]
    make_room()
    began = time.monotonic()
    until(lambda: daemon.client.status(session)["exported_samples"] > stuck, "it goes on by itself")
    back = time.monotonic() - began
    status = finish(daemon, session)
    figure("disk-full", scene=scene.__name__, paused_after=round(late, 3), resumed_after=round(back, 3),
           slowest_status_ms=round(max(answers) * 1000, 1), before_any_write_failed=not full_at)
    assert (status["exported_samples"], status["failed_samples"]) == (SAMPLES * len(fonts), 0)
    assert differences(tree_digest(out / "full"), wanted) == []
    assert leftovers(out / "full") == []
