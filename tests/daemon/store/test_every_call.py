"""Nothing lost, nothing repeated: every mutating call of a small export failed, cut short or killed in turn.

Whatever happens, the next run ends in the tree that an undisturbed run makes (I3).
"""

from __future__ import annotations

import errno
import os
from functools import cache

import pytest

from fontmilld.core import layout
from fontmilld.core.labels import read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store.checkpoint import decode
from fontmilld.testing.disk import FOREVER, Fault, SimulatedDisk, SimulatedKill
from fontmilld.testing.export import PROJECT, SmallExport, picture, small_session

UNFIT = RangeSet.span(4, 4)
DURABILITY = ("batch", "relaxed")
SEEDS = int(os.environ.get("FONTMILL_POWER_CUTS", "3"))
"""Power cuts tried at every call; the long version of `make soak` tries more."""


def export(disk: SimulatedDisk, durability: str = "batch", boot_id: str = "boot") -> SmallExport:
    return SmallExport(disk, small_session(durability=durability), boot_id=boot_id, unfit=UNFIT)


def compared(disk: SimulatedDisk) -> dict[str, bytes]:
    """The finished tree, less what may tell how it came to be."""
    files = disk.files(PROJECT)
    return {name: data for name, data in files.items() if not name.endswith(layout.PROGRESS_FILE)} | {
        name: b"" for name in files if name.endswith(layout.PROGRESS_FILE)
    }


@cache
def undisturbed(durability: str, syncfs: bool = True) -> tuple[dict[str, bytes], tuple[str, ...]]:
    disk = SimulatedDisk(syncfs=syncfs)
    export(disk, durability).run()
    return compared(disk), tuple(disk.calls)


def calls(durability: str = "batch", syncfs: bool = True) -> range:
    return range(1, len(undisturbed(durability, syncfs)[1]) + 1)


def finish(disk: SimulatedDisk, durability: str = "batch", boot_id: str = "boot") -> SmallExport:
    """Run to the end on a disk that behaves, and compare."""
    last = export(disk, durability, boot_id)
    last.run()
    assert compared(disk) == undisturbed(durability)[0]
    return last


def promises_hold(disk: SimulatedDisk) -> None:
    """I1, I5: what lies before a visible checkpoint's durable mark is completely there."""
    files = disk.files()
    for name, data in files.items():
        checkpoint = decode(data) if name.endswith(layout.PROGRESS_FILE) and "/fonts/" in name else None
        if checkpoint is None:
            continue
        mark = checkpoint.state.mark
        lines = files[name.replace(layout.PROGRESS_FILE, layout.SAMPLES_FILE)][: mark.length] if mark.length else b""
        claims = [read_claim(line) for line in lines.splitlines(keepends=True)]
        assert len(claims) == mark.samples
        for claim in claims:
            assert claim is not None
            for half, kind in zip(claim.images, layout.HALVES, strict=True):
                there = files[name.replace(layout.PROGRESS_FILE, f"images/{half.file_name}")]
                assert there == picture(checkpoint.state.font_id, claim.index, kind)


@pytest.mark.parametrize("durability", DURABILITY)
def test_an_export_leaves_exactly_what_it_should(durability):
    tree, _ = undisturbed(durability)
    images = {
        f"fonts/font-{n}/images/font-{n}_{index:03d}_{half}.png"
        for n in range(2) for index in range(1, 8) for half in layout.HALVES if index not in UNFIT
    }
    state = {f"fonts/font-{n}/{name}" for n in range(2) for name in ("metadata.json", "metadata.jsonl", "progress.json")}
    top = {"session.json", "progress.json", "summary.json", "README.md", "report.html", "logs/export.log", "logs/errors.log", "logs/performance.log"}
    assert set(tree) == images | state | top


@pytest.mark.parametrize("durability", DURABILITY)
@pytest.mark.parametrize("how", ["kill-before", "kill-half", "kill-after"])
def test_killed_at_every_call_the_next_run_ends_in_the_same_tree(how, durability):
    for at in calls(durability):
        disk = SimulatedDisk([Fault(at, how)])
        first = export(disk, durability)
        with pytest.raises(SimulatedKill):
            first.run()
        disk = disk.restarted()
        promises_hold(disk)
        second = finish(disk, durability)
        acknowledged = len(first.acknowledged)
        assert second.rendered <= 12 - acknowledged, f"call {at} made finished work be done again"


