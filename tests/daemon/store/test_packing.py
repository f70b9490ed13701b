"""Labels kept compressed once a project is complete: readable by all, the same bytes whatever happened, one form at a time."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import random
from collections.abc import Callable
from functools import cache

import pytest

from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store import gzipped, journal
from fontmilld.store.files import LocalTree
from fontmilld.store.litter import delete_project, foreign_names
from fontmilld.store.verify import look_before, plan_checks, repair_plan, validate_session_integrity
from fontmilld.testing.disk import Fault, SimulatedDisk, SimulatedKill
from fontmilld.testing.export import PROJECT, SmallExport, small_session

SESSION = small_session(4, 2, compress_metadata=True)
PLAIN = small_session(4, 2)
UNFIT = RangeSet.span(3, 3)
AGAIN = RangeSet.of([(2, 2), (3, 3)])
LABELS = "fonts/font-0/metadata.jsonl"
PACKED = "fonts/font-0/metadata.jsonl.gz"
HOWS = ["kill-before", "kill-half", "kill-after"]


def files(disk: SimulatedDisk) -> dict[str, bytes]:
    """The project, less checkpoints, which may tell how it came to be."""
    return {name: data for name, data in disk.files(PROJECT).items() if not name.endswith(layout.PROGRESS_FILE)}


def export(disk: SimulatedDisk, boot_id: str = "boot") -> SmallExport:
    return SmallExport(disk, SESSION, batch=2, unfit=UNFIT, boot_id=boot_id)


def retry(disk: SimulatedDisk, boot_id: str = "boot") -> SmallExport:
    """Take up what was given up, and a sample that is done; now all of them fit."""
    return SmallExport(disk, SESSION, batch=2, again=AGAIN, boot_id=boot_id)


def finished(syncfs: bool = True) -> SimulatedDisk:
    disk = SimulatedDisk(syncfs=syncfs)
    export(disk).run()
    return disk


@cache
def undisturbed(syncfs: bool = True) -> tuple[dict[str, bytes], int]:
    disk = finished(syncfs)
    return files(disk), len(disk.calls)


@cache
def retried(syncfs: bool = True) -> tuple[dict[str, bytes], int]:
    """The tree of a session in which nothing was given up, and the calls that a retry makes."""
    whole = SimulatedDisk(syncfs=syncfs)
    SmallExport(whole, SESSION).run()
    disk = finished(syncfs).restarted()
    retry(disk).run()
    assert files(disk) == files(whole)
    return files(whole), len(disk.calls)


def changed(disk: SimulatedDisk, name: str, change: Callable[[bytes], bytes] | None) -> SimulatedDisk:
    data = disk.files(PROJECT)[name]
    disk.uproot(f"{PROJECT}/{name}")
    if change is not None:
        disk.plant(f"{PROJECT}/{name}", "file", change(data))
    return disk.restarted()


def found(disk: SimulatedDisk, level: str = "full") -> set[tuple[str, str]]:
    result = validate_session_integrity(LocalTree(PROJECT, kernel=disk), SESSION, level)
    return {(damage.file, damage.kind) for damage in result.damaged}


def test_a_complete_project_has_the_labels_in_compressed_form_only_and_their_digests_are_of_the_labels():
    disk = SimulatedDisk()
    SmallExport(disk, PLAIN, batch=2, unfit=UNFIT).run()
    plain, (tree, _) = files(disk), undisturbed()
    assert set(tree) == {name + ".gz" if name.endswith(".jsonl") else name for name in plain}
    assert gzip.decompress(tree[PACKED]) == plain[LABELS]
    assert tree["fonts/font-0/metadata.json"] == plain["fonts/font-0/metadata.json"]
    assert json.loads(tree["summary.json"])["files"][PACKED] == hashlib.sha256(tree[PACKED]).hexdigest()
    assert tree[PACKED][3:10] == b"\x04\0\0\0\0\0\xff", "no name, no time"


# Text -------------------------------------------------------------------------------------------------


def long_text() -> bytes:
    chance = random.Random(5)
    return b"".join(b'{"index":%d,"text":"%s"}\n' % (n, chance.randbytes(400).hex().encode()) for n in range(4000))


def stored(text: bytes, piece: int = 1 << 20) -> tuple[LocalTree, SimulatedDisk]:
    disk = SimulatedDisk()
    tree = LocalTree(PROJECT, create=True, kernel=disk)
    tree.replace("a.jsonl.gz", gzipped.packed(text[at : at + piece] for at in range(0, len(text), piece)))
    return tree, disk


@pytest.mark.parametrize("piece", [1 << 20, 70_001, 5 << 20])
def test_members_are_bounded_and_the_same_however_the_text_comes(piece):
    text = long_text()
    packed = stored(text, piece)[1].files(PROJECT)["a.jsonl.gz"]
    assert packed == stored(text)[1].files(PROJECT)["a.jsonl.gz"]
    assert gzip.decompress(packed) == text
    assert max(map(len, gzipped.packed([text]))) < gzipped.MEMBER
    assert len(list(gzipped.packed([text]))) >= 3


def test_a_text_without_any_newline_is_packed_in_bounded_members_too():
    text = bytes(range(1, 10)) * 600_000
    tree, _ = stored(text)
    assert b"".join(journal.blocks(tree, "a.jsonl")) == text


def test_compressed_labels_are_read_from_anywhere_as_the_labels_would_be():
    text = long_text()
    tree, disk = stored(text)
    disk.plant(f"{PROJECT}/b.jsonl", "file", text)
    assert journal.size(tree, "a.jsonl") == len(text)
    for at in (0, 1, gzipped.MEMBER - 1, gzipped.MEMBER + 5, len(text) - 3, len(text), len(text) + 9):
        assert journal.read(tree, "a.jsonl", at, 2000) == text[at : at + 2000]
    assert list(journal.lines(tree, "a.jsonl")) == list(journal.lines(tree, "b.jsonl"))
    assert b"".join(journal.prefix(tree, "a.jsonl", 1_500_000)) == text[:1_500_000]


def test_a_damaged_member_costs_its_own_lines_and_no_others():
    text = long_text()
    _, disk = stored(text)
    disk = changed(disk, "a.jsonl.gz", lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    tree = LocalTree(PROJECT, kernel=disk)
    first = next(iter(gzipped.packed([text])))
    lost = len(gzip.decompress(first))
    assert journal.size(tree, "a.jsonl") == len(text)
    assert b"".join(journal.blocks(tree, "a.jsonl")) == bytes(lost - 1) + b"\n" + text[lost:]


def test_large_compressed_labels_are_checked_in_pieces_that_join():
    disk = finished()
    disk.uproot(f"{PROJECT}/{PACKED}")
    text = long_text()
    disk.plant(f"{PROJECT}/{PACKED}", "file", b"".join(gzipped.packed([text])))
    tree = LocalTree(PROJECT, kernel=disk)
    checks = [check for check in plan_checks(tree, SESSION, look_before(tree, SESSION), 600_000) if check.font_id == "font-0"]
    assert len(checks) > 4 and checks[0].start == 0 and checks[-1].end == len(text)
    assert all(a.end == b.start and text[a.end - 1 : a.end] == b"\n" for a, b in itertools.pairwise(checks))


# Interruptions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("syncfs", [True, False])
@pytest.mark.parametrize("how", HOWS)
def test_killed_or_cut_off_at_every_call_the_next_run_ends_in_the_same_tree(how, syncfs):
    wanted, calls = undisturbed(syncfs)
    for at in range(1, calls + 1):
        disk = SimulatedDisk([Fault(at, how)], syncfs=syncfs)
        first = export(disk)
        with pytest.raises(SimulatedKill):
            first.run()
        cuts = [disk.after_power_cut(seed) for seed in range(2)]
        for after, boot in [(disk.restarted(), "boot"), *((cut, "next") for cut in cuts)]:
            second = export(after, boot)
            second.run()
            assert files(after) == wanted, f"call {at}"
            assert second.rendered <= 6 - len(first.acknowledged), f"call {at} made finished work be done again"


@pytest.mark.parametrize("how", ["error", "short", "lost"])
@pytest.mark.parametrize("syncfs", [True, False])
def test_failed_at_every_call_it_still_ends_in_the_same_tree_which_a_power_cut_leaves_alone(how, syncfs):
    wanted, calls = undisturbed(syncfs)
    for at in range(1, calls + 1):
        disk = SimulatedDisk([Fault(at, how)], syncfs=syncfs, seed=at)
        export(disk).run_stubbornly()
        assert files(disk) == wanted, f"call {at} ({disk.calls[at - 1]})"
        assert files(disk.after_power_cut(at)) == wanted, f"call {at} ({disk.calls[at - 1]})"


@pytest.mark.parametrize("syncfs", [True, False])
@pytest.mark.parametrize("how", HOWS)
def test_a_retry_of_a_complete_project_killed_or_cut_off_at_every_call_ends_as_if_nothing_had_failed(how, syncfs):
    wanted, calls = retried(syncfs)
    for at in range(1, calls + 1):
        disk = finished(syncfs).restarted([Fault(at, how)])
        with pytest.raises(SimulatedKill):
            retry(disk).run()
        for after, boot in [(disk.restarted(), "boot"), *((disk.after_power_cut(seed), "next") for seed in range(2))]:
            retry(after, boot).run()
            assert files(after) == wanted, f"call {at}"


@pytest.mark.parametrize("how", ["error", "lost"])
@pytest.mark.parametrize("syncfs", [True, False])
def test_a_retry_that_fails_at_every_call_ends_as_if_nothing_had_failed(how, syncfs):
    wanted, calls = retried(syncfs)
    for at in range(1, calls + 1):
        disk = finished(syncfs).restarted([Fault(at, how)])
        retry(disk).run_stubbornly()
        assert files(disk) == wanted, f"call {at}"
        assert files(disk.after_power_cut(at)) == wanted, f"call {at}"


# Damage -----------------------------------------------------------------------------------------------


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE = {
    "gone": None, "empty": lambda data: b"", "cut": lambda data: data[:-9], "cut in its header": lambda data: data[:11],
    "flipped": flipped(60), "flipped in a length": flipped(24), "flipped in its digest": lambda data: flipped(len(data) - 8)(data),
    "twice": lambda data: data * 2, "something else": lambda data: b"x" * 300,
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_compressed_labels_are_found_and_repaired_to_the_same_bytes(what):
    wanted, _ = undisturbed()
    disk = changed(finished(), PACKED, DAMAGE[what])
    assert PACKED in {name for name, _ in found(disk)} or (what == "gone" and LABELS in {name for name, _ in found(disk)})
    result = validate_session_integrity(LocalTree(PROJECT, kernel=disk), SESSION, "full")
    assert set(repair_plan(result)) == {"font-0"}
    SmallExport(disk, SESSION, unfit=UNFIT, again=repair_plan(result)["font-0"]).run()
    assert files(disk) == wanted and found(disk) == set()


@pytest.mark.parametrize("what", ["gone", "cut", "flipped"])
def test_opening_a_project_with_damaged_compressed_labels_killed_at_every_call_ends_in_the_same_tree(what):
    wanted, _ = undisturbed()
    whole = changed(finished(), PACKED, DAMAGE[what])
    export(whole).run()
    assert files(whole) == wanted
    for at in range(1, len(whole.calls) + 1):
        disk = changed(finished(), PACKED, DAMAGE[what]).restarted([Fault(at, "kill-half")])
        with pytest.raises(SimulatedKill):
            export(disk).run()
        for after, boot in [(disk.restarted(), "boot"), *((disk.after_power_cut(seed), "next") for seed in range(2))]:
            export(after, boot).run()
            assert files(after) == wanted, f"call {at}"


def test_labels_packed_by_somebody_else_are_told_and_no_pair_is_drawn_anew_where_ours_are_read():
    disk = changed(finished(), PACKED, lambda data: data + gzip.compress(b"", mtime=0))
    assert found(disk) == {(PACKED, "corrupt")}
    result = validate_session_integrity(LocalTree(PROJECT, kernel=disk), SESSION, "full")
    assert repair_plan(result) == {"font-0": RangeSet()}


def test_verify_of_a_compressed_project_finds_nothing_and_changes_nothing():
    disk = finished().restarted()
    assert found(disk) == found(disk, "quick") == set()
    assert disk.calls == []


def test_opening_a_complete_project_draws_nothing_and_changes_no_byte():
    disk = finished().restarted()
    again = export(disk)
    again.run()
    assert again.recovery is not None and again.recovery.completed
    assert again.rendered == 0 and files(disk) == undisturbed()[0]


def test_labels_unpacked_beside_are_no_damage_and_go_when_the_project_is_opened():
    disk = finished()
    disk.plant(f"{PROJECT}/{LABELS}", "file", gzip.decompress(disk.files(PROJECT)[PACKED]))
    assert found(disk) == set()
    export(disk).run()
    assert files(disk) == undisturbed()[0]


def test_labels_unpacked_in_place_are_told_and_packed_again_when_the_project_is_opened():
    disk = finished()
    text = gzip.decompress(disk.files(PROJECT)[PACKED])
    disk = changed(disk, PACKED, None)
    disk.plant(f"{PROJECT}/{LABELS}", "file", text)
    assert found(disk) == {(PACKED, "missing")}
    again = export(disk)
    again.run()
    assert again.rendered == 0 and files(disk) == undisturbed()[0]


def test_a_summary_that_is_gone_is_made_again_from_the_compressed_labels_alone():
    disk = finished()
    disk.uproot(f"{PROJECT}/summary.json")
    again = export(disk)
    again.run()
    assert again.rendered == 0 and files(disk) == undisturbed()[0]


def test_compressed_labels_are_foreign_without_the_option_and_deleted_with_it():
    disk = finished()
    tree = LocalTree(PROJECT, kernel=disk)
    assert PACKED in set(foreign_names(tree, PLAIN))
    assert list(foreign_names(tree, SESSION)) == []
    assert delete_project(tree, SESSION) == () and disk.files(PROJECT) == {}
