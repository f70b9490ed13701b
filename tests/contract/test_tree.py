"""What every Tree promises, on real file systems and on the simulated disk alike."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import LinuxKernel
from fontmilld.testing.disk import SimulatedDisk


@dataclass
class Place:
    """A tree, and a way to put foreign things at a relative name: kind is file, dir, link or fifo."""

    tree: LocalTree
    plant: Callable[[str, str], None]


class FsyncEach(LinuxKernel):
    """A kernel that knows of no file system on which syncfs is enough."""

    def syncfs_covers(self, fd: int) -> bool:
        return False


def _plant_real(root: Path) -> Callable[[str, str], None]:
    def plant(name: str, kind: str) -> None:
        path = root / name
        if kind == "dir":
            path.mkdir()
        elif kind == "link":
            (root / "target").mkdir(exist_ok=True)
            path.symlink_to(root / "target")
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.write_bytes(b"foreign")

    return plant


def _real(base: Path, kernel: LinuxKernel) -> Place:
    root = base.resolve() / "a" / "project"
    return Place(LocalTree(str(root), create=True, kernel=kernel), _plant_real(root))


@pytest.fixture(params=["disk", "tmpfs", "fsync-each", "simulated", "simulated-fsync-each"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind: str = request.param
    if kind.startswith("simulated"):
        disk = SimulatedDisk(syncfs=kind == "simulated")
        tree = LocalTree("/a/project", create=True, kernel=disk)
        yield Place(tree, lambda name, what: disk.plant(f"/a/project/{name}", what, b"foreign" if what == "file" else b""))
    elif kind == "tmpfs":
        base = Path(tempfile.mkdtemp(dir="/dev/shm"))
        yield _real(base, LinuxKernel())
        shutil.rmtree(base)
    else:
        yield _real(tmp_path, FsyncEach() if kind == "fsync-each" else LinuxKernel())


@pytest.fixture
def tree(place: Place) -> LocalTree:
    place.tree.make_dir("d/e")
    return place.tree


def slug_of(action: Callable[[], object]) -> str:
    with pytest.raises(FontmillError) as caught:
        action()
    assert "/" not in caught.value.message.replace("and/or", "")
    return caught.value.slug


def test_what_is_written_is_read_back(tree):
    tree.write("d/e/f", b"abc")
    assert tree.read("d/e/f") == b"abc"
    assert tree.size("d/e/f") == 3
    assert tree.read("d/e/f", 1, 1) == b"b"
    assert b"".join(tree.stream("d/e/f", 1)) == b"bc"


def test_a_second_write_replaces_the_first(tree):
    tree.write("d/f", b"long before")
    tree.write("d/f", b"short")
    assert tree.read("d/f") == b"short"


def test_a_reader_of_the_old_file_keeps_it_whole_while_it_is_rewritten(tree):
    tree.write("d/f", b"old" * 700_000)
    blocks = tree.stream("d/f")
    first = next(blocks)
    tree.write("d/f", b"new")
    assert first + b"".join(blocks) == b"old" * 700_000


def test_a_held_folder_writes_and_knows_sizes(tree):
    folder = tree.dir("d/e")
    folder.write("x.png", b"12345")
    assert folder.size("x.png") == 5
    assert folder.size("none.png") is None
    assert folder.size("..") is None
    folder.close()
    folder.close()
    assert tree.read("d/e/x.png") == b"12345"


def test_a_held_folder_reads_files_back_and_nothing_else(place, tree):
    tree.make_dir("fonts/a/images")
    folder = tree.dir("fonts/a/images")
    folder.write("x.png", b"12345")
    assert [folder.read_back("x.png", most) for most in (3, 5, 6, 1 << 50)] == [b"123", b"12345", b"12345", b"12345"]
    assert folder.read_back("none.png", 9) is None
    for kind in ("dir", "link", "fifo"):
        place.plant(f"fonts/a/images/{kind}.png", kind)
        assert folder.read_back(f"{kind}.png", 9) is None, kind
    folder.close()


def test_a_held_folder_takes_no_file_for_sound_that_is_not_as_told(place, tree):
    tree.make_dir("fonts/a/images")
    folder = tree.dir("fonts/a/images")
    folder.write("x.png", b"12345")
    digest = hashlib.sha256(b"12345").hexdigest()
    for kind in ("dir", "link", "fifo"):
        place.plant(f"fonts/a/images/{kind}.png", kind)
    wrong = [(f"{kind}.png", 5, digest) for kind in ("none", "dir", "link", "fifo")]
    wrong += [("x.png", 4, digest), ("x.png", 6, digest), ("x.png", 5, digest[1:] + "0")]
    found = folder.sound([("x.png", 5, digest), *wrong])
    assert len(found) == 1 + len(wrong) and not any(found[1:])
    assert folder.sound([]) == b""
    folder.close()


def test_a_held_folder_takes_plain_names_only(tree):
    folder = tree.dir("d/e")
    assert slug_of(lambda: folder.write("../x", b"")) == "path-not-allowed"
    assert slug_of(lambda: folder.write("a/b", b"")) == "path-not-allowed"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "d/../../x", "d/..", ".", "", "d//x", "d/./x"])
def test_names_that_are_not_plain_are_refused(tree, name):
    for action in (lambda: tree.write(name, b""), lambda: tree.read(name), lambda: tree.remove(name),
                   lambda: tree.replace(name, b""), lambda: tree.size(name)):
        assert slug_of(action) == "path-not-allowed"


def test_staged_content_is_invisible_until_published(tree):
    tree.replace("d/state", b"old")
    tree.stage("d/state", b"new")
    assert tree.read("d/state") == b"old"
    tree.publish("d/state")
    assert tree.read("d/state") == b"new"
    assert [entry.name for entry in tree.scan("d") if entry.kind == "file"] == ["state"]


def test_content_may_come_in_blocks(tree):
    tree.replace("d/state", iter([b"a", b"", b"bc"]))
    assert tree.read("d/state") == b"abc"


def test_content_may_be_made_of_the_file_it_replaces(tree):
    tree.replace("d/state", b"abc")
    tree.replace("d/state", (block[:2] for block in tree.stream("d/state")))
    assert tree.read("d/state") == b"ab"


def test_append_goes_on_where_the_file_ends(tree):
    tree.append("d/j", b"one\n", 0)
    tree.append("d/j", b"two\n", 4)
    assert tree.read("d/j") == b"one\ntwo\n"


@pytest.mark.parametrize("at", [0, 3, 5])
def test_append_refuses_a_file_of_another_length(tree, at):
    tree.append("d/j", b"one\n", 0)
    assert slug_of(lambda: tree.append("d/j", b"two\n", at)) == "tree-corrupt"
    assert tree.read("d/j") == b"one\n"


def test_append_refuses_a_file_that_vanished(tree):
    assert slug_of(lambda: tree.append("d/j", b"two\n", 4)) == "path-unwritable"


def test_truncate_cuts_and_never_lengthens(tree):
    tree.append("d/j", b"one\ntwo\n", 0)
    tree.truncate("d/j", 4)
    assert tree.read("d/j") == b"one\n"
    assert slug_of(lambda: tree.truncate("d/j", 5)) == "tree-corrupt"


def test_what_is_missing_reads_as_nothing(tree):
    assert tree.read("d/none") == b""
    assert tree.read("none/none") == b""
    assert tree.size("d/none") is None
    assert tree.size("none/none") is None
    assert list(tree.scan("none")) == []
    tree.remove("d/none")
    tree.drop_cache("d/none")


def test_scan_tells_kinds_and_sizes(place, tree):
    tree.write("d/f", b"abc")
    place.plant("d/l", "link")
    place.plant("d/p", "fifo")
    assert {(e.name, e.kind, e.size) for e in tree.scan("d")} == {
        ("e", "dir", 0), ("f", "file", 3), ("l", "link", 0), ("p", "other", 0),
    }
    assert {(e.name, e.size) for e in tree.names("d")} == {("e", 0), ("f", 0), ("l", 0), ("p", 0)}


def test_scans_can_run_side_by_side(tree):
    for n in range(5):
        tree.write(f"d/{n}", b"")
    one, two = tree.scan("d"), tree.scan("d")
    assert sorted(a.name for a in one) == sorted(b.name for b in two) == ["0", "1", "2", "3", "4", "e"]


def test_folders_are_made_with_their_parents_and_again_without_harm(tree):
    assert tree.make_dir("x/y/z")
    assert not tree.make_dir("x/y/z")
    tree.write("x/y/z/f", b"1")
    assert tree.size("x/y/z/f") == 1


def test_only_empty_folders_are_removed(tree):
    tree.write("d/e/f", b"1")
    tree.remove_dir("d/e")
    assert tree.size("d/e/f") == 1
    tree.remove("d/e/f")
    tree.remove_dir("d/e")
    tree.remove_dir("d/e")
    assert [entry.name for entry in tree.scan("d")] == []


def test_the_project_folder_itself_can_be_removed(tree):
    tree.remove_dir("d/e")
    tree.remove_dir("d")
    tree.remove_dir("")
    assert slug_of(lambda: tree.make_dir("d")) == "path-unwritable"


def test_more_folders_than_are_held_open_work(tree):
    for n in range(100):
        tree.make_dir(f"many/{n}")
        tree.write(f"many/{n}/f", b"%d" % n)
    assert all(tree.read(f"many/{n}/f") == b"%d" % n for n in range(100))


def test_a_link_to_a_folder_is_never_followed(place, tree):
    place.plant("d/l", "link")
    for action in (lambda: tree.write("d/l/f", b""), lambda: tree.dir("d/l"), lambda: tree.make_dir("d/l/x"),
                   lambda: tree.make_dir("d/l"), lambda: tree.read("d/l/f"), lambda: list(tree.scan("d/l"))):
        assert slug_of(action) == "path-not-allowed"


def test_a_link_in_place_of_a_file_is_never_followed(place, tree):
    place.plant("d/l", "link")
    for action in (lambda: tree.read("d/l"), lambda: tree.append("d/l", b"x", 0), lambda: tree.truncate("d/l", 0)):
        assert slug_of(action) == "path-not-allowed"
    assert tree.size("d/l") is None
    tree.write("d/l", b"mine")
    assert tree.read("d/l") == b"mine"


def test_a_fifo_in_place_of_a_file_does_not_hang(place, tree):
    place.plant("d/p", "fifo")
    assert slug_of(lambda: tree.append("d/p", b"x", 0)) == "path-not-allowed"
    assert slug_of(lambda: tree.read("d/p")) == "path-not-allowed"


def test_a_folder_in_place_of_a_file_is_left_alone(place, tree):
    assert slug_of(lambda: tree.write("d/e", b"x")) == "path-unwritable"
    assert slug_of(lambda: tree.remove("d/e")) == "path-unwritable"


def test_a_barrier_passes_whatever_was_touched_or_removed_since(tree):
    tree.write("d/e/f", b"1")
    tree.append("d/j", b"x", 0)
    tree.write("d/gone", b"1")
    tree.remove("d/gone")
    tree.barrier(iter(["d/e/f", "d/j", "d/gone"]))


def test_a_tree_is_closed_more_than_once(tree):
    tree.close()
    tree.close()
