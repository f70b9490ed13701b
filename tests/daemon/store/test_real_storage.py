"""The store on real storage that really fails: full, lossy, cut off. Needs root, mounts and mkfs."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmilld.core import layout
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import LinuxKernel
from fontmilld.testing.disk import SimulatedKill
from fontmilld.testing.export import SmallExport, small_session

pytestmark = [pytest.mark.root, pytest.mark.fault]
_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2
CUTS = int(os.environ.get("FONTMILL_REAL_POWER_CUTS", "4"))


class Mounts:
    """Mounts made by a test, taken down in reverse."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._made: list[Path] = []

    def mount(self, name: str, *arguments: str) -> Path:
        target = self.base / name
        target.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *arguments, str(target)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"NOT TESTED: mounting is not permitted here: {done.stderr.decode(errors='replace')}")
        self._made.append(target)
        return target

    def unmount(self, target: Path) -> None:
        subprocess.run(["umount", str(target)], check=True)
        self._made.remove(target)

    def close(self) -> None:
        for target in reversed(self._made):
            subprocess.run(["umount", "-l", str(target)], check=False)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    made = Mounts(tmp_path.resolve())
    yield made
    made.close()


def make_fs(image: Path, kind: str, size: str) -> None:
    tool = shutil.which(f"mkfs.{kind}")
    if tool is None:
        pytest.skip(f"NOT TESTED: mkfs.{kind} is not installed")
    subprocess.run(["truncate", "-s", size, str(image)], check=True)
    options = {"ext4": ["-q", "-F"], "xfs": ["-q", "-f"]}[kind]
    subprocess.run([tool, *options, str(image)], check=True)


def lossy_ext4(mounts: Mounts) -> Path:
    """A file system whose device takes 20 MB and then fails: a sparse image on a small tmpfs."""
    below = mounts.mount("below", "-t", "tmpfs", "-o", "size=24m", "tmpfs")
    image = below / "image"
    subprocess.run(["truncate", "-s", "200M", str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)], check=True)
    return mounts.mount("lossy", "-o", "loop,errors=continue", str(image))


def fill(tree: LocalTree) -> list[str]:
    names = [f"d/{number}" for number in range(12)]
    tree.make_dir("d")
    for name in names:
        tree.write(name, os.urandom(4 << 20))
    return names


def test_lost_write_back_fails_the_barrier(mounts):
    tree = LocalTree(f"{lossy_ext4(mounts)}/project", create=True)
    names = fill(tree)
    with pytest.raises(FontmillError) as caught:
        tree.barrier(names)
    assert caught.value.slug in {"storage-failed", "disk-full"}


def test_lost_write_back_beneath_an_overlay_fails_the_barrier_too(mounts):
    """syncfs of overlayfs answers 0 here; that is why the barrier does not rely on it."""
    upper = lossy_ext4(mounts)
    for name in ("upper", "work"):
        (upper / name).mkdir()
    (mounts.base / "lower").mkdir()
    options = f"lowerdir={mounts.base}/lower,upperdir={upper}/upper,workdir={upper}/work"
    overlay = mounts.mount("overlay", "-t", "overlay", "-o", options, "overlay")
    tree = LocalTree(f"{overlay}/project", create=True)
    names = fill(tree)
    with pytest.raises(FontmillError):
        tree.barrier(names)


def compared(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*") if file.is_file() and file.name != layout.PROGRESS_FILE
    }


def undisturbed(base: Path) -> dict[str, bytes]:
    SmallExport(LinuxKernel(), small_session(40), path=f"{base}/undisturbed").run()
    return compared(base / "undisturbed")


@pytest.mark.parametrize("limit", ["size=160k", "nr_inodes=70"])
def test_a_full_disk_stops_the_export_and_space_lets_it_go_on(mounts, limit):
    small = mounts.mount("small", "-t", "tmpfs", "-o", f"size=10m,{limit}", "tmpfs")
    export = SmallExport(LinuxKernel(), small_session(40), path=f"{small}/project")
    with pytest.raises(FontmillError) as caught:
        export.run()
    assert caught.value.slug == "disk-full"
    subprocess.run(["mount", "-o", "remount,size=10m,nr_inodes=10000", str(small)], check=True)
    export.run()
    assert compared(small / "project") == undisturbed(mounts.base)


class DyingAt(LinuxKernel):
    """A kernel whose file system loses power after the nth sync, rename or image."""

    def __init__(self, cut: Callable[[], None], at: int) -> None:
        self._cut, self._left = cut, at

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._cut()

    def syncfs(self, fd: int) -> None:
        super().syncfs(fd)
        self._count()

    def rename(self, old: str, new: str, old_dir: int, new_dir: int) -> None:
        super().rename(old, new, old_dir, new_dir)
        self._count()

    def close(self, fd: int, /) -> None:  # type: ignore[override]
        os.close(fd)
        self._count()


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_real_power_cuts_lose_nothing_acknowledged(mounts, kind):
    image = mounts.base / "image"
    make_fs(image, kind, "320M")
    target = mounts.base / kind

    def cut() -> None:
        fd = os.open(target, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        except OSError as error:
            pytest.skip(f"NOT TESTED: {kind} cannot be shut down here: {error}")
        finally:
            os.close(fd)
        raise SimulatedKill

    wanted = undisturbed(mounts.base)
    chance = random.Random(kind)
    for at in [chance.randint(20, 330) for _ in range(CUTS)]:
        mounts.mount(kind, "-o", "loop", str(image))
        project = target / "project"
        first = SmallExport(DyingAt(cut, at), small_session(40), path=str(project))
        with pytest.raises(SimulatedKill):
            first.run()
        mounts.unmount(target)
        mounts.mount(kind, "-o", "loop", str(image))
        second = SmallExport(LinuxKernel(), small_session(40), path=str(project), boot_id="after the cut")
        second.run()
        assert compared(project) == wanted, f"{kind} {at}"
        assert second.recovery is not None
        kept = {(name, i) for name, found in second.recovery.fonts.items() for i in found.state.done}
        assert first.acknowledged <= kept
        shutil.rmtree(project)
        mounts.unmount(target)
