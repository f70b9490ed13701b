"""Verification finds all damage and nothing else; repair restores every byte; foreign files are never touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from fontmill.errors import FontmillError
from fontmill.model import ExistingFileMap
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store import verify
from fontmilld.store.checking import Check, CheckResult, Level, run_check
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import LinuxKernel
from fontmilld.store.ledger import SessionStore
from fontmilld.store.litter import delete_project, foreign_names, scan_existing_files
from fontmilld.store.lock import Owner
from fontmilld.store.recovery import recover
from fontmilld.store.sessions import find_sessions
from fontmilld.store.verify import repair_plan, rewritten_files, validate_session_integrity
from fontmilld.testing.disk import SimulatedDisk
from fontmilld.testing.export import PROJECT, SmallExport, small_session

IMAGE = "fonts/font-0/images/font-0_002_clear.png"
LABELS = "fonts/font-0/metadata.jsonl"
SESSION = small_session()
UNFIT = RangeSet.span(4, 4)
Change = Callable[[bytes], bytes | None]


def finished() -> SimulatedDisk:
    disk = SimulatedDisk()
    SmallExport(disk, unfit=UNFIT).run()
    return disk


def change(disk: SimulatedDisk, name: str, how: Change) -> None:
    old = disk.files(PROJECT).get(name, b"")
    new = how(old)
    disk.uproot(f"{PROJECT}/{name}")
    if new is not None:
        disk.plant(f"{PROJECT}/{name}", "file", new)


def tree_of(disk: SimulatedDisk) -> LocalTree:
    return LocalTree(PROJECT, kernel=disk)


def found(disk: SimulatedDisk, level: Level) -> set[tuple[str, str]]:
    result = validate_session_integrity(tree_of(disk), SESSION, level)
    assert result.ok == (not result.damaged)
    return {(damage.file, damage.kind) for damage in result.damaged}


def flipped(at: int) -> Change:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def gone(data: bytes) -> None:
    return None


@pytest.mark.parametrize("level", ["quick", "full"])
def test_an_undamaged_tree_is_ok_and_every_file_was_looked_at(level):
    result = validate_session_integrity(tree_of(finished()), SESSION, level)
    assert result.ok
    assert result.checked == 24 + 10


SHOWN = {
    "missing": (IMAGE, gone, {(IMAGE, "missing")}),
    "truncated": (IMAGE, lambda data: data[:-1], {(IMAGE, "truncated")}),
    "empty": (IMAGE, lambda data: b"", {(IMAGE, "truncated")}),
    "longer": (IMAGE, lambda data: data + b"x", {(IMAGE, "different")}),
    "foreign at the top": ("notes.txt", lambda data: b"mine", {("notes.txt", "foreign")}),
    "foreign among the images": (f"{layout.images_dir('font-0')}/x.png", lambda data: b"", {("fonts/font-0/images/x.png", "foreign")}),
    "foreign index": (f"{layout.images_dir('font-0')}/font-0_008_clear.png", lambda data: b"", {("fonts/font-0/images/font-0_008_clear.png", "foreign")}),
    "foreign width": (f"{layout.images_dir('font-0')}/font-0_0002_clear.png", lambda data: b"", {("fonts/font-0/images/font-0_0002_clear.png", "foreign")}),
    "unlabelled": (f"{layout.images_dir('font-0')}/font-0_004_clear.png", lambda data: b"", {("fonts/font-0/images/font-0_004_clear.png", "unlabelled")}),
    "foreign log": ("logs/other.log", lambda data: b"", {("logs/other.log", "foreign")}),
    "litter": (f"{LABELS}.part", lambda data: b"", {(f"{LABELS}.part", "litter")}),
    "no card": ("README.md", gone, {("README.md", "missing")}),
    "no report": ("report.html", gone, {("report.html", "missing")}),
    "record gone": ("fonts/font-0/metadata.json", gone, {("fonts/font-0/metadata.json", "missing")}),
    "record broken": ("fonts/font-0/metadata.json", lambda data: data[:50], {("fonts/font-0/metadata.json", "corrupt")}),
    "checkpoint broken": ("fonts/font-0/progress.json", lambda data: data[:50], {("fonts/font-0/progress.json", "corrupt")}),
    "summary broken": ("summary.json", lambda data: data[:50], {("summary.json", "corrupt")}),
}


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("what", SHOWN)
def test_what_names_and_sizes_show_is_found_and_nothing_else(what, level):
    name, how, expected = SHOWN[what]
    disk = finished()
    change(disk, name, how)
    assert found(disk, level) == expected


def test_a_flipped_bit_in_any_image_is_found_by_full_only():
    for at in (0, 10, 30):
        disk = finished()
        change(disk, IMAGE, flipped(at))
        assert found(disk, "quick") == set()
        assert found(disk, "full") == {(IMAGE, "different")}


@pytest.mark.parametrize("name", ["README.md", "report.html", "fonts/font-0/metadata.json"])
def test_a_changed_document_is_found_by_full_only(name):
    disk = finished()
    change(disk, name, lambda data: data + b" ")
    assert found(disk, "quick") == set()
    assert found(disk, "full") == {(name, "different")}


def without(*keys: str) -> Change:
    return lambda data: json.dumps({key: value for key, value in json.loads(data).items() if key not in keys}).encode()


def told(**members: Any) -> Change:
    return lambda data: json.dumps({**json.loads(data), **members}).encode()


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("how", [
    lambda data: b"{}", lambda data: b"[]", lambda data: b"null", without("files"), without("exported_samples"), told(files={}), told(files=[]),
    told(session_id="another"), told(status="active"), told(exported_samples=13, failed_samples=1), told(exported_samples="many"), told(fonts=7),
])
def test_a_summary_that_is_not_a_whole_one_is_found_and_made_anew(how, level):
    disk = finished()
    before = disk.files(PROJECT)
    change(disk, "summary.json", how)
    assert found(disk, level) == {("summary.json", "different")}
    repaired(disk)
    assert disk.files(PROJECT)["summary.json"] == before["summary.json"]
    assert found(disk, "full") == set()


def test_a_document_whose_digest_the_summary_lost_does_not_pass():
    disk = finished()
    change(disk, "summary.json", lambda data: json.dumps({**json.loads(data), "files": {
        name: digest for name, digest in json.loads(data)["files"].items() if name != "report.html"}}).encode())
    assert found(disk, "full") == {("summary.json", "different")}


@pytest.mark.parametrize("progress", [None, lambda data: b"", gone])
def test_a_complete_project_without_its_summary_is_damaged_and_all_else_in_it_is_looked_at(progress):
    disk = finished()
    before = disk.files(PROJECT)
    change(disk, "summary.json", gone)
    stray = f"{layout.images_dir('font-0')}/font-0_004_clear.png"
    change(disk, stray, lambda data: b"")
    change(disk, "fonts/font-1/metadata.json", gone)
    lost = set()
    if progress is not None:
        change(disk, "progress.json", progress)
        lost = {("progress.json", "missing" if progress is gone else "corrupt")}
    wanted = {("summary.json", "missing"), (stray, "unlabelled"), ("fonts/font-1/metadata.json", "missing")}
    assert found(disk, "full") == wanted | lost
    repaired(disk)
    assert disk.files(PROJECT) == {**disk.files(PROJECT), "summary.json": before["summary.json"]}
    assert found(disk, "full") == set()


def test_a_project_that_is_being_completed_is_not_called_damaged():
    disk = finished()
    change(disk, "summary.json", gone)
    disk.plant(f"{PROJECT}/{layout.LOCK_FILE}", "file", json.dumps(asdict(Owner.me("daemon"))).encode())
    assert found(disk, "full") == set()


@pytest.mark.parametrize("owner", [
    replace(Owner.me("daemon"), started="1"), replace(Owner.me("daemon"), boot_id="another"), replace(Owner.me("daemon"), host="gone", boot_id="another"),
])
def test_the_lock_of_a_dead_process_does_not_hide_that_the_summary_is_gone(owner):
    disk = finished()
    change(disk, "summary.json", gone)
    change(disk, "progress.json", told(status="completed", last_updated="2026-01-01T00:00:00.000+00:00"))
    disk.plant(f"{PROJECT}/{layout.LOCK_FILE}", "file", json.dumps(asdict(owner)).encode())
    assert found(disk, "full") == {("summary.json", "missing")}


def test_a_project_that_another_machine_completes_just_now_is_not_called_damaged():
    disk = finished()
    change(disk, "summary.json", gone)
    change(disk, "progress.json", told(status="completed", last_updated=datetime.now(UTC).isoformat()))
    disk.plant(f"{PROJECT}/{layout.LOCK_FILE}", "file", json.dumps(asdict(replace(Owner.me("daemon"), host="another"))).encode())
    assert found(disk, "full") == set()


@pytest.mark.parametrize("planted", [b"", b"{}", b"[" * 5000])
def test_a_file_in_place_of_the_lock_does_not_hide_that_the_summary_is_gone(planted):
    disk = finished()
    change(disk, "summary.json", gone)
    disk.plant(f"{PROJECT}/{layout.LOCK_FILE}", "file", planted)
    assert found(disk, "full") == {("summary.json", "missing")}


@pytest.mark.parametrize("edited", [
    replace(SESSION, config=replace(SESSION.config, seed=77)),
    replace(SESSION, fonts=(replace(SESSION.fonts[0], sha256="f" * 64), *SESSION.fonts[1:])),
])
@pytest.mark.parametrize("level", ["quick", "full"])
def test_a_session_that_differs_from_what_the_summary_tells_of_it_is_found(edited, level):
    result = validate_session_integrity(tree_of(finished()), edited, level)
    assert {(damage.file, damage.kind) for damage in result.damaged} == {("session.json", "different")}


def test_what_decides_no_pixel_of_a_session_may_change():
    """A `start` of the same project may name another durability, and other paths of its fonts."""
    config = replace(SESSION.config, durability="relaxed", fallback_paths=("/mnt",))
    moved = replace(SESSION, config=config, fonts=tuple(replace(font, source="/else.ttf") for font in SESSION.fonts))
    assert validate_session_integrity(tree_of(finished()), moved, "full").ok


def test_a_flipped_bit_anywhere_in_the_labels_is_found():
    labels = finished().files(PROJECT)[LABELS]
    for at in range(0, len(labels), 7):
        disk = finished()
        change(disk, LABELS, flipped(at))
        assert any(name == LABELS for name, _ in found(disk, "full")), at


def test_labels_that_are_gone_or_cut_off_are_told_by_index():
    disk = finished()
    change(disk, LABELS, lambda data: b"".join(data.splitlines(keepends=True)[:4]))
    result = validate_session_integrity(tree_of(disk), SESSION)
    assert {damage.index for damage in result.damaged if damage.kind == "missing-label"} == {6, 7}


def test_an_unfinished_tree_is_judged_by_its_labels_only():
    disk = finished()
    disk.uproot(f"{PROJECT}/summary.json")
    change(disk, "progress.json", told(status="paused"))
    change(disk, "fonts/font-0/metadata.json", gone)
    change(disk, "README.md", gone)
    assert found(disk, "full") == set()


def test_a_session_that_goes_on_while_it_is_verified_is_not_called_damaged():
    whole = finished().files(PROJECT)
    lines = whole[LABELS].splitlines(keepends=True)
    disk = finished()
    change(disk, "summary.json", gone)
    change(disk, "progress.json", told(status="active"))
    change(disk, LABELS, lambda data: b"".join(lines[:2]))
    change(disk, "fonts/font-0/progress.json", gone)
    tree = tree_of(disk)
    before = verify.look_before(tree, SESSION)
    results = [checked(tree, check) for check in verify.plan_checks(tree, SESSION, before)]
    for name in ("summary.json", "progress.json", LABELS, "fonts/font-0/progress.json"):
        change(disk, name, lambda data, name=name: whole[name])
    assert verify.conclude(tree, SESSION, before, results, "full").ok
    assert not verify.conclude(tree, SESSION, verify.look_before(tree, SESSION), results, "full").ok


def checked(tree: LocalTree, check: Check) -> CheckResult:
    (font,) = (font for font in SESSION.fonts if font.font_id == check.font_id)
    return run_check(tree, font, SESSION.config, check, "full")


@pytest.mark.parametrize("piece", [1, 400, 10**9])
def test_pieces_of_any_size_cover_every_line_once(piece):
    tree = tree_of(finished())
    checks = verify.plan_checks(tree, SESSION, verify.look_before(tree, SESSION), piece)
    results = [checked(tree, Check.from_dict(json.loads(json.dumps(check.to_dict())))) for check in checks]
    results = [CheckResult.from_dict(json.loads(json.dumps(result.to_dict()))) for result in results]
    assert sum(result.checked for result in results) == 24
    assert verify.conclude(tree, SESSION, verify.look_before(tree, SESSION), results, "full").ok


def test_progress_is_told():
    counts: list[int] = []
    validate_session_integrity(tree_of(finished()), SESSION, "quick", counts.append)
    assert sum(counts) == 24


REPAIRS = [what for what in SHOWN if not what.startswith("foreign")]


@pytest.mark.parametrize("what", [*REPAIRS, "flipped image", "flipped label", "changed report", "changed record", "several"])
def test_repair_makes_only_what_is_damaged_anew_and_restores_every_byte(what):
    disk = finished()
    before = disk.files(PROJECT)
    changes = {
        "flipped image": [(IMAGE, flipped(3))],
        "flipped label": [(LABELS, flipped(len(before[LABELS]) // 2))],
        "changed report": [("report.html", flipped(2))],
        "changed record": [("fonts/font-0/metadata.json", lambda data: data.replace(b"family", b"famili"))],
        "several": [(IMAGE, gone), (IMAGE.replace("002", "006"), flipped(5)), (LABELS, flipped(8)), ("README.md", gone)],
    }.get(what) or [SHOWN[what][:2]]
    for name, how in changes:
        change(disk, name, how)
    rendered = repaired(disk)
    after = disk.files(PROJECT)
    assert {n: d for n, d in after.items() if not n.endswith("progress.json")} == {
        n: d for n, d in before.items() if not n.endswith("progress.json")
    }
    # A digest tells that a labels file is wrong, not where: then all pairs of its font are drawn again.
    whole_fonts = SESSION.config.num_samples * any(name == LABELS for name, _ in changes)
    assert rendered <= len(changes) + 1 + whole_fonts
    assert found(disk, "full") == set()


def test_a_label_that_was_falsified_without_a_trace_is_drawn_again_not_believed():
    disk = finished()
    before = disk.files(PROJECT)
    last = before[LABELS].rindex(b'":') - 1
    change(disk, LABELS, lambda data: data[:last] + bytes([data[last] ^ 1]) + data[last + 1 :])
    assert found(disk, "full")
    repaired(disk)
    assert disk.files(PROJECT)[LABELS] == before[LABELS]


@pytest.mark.parametrize(("files", "rewritten"), [
    ([layout.SUMMARY_FILE], 1), ([layout.CARD_FILE, layout.font_file("font-0")], 2), ([IMAGE], 0), ([LABELS], 0), ([IMAGE, layout.REPORT_FILE], 1),
])
def test_what_is_written_anew_beside_pictures_and_labels_is_counted(files, rewritten):
    disk = finished()
    for name in files:
        change(disk, name, lambda data: data[:-5])
    assert rewritten_files(validate_session_integrity(tree_of(disk), SESSION, "full")) == rewritten


def repaired(disk: SimulatedDisk) -> int:
    """What the manager does on `repair`: verify, recover, reopen what is damaged, go on."""
    tree = tree_of(disk)
    plan = repair_plan(validate_session_integrity(tree, SESSION, "full"))
    recovery = recover(tree, SESSION, boot_id="boot")
    store = SessionStore(tree, SESSION, recovery.states, unsaved=recovery.unsaved, boot_id="boot")
    for font_id, indices in plan.items():
        store.reopen(font_id, indices)
    tree.remove(layout.SUMMARY_FILE)
    tree.close()
    export = SmallExport(disk, unfit=UNFIT)
    export.run()
    return export.rendered


def test_foreign_files_stay_as_they_are_through_everything():
    disk = finished()
    mine = {"notes.txt": b"a", "fonts/font-0/images/mine.png": b"b", "logs/mine": b"c", "fonts/mine": b"d"}
    for name, data in mine.items():
        disk.plant(f"{PROJECT}/{name}", "file", data)
    repaired(disk)
    assert mine.items() <= disk.files(PROJECT).items()
    tree = tree_of(disk)
    assert delete_project(tree, SESSION) == tuple(sorted(mine))
    assert disk.files(PROJECT) == mine


def test_deleting_removes_everything_that_is_ours():
    disk = finished()
    disk.plant(f"{PROJECT}/logs/export.log.1", "file")
    tree = tree_of(disk)
    images = [name for name in disk.files(PROJECT) if name.endswith(".png")]
    told: list[int] = []
    assert delete_project(tree, SESSION, lambda: told.append(1)) == ()
    assert len(told) == len(images) > 0
    assert list(tree.scan("")) == []
    tree.remove_dir("")
    assert "out/project" not in " ".join(disk.files())


def test_a_link_in_the_tree_is_foreign_and_what_it_leads_to_is_safe():
    disk = finished()
    disk.plant("/outside", "file", b"precious")
    disk.plant(f"{PROJECT}/fonts/font-0/images/link.png", "link")
    tree = tree_of(disk)
    assert list(foreign_names(tree, SESSION)) == ["fonts/font-0/images/link.png"]
    delete_project(tree, SESSION)
    assert disk.files()["outside"] == b"precious"


def test_existing_files_are_listed_by_font_with_sizes():
    disk = finished()
    disk.plant(f"{PROJECT}/notes.txt", "file")
    disk.plant(f"{PROJECT}/README.md.part", "file")
    listed = scan_existing_files(tree_of(disk), SESSION)
    assert isinstance(listed, ExistingFileMap)
    assert {font: len(images) for font, images in listed.images.items()} == {"font-0": 12, "font-1": 12}
    assert listed.images["font-0"]["font-0_002_clear.png"] == len(disk.files(PROJECT)[IMAGE])
    assert (listed.foreign, listed.litter) == (("notes.txt",), ("README.md.part",))


def test_images_of_a_folder_that_is_no_folder_are_missing_not_an_error():
    disk = finished()
    tree = tree_of(disk)
    for entry in list(tree.scan("fonts/font-0/images")):
        tree.remove(f"fonts/font-0/images/{entry.name}")
    tree.remove_dir("fonts/font-0/images")
    result = validate_session_integrity(tree, SESSION)
    assert {damage.kind for damage in result.damaged} == {"missing"}
    assert len(result.damaged) == 12


def test_a_session_with_withdrawn_samples_leaves_only_labelled_images():
    """`complete` ends a session early: images of batches that were in flight do not stay."""
    disk = SimulatedDisk()
    export = SmallExport(disk)
    tree = LocalTree(PROJECT, create=True, kernel=disk)
    from fontmilld.store.exporter import create_project_structure
    create_project_structure(tree, SESSION)
    store = SessionStore(tree, SESSION)
    store.append(export.render(store, "font-0", 1, 3))
    export.render(store, "font-0", 4, 6)
    store.finish_font("font-0", {})
    store.settle()
    names = {name for name in disk.files(PROJECT) if name.endswith(".png")}
    assert len(names) == 6
    with pytest.raises(KeyError):
        store.state("none")
    assert store.state("font-0").todo(7) == RangeSet.span(4, 7)
    assert replace(store.state("font-0"), font_id="x").failed == RangeSet()


def test_errors_of_the_storage_are_not_taken_for_damage():
    disk = finished()
    tree = tree_of(disk)

    def broken(fd: int, length: int) -> bytes:
        raise OSError(5, "I/O error")

    disk.read = broken  # type: ignore[method-assign]
    with pytest.raises(FontmillError) as caught:
        validate_session_integrity(tree, SESSION, "full")
    assert caught.value.slug == "storage-failed"


def test_what_lies_in_place_of_ours_is_foreign_and_stays_when_the_project_is_deleted():
    disk = finished()
    disk.uproot(f"{PROJECT}/{IMAGE}")
    disk.plant(f"{PROJECT}/{IMAGE}", "dir")
    tree = tree_of(disk)
    assert IMAGE in set(foreign_names(tree, SESSION))
    assert delete_project(tree, SESSION) == (IMAGE,)
    assert disk.files(PROJECT) == {}


LINKED = ("README.md", "summary.json", "progress.json", LABELS, "fonts/font-0/metadata.json", "fonts/font-0/progress.json")


@pytest.mark.parametrize("kind", ["link", "fifo"])
@pytest.mark.parametrize("name", LINKED)
def test_repair_takes_a_link_or_pipe_in_place_of_a_file_away_and_leaves_what_it_leads_to(name, kind):
    disk = finished()
    before = disk.files(PROJECT)
    disk.plant("/outside", "file", b"precious")
    disk.uproot(f"{PROJECT}/{name}")
    disk.plant(f"{PROJECT}/{name}", kind, b"/outside" if kind == "link" else b"")
    assert found(disk, "full") or name == "fonts/font-0/progress.json"
    repaired(disk)
    assert disk.files()["outside"] == b"precious"
    after = disk.files(PROJECT)
    assert {n: d for n, d in after.items() if not n.endswith("progress.json")} == {
        n: d for n, d in before.items() if not n.endswith("progress.json")}
    assert found(disk, "full") == set()


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("folder", ["fonts/font-0", "fonts"])
def test_a_link_in_place_of_a_folder_of_fonts_is_damage_not_an_error(folder, complete, tmp_path):
    project = tmp_path / "p"
    for name, data in finished().files(PROJECT).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    if not complete:
        (project / "summary.json").unlink()
        (project / "progress.json").unlink()
    (project / folder).rename(tmp_path / "elsewhere")
    (project / folder).symlink_to(tmp_path / "elsewhere")
    result = validate_session_integrity(LocalTree(str(project)), SESSION, "full")
    barred = {"fonts/font-0"} if folder != "fonts" else {"fonts/font-0", "fonts/font-1"}
    assert {damage.file for damage in result.damaged if damage.kind == "different"} == barred


def test_labels_of_garbage_are_counted_and_the_first_are_told():
    disk = finished()
    change(disk, LABELS, lambda data: data + b"x\n" * 50_000)
    result = validate_session_integrity(tree_of(disk), SESSION, "full")
    told = [damage.kind for damage in result.damaged]
    assert set(told) == {"corrupt-label", "different"} and len(told) < 100
    assert result.left_out > 1000 and result.damages == len(told) + result.left_out


class CountingKernel(LinuxKernel):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, fd: int, count: int) -> bytes:
        data = super().read(fd, count)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("complete", [True, False])
def test_a_hole_in_place_of_labels_is_not_read_to_its_end(complete, tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    if not complete:
        for name in ("summary.json", "fonts/font-0/progress.json"):
            os.unlink(f"{path}/{name}")
    with open(f"{path}/{LABELS}", "r+b") as labels:
        labels.truncate(40 << 30)
    kernel = CountingKernel()
    result = validate_session_integrity(LocalTree(path, kernel=kernel), SESSION, "full")
    assert LABELS in {damage.file for damage in result.damaged} and len(result.damaged) < 60
    assert kernel.taken < 1 << 29


def test_what_has_no_lines_is_parted_without_being_looked_through(tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    with open(f"{path}/{LABELS}", "r+b") as labels:
        labels.truncate(4 << 30)
    kernel = CountingKernel()
    tree = LocalTree(path, kernel=kernel)
    before = replace(verify.look_before(tree, SESSION), most={font.font_id: 1 << 40 for font in SESSION.fonts})
    checks = [check for check in verify.plan_checks(tree, SESSION, before) if check.font_id == "font-0"]
    assert (checks[0].start, checks[-1].end) == (0, 4 << 30)
    assert all(a.end == b.start for a, b in pairwise(checks))
    assert kernel.taken < 1 << 27


class LookedThrough(tuple[Any, ...]):
    """A tuple that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        LookedThrough.times += 1
        return super().__iter__()


