"""What is checked before anything is made, and that the checking makes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmilld.store import preflight
from fontmilld.store.preflight import check_disk_space, discover_fonts, is_beneath, validate_output_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "root"
    root.mkdir()
    return root


def test_a_path_beneath_an_allowed_root_is_good_and_nothing_is_made(root):
    checked = validate_output_path(f"{root}/new/deep", [str(root)])
    assert checked.ok
    assert checked.path == f"{root}/new/deep"
    assert list(root.iterdir()) == []


def test_the_root_itself_is_good(root):
    assert validate_output_path(str(root), ["/nowhere", str(root)]).ok


@pytest.mark.parametrize("path", ["relative", "", "./x", "/x\0y"])
def test_only_absolute_paths_count(root, path):
    assert validate_output_path(path, [str(root)]).slug == "invalid-argument"


@pytest.mark.parametrize("path", ["{root}/../outside", "{root}-not", "/", "/etc", "{root}/a/../../b"])
def test_what_lies_outside_is_refused(root, path):
    assert validate_output_path(path.format(root=root), [str(root)]).slug == "path-not-allowed"


def test_a_link_that_leads_outside_is_refused_and_one_that_stays_inside_is_resolved(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "inside").mkdir()
    (root / "in").symlink_to(root / "inside")
    assert validate_output_path(f"{root}/out/x", [str(root)]).slug == "path-not-allowed"
    assert validate_output_path(f"{root}/in/x", [str(root)]).path == f"{root}/inside/x"


def test_a_root_may_itself_be_a_link(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    assert validate_output_path(f"{tmp_path}/alias/x", [f"{tmp_path}/alias"]).ok


def test_a_file_in_the_way_is_refused(root):
    (root / "file").write_text("")
    assert validate_output_path(f"{root}/file", [str(root)]).slug == "path-unwritable"
    assert validate_output_path(f"{root}/file/x", [str(root)]).slug == "path-unwritable"


def test_a_link_loop_is_refused(root):
    (root / "loop").symlink_to(root / "loop")
    assert not validate_output_path(f"{root}/loop/x", [str(root)]).ok


def test_a_folder_that_may_not_be_written_is_refused(root, monkeypatch):
    monkeypatch.setattr(preflight.os, "access", lambda path, mode: False)
    assert validate_output_path(f"{root}/x", [str(root)]).slug == "path-unwritable"


def test_beneath_is_by_component():
    assert is_beneath("/a/b", "/a")
    assert is_beneath("/a", "/")
    assert not is_beneath("/ab", "/a")


def test_space_is_told_where_the_path_would_be(root):
    check = check_disk_space(f"{root}/not/yet", 1, 1)
    assert check.ok
    assert check.available_bytes > 1


def test_too_little_space_or_inodes_is_told(root, monkeypatch):
    assert not check_disk_space(str(root), 1 << 62).ok
    full = os.statvfs_result((4096, 4096, 100, 50, 50, 1000, 5, 5, 0, 255))
    monkeypatch.setattr(preflight.os, "statvfs", lambda path: full)
    assert check_disk_space(str(root), 4096 * 50, 5).ok
    assert not check_disk_space(str(root), 4096 * 50, 6).ok
    assert not check_disk_space(str(root), 4096 * 50 + 1, 5).ok
    endless = os.statvfs_result((4096, 4096, 100, 50, 50, 0, 0, 0, 0, 255))
    monkeypatch.setattr(preflight.os, "statvfs", lambda path: endless)
    assert check_disk_space(str(root), 1, 10**9).ok


def test_fonts_are_found_in_every_depth_in_one_order(root):
    for name in ("b.ttf", "a.OTF", "sub/c.ttc", "sub/deep/d.otc", "sub/x.txt", "t.otb", "e.woff", ".hidden.ttf"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = discover_fonts([str(root)])
    assert found == [f"{root}/{name}" for name in (".hidden.ttf", "a.OTF", "b.ttf", "sub/c.ttc", "sub/deep/d.otc", "t.otb")]


def test_a_file_counts_once_however_it_is_reached(root):
    (root / "a.ttf").write_bytes(b"")
    (root / "b.ttf").symlink_to(root / "a.ttf")
    assert discover_fonts([str(root), f"{root}/a.ttf", str(root)]) == [f"{root}/a.ttf"]


def test_links_to_files_are_followed_links_to_folders_are_not(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.ttf").write_bytes(b"")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "link.ttf").symlink_to(outside / "x.ttf")
    assert discover_fonts([str(root)]) == [f"{root}/link.ttf"]


def test_what_cannot_be_read_is_still_named(root):
    (root / "dangling.ttf").symlink_to(root / "none")
    (root / "named-by-hand").write_bytes(b"")
    assert discover_fonts([str(root), f"{root}/named-by-hand"]) == [f"{root}/dangling.ttf", f"{root}/named-by-hand"]


def test_no_fonts_and_wrong_paths_are_errors(root):
    with pytest.raises(FontmillError) as caught:
        discover_fonts([str(root)])
    assert caught.value.slug == "no-fonts"
    with pytest.raises(FontmillError, match=r"fonts\[1\]"):
        discover_fonts([str(root), f"{root}/none"])
    for n in range(3):
        (root / f"{n}.ttf").write_bytes(b"")
    with pytest.raises(FontmillError, match="more than 2"):
        discover_fonts([str(root)], limit=2)


@pytest.mark.root
def test_a_read_only_file_system_is_refused(root):
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(root)], check=False)
    if made.returncode:
        pytest.skip("NOT TESTED: mounting is not permitted here")
    try:
        assert validate_output_path(f"{root}/x", [str(root)]).slug == "path-unwritable"
    finally:
        subprocess.run(["umount", str(root)], check=True)
