"""Masks, PSF pictures and the user's text obey the tree's rules like any other file of ours."""

from __future__ import annotations

import hashlib
import json
from functools import cache

import pytest

from fontmill.errors import FontmillError
from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.core.labels import read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store.files import LocalTree
from fontmilld.store.litter import delete_project, foreign_names
from fontmilld.store.text import keep_text, kept_text, required_text
from fontmilld.store.verify import repair_plan, validate_session_integrity
from fontmilld.testing.disk import Fault, SimulatedDisk, SimulatedKill
from fontmilld.testing.export import PROJECT, SmallExport, small_session

TEXT = "some words\nof mine\n"
SESSION = small_session(3, 1, masks=True, psf_images=True)
MASK = "fonts/font-0/images/font-0_002_mask.png"
PSF = "fonts/font-0/images/font-0_003_kernel.png"


def with_text(text: str = TEXT) -> ExportSession:
    return small_session(3, 1, text="user", text_sha256=hashlib.sha256(text.encode()).hexdigest())


def files(disk: SimulatedDisk) -> dict[str, bytes]:
    """The project, less checkpoints and logs, which may tell how it came to be."""
    return {name: data for name, data in disk.files(PROJECT).items() if not name.endswith(layout.PROGRESS_FILE)}


@cache
def undisturbed() -> tuple[dict[str, bytes], int]:
    disk = SimulatedDisk()
    SmallExport(disk, SESSION, batch=2, unfit=RangeSet.span(1, 1)).run()
    return files(disk), len(disk.calls)


def finished() -> SimulatedDisk:
    disk = SimulatedDisk()
    SmallExport(disk, SESSION).run()
    return disk


def found(disk: SimulatedDisk, session: ExportSession = SESSION) -> set[tuple[str, str]]:
    result = validate_session_integrity(LocalTree(PROJECT, kernel=disk), session, "full")
    return {(damage.file, damage.kind) for damage in result.damaged}


def test_every_pair_has_four_files_and_its_line_names_them_all():
    tree, _ = undisturbed()
    assert sorted(name.rpartition("_")[2] for name in tree if "_002_" in name) == ["blurred.png", "clear.png", "kernel.png", "mask.png"]
    for line in tree["fonts/font-0/metadata.jsonl"].splitlines(keepends=True):
        claim = read_claim(line)
        assert claim is not None and len(claim.images) == 4
        for image in claim.images:
            data = tree[f"fonts/font-0/images/{image.file_name}"]
            assert (len(data), hashlib.sha256(data).hexdigest()) == (image.size, image.sha256)
        label = json.loads(line)
        assert label["mask_file_name"] == f"images/{claim.images[2].file_name}" and label["kernel_bytes"] == claim.images[3].size


@pytest.mark.parametrize("how", ["kill-before", "kill-half", "kill-after", "power"])
def test_killed_at_every_call_the_next_run_ends_in_the_same_tree(how):
    wanted, calls = undisturbed()
    for at in range(1, calls + 1):
        disk = SimulatedDisk([Fault(at, "kill-half" if how == "power" else how)])
        with pytest.raises(SimulatedKill):
            SmallExport(disk, SESSION, batch=2, unfit=RangeSet.span(1, 1)).run()
        disk = disk.after_power_cut(at) if how == "power" else disk.restarted()
        SmallExport(disk, SESSION, batch=2, unfit=RangeSet.span(1, 1), boot_id="next" if how == "power" else "boot").run()
        assert files(disk) == wanted, f"call {at}"


@pytest.mark.parametrize("name", [MASK, PSF])
def test_a_damaged_extra_file_is_found_and_its_pair_repaired(name):
    disk = finished()
    data = disk.files(PROJECT)[name]
    disk.uproot(f"{PROJECT}/{name}")
    assert found(disk) == {(name, "missing")}
    disk.plant(f"{PROJECT}/{name}", "file", bytes([data[0] ^ 1]) + data[1:])
    assert found(disk) == {(name, "different")}
    result = validate_session_integrity(LocalTree(PROJECT, kernel=disk), SESSION, "full")
    index = 2 if name == MASK else 3
    assert repair_plan(result) == {"font-0": RangeSet.span(index, index)}
    SmallExport(disk, SESSION, again=RangeSet.span(index, index)).run()
    assert found(disk) == set()
    assert disk.files(PROJECT)[name] == data


def test_a_mask_is_foreign_where_no_masks_are_made_and_a_line_without_one_is_corrupt_where_they_are():
    disk = SimulatedDisk()
    plain = small_session(3, 1)
    SmallExport(disk, plain).run()
    disk.plant(f"{PROJECT}/{MASK}", "file", b"x")
    assert found(disk, plain) == {(MASK, "foreign")}
    assert ("fonts/font-0/metadata.jsonl", "corrupt-label") in found(disk)


def test_deleting_removes_extra_files_and_the_text():
    disk = SimulatedDisk()
    session = small_session(3, 1, masks=True, psf_images=True, text="user", text_sha256=hashlib.sha256(TEXT.encode()).hexdigest())
    tree = LocalTree(PROJECT, create=True, kernel=disk)
    keep_text(tree, session, TEXT)
    SmallExport(disk, session).run()
    assert list(foreign_names(tree, session)) == []
    assert delete_project(tree, session) == ()
    assert disk.files(PROJECT) == {}


def test_a_text_of_somebody_else_stays_when_the_project_has_none():
    disk = finished()
    disk.plant(f"{PROJECT}/text.txt", "file", b"mine")
    assert found(disk) == {("text.txt", "foreign")}
    assert delete_project(LocalTree(PROJECT, kernel=disk), SESSION) == ("text.txt",)
    assert disk.files(PROJECT) == {"text.txt": b"mine"}


def test_the_kept_text_is_what_was_given_and_damage_to_it_is_told():
    disk = SimulatedDisk()
    session = with_text()
    tree = LocalTree(PROJECT, create=True, kernel=disk)
    keep_text(tree, session, TEXT)
    SmallExport(disk, session).run()
    assert required_text(tree, session) == TEXT
    assert found(disk, session) == set()
    disk.uproot(f"{PROJECT}/text.txt")
    assert found(disk, session) == {("text.txt", "missing")}
    disk.plant(f"{PROJECT}/text.txt", "file", b"other")
    assert kept_text(tree, session) is None
    assert found(disk, session) == {("text.txt", "different")}
    with pytest.raises(FontmillError, match="no longer in the project"):
        required_text(tree, session)
    keep_text(tree, session, TEXT)
    assert found(disk, session) == set()
