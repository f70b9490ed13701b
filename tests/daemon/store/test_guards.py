"""Every safety measure is there for a reason: without it, one of these probes fails.

A probe is a scenario that must end in the undisturbed tree. It passes as things are (first test) and fails
when the measure is taken out (second test).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from fontmill.errors import FontmillError
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store import files, fontledger, fontscan, ledger, recovery
from fontmilld.store.checkpoint import decode
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.records import BatchRecord
from fontmilld.testing.disk import Fault, SimulatedDisk, SimulatedKill
from fontmilld.testing.export import PROJECT, SmallExport

UNFIT = RangeSet.span(4, 4)
AGAIN = RangeSet.span(1, 6)


def compared(disk: SimulatedDisk) -> dict[str, bytes]:
    return {name: data for name, data in disk.files(PROJECT).items() if not name.endswith(layout.PROGRESS_FILE)}


def one_run(unfit: RangeSet = UNFIT) -> SimulatedDisk:
    disk = SimulatedDisk()
    SmallExport(disk, unfit=unfit).run()
    return disk


@pytest.fixture(scope="module")
def wanted() -> dict[str, bytes]:
    return compared(one_run())


@pytest.fixture(scope="module")
def wanted_without_failures() -> dict[str, bytes]:
    return compared(one_run(RangeSet()))


@pytest.fixture(scope="module")
def calls() -> list[str]:
    return list(one_run().calls)


class LostError(Exception):
    """A scenario did not end as it must."""


def check(condition: bool) -> None:
    if not condition:
        raise LostError


def power_cuts(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """Power is cut at every call, then the export goes on and must still know what was acknowledged."""
    for at in range(1, len(calls) + 1):
        first = SmallExport(SimulatedDisk([Fault(at, "kill-half")]), unfit=UNFIT)
        with suppress(SimulatedKill):
            first.run()
        for seed in range(6):
            disk = first.kernel.after_power_cut(seed)  # type: ignore[attr-defined]
            names = disk.files()
            if f"{PROJECT.strip('/')}/session.json" not in names:
                check(not first.acknowledged)
                continue
            second = SmallExport(disk, unfit=UNFIT, boot_id="other")
            second.run()
            check(compared(disk) == wanted)
            assert second.recovery is not None
            kept = {(name, i) for name, found in second.recovery.fonts.items() for i in found.state.done}
            check(first.acknowledged <= kept)


def checkpoints_after_power_cuts(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """No visible checkpoint may promise more than the journal holds."""
    for at in range(1, len(calls) + 1):
        disk = SimulatedDisk([Fault(at, "kill-before")])
        with suppress(SimulatedKill):
            SmallExport(disk, unfit=UNFIT).run()
        for seed in range(6):
            files_left = disk.after_power_cut(seed).files()
            for name, data in files_left.items():
                if name.endswith(layout.PROGRESS_FILE) and "/fonts/" in name:
                    checkpoint = decode(data)
                    check(checkpoint is not None)
                    journal = files_left.get(name.replace(layout.PROGRESS_FILE, layout.SAMPLES_FILE), b"")
                    check(checkpoint is not None and len(journal) >= checkpoint.state.mark.length)


def killed_after_lost_writeback(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """A sync fails, the process is killed, the cache still shows good data, and later the power is cut."""
    for at in [number for number, op in enumerate(calls, 1) if op == "syncfs"]:
        for seed in range(4):
            disk = SimulatedDisk([Fault(at, "lost"), Fault(at + 1, "kill-before")], seed=seed)
            with suppress(SimulatedKill):
                SmallExport(disk, unfit=UNFIT).run_stubbornly()
            disk = disk.restarted()
            SmallExport(disk, unfit=UNFIT).run()
            check(compared(disk.after_power_cut(seed)) == wanted)


def lost_writeback(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """A sync fails, the export goes on, and when all is done the power is cut."""
    for at in [number for number, op in enumerate(calls, 1) if op == "syncfs"]:
        for seed in range(4):
            disk = SimulatedDisk([Fault(at, "lost")], seed=seed)
            SmallExport(disk, unfit=UNFIT).run_stubbornly()
            check(compared(disk.after_power_cut(seed)) == wanted)


def failing_calls(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """Every call fails or is cut short once; the export is told and tries again."""
    for at in range(1, len(calls) + 1):
        for how in ("error", "short", "lost"):
            disk = SimulatedDisk([Fault(at, how)])  # type: ignore[arg-type]
            SmallExport(disk, unfit=UNFIT).run_stubbornly()
            check(compared(disk) == wanted)


def failing_append(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """A write is cut short and the next one fails, so that half a batch is in the journal; then it goes on."""
    disk = SimulatedDisk()
    store, record = first_batch(disk)
    disk.faults = (Fault(len(disk.calls) + 2, "short"), Fault(len(disk.calls) + 3, "error"))
    with suppress(FontmillError):
        store.append(record)
    store.append(record)
    store.commit()
    check(disk.files(PROJECT)["fonts/font-0/metadata.jsonl"] == record.lines)


def first_batch(disk: SimulatedDisk) -> tuple[ledger.SessionStore, BatchRecord]:
    export = SmallExport(disk)
    tree = files.LocalTree(PROJECT, create=True, kernel=disk)
    create_project_structure(tree, export.session)
    store = ledger.SessionStore(tree, export.session)
    return store, export.render(store, "font-0", 1, 3)


def litter(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """A file of ours that was never given its name turns up again."""
    disk = one_run()
    disk.plant(f"{PROJECT}/fonts/font-0/metadata.jsonl.part", "file", b"half")
    SmallExport(disk, unfit=UNFIT).run()
    check(compared(disk) == wanted)


def killed(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """Killed at every call, then run again."""
    for at in range(1, len(calls) + 1):
        disk = SimulatedDisk([Fault(at, "kill-half")])
        with suppress(SimulatedKill):
            SmallExport(disk, unfit=UNFIT).run()
        disk = disk.restarted()
        SmallExport(disk, unfit=UNFIT).run()
        check(compared(disk) == wanted)


def killed_then_given_up(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """Killed while a sample was being written that the next run gives up."""
    for at in range(1, len(calls) + 1):
        disk = SimulatedDisk([Fault(at, "kill-after")])
        with suppress(SimulatedKill):
            SmallExport(disk).run()
        disk = disk.restarted()
        run = SmallExport(disk, unfit=UNFIT)
        run.run()
        if run.recovery is not None and all(4 not in found.state.done for found in run.recovery.fonts.values()):
            check(compared(disk) == wanted)


def retried(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """What was given up is taken up again."""
    disk = one_run().restarted()
    SmallExport(disk, again=AGAIN).run()
    check(compared(disk) == wanted_all)


def retries_cut_off(calls: list[str], wanted: dict[str, bytes], wanted_all: dict[str, bytes]) -> None:
    """Power is cut shortly before each barrier of a retry; then the export goes on with what is left."""
    whole = one_run().restarted()
    SmallExport(whole, again=AGAIN, group=4).run()
    barriers = [number for number, op in enumerate(whole.calls, 1) if op == "syncfs"]
    for at in [barrier - before for barrier in barriers[2:] for before in (0, 1, 4)]:
        disk = one_run().restarted([Fault(at, "kill-before")])
        with suppress(SimulatedKill):
            SmallExport(disk, again=AGAIN, group=4).run()
        for seed in range(60):
            cut = disk.after_power_cut(seed)
            SmallExport(cut, boot_id="other").run()
            images = {name: data for name, data in cut.files(PROJECT).items() if name.endswith(".png")}
            check(all(wanted_all[name] == data for name, data in images.items()))


Probe = Callable[[list[str], dict[str, bytes], dict[str, bytes]], None]
PROBES: tuple[Probe, ...] = (
    power_cuts, checkpoints_after_power_cuts, killed_after_lost_writeback, lost_writeback, failing_calls,
    failing_append, litter, killed, killed_then_given_up, retried, retries_cut_off,
)


def nothing(*args: Any, **kwargs: Any) -> None:
    return None


def holds_by_size(self: Any, claim: Any, folder: Any, tail: bool) -> bool:
    return all(folder.size(half.file_name) == half.size for half in claim.images)


def trust_everything(self: Any, checkpoint: Any, size: int) -> int:
    return size


def forget_only(self: Any) -> Any:
    self.broken = False
    return ledger.RolledBack(self.epoch, {})


def published_early(self: Any, names: Any) -> None:
    names = list(names)
    for name in names:
        if name.endswith(layout.PART_SUFFIX):
            self.tree.publish(name.removesuffix(layout.PART_SUFFIX))
    self.tree.barrier(names)


def close_unchecked(kernel: Any, parent: int, name: str, data: Any, sync: bool = False) -> None:
    """files._write_new without its last check."""

    class Deaf:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(kernel, attribute)

        def close(self, fd: int) -> None:
            with suppress(OSError):
                kernel.close(fd)

    WRITE_NEW(Deaf(), parent, name, data, sync)  # type: ignore[arg-type]


def append_once(kernel: Any, fd: int, data: bytes) -> None:
    """files._write_all that takes a short write for a whole one."""
    kernel.write(fd, data)


WRITE_NEW = files._write_new

GUARDS: dict[str, tuple[Any, str, Any, Probe]] = {
    "the barrier": (files.LocalTree, "barrier", nothing, power_cuts),
    "no name before the barrier": (ledger.SessionStore, "_pass_barrier", published_early, checkpoints_after_power_cuts),
    "the tail is verified": (fontscan.FontScan, "_trusted", trust_everything, power_cuts),
    "by digest": (fontscan.FontScan, "_holds", holds_by_size, power_cuts),
    "from the storage, not its cache": (files.LocalTree, "drop_cache", nothing, killed_after_lost_writeback),
    "a failed barrier is rolled back": (ledger.SessionStore, "rollback", forget_only, lost_writeback),
    "close is checked": (files, "_write_new", close_unchecked, failing_calls),
    "short writes are gone on with": (files, "_write_all", append_once, failing_calls),
    "a torn append is cut back": (fontledger.FontLedger, "mend", nothing, failing_append),
    "litter is swept": (recovery, "sweep", nothing, litter),
    "unlabelled images are swept": (fontledger, "sweep_unclaimed", nothing, killed_then_given_up),
    "labels are put in order": (fontledger.FontLedger, "put_in_order", nothing, retried),
    "promises are taken back first": (fontledger, "distrust", nothing, retries_cut_off),
    "renames are made durable": (files.LocalTree, "replace", lambda self, name, data: (self.stage(name, data), self.publish(name)), power_cuts),
}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.__name__)
def test_with_every_measure_in_place_the_probe_passes(probe, calls, wanted, wanted_without_failures):
    probe(calls, wanted, wanted_without_failures)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Probe]]:
    def take_out(guard: str) -> Probe:
        owner, name, replacement, probe = GUARDS[guard]
        monkeypatch.setattr(owner, name, replacement)
        return probe

    yield take_out


@pytest.mark.parametrize("guard", GUARDS)
def test_without_the_measure_the_probe_fails(guard, without, calls, wanted, wanted_without_failures):
    probe = without(guard)
    with pytest.raises(Exception):  # noqa: B017  # lost data, or an error that was never to happen
        probe(calls, wanted, wanted_without_failures)
