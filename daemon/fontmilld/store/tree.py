"""The port to a project tree: what every effect on an output disk goes through, and how its faults are named.

Names are relative to the project (`fonts/x/images`), in components that are neither empty, `.` nor `..`.
Every operation raises FontmillError only: `fault_of` decides, where the error happens, what kind it is.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from fontmill.errors import FontmillError

EntryKind = Literal["file", "dir", "link", "other"]
Content = bytes | Iterable[bytes]
SOUND_AT_ONCE: Final = 64
"""All are open at a time."""

MOST_WHOLE: Final = 256 << 20
"""No file that is read whole has more bytes, and none that takes its place may fill the memory."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNWRITABLE: Final = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EISDIR, errno.ENAMETOOLONG, errno.EFBIG,
})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
_READING: Final = frozenset({"open", "read", "readdir", "stat"})
_NOT_ALLOWED: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})


def fault_of(error: OSError, op: str) -> FontmillError:
    """The error to raise for a failed system call; `op` is the call. The message never holds a path.

    Whatever is neither a full disk, nor refused, nor a link in the way counts as trouble of the storage,
    which may pass (EIO, ESTALE, ETIMEDOUT, EINTR, ENOTCONN, EBUSY, ...).
    """
    code = error.errno or 0
    details = {"errno": errno.errorcode.get(code, str(code)), "op": op}
    if code in _FULL:
        return FontmillError("disk-full", details=details)
    if code in _DENIED and op in _READING:
        return FontmillError("path-unreadable", details=details)
    if code in _UNWRITABLE:
        return FontmillError("path-unwritable", details=details)
    if code in _NOT_ALLOWED:
        return FontmillError("path-not-allowed", "A link or something else that is no folder lies in the way.", details)
    return FontmillError("storage-failed", details=details)


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry; `size` in bytes, 0 when it is not a regular file."""

    name: str
    kind: EntryKind
    size: int = 0


class ImageFolder(Protocol):
    """One folder, held open: the fast way to write many files. `close` it, or drop it."""

    def write(self, file_name: str, data: bytes) -> None:
        """Write a file in one go into a new inode, replacing what had the name; no durability is implied.

        On failure nothing of the new file is left, as far as the storage lets us remove it.
        """

    def size(self, file_name: str) -> int | None:
        """Bytes of a regular file; None when there is none (links are never followed)."""

    def read_back(self, file_name: str, most: int) -> bytes | None:
        """At most `most` bytes of a regular file, from the storage and not its cache; None when there is none."""

    def sound(self, files: Sequence[tuple[str, int, str]]) -> bytes:
        """Of files (name, bytes, SHA-256 in hex; at most SOUND_AT_ONCE): 1 for each that the storage, not its cache, is
        sure to hold as told, 0 where only `read_back` can tell. Faster than that; never an error of the storage.
        """

    def close(self) -> None:
        """Let go of the folder; it may be called twice."""


class Tree(Protocol):
    """A project tree. One thread at a time may use an instance."""

    def make_dir(self, name: str) -> bool:
        """Make a folder and its parents; harmless when it exists. Whether it did not."""

    def dir(self, name: str) -> ImageFolder:
        """Hold an existing folder open for writing."""

    def write(self, name: str, data: bytes) -> None:
        """See ImageFolder.write."""

    def stage(self, name: str, data: Content) -> None:
        """Write the future content of `name` beside it (`.part`), without syncing it."""

    def publish(self, name: str) -> None:
        """Give the staged content its name, atomically. Sync it before: by `barrier`, or use `replace`."""

    def replace(self, name: str, data: Content) -> None:
        """Stage, sync, publish and sync the folder: after it, power loss cannot bring the old content back."""

    def rename(self, name: str, new: str) -> None:
        """Give a file another name in the same folder, replacing what has it."""

    def append(self, name: str, data: bytes, at: int) -> None:
        """Write at the end of a file that must be `at` bytes long (0: may be missing).

        Raises `tree-corrupt` when it has another length: someone else writes in this tree. After any other
        error up to len(data) bytes may have been added; `truncate` to `at` before trying again.
        """

    def truncate(self, name: str, length: int) -> None:
        """Cut a file back to `length` bytes. Raises `tree-corrupt` when it is shorter."""

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes from `start`; b"" when the file is missing or ends before, or has more than MOST_WHOLE and no `length` is given."""

    def stream(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Blocks from `start` to the end; nothing when the file is missing."""

    def size(self, name: str) -> int | None:
        """See ImageFolder.size."""

    def scan(self, name: str) -> Iterator[Entry]:
        """Entries of a folder in no order, sizes included; nothing when the folder is missing."""

    def names(self, name: str) -> Iterator[Entry]:
        """Like `scan`, but faster: sizes are left 0."""

    def remove(self, name: str) -> None:
        """Unlink a file or link; harmless when it is missing."""

    def remove_dir(self, name: str) -> None:
        """Remove an empty folder; harmless when it is missing or not empty. "" is the project itself."""

    def drop_cache(self, name: str) -> None:
        """Ask the kernel to forget its clean copy of a file, so that the next read asks the storage."""

    def barrier(self, touched: Iterable[str]) -> None:
        """Return when everything written so far, by any process, survives power loss (I5).

        `touched` names the files written since the last barrier; where one call covers a whole file system
        it is not looked at. Raises when any of it failed: the kernel forgets which, so everything since the
        last good barrier must then be written anew into new inodes; calling again proves nothing.
        """

    def close(self) -> None:
        """Let go of the tree; it may be called twice."""