def test_no_check_goes_through_all_fonts(monkeypatch):
    times = []
    for count in (2, 12):
        disk, session = SimulatedDisk(), small_session(fonts=count)
        SmallExport(disk, session).run()
        monkeypatch.setattr(LookedThrough, "times", 0)
        assert validate_session_integrity(tree_of(disk), replace(session, fonts=LookedThrough(session.fonts)), "quick").ok
        times.append(LookedThrough.times)
    assert times[0] == times[1]


def test_recovery_reads_only_so_much_garbage_and_ends_in_the_same_tree():
    disk = finished()
    whole = disk.files(PROJECT)
    change(disk, "summary.json", gone)
    change(disk, LABELS, lambda data: data[:1] + b"x\n" * 1_000_000 + data)
    turns: list[None] = []
    tree = tree_of(disk)
    recover(tree, SESSION, boot_id="boot", alive=lambda: turns.append(None))
    tree.close()
    assert len(turns) < 1000
    SmallExport(disk, unfit=UNFIT).run()
    assert {name: data for name, data in disk.files(PROJECT).items() if name.startswith("fonts/") and "progress" not in name} == {
        name: data for name, data in whole.items() if name.startswith("fonts/") and "progress" not in name}


def test_recovery_does_not_read_a_hole_of_gigabytes_to_its_end(tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    os.unlink(f"{path}/summary.json")
    whole = (tmp_path / "project" / LABELS).read_bytes()
    with open(f"{path}/{LABELS}", "r+b") as labels:
        labels.truncate(40 << 30)
    kernel = CountingKernel()
    SmallExport(kernel, path=path).run()
    assert kernel.taken < 1 << 28
    assert (tmp_path / "project" / LABELS).read_bytes() == whole


@pytest.mark.parametrize("name", [*LINKED, "logs/export.log"])
def test_a_folder_in_place_of_a_file_is_named_and_left_alone(name):
    disk = finished()
    disk.uproot(f"{PROJECT}/{name}")
    disk.plant(f"{PROJECT}/{name}", "dir")
    tree = tree_of(disk)
    with pytest.raises(FontmillError, match=f"A folder is in the place of {name}.") as refused:
        recover(tree, SESSION, boot_id="boot")
    assert refused.value.slug == "tree-corrupt" and [entry.kind for entry in tree.names(name.rpartition("/")[0]) if name.endswith(entry.name)] == ["dir"]


@pytest.mark.parametrize("kind", ["link", "fifo", "file"])
def test_what_is_in_place_of_the_folder_of_logs_is_told_as_foreign_and_stays(kind):
    disk = finished()
    for name in [name for name in disk.files(PROJECT) if name.startswith("logs/")]:
        disk.uproot(f"{PROJECT}/{name}")
    disk.uproot(f"{PROJECT}/logs")
    disk.plant(f"{PROJECT}/logs", kind, b"/outside" if kind == "link" else b"")
    assert found(disk, "full") == {("logs", "foreign")}
    assert delete_project(tree_of(disk), SESSION) == ("logs",)


def test_a_pipe_beside_the_labels_is_foreign_and_no_error():
    disk = finished()
    disk.plant(f"{PROJECT}/{LABELS}.gz", "fifo")
    assert found(disk, "full") == {(f"{LABELS}.gz", "foreign")}


@pytest.mark.parametrize("kind", ["link", "fifo", "file"])
def test_a_project_is_described_whatever_is_in_place_of_the_folder_of_a_font(kind, tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    place = tmp_path / "project" / "fonts" / "font-0"
    shutil.rmtree(place)
    {"link": lambda: place.symlink_to(tmp_path), "fifo": lambda: os.mkfifo(place), "file": place.touch}[kind]()
    (one,) = find_sessions(path)
    assert (one.completed, one.counts) == (True, {"font-0": (0, 0), "font-1": (7, 0)})


@pytest.mark.parametrize("folder", ["fonts/font-0", "fonts", "fonts/font-0/images"])
def test_what_is_in_place_of_a_folder_of_fonts_stays_when_the_rest_is_deleted(folder, tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    place = tmp_path / "project" / folder
    shutil.rmtree(place)
    place.touch()
    stays = delete_project(LocalTree(path), SESSION)
    left = {str(file.relative_to(path)) for file in (tmp_path / "project").rglob("*") if file.is_file()}
    assert left == {folder} and all(name.startswith(folder) for name in stays) and stays


def test_folders_in_place_of_files_stay_when_the_rest_is_deleted(tmp_path):
    path = str(tmp_path.resolve() / "project")
    SmallExport(LinuxKernel(), path=path).run()
    taken = ["summary.json", "fonts/font-0/progress.json", "logs/export.log"]
    for name in taken:
        os.unlink(f"{path}/{name}")
        os.mkdir(f"{path}/{name}")
    assert delete_project(LocalTree(path), SESSION) == tuple(sorted(taken))
    assert not [file for file in (tmp_path / "project").rglob("*") if file.is_file()]
