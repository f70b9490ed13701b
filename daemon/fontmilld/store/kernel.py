"""The system calls a tree is made of, behind one name, so that tests can put a simulated disk beneath."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from fontmilld.native import core
from fontmilld.store.tree import Entry, EntryKind

# f_type of statfs(2). On these syncfs(2) writes back everything and tells (kernel >= 5.8) of any failure
# since the descriptor was opened. Not on overlayfs, which answers 0 when its upper layer has lost data (tried
# with Linux 6.18; fsync of each file does tell); not on FUSE, which answers 0 without asking; not on network
# storage.
SYNCFS_COVERS: Final = frozenset({
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # xfs
    0x9123683E,  # btrfs
    0x01021994,  # tmpfs
    0x858458F6,  # ramfs
    0xF2F52010,  # f2fs
    0xCA451A4E,  # bcachefs
    0x2FC12FC1,  # zfs
})
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_OVERLAY: Final = 0x794C7630
_STATFS_BYTES: Final = 512


class Kernel(Protocol):
    """What LocalTree asks of a kernel; meanings and errors (OSError) are those of the system calls."""

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """open(2), openat(2)."""

    def close(self, fd: int, /) -> None:
        """close(2)."""

    def write(self, fd: int, data: bytes | memoryview, /) -> int:
        """write(2)."""

    def read(self, fd: int, length: int, /) -> bytes:
        """read(2)."""

    def seek(self, fd: int, offset: int) -> None:
        """lseek(2) from the beginning."""

    def fstat(self, fd: int) -> os.stat_result:
        """fstat(2)."""

    def lstat(self, path: str, dir_fd: int) -> os.stat_result:
        """fstatat(2) without following links."""

    def truncate(self, fd: int, length: int) -> None:
        """ftruncate(2)."""

    def fsync(self, fd: int) -> None:
        """fsync(2)."""

    def fdatasync(self, fd: int) -> None:
        """fdatasync(2)."""

    def syncfs(self, fd: int) -> None:
        """syncfs(2)."""

    def syncfs_covers(self, fd: int) -> bool:
        """Whether syncfs on this file system means what it says."""

    def rename(self, old: str, new: str, old_dir: int, new_dir: int) -> None:
        """renameat(2)."""

    def unlink(self, path: str, dir_fd: int) -> None:
        """unlinkat(2)."""

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """mkdirat(2)."""

    def rmdir(self, path: str, dir_fd: int) -> None:
        """unlinkat(2) with AT_REMOVEDIR."""

    def list_dir(self, fd: int, sizes: bool) -> Iterator[Entry]:
        """getdents(2), and fstatat(2) when sizes are wanted."""

    def forget(self, fd: int) -> None:
        """posix_fadvise(2), DONTNEED for the whole file."""

    def sound(self, folder: int, files: Sequence[tuple[str, int, str]]) -> bytes:
        """See ImageFolder.sound."""


class LinuxKernel:
    """The real one."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    write = staticmethod(os.write)
    read = staticmethod(os.read)

    def seek(self, fd: int, offset: int) -> None:
        os.lseek(fd, offset, os.SEEK_SET)

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def lstat(self, path: str, dir_fd: int) -> os.stat_result:
        return os.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def truncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def syncfs(self, fd: int) -> None:
        if _LIBC.syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def syncfs_covers(self, fd: int) -> bool:
        return filesystem_type(fd) in SYNCFS_COVERS and reports_writeback_errors(os.uname().release)

    def rename(self, old: str, new: str, old_dir: int, new_dir: int) -> None:
        os.rename(old, new, src_dir_fd=old_dir, dst_dir_fd=new_dir)

    def unlink(self, path: str, dir_fd: int) -> None:
        os.unlink(path, dir_fd=dir_fd)

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        os.mkdir(path, mode, dir_fd=dir_fd)

    def rmdir(self, path: str, dir_fd: int) -> None:
        os.rmdir(path, dir_fd=dir_fd)

    def list_dir(self, fd: int, sizes: bool) -> Iterator[Entry]:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield _entry(entry, sizes)

    def forget(self, fd: int) -> None:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def sound(self, folder: int, files: Sequence[tuple[str, int, str]]) -> bytes:
        flags: bytes = core.sound_files(folder, files) if core is not None else bytes(len(files))
        return flags


def _entry(entry: os.DirEntry[str], sizes: bool) -> Entry:
    if not entry.is_file(follow_symlinks=False):
        kind: EntryKind = "link" if entry.is_symlink() else "dir" if entry.is_dir(follow_symlinks=False) else "other"
        return Entry(entry.name, kind)
    return Entry(entry.name, "file", entry.stat(follow_symlinks=False).st_size if sizes else 0)


def filesystem_type(fd: int) -> int:
    """f_type of fstatfs(2) as an unsigned number; 0 when it cannot be told."""
    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    if _LIBC.fstatfs(fd, buffer) != 0:
        return 0
    (kind,) = struct.unpack_from("l", buffer.raw)
    return int(kind) & 0xFFFFFFFF


def is_local(fd: int) -> bool:
    """Whether only this machine can have the file system mounted. What is not known counts as shared."""
    return filesystem_type(fd) in SYNCFS_COVERS | {_OVERLAY}


def reports_writeback_errors(release: str) -> bool:
    """Whether syncfs of this kernel release (`6.1.0-13-amd64`) tells of failed write-back: 5.8 and later."""
    parts = release.split("-", maxsplit=1)[0].split(".")
    numbers = tuple(int(part) for part in parts[:2] if part.isdigit())
    return numbers >= (5, 8)


def is_regular(info: os.stat_result) -> bool:
    """Whether a stat result is that of a regular file."""
    return stat.S_ISREG(info.st_mode)
