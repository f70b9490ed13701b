"""What a simulated disk knows of a file or folder: what the cache shows, and what the storage holds."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_KINDS: Final[dict[str, int]] = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "link": stat.S_IFLNK, "fifo": stat.S_IFIFO}



@dataclass(slots=True)
class Change:
    """A change of a folder that is not durable yet: names that go, and names that come."""

    serial: int
    gone: tuple[str, ...]
    come: tuple[tuple[str, int], ...]

    def apply(self, entries: dict[str, int]) -> None:
        """Carry it out."""
        for name in self.gone:
            entries.pop(name, None)
        entries.update(self.come)


@dataclass(slots=True)
class Inode:
    kind: str
    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    lost: list[tuple[int, int]] = field(default_factory=list)
    dirty: bool = False
    floor: int = 0  # bytes before it have not changed since the last sync
    entries: dict[str, int] = field(default_factory=dict)
    safe_entries: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    removed: bool = False

    def sync(self) -> None:
        """Write back: all but what an earlier failed write-back lost."""
        if self.dirty:
            self.durable, self.dirty = self.on_storage(), False
            self.floor = len(self.durable)
        self.safe_entries = dict(self.entries)
        self.changes.clear()

    def on_storage(self) -> bytes:
        """What write-back of everything would leave on the storage."""
        image = bytearray(self.data)
        for start, lost_end in self.lost:
            end = min(lost_end, len(image))
            if start < end:
                image[start:end] = self.durable[start:end].ljust(end - start, b"\0")
        return bytes(image)

    def lose(self) -> None:
        """A write-back that failed: the pages count as clean and show what never arrived."""
        if self.dirty:
            self.lost.append((self.floor, len(self.data)))
            self.durable, self.dirty = self.on_storage(), False
            self.floor = len(self.durable)

    def put(self, at: int, data: bytes) -> None:
        """Write bytes to the cache."""
        self.data[at : at + len(data)] = data
        self.dirty, self.floor = True, min(self.floor, at)

    def cut(self, length: int) -> None:
        """Truncate in the cache."""
        del self.data[length:]
        self.lost = [(start, min(end, length)) for start, end in self.lost if start < length]
        self.dirty, self.floor = True, min(self.floor, length)

    def change(self, change: Change) -> None:
        """Change a folder in the cache."""
        self.changes.append(change)
        change.apply(self.entries)

    def after_power_cut(self, chance: random.Random, kept: Callable[[int], bool]) -> Inode:
        """What may be left of it; `kept` tells which changes of folders survive."""
        entries = dict(self.safe_entries)
        for change in self.changes:
            if kept(change.serial):
                change.apply(entries)
        data = self._torn(chance) if self.dirty else self.durable
        return Inode(self.kind, bytearray(data), data, entries=entries, safe_entries=dict(entries), floor=len(data))

    def _torn(self, chance: random.Random) -> bytes:
        old, new, floor = self.durable, self.on_storage(), self.floor
        cut = chance.randint(min(floor, len(new)), len(new))
        zeros = new[:cut].ljust(len(new), b"\0")
        return chance.choice((old, new, new[:cut], zeros, new[:floor], new[:floor].ljust(len(new), b"\0")))


def kept_changes(chance: random.Random, last: int) -> Callable[[int], bool]:
    """Which changes of folders survive: none, all, those up to a moment (a journal), or any (no journal)."""
    how = chance.choice(("none", "all", "moment", "any", "any"))
    moment = chance.randint(0, last)
    if how == "any":
        return lambda serial: chance.random() < 0.5
    limit = {"none": 0, "all": last, "moment": moment}[how]
    return lambda serial: serial <= limit


def stat_of(inode: Inode) -> os.stat_result:
    return os.stat_result((_KINDS[inode.kind] | 0o644, 0, 0, 1, 0, 0, len(inode.data), 0, 0, 0))
