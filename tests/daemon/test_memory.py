"""The share of memory in use is that of the tightest limit, whichever way the machine tells of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fontmilld.memory import HOST_ROOM, Memory, Use, largest

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
    assert Memory(machine(tmp_path, 4 * GIB, GIB)).use() == pytest.approx((0.75, 0.75))


@pytest.mark.parametrize(("available", "share", "pressure"), [
    (22.5, 1 / 16, 0), (HOST_ROOM / GIB, 2 / 3, 0), (4, 5 / 6, 0.5), (1.6, 1 - 1 / 15, 0.8), (0, 1, 1),
])
def test_of_a_large_machine_all_is_told_and_the_last_of_it_is_acted_upon(tmp_path, available, share, pressure):
    assert Memory(machine(tmp_path, 24 * GIB, int(available * GIB))).use() == pytest.approx((share, pressure), abs=1e-6)


def test_a_group_without_a_limit_leaves_the_machine_to_count(tmp_path):
    for v2, mount in ((True, V2_MOUNT), (False, V1_MOUNT)):
        root = machine(tmp_path / str(v2), 4 * GIB, 3 * GIB, "0::/\n4:memory:/\n", mount.format(shown="/"))
        group(root / "sys/fs/cgroup" / ("" if v2 else "memory"), "max" if v2 else (1 << 63) - 4096, 4 * GIB, 0, v2)
        assert Memory(root).use() == pytest.approx((0.25, 0.25))


def test_what_a_machine_has_is_of_now_and_not_of_the_first_look(tmp_path):
    memory = Memory(machine(tmp_path, 4 * GIB, 4 * GIB))
    assert memory.use() == Use(0, 0)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal: {4 << 20} kB\nMemAvailable: {1 << 20} kB\n")
    assert memory.use() == Use(0.75, 0.75)


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
    assert memory.use() == pytest.approx((0.5, 0.5))
    group(top / "a/b", GIB, 950 << 20, 0, v2)
    assert memory.use() == pytest.approx((950 / 1024, 950 / 1024))


def test_in_a_container_that_shows_only_its_own_group_that_one_counts(tmp_path):
    machine(tmp_path, 100 * GIB, 90 * GIB, "0::/\n", V2_MOUNT.format(shown="/docker/x"))
    group(tmp_path / "sys/fs/cgroup", GIB, GIB * 3 // 4, 0, v2=True)
    assert Memory(tmp_path).use() == pytest.approx((0.75, 0.75))


def test_where_nothing_can_be_read_nothing_is_short(tmp_path):
    assert Memory(tmp_path).use() == Use(0, 0)


def test_this_machine_has_a_share():
    share, pressure = Memory().use()
    assert 0 < share <= 1.5
    assert 0 <= pressure <= 1.5


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
