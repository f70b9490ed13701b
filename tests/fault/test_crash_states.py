"""Every block write and flush of a file system is recorded while the store works on it; then crash states that the
order of writes and flushes allows (prefix, reordered, torn) are rebuilt, mounted by the kernel, and gone on with."""

from __future__ import annotations

import contextlib
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fault.rig import chance, doses, figure, mounted, need, need_fuse, sh, unmount
from fontmilld.core import layout
from fontmilld.store.kernel import LinuxKernel
from fontmilld.testing.export import SmallExport, small_session
from system.conftest import until

pytestmark = [pytest.mark.fault, pytest.mark.root]
HERE = Path(__file__).parent
MEGABYTES = {"ext4": 16, "xfs": 48, "btrfs": 112}
MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "--unsupported", "-q", "-f", "-K"], "btrfs": ["mkfs.btrfs", "-q", "-f", "-K"],
}
SESSION = small_session(samples=30, fonts=2)
SECTOR = 4096
Event = tuple[str, int, bytes]


class Promising(SmallExport):
    """Notes every acknowledgement in the record of blocks, at the moment it is given."""

    tell: Callable[[str], None]

    def _commit(self, store):
        before = set(self.acknowledged)
        super()._commit(store)
        for font, index in sorted(self.acknowledged - before):
            self.tell(f"{font} {index}")


def export(point: Path, boot: str, kind: type[SmallExport] = SmallExport) -> SmallExport:
    return kind(LinuxKernel(), SESSION, boot, path=str(point / "project"), batch=4, group=2)


def compared(point: Path) -> dict[str, bytes]:
    project = point / "project"
    return {
        str(path.relative_to(project)): path.read_bytes() for path in sorted(project.rglob("*"))
        if path.is_file() and path.name != layout.PROGRESS_FILE
    }


def record(kind: str, folder: Path) -> tuple[list[Event], dict[str, bytes]]:
    """The blocks of one whole export, and the tree it ended in."""
    size = MEGABYTES[kind] << 20
    disk, point, log, control = (folder / name for name in ("fuse", "point", "log", "control"))
    disk.mkdir()
    control.write_text("ok")
    recorder = subprocess.Popen([sys.executable, str(HERE / "block_recorder.py"), str(disk), str(size), str(log), str(control)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.ExitStack() as stack:
        stack.callback(recorder.wait, 60)
        stack.callback(unmount, disk)
        until(lambda: os.path.ismount(disk), "the recorder is up", deadline=60)
        loop = sh("losetup", "--show", "-f", str(disk / "disk"))
        stack.callback(sh, "losetup", "-d", loop, check=False)
        sh(*MKFS[kind], loop)
        with mounted(point, loop):
            note = os.open(disk / "mark", os.O_WRONLY)
            os.write(note, b"begin")
            run = export(point, "first", Promising)
            run.tell = lambda text: os.write(note, text.encode()) and None
            run.run()
            os.write(note, b"end")
            os.close(note)
            tree = compared(point)
    return list(parsed(log.read_bytes())), tree


def parsed(data: bytes) -> Iterator[Event]:
    at = 0
    while at + 13 <= len(data):
        offset, length = struct.unpack_from("<QI", data, at + 1)
        yield chr(data[at]), offset, data[at + 13 : at + 13 + length]
        at += 13 + length


def crash_states(events: list[Event], size: int, states: int, luck: random.Random) -> Iterator[tuple[str, bytearray, set[tuple[str, int]]]]:
    """(label, image, promises given by then). Reordered: all up to the last flush and any part of what came after."""
    start = next(i for i, (kind, _, data) in enumerate(events) if kind == "M" and data == b"begin")
    points = sorted(luck.choices(range(start, len(events)), k=states))
    image, flushed, pending, promised = bytearray(size), bytearray(size), [], set()
    for number, (kind, offset, data) in enumerate(events):
        if kind == "W":
            image[offset : offset + len(data)] = data
            pending.append((offset, data))
        elif kind == "F":
            for at, block in pending:
                flushed[at : at + len(block)] = block
            pending = []
        elif b" " in data:
            font, index = data.decode().split()
            promised.add((font, int(index)))
        while points and points[0] == number:
            points.pop(0)
            if luck.random() < 0.3:
                yield "prefix", image, set(promised)
            else:
                yield "reordered", reordered(flushed, pending, luck), set(promised)


def reordered(flushed: bytearray, pending: list[tuple[int, bytes]], luck: random.Random) -> bytearray:
    image = bytearray(flushed)
    some = [write for write in pending if luck.random() < 0.5]
    if some and luck.random() < 0.7:
        number = luck.randrange(len(some))
        offset, block = some[number]
        if len(block) >= 2 * SECTOR:
            some[number] = offset, block[: SECTOR * luck.randrange(1, len(block) // SECTOR)]
    luck.shuffle(some)
    for offset, block in some:
        image[offset : offset + len(block)] = block
    return image


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
@pytest.mark.parametrize(("states", "seed"), doses(5, 300, 3))
def test_every_crash_state_is_gone_on_with(kind: str, states: int, seed: int, tmp_path: Path) -> None:
    need("losetup", f"mkfs.{kind}")
    need_fuse()
    events, wanted = record(kind, tmp_path)
    assert len(wanted) > 120
    disk, promises = tmp_path / "state.img", 0
    for number, (label, image, promised) in enumerate(crash_states(events, MEGABYTES[kind] << 20, states, chance(seed))):
        disk.write_bytes(image)
        with mounted(tmp_path / "again", "-o", "loop", str(disk)) as point:
            run = export(point, "second")
            run.run()
            found = run.recovery.fonts if run.recovery is not None else {}
            kept = {(font, index) for font, state in found.items() for index in state.state.done}
            assert promised <= kept, f"state {number} ({label}): promised and lost: {sorted(promised - kept)[:5]}"
            assert compared(point) == wanted, f"state {number} ({label})"
        promises += len(promised)
    figure("crash-states", fs=kind, seed=seed, states=states, violations=0, promised_pairs=promises, promised_pairs_lost=0,
           writes=sum(event[0] == "W" for event in events), flushes=sum(event[0] == "F" for event in events))