@pytest.mark.parametrize("how", ["error", "short"])
@pytest.mark.parametrize("syncfs", [True, False])
def test_failed_or_cut_short_at_every_call_it_still_ends_in_the_same_tree(how, syncfs):
    for at in calls(syncfs=syncfs):
        disk = SimulatedDisk([Fault(at, how)], syncfs=syncfs)
        export(disk).run_stubbornly()
        assert compared(disk) == undisturbed("batch")[0], f"call {at} ({disk.calls[at - 1]})"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_from_every_call_on_nothing_can_be_written_and_then_it_can_again(code):
    for at in calls():
        disk = SimulatedDisk([Fault(at, "error", code, times=FOREVER)])
        first = export(disk)
        try:
            first.run_stubbornly()
        except Exception as error:
            assert getattr(error, "slug", "") == ("disk-full" if code == errno.ENOSPC else "path-unwritable")
        disk = disk.restarted()
        promises_hold(disk)
        assert finish(disk).rendered <= 12 - len(first.acknowledged)


@pytest.mark.parametrize("syncfs", [True, False])
@pytest.mark.parametrize("how", ["kill-before", "kill-half", "kill-after"])
def test_power_cut_at_every_call_loses_nothing_acknowledged(how, syncfs):
    for at in calls(syncfs=syncfs):
        disk = SimulatedDisk([Fault(at, how)], syncfs=syncfs)
        first = export(disk)
        with pytest.raises(SimulatedKill):
            first.run()
        for seed in range(SEEDS):
            cut = disk.after_power_cut(seed)
            if not exists(cut):
                assert not first.acknowledged
                continue
            promises_hold(cut)
            second = finish(cut, boot_id="another boot")
            assert second.recovery is not None
            kept = {(name, i) for name, found in second.recovery.fonts.items() for i in found.state.done}
            assert first.acknowledged <= kept, f"call {at}, seed {seed}"


def test_power_cut_at_every_call_with_relaxed_durability_costs_time_only():
    for at in calls("relaxed"):
        disk = SimulatedDisk([Fault(at, "kill-half")])
        with pytest.raises(SimulatedKill):
            export(disk, "relaxed").run()
        for seed in range(SEEDS):
            cut = disk.after_power_cut(seed)
            if exists(cut):
                finish(cut, "relaxed", boot_id="another boot")


@pytest.mark.parametrize("syncfs", [True, False])
def test_a_barrier_that_fails_is_never_taken_for_a_success(syncfs):
    """The storage loses half of what it should write back, says so once, and shows good data until asked."""
    for at in calls(syncfs=syncfs):
        for seed in range(2):
            disk = SimulatedDisk([Fault(at, "lost")], syncfs=syncfs, seed=seed)
            run = export(disk)
            run.run_stubbornly()
            assert compared(disk) == undisturbed("batch")[0]
            cut = disk.after_power_cut(seed)
            promises_hold(cut)
            assert compared(cut) == undisturbed("batch")[0], f"call {at} ({disk.calls[at - 1]}), seed {seed}"


def test_killed_right_after_a_failed_barrier_the_lost_data_is_found_out():
    """The next process is told nothing by the kernel; only the storage itself knows."""
    for at in calls():
        for later in (1, 2, 3):
            disk = SimulatedDisk([Fault(at, "lost"), Fault(at + later, "kill-before")], seed=at)
            try:
                export(disk).run_stubbornly()
            except SimulatedKill:
                disk = disk.restarted()
                finish(disk)
            cut = disk.after_power_cut(at)
            promises_hold(cut)
            assert compared(cut) == undisturbed("batch")[0], f"call {at}"


def test_killed_again_and_again_in_recovery_it_still_gets_there():
    disk = SimulatedDisk([Fault(60, "kill-half")])
    with pytest.raises(SimulatedKill):
        export(disk).run()
    for step in range(1, 400):
        disk = disk.after_power_cut(step, [Fault(step, "kill-half")])
        try:
            export(disk, boot_id=f"boot {step}").run()
        except SimulatedKill:
            continue
        break
    assert compared(disk) == undisturbed("batch")[0]


AGAIN = RangeSet.of([(2, 2), (4, 4), (7, 7)])


def finished_once(syncfs: bool = True) -> SimulatedDisk:
    """A finished export in which sample 4 of each font was given up."""
    disk = SimulatedDisk(syncfs=syncfs)
    export(disk).run()
    return disk


