"""Storms: faults upon faults in random order, chosen by a seed; the export still ends in the one right tree."""

from __future__ import annotations

import errno
import os
import random
from contextlib import suppress

import pytest

from fontmill.errors import FontmillError
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.testing.disk import Fault, SimulatedDisk, SimulatedKill
from fontmilld.testing.export import PROJECT, SmallExport, small_session

STORMS = int(os.environ.get("FONTMILL_STORMS", "150"))
CODES = (errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EROFS, errno.EDQUOT)
DONE = {(f"font-{font}", index) for font in range(2) for index in range(1, 8)}


def compared(disk: SimulatedDisk) -> dict[str, bytes]:
    return {name: data for name, data in disk.files(PROJECT).items() if not name.endswith(layout.PROGRESS_FILE)}


def undisturbed(durability: str) -> dict[str, bytes]:
    disk = SimulatedDisk()
    SmallExport(disk, small_session(durability=durability)).run()
    return compared(disk)


def faults(chance: random.Random, durability: str) -> list[Fault]:
    """One to three faults within the next calls. Relaxed durability does not promise to survive lost write-back."""
    hows = ["error", "short", "kill-before", "kill-half", "kill-after", *(["lost"] * (durability == "batch"))]
    return [
        Fault(chance.randint(1, 200), chance.choice(hows), chance.choice(CODES), chance.choice((1, 1, 1, 3, 20)))  # type: ignore[arg-type]
        for _ in range(chance.randint(1, 3))
    ]


@pytest.mark.parametrize("durability", ["batch", "relaxed"])
@pytest.mark.parametrize("part", range(4))
def test_a_storm_changes_nothing(part, durability):
    wanted = undisturbed(durability)
    for seed in range(part, STORMS, 4):
        chance = random.Random(seed)
        disk = SimulatedDisk(syncfs=chance.random() < 0.7, seed=seed)
        boot = 0
        promised: set[tuple[str, int]] = set()
        for _ in range(chance.randint(1, 6)):
            disk = disk.restarted(faults(chance, durability))
            run = SmallExport(
                disk, small_session(durability=durability), f"boot {boot}", batch=chance.randint(1, 4),
                group=chance.randint(1, 4), unfit=RangeSet.span(3, 3) if chance.random() < 0.4 else RangeSet(),
                again=RangeSet.span(chance.randint(1, 3), chance.randint(3, 7)) if chance.random() < 0.3 else RangeSet(),
            )
            with suppress(SimulatedKill, FontmillError):
                run.run_stubbornly(2)
            promised = set() if run.again else promised | run.acknowledged  # reopened samples are promised no more
            if chance.random() < 0.5:
                disk, boot = disk.after_power_cut(chance.getrandbits(32)), boot + 1
            else:
                disk = disk.restarted()
        last = SmallExport(disk, small_session(durability=durability), f"boot {boot}")
        last.run()
        SmallExport(disk, small_session(durability=durability), f"boot {boot}", again=RangeSet.span(3, 3)).run()
        assert compared(disk) == wanted, f"seed {seed}"
        assert last.recovery is not None
        kept = {(name, index) for name, found in last.recovery.fonts.items() for index in found.state.done}
        if durability == "batch":
            assert promised & DONE <= kept, f"seed {seed}"
