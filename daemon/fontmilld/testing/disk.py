"""SimulatedDisk: a kernel with a disk beneath LocalTree, which fails, is killed and loses power as told.

It does what Linux may do and no more: what is not behind fsync, fdatasync or syncfs may after a power cut be
there, be missing, be torn, read as zeros, or be there without what was done before it; a failed write-back
is told once, leaves the cache showing good data, and is never repaired by another sync.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from fontmilld.store.tree import Entry, EntryKind
from fontmilld.testing.inodes import Change, Inode, kept_changes, stat_of

How = Literal["error", "short", "kill-before", "kill-half", "kill-after", "lost"]
Result = TypeVar("Result")
ROOT: Final = 1
FOREVER: Final = 1 << 60


class SimulatedKill(BaseException):
    """The process is gone: every later call of the same disk raises it too, until `restarted`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the mutating call number `at` (1-based) and at the `times - 1` after it.

    error: it fails with `errno` and does nothing. short: a write takes half. kill-*: the process dies before
    it, half-way or after it. lost: a sync fails, and half of what it should have written back is lost; or a
    close fails (network storage that is full), and what was written through it is lost.
    """

    at: int
    how: How
    errno: int = errno.EIO
    times: int = 1


@dataclass(slots=True)
class _Open:
    inode: int
    flags: int
    offset: int = 0
    wrote: bool = False


class SimulatedDisk:
    """See Kernel and the module. `calls` are the mutating calls so far; `faults` strike by their number."""

    def __init__(self, faults: Iterable[Fault] = (), *, syncfs: bool = True, seed: int = 0) -> None:
        self.calls: list[str] = []
        self.dead = False
        self._covers = syncfs
        self._random = random.Random(seed)
        self.faults = tuple(faults)
        self._inodes: dict[int, Inode] = {ROOT: Inode("dir")}
        self._open: dict[int, _Open] = {}
        self._next = ROOT + 1
        self._next_fd = 1000
        self._serial = 0
        self._closing = 0

    # Faults ------------------------------------------------------------------------------------------

    def _mutating(self, op: str, apply: Callable[[], Result], half: Callable[[], Result] | None = None) -> Result:
        self._alive()
        self.calls.append(op)
        number = len(self.calls)
        fault = next((f for f in self.faults if f.at <= number < f.at + f.times), None)
        if fault is None:
            return apply()
        return self._strike(fault, op, apply, half)

    def _strike(self, fault: Fault, op: str, apply: Callable[[], Result], half: Callable[[], Result] | None) -> Result:
        if fault.how == "short":
            return half() if op == "write" and half is not None else apply()  # a sync is never half done in silence
        if fault.how == "kill-half" and half is not None:
            half()
        elif fault.how == "kill-after":
            apply()
        if fault.how.startswith("kill"):
            self.dead = True
            raise SimulatedKill
        if fault.how == "lost" and op in {"fsync", "fdatasync", "syncfs"}:
            for inode in self._some():
                inode.lose()
        if fault.how == "lost" and op == "close":
            inode = self._inodes[self._closing]
            inode.cut(len(inode.durable))
        raise _error(fault.errno)

    def _some(self) -> list[Inode]:
        """Half of the inodes that have something to lose, at least one."""
        dirty = [inode for inode in self._inodes.values() if inode.dirty]
        return self._random.sample(dirty, -(-len(dirty) // 2))

    def _alive(self) -> None:
        if self.dead:
            raise SimulatedKill

    # Files -------------------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        self._alive()
        if path in {"/", "."}:
            return self._new_fd(ROOT if path == "/" else self._open[_given(dir_fd)].inode, flags)
        folder = self._folder(_given(dir_fd))
        number = folder.entries.get(path)
        if number is not None and flags & os.O_EXCL:
            raise _error(errno.EEXIST)
        if number is None:
            if not flags & os.O_CREAT:
                raise _error(errno.ENOENT)
            number = self._mutating("create", lambda: self._link(folder, path, "file"))
        kind = self._inodes[number].kind
        if kind == "link":
            raise _error(errno.ELOOP)
        if flags & os.O_DIRECTORY and kind != "dir":
            raise _error(errno.ENOTDIR)
        return self._new_fd(number, flags)

    def _new_fd(self, inode: int, flags: int) -> int:
        self._next_fd += 1
        self._open[self._next_fd] = _Open(inode, flags)
        return self._next_fd

    def close(self, fd: int, /) -> None:
        handle = self._open.pop(fd, None)
        if handle is not None and handle.wrote and not self.dead:
            self._closing = handle.inode
            self._mutating("close", lambda: None)

    def write(self, fd: int, data: bytes | memoryview, /) -> int:
        handle = self._open[fd]
        payload = bytes(data)
        handle.wrote = True
        return self._mutating(
            "write", lambda: self._put(handle, payload), lambda: self._put(handle, payload[: (len(payload) + 1) // 2]),
        )

    def _put(self, handle: _Open, data: bytes) -> int:
        inode = self._inodes[handle.inode]
        at = len(inode.data) if handle.flags & os.O_APPEND else handle.offset
        inode.put(at, data)
        handle.offset = at + len(data)
        return len(data)

    def read(self, fd: int, length: int, /) -> bytes:
        self._alive()
        handle = self._open[fd]
        data = bytes(self._inodes[handle.inode].data[handle.offset : handle.offset + length])
        handle.offset += len(data)
        return data

    def seek(self, fd: int, offset: int) -> None:
        self._open[fd].offset = offset

    def fstat(self, fd: int) -> os.stat_result:
        self._alive()
        return stat_of(self._inodes[self._open[fd].inode])

    def lstat(self, path: str, dir_fd: int) -> os.stat_result:
        self._alive()
        return stat_of(self._inodes[self._lookup(dir_fd, path)])

    def truncate(self, fd: int, length: int) -> None:
        inode = self._inodes[self._open[fd].inode]
        self._mutating("truncate", lambda: inode.cut(length))

    # Durability --------------------------------------------------------------------------------------

    def fsync(self, fd: int) -> None:
        self._mutating("fsync", self._inodes[self._open[fd].inode].sync)

    def fdatasync(self, fd: int) -> None:
        self._mutating("fdatasync", self._inodes[self._open[fd].inode].sync)

    def syncfs(self, fd: int) -> None:
        def every(step: int) -> None:
            for inode in list(self._inodes.values())[::step]:
                inode.sync()

        self._mutating("syncfs", lambda: every(1) if self._covers else None, lambda: every(2))

    def syncfs_covers(self, fd: int) -> bool:
        return self._covers

    def forget(self, fd: int) -> None:
        self._alive()
        inode = self._inodes[self._open[fd].inode]
        if not inode.dirty and inode.kind == "file":
            inode.data = bytearray(inode.durable)
            inode.lost.clear()

    def sound(self, folder: int, files: Sequence[tuple[str, int, str]]) -> bytes:
        self._alive()
        return bytes(len(files))

    # Folders -----------------------------------------------------------------------------------------

    def _folder(self, fd: int) -> Inode:
        return self._inodes[self._open[fd].inode]

    def _lookup(self, fd: int, name: str) -> int:
        number = self._folder(fd).entries.get(name)
        if number is None:
            raise _error(errno.ENOENT)
        return number

    def _change(self, folder: Inode, gone: tuple[str, ...], come: tuple[tuple[str, int], ...]) -> None:
        self._serial += 1
        folder.change(Change(self._serial, gone, come))

    def _link(self, folder: Inode, name: str, kind: str) -> int:
        if folder.removed:
            raise _error(errno.ENOENT)
        number, self._next = self._next, self._next + 1
        self._inodes[number] = Inode(kind)
        self._change(folder, (), ((name, number),))
        return number

    def rename(self, old: str, new: str, old_dir: int, new_dir: int) -> None:
        number, folder = self._lookup(old_dir, old), self._folder(new_dir)
        self._mutating("rename", lambda: self._change(folder, (old,), ((new, number),)))

    def unlink(self, path: str, dir_fd: int) -> None:
        self._alive()
        if self._inodes[self._lookup(dir_fd, path)].kind == "dir":
            raise _error(errno.EISDIR)
        self._mutating("unlink", lambda: self._change(self._folder(dir_fd), (path,), ()))

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._alive()
        folder = self._folder(_given(dir_fd))
        if path in folder.entries:
            raise _error(errno.EEXIST)
        self._mutating("mkdir", lambda: self._link(folder, path, "dir"))

    def rmdir(self, path: str, dir_fd: int) -> None:
        self._alive()
        inode = self._inodes[self._lookup(dir_fd, path)]
        if inode.entries:
            raise _error(errno.ENOTEMPTY)

        def apply() -> None:
            self._change(self._folder(dir_fd), (path,), ())
            inode.removed = True

        self._mutating("rmdir", apply)

    def list_dir(self, fd: int, sizes: bool) -> Iterator[Entry]:
        self._alive()
        for name, number in list(self._folder(fd).entries.items()):
            inode = self._inodes[number]
            kind: EntryKind = inode.kind if inode.kind in {"file", "dir", "link"} else "other"  # type: ignore[assignment]
            yield Entry(name, kind, len(inode.data) if kind == "file" and sizes else 0)

    # For tests ---------------------------------------------------------------------------------------

    def plant(self, path: str, kind: str, data: bytes = b"") -> None:
        """Put something foreign at an absolute path; kind is `file`, `dir`, `link` or `fifo`."""
        folder, last = self._parent(path)
        number = self._link(folder, last, kind)
        self._inodes[number].put(0, data)
        self._inodes[number].sync()
        folder.sync()

    def uproot(self, path: str) -> None:
        """Take away what is at an absolute path, durably."""
        folder, last = self._parent(path)
        self._change(folder, (last,), ())
        folder.sync()

    def _parent(self, path: str) -> tuple[Inode, str]:
        folder = self._inodes[ROOT]
        *parents, last = path.strip("/").split("/")
        for part in parents:
            folder = self._inodes[folder.entries[part]]
        return folder, last

    def files(self, under: str = "") -> dict[str, bytes]:
        """Every file beneath an absolute folder, by relative name."""
        number = ROOT
        for part in under.strip("/").split("/"):
            number = self._inodes[number].entries[part] if part else number
        found: dict[str, bytes] = {}
        self._collect(number, "", found)
        return found

    def _collect(self, number: int, prefix: str, found: dict[str, bytes]) -> None:
        for name, child in self._inodes[number].entries.items():
            inode = self._inodes[child]
            if inode.kind == "dir":
                self._collect(child, f"{prefix}{name}/", found)
            else:
                found[prefix + name] = bytes(inode.data)

    def restarted(self, faults: Iterable[Fault] = ()) -> SimulatedDisk:
        """The same disk for the next process: caches live on."""
        return self._with(self._inodes, faults)

    def after_power_cut(self, seed: int, faults: Iterable[Fault] = ()) -> SimulatedDisk:
        """A legal state of the disk after a power cut now, chosen by `seed`: caches are gone."""
        chance = random.Random(seed)
        kept = kept_changes(chance, self._serial)
        inodes = {number: old.after_power_cut(chance, kept) for number, old in self._inodes.items()}
        return self._with(inodes, faults)

    def _with(self, inodes: dict[int, Inode], faults: Iterable[Fault]) -> SimulatedDisk:
        disk = SimulatedDisk(faults, syncfs=self._covers)
        disk._inodes, disk._next, disk._serial = inodes, self._next, self._serial
        return disk


def _given(fd: int | None) -> int:
    if fd is None:
        raise _error(errno.EBADF)
    return fd


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
