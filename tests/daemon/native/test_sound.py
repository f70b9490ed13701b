"""Files that the compiled core takes for sound are those of which hashlib says so, whatever their sizes."""

from __future__ import annotations

import hashlib
import os
import random
import threading

import pytest

from fontmilld.native import core
from fontmilld.store.tree import SOUND_AT_ONCE

pytestmark = pytest.mark.skipif(core is None, reason="core was not compiled")
EDGES = (0, 1, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 121, 127, 128, 129, (1 << 17) - 1, 1 << 17, (1 << 17) + 1, 400_000)


@pytest.fixture
def folder(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def written(path, sizes, seed=1):
    luck = random.Random(seed)
    files = []
    for number, size in enumerate(sizes):
        data = luck.randbytes(size)
        (path / f"{number}.png").write_bytes(data)
        files.append((f"{number}.png", size, hashlib.sha256(data).hexdigest()))
    return files


def in_groups(files, size=SOUND_AT_ONCE):
    return [files[start : start + size] for start in range(0, len(files), size)]


def test_the_digest_is_hashlibs(tmp_path, folder):
    luck = random.Random(2)
    files = written(tmp_path, [*range(200), *EDGES, *(luck.randrange(20_000) for _ in range(100))])
    assert all(core.sound_files(folder, group) == b"\1" * len(group) for group in in_groups(files))


def test_every_changed_bit_is_seen(tmp_path, folder):
    luck = random.Random(3)
    for name, size, digest in written(tmp_path, [1, 55, 64, 300, 5000, 131_073] * 4, 4):
        path = tmp_path / name
        data = bytearray(path.read_bytes())
        data[luck.randrange(size)] ^= 1 << luck.randrange(8)
        path.write_bytes(data)
        assert core.sound_files(folder, [(name, size, digest)]) == b"\0"


def test_every_digit_of_a_digest_counts(tmp_path, folder):
    ((name, size, digest),) = written(tmp_path, [100])
    for at in range(64):
        other = f"{digest[:at]}{int(digest[at], 16) ^ 1:x}{digest[at + 1:]}"
        assert core.sound_files(folder, [(name, size, digest), (name, size, other)]) == b"\1\0"


def test_nothing_stays_open(tmp_path, folder):
    files = written(tmp_path, [10] * 8)
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").write_bytes(b"")
    (tmp_path / "3.png").write_bytes(b"different.")
    (tmp_path / "4.png").unlink()
    (tmp_path / "4.png").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    assert core.sound_files(folder, files) == bytes((1, 0, 0, 0, 0, 1, 1, 1))
    assert core.sound_files(-1, files) == bytes(8)
    assert len(os.listdir("/proc/self/fd")) == before


def test_several_threads_may_look(tmp_path, folder):
    files = written(tmp_path, [3000] * 30)
    found = []
    threads = [threading.Thread(target=lambda: found.append(core.sound_files(folder, files))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"\1" * 30] * 4


DIGEST = "0" * 64


@pytest.mark.parametrize("files", [
    [["x.png", 1, DIGEST]], [("x.png", -1, DIGEST)], [("", 1, DIGEST)], [("a/x.png", 1, DIGEST)], [("x\0.png", 1, DIGEST)],
    [("x.png", 1, DIGEST[1:])], [("x.png", 1, DIGEST + "0")], [("x.png", 1, "G" * 64)], [("x.png", 1, "A" * 64)], [("x.png", 1, DIGEST)] * 257,
])
def test_what_is_no_file_of_a_label_is_refused(folder, files):
    with pytest.raises(ValueError):
        core.sound_files(folder, files)


@pytest.mark.parametrize("files", [None, [("x.png", 1)], [("x.png", "1", DIGEST)], [(b"x.png", 1, DIGEST)]])
def test_what_has_other_types_is_refused(folder, files):
    with pytest.raises(TypeError):
        core.sound_files(folder, files)
