"""The folders of a tree, held open by descriptors.

I7: the root is opened component by component from `/`, and everything beneath it relative to a held folder,
always without following links; so nothing outside is reached even when someone swaps a folder for a link.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from fontmill.errors import FontmillError
from fontmilld.store.kernel import Kernel
from fontmilld.store.tree import fault_of

DIR: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HELD: Final = 32


@contextmanager
def call(op: str) -> Iterator[None]:
    """Turn an OSError into the FontmillError it means."""
    try:
        yield
    except OSError as error:
        raise fault_of(error, op) from error


def split(name: str) -> tuple[str, str]:
    """(folder, last component) of a relative name. Raises `path-not-allowed` when it is not a plain one."""
    parent, _, last = name.rpartition("/")
    if last in {"", ".", ".."} or name.startswith("/"):
        raise FontmillError("path-not-allowed")
    return parent, last


class HeldFolders:
    """`path` is absolute and resolved. With `create`, missing folders are made, each one durably.

    Methods raise OSError, so that the caller names the operation; `at` and the constructor do it themselves.
    """

    def __init__(self, kernel: Kernel, path: str, create: bool) -> None:
        self._kernel = kernel
        self._path = path
        self._held: OrderedDict[str, int] = OrderedDict()
        self.root = -1
        self.root = self._open_root(path, create)

    def _open_root(self, path: str, create: bool) -> int:
        parts = path.split("/")
        if parts[0] or ".." in parts:
            raise FontmillError("path-not-allowed")
        with call("mkdir" if create else "open"):
            fd = self._kernel.open("/", _STEP)
            for part in parts:
                if part not in {"", "."}:
                    fd = self._step_into(fd, part, create)
            try:
                return self._kernel.open(".", DIR, dir_fd=fd)
            finally:
                self._kernel.close(fd)

    def _step_into(self, fd: int, part: str, create: bool) -> int:
        """The descriptor of a folder beneath `fd`, which is closed."""
        try:
            if create:
                self._make(fd, part)
            return self._kernel.open(part, _STEP, dir_fd=fd)
        finally:
            self._kernel.close(fd)

    def _make(self, parent: int, part: str) -> None:
        """See to it that a folder exists durably, even when an earlier try made it and could not sync it."""
        try:
            self._kernel.close(self._kernel.open(part, _STEP, dir_fd=parent))
        except FileNotFoundError:
            with suppress(FileExistsError):
                self._kernel.mkdir(part, dir_fd=parent)
        # `parent` is an O_PATH descriptor, which itself cannot be synced. What we may not read, others made.
        with suppress(PermissionError):
            real = self._kernel.open(".", DIR, dir_fd=parent)
            try:
                self._kernel.fsync(real)
            finally:
                self._kernel.close(real)

    def fd(self, name: str) -> int:
        """A descriptor of folder `name`, "" being the root. It stays ours; the least used ones are let go."""
        if not name:
            return self.root
        held = self._held.get(name)
        if held is not None:
            self._held.move_to_end(name)
            return held
        parent, last = split(name)
        fd = self._kernel.open(last, DIR, dir_fd=self.fd(parent))
        self._held[name] = fd
        while len(self._held) > _HELD:
            self._kernel.close(self._held.popitem(last=False)[1])
        return fd

    @contextmanager
    def at(self, name: str, op: str) -> Iterator[tuple[int, str]]:
        """The descriptor of the parent folder and the last component; errors within count as those of `op`."""
        parent, last = split(name)
        try:
            yield self.fd(parent), last
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ESTALE}:
                self.forget()
            raise fault_of(error, op) from error

    def drop(self, name: str) -> None:
        """Let go of one folder."""
        fd = self._held.pop(name, None)
        if fd is not None:
            self._kernel.close(fd)

    def forget(self) -> None:
        """Let go of all but the root, so that the next use looks anew."""
        while self._held:
            with suppress(OSError):
                self._kernel.close(self._held.popitem()[1])

    def remove_root(self) -> None:
        """rmdir of the project's folder itself."""
        parent, _, last = self._path.rstrip("/").rpartition("/")
        above = self._open_root(parent or "/", create=False)
        try:
            with call("rmdir"):
                self._kernel.rmdir(last, above)
        finally:
            self._kernel.close(above)

    def close(self) -> None:
        """Let go of everything; it may be called twice."""
        self.forget()
        if self.root >= 0:
            fd, self.root = self.root, -1
            with suppress(OSError):
                self._kernel.close(fd)

    def __del__(self) -> None:
        self.close()
