"""LocalTree: the one file that creates, writes, renames, syncs and removes files of a project tree.

Everything goes through held folders (folders.py), relative to them and without following links (I7).
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from fontmill.errors import FontmillError
from fontmilld.core.layout import PART_SUFFIX
from fontmilld.store.folders import DIR, HeldFolders, call, split
from fontmilld.store.kernel import Kernel, LinuxKernel, is_regular
from fontmilld.store.tree import MOST_WHOLE, Content, Entry, ImageFolder, Tree, fault_of

__all__ = ["ImageFolder", "LocalFolder", "LocalTree", "Tree", "fault_of"]

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO planted under one of our names must not hang the writer.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MODE: Final = 0o666
BLOCK: Final = 1 << 20


class LocalFolder:
    """See ImageFolder. Owns `fd`."""

    def __init__(self, kernel: Kernel, fd: int) -> None:
        self._kernel = kernel
        self._fd = fd

    def write(self, file_name: str, data: bytes) -> None:
        if "/" in file_name:
            raise FontmillError("path-not-allowed")
        try:
            _write_new(self._kernel, self._fd, file_name, data)
        except OSError as error:
            raise fault_of(error, "write") from error

    def size(self, file_name: str) -> int | None:
        return _size(self._kernel, self._fd, file_name)

    def read_back(self, file_name: str, most: int) -> bytes | None:
        try:
            fd = self._kernel.open(file_name, _READ, dir_fd=self._fd)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:  # nothing, a link, a socket
                return None
            raise fault_of(error, "open") from error
        try:
            info = self._kernel.fstat(fd)
            return self._whole(fd, info.st_size, most) if is_regular(info) else None
        except OSError as error:
            raise fault_of(error, "read") from error
        finally:
            self._kernel.close(fd)

    def _whole(self, fd: int, size: int, most: int) -> bytes:
        with suppress(OSError):  # advice only
            self._kernel.forget(fd)
        most = min(most, size + 1)  # a label may claim any size; no buffer is made for more than there is
        data = self._kernel.read(fd, most)
        # What is as long as it was a moment ago is whole: no read only to find its end.
        while len(data) not in (size, most) and (more := self._kernel.read(fd, most - len(data))):
            data += more
        return data

    def sound(self, files: Sequence[tuple[str, int, str]]) -> bytes:
        return self._kernel.sound(self._fd, files)

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                self._kernel.close(fd)

    def __del__(self) -> None:
        self.close()


class LocalTree:
    """See Tree. `path` is the project's, absolute and resolved; with `create` missing folders are made."""

    def __init__(self, path: str, *, create: bool = False, kernel: Kernel | None = None) -> None:
        self._kernel: Kernel = kernel or LinuxKernel()
        # Opened before the first write: syncfs tells of failures since the descriptor was opened.
        self._folders = HeldFolders(self._kernel, path, create)

    @functools.cached_property
    def _covers(self) -> bool:
        """Whether one syncfs is a barrier. Asked for with the first one: a worker opens the tree for each batch, and passes none."""
        return self._kernel.syncfs_covers(self._folders.root)

    # Folders -----------------------------------------------------------------------------------------

    def make_dir(self, name: str) -> bool:
        parent, _ = split(name)
        try:
            self._folders.fd(parent)
        except FileNotFoundError:
            self.make_dir(parent)
        except OSError as error:
            raise fault_of(error, "mkdir") from error
        with self._folders.at(name, "mkdir") as (folder, last):
            try:
                self._kernel.mkdir(last, dir_fd=folder)
            except FileExistsError:
                self._folders.fd(name)  # it may be a link, or no folder
                return False
        return True

    def dir(self, name: str) -> LocalFolder:
        with call("open"):
            return LocalFolder(self._kernel, self._kernel.open(".", DIR, dir_fd=self._folders.fd(name)))

    def scan(self, name: str) -> Iterator[Entry]:
        return self._list(name, sizes=True)

    def names(self, name: str) -> Iterator[Entry]:
        return self._list(name, sizes=False)

    def _list(self, name: str, sizes: bool) -> Iterator[Entry]:
        with call("readdir"):
            try:
                fd = self._kernel.open(".", DIR, dir_fd=self._folders.fd(name))
            except FileNotFoundError:
                return
            try:
                yield from self._kernel.list_dir(fd, sizes)
            finally:
                self._kernel.close(fd)

    def remove_dir(self, name: str) -> None:
        try:
            if name:
                with self._folders.at(name, "rmdir") as (parent, last):
                    self._folders.drop(name)
                    self._kernel.rmdir(last, parent)
            else:
                self._folders.remove_root()
        except FontmillError as fault:
            if fault.details.get("errno") not in {"ENOENT", "ENOTEMPTY", "EEXIST"}:
                raise

    # Writing -----------------------------------------------------------------------------------------

    def write(self, name: str, data: bytes) -> None:
        with self._folders.at(name, "write") as (parent, last):
            _write_new(self._kernel, parent, last, data)

    def stage(self, name: str, data: Content) -> None:
        self._write_part(name, data, sync=False)

    def publish(self, name: str) -> None:
        self.rename(name + PART_SUFFIX, name)

    def rename(self, name: str, new: str) -> None:
        _, new_last = split(new)
        with self._folders.at(name, "rename") as (parent, last):
            self._kernel.rename(last, new_last, parent, parent)

    def replace(self, name: str, data: Content) -> None:
        self._write_part(name, data, sync=True)
        self.publish(name)
        with self._folders.at(name, "fsync") as (parent, _):
            self._kernel.fsync(parent)

    def _write_part(self, name: str, data: Content, sync: bool) -> None:
        with self._folders.at(name, "write") as (parent, last):
            _write_new(self._kernel, parent, last + PART_SUFFIX, data, sync)

    def append(self, name: str, data: bytes, at: int) -> None:
        with self._folders.at(name, "write") as (parent, last):
            fd, size = self._open_sized(parent, last, _APPEND if at == 0 else _APPEND & ~os.O_CREAT)
            try:
                _must_be(size, at, at)
                _write_all(self._kernel, fd, data)
            except BaseException:
                with suppress(OSError):
                    self._kernel.close(fd)
                raise
            self._kernel.close(fd)

    def truncate(self, name: str, length: int) -> None:
        with self._folders.at(name, "truncate") as (parent, last):
            fd, size = self._open_sized(parent, last, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                _must_be(size, length, None)
                self._kernel.truncate(fd, length)
            finally:
                self._kernel.close(fd)

    def remove(self, name: str) -> None:
        with self._folders.at(name, "unlink") as (parent, last), suppress(FileNotFoundError):
            self._kernel.unlink(last, parent)

    # Reading -----------------------------------------------------------------------------------------

    def _open_regular(self, parent: int, last: str, flags: int) -> int:
        return self._open_sized(parent, last, flags)[0]

    def _open_sized(self, parent: int, last: str, flags: int) -> tuple[int, int]:
        """A regular file's descriptor and its length."""
        fd = self._kernel.open(last, flags, _MODE, dir_fd=parent)
        info = self._kernel.fstat(fd)
        if is_regular(info):
            return fd, info.st_size
        self._kernel.close(fd)
        raise OSError(errno.ELOOP, "not a regular file")

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return b"".join(self._blocks(name, start, length, MOST_WHOLE if length is None else None))

    def stream(self, name: str, start: int = 0) -> Iterator[bytes]:
        return self._blocks(name, start, None)

    def _blocks(self, name: str, start: int, left: int | None, largest: int | None = None) -> Iterator[bytes]:
        """At most `left` bytes from `start`: no more is read than is asked for. Nothing of a file larger than `largest`."""
        fd = self._open_to_read(name)
        if fd is None:
            return
        try:
            with call("read"):
                if largest is not None and self._kernel.fstat(fd).st_size > largest:
                    return
                if start:
                    self._kernel.seek(fd, start)
                while block := self._kernel.read(fd, BLOCK if left is None else min(BLOCK, left)):
                    yield block
                    left = None if left is None else left - len(block)
        finally:
            self._kernel.close(fd)

    def _open_to_read(self, name: str) -> int | None:
        try:
            with self._folders.at(name, "open") as (parent, last):
                return self._open_regular(parent, last, _READ)
        except FontmillError as fault:
            if fault.details.get("errno") == "ENOENT":
                return None
            raise

    def size(self, name: str) -> int | None:
        parent, last = split(name)
        try:
            folder = self._folders.fd(parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise fault_of(error, "open") from error
        return _size(self._kernel, folder, last)

    def drop_cache(self, name: str) -> None:
        # Advice only: a file system that does not know it still serves reads, and who reads what is no file is told so.
        with suppress(FontmillError):
            fd = self._open_to_read(name)
            if fd is None:
                return
            try:
                with suppress(OSError):
                    self._kernel.forget(fd)
            finally:
                self._kernel.close(fd)

    # Durability --------------------------------------------------------------------------------------

    def barrier(self, touched: Iterable[str]) -> None:
        if self._covers:
            with call("syncfs"):
                self._kernel.syncfs(self._folders.root)
            return
        folders: set[str] = {""}
        for name in touched:
            self._sync_file(name)
            folders.update(_ancestors(name))
        for folder in sorted(folders, key=len, reverse=True):
            with call("fsync"):
                self._kernel.fsync(self._folders.fd(folder))

    def _sync_file(self, name: str) -> None:
        with self._folders.at(name, "fsync") as (parent, last):
            try:
                fd = self._open_regular(parent, last, _READ)
            except FileNotFoundError:
                return  # removed since; its folder's fsync covers that
            try:
                self._kernel.fsync(fd)
            finally:
                self._kernel.close(fd)

    def close(self) -> None:
        self._folders.close()


def _must_be(size: int, least: int, most: int | None) -> None:
    if size < least or (most is not None and size > most):
        raise FontmillError("tree-corrupt", "Something else writes in this project, or took some of it away.")


def _ancestors(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _write_new(kernel: Kernel, parent: int, name: str, data: Content, sync: bool = False) -> None:
    """Create and fill a file. What had the name before keeps its inode until the last moment, then goes."""
    try:
        fd = kernel.open(name, _NEW, _MODE, dir_fd=parent)
    except FileExistsError:
        kernel.unlink(name, parent)
        fd = kernel.open(name, _NEW, _MODE, dir_fd=parent)
    try:
        try:
            for block in (data,) if isinstance(data, bytes) else data:
                _write_all(kernel, fd, block)
            if sync:
                kernel.fdatasync(fd)
        except BaseException:
            with suppress(OSError):
                kernel.close(fd)
            raise
        kernel.close(fd)  # NFS tells of a full disk here
    except (OSError, FontmillError):
        with suppress(OSError):
            kernel.unlink(name, parent)
        raise


def _write_all(kernel: Kernel, fd: int, data: bytes) -> None:
    done = kernel.write(fd, data)
    while done < len(data):
        written = kernel.write(fd, memoryview(data)[done:])
        if written == 0:
            raise OSError(errno.EIO, "the storage takes no more bytes")
        done += written


def _size(kernel: Kernel, parent: int, name: str) -> int | None:
    try:
        info = kernel.lstat(name, parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault_of(error, "stat") from error
    return info.st_size if is_regular(info) else None
