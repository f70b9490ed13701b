"""The share of memory in use is that of the tightest limit, whichever way the machine tells of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fontmilld.memory import HOST_ROOM, Memory, largest

GIB = 1 << 30
V1_MOUNT = "35 31 0:32 {shown} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V2_MOUNT = "38 31 0:35 {shown} /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n"


def machine(root: Path, total: int, available: int, own: str = "", mounts: str = "") -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: {total >> 10} kB\nMemFree: 1 kB\nMemAvailable: {available >> 10} kB\n")
    (root / "proc/self/cgroup").write_text(own)
    (root / "proc/self/mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/vda rw\n" + mounts)
    return root


def group(folder: Path, limit: int | str, usage: int, cache: int, v2: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if v2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{usage}\n")
    total = "" if v2 else "total_"
    (folder / "memory.stat").write_text(f"anon 5\n{total}inactive_file {cache // 4}\n{total}active_file {cache - cache // 4}\n")


def test_without_a_limit_the_machine_counts(tmp_path):
    assert Memory(machine(tmp_path, 4 * GIB, GIB)).share() == pytest.approx(0.75)


def test_a_large_machine_is_not_short_while_gigabytes_are_left(tmp_path):
    assert Memory(machine(tmp_path, 512 * GIB, HOST_ROOM)).share() == 0
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {512 * GIB >> 10} kB\nMemAvailable: {HOST_ROOM >> 11} kB\n")
    assert Memory(tmp_path).share() == pytest.approx(0.5)


@pytest.mark.parametrize("v2", [True, False])
def test_a_limit_of_our_group_or_of_one_above_counts_and_the_file_cache_does_not(tmp_path, v2):
    own, mount = ("0::/a/b\n", V2_MOUNT) if v2 else ("4:memory:/a/b\n0::/\n", V1_MOUNT)
    top = tmp_path / "sys/fs/cgroup" / ("" if v2 else "memory")
    machine(tmp_path, 100 * GIB, 90 * GIB, own, mount.format(shown="/"))
    unlimited = "max" if v2 else 9223372036854771712
    group(top, unlimited, 50 * GIB, 0, v2)
    group(top / "a", 2 * GIB, 2 * GIB, GIB, v2)
    group(top / "a/b", unlimited, GIB, 0, v2)
    memory = Memory(tmp_path)
    assert memory.share() == pytest.approx(0.5)
    group(top / "a/b", GIB, 950 << 20, 0, v2)
    assert memory.share() == pytest.approx(950 / 1024)


def test_in_a_container_that_shows_only_its_own_group_that_one_counts(tmp_path):
    machine(tmp_path, 100 * GIB, 90 * GIB, "0::/\n", V2_MOUNT.format(shown="/docker/x"))
    group(tmp_path / "sys/fs/cgroup", GIB, GIB * 3 // 4, 0, v2=True)
    assert Memory(tmp_path).share() == pytest.approx(0.75)


def test_where_nothing_can_be_read_nothing_is_short(tmp_path):
    assert Memory(tmp_path).share() == 0


def test_this_machine_has_a_share():
    assert 0 <= Memory().share() <= 1.5


def test_the_largest_process_is_the_one_with_the_most_memory_of_its_own():
    words = "import sys; held = b'x' * int(sys.argv[1]); print(flush=True); input()"
    children = [subprocess.Popen([sys.executable, "-c", words, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                for size in (1, 60 << 20, 1 << 20)]
    try:
        for child in children:
            assert child.stdout.readline()
        assert largest([os.getpid() + (1 << 21), *(child.pid for child in children)]) == children[1].pid
    finally:
        for child in children:
            child.communicate(b"\n")
    assert largest([]) is None