def retry(disk: SimulatedDisk, boot_id: str = "boot") -> SmallExport:
    """Take up what was given up, and two samples that are done; now all of them fit."""
    return SmallExport(disk, boot_id=boot_id, again=AGAIN)


@cache
def all_done(syncfs: bool = True) -> tuple[dict[str, bytes], int]:
    """The tree of a session in which nothing was ever given up, and the calls that a retry makes."""
    disk = SimulatedDisk(syncfs=syncfs)
    SmallExport(disk).run()
    again = finished_once(syncfs).restarted()
    retry(again).run()
    assert compared(again) == compared(disk)
    return compared(disk), len(again.calls)


@pytest.mark.parametrize("syncfs", [True, False])
@pytest.mark.parametrize("how", ["kill-before", "kill-half", "kill-after"])
def test_a_retry_killed_or_cut_off_at_every_call_ends_as_if_nothing_had_ever_failed(how, syncfs):
    wanted, count = all_done(syncfs)
    for at in range(1, count + 1):
        disk = finished_once(syncfs).restarted([Fault(at, how)])
        with pytest.raises(SimulatedKill):
            retry(disk).run()
        states = [(disk.restarted(), "boot")] + [(disk.after_power_cut(seed), "other") for seed in range(SEEDS)]
        for after, boot in states:
            promises_hold(after)
            retry(after, boot).run()
            promises_hold(after)
            assert compared(after) == wanted, f"call {at}"


@pytest.mark.parametrize("how", ["error", "lost"])
@pytest.mark.parametrize("syncfs", [True, False])
def test_a_retry_that_fails_at_every_call_ends_as_if_nothing_had_ever_failed(how, syncfs):
    wanted, count = all_done(syncfs)
    for at in range(1, count + 1):
        disk = finished_once(syncfs).restarted([Fault(at, how)])
        retry(disk).run_stubbornly()
        assert compared(disk) == wanted, f"call {at}"
        cut = disk.after_power_cut(at)
        promises_hold(cut)
        assert compared(cut) == wanted, f"call {at}"


DAMAGE = {
    "an image is gone": ("fonts/font-0/images/font-0_002_clear.png", None),
    "an image is shorter": ("fonts/font-0/images/font-0_002_clear.png", lambda data: data[:5]),
    "a label is broken": ("fonts/font-1/metadata.jsonl", lambda data: data.replace(b'{"index":2', b'{"indxe":2')),
    "labels are cut off": ("fonts/font-1/metadata.jsonl", lambda data: data[:700]),
    "labels are gone": ("fonts/font-1/metadata.jsonl", None),
    "labels come twice": ("fonts/font-1/metadata.jsonl", lambda data: data * 2),
    "a checkpoint is broken": ("fonts/font-1/progress.json", lambda data: data[:20]),
    "a checkpoint is empty": ("fonts/font-1/progress.json", lambda data: b""),
    "a checkpoint is gone": ("fonts/font-0/progress.json", None),
    "a record is broken": ("fonts/font-0/metadata.json", lambda data: data[:20]),
}


def damaged(what: str, faults: tuple[Fault, ...] = (), syncfs: bool = True) -> SimulatedDisk:
    disk = SimulatedDisk(syncfs=syncfs)
    export(disk).run()
    name, change = DAMAGE[what]
    old = disk.files(PROJECT)[name]
    disk.uproot(f"{PROJECT}/{name}")
    if change is not None:
        disk.plant(f"{PROJECT}/{name}", "file", change(old))
    return disk.restarted(faults)


@pytest.mark.parametrize("boot", ["boot", "other"])
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_that_names_and_sizes_show_is_mended_on_the_way(what, boot):
    finish(damaged(what), boot_id=boot)


@pytest.mark.parametrize("what", DAMAGE)
def test_mending_killed_or_cut_off_at_every_call_is_mended_again(what):
    whole = damaged(what)
    finish(whole)
    for at in range(1, len(whole.calls) + 1):
        disk = damaged(what, (Fault(at, "kill-half"),))
        with pytest.raises(SimulatedKill):
            export(disk).run()
        for after, boot in [(disk.restarted(), "boot")] + [(disk.after_power_cut(seed), "other") for seed in range(SEEDS)]:
            finish(after, boot_id=boot)
            promises_hold(after)


def exists(disk: SimulatedDisk) -> bool:
    try:
        return layout.SESSION_FILE in disk.files(PROJECT)
    except KeyError:
        return False
