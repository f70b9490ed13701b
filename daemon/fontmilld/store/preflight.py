"""What is checked before anything is made: the output path, the room on its file system, the font files.

Creates nothing. Paths are the client's, so messages may name them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fontmill.errors import FontmillError
from fontmill.model import PathValidation, SpaceCheck

FONT_SUFFIXES: Final = (".ttf", ".otf", ".ttc", ".otc", ".otb")
DEFAULT_FONT_LIMIT: Final = 100_000
_MAX_DEPTH: Final = 64


def validate_output_path(path: str, allowed_roots: Sequence[str]) -> PathValidation:
    """validateOutputPath: may projects be made in this folder? It need not exist yet.

    `path` in the result is the resolved one: use that from here on, since LocalTree follows no links. It lies
    beneath one of `allowed_roots`, which are resolved too.
    """
    located = locate(path, allowed_roots)
    return _writable(path, located.path) if located.ok else located


def locate(path: str, allowed_roots: Sequence[str]) -> PathValidation:
    """Where a path leads, if that is beneath an allowed root (I7); nothing is asked of what lies there."""
    if not path.startswith("/") or "\0" in path:
        return PathValidation(path, False, "invalid-argument", "The path must be absolute.")
    try:
        resolved = os.path.realpath(path)
        roots = [os.path.realpath(root) for root in allowed_roots]
    except OSError:
        return PathValidation(path, False, "path-not-allowed", f"The path {path} cannot be resolved.")
    if not any(is_beneath(resolved, root) for root in roots):
        return PathValidation(resolved, False, "path-not-allowed", f"The path {path} is outside the allowed roots.")
    return PathValidation(resolved, True)


def is_beneath(path: str, root: str) -> bool:
    """Whether resolved `path` is `root` or lies in it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def _writable(path: str, resolved: str) -> PathValidation:
    nearest = nearest_existing(resolved)
    try:
        is_folder = stat.S_ISDIR(os.stat(nearest).st_mode)
    except OSError:
        is_folder = False
    if not is_folder:
        return PathValidation(resolved, False, "path-unwritable", f"A part of the output path {path} is not a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return PathValidation(resolved, False, "path-unwritable", f"The output path {path} may not be written by fontmilld's user.")
    if os.statvfs(nearest).f_flag & os.ST_RDONLY:
        return PathValidation(resolved, False, "path-unwritable", f"The file system of the output path {path} is read-only.")
    return PathValidation(resolved, True)


def nearest_existing(path: str) -> str:
    """The path itself or the nearest of its parents that exists."""
    while path != "/" and not os.path.lexists(path):
        path = os.path.dirname(path) or "/"
    return path


def check_disk_space(path: str, required_bytes: int, required_inodes: int = 0) -> SpaceCheck:
    """checkDiskSpace, for a user without privileges, on the file system where `path` is or would be made.

    A file system without a fixed number of inodes (btrfs says 0) has enough of them. Raises
    `storage-failed` when it cannot be asked.
    """
    try:
        room = os.statvfs(nearest_existing(path))
    except OSError as error:
        raise FontmillError("storage-failed", "The output's file system cannot be asked for its free space.") from error
    free, inodes = room.f_bavail * room.f_frsize, room.f_favail
    endless = room.f_files == 0
    ok = free >= required_bytes and (endless or inodes >= required_inodes)
    return SpaceCheck(ok, required_bytes, free, required_inodes, required_inodes if endless else inodes)


def discover_fonts(paths: Iterable[str], limit: int = DEFAULT_FONT_LIMIT) -> list[str]:
    """Font files by path, each file once, in the order of `paths` and sorted within a folder.

    Folders are searched to any depth for .ttf .otf .ttc .otc .otb; links to folders are not followed, links to
    files are. A file named directly counts whatever its name. Files that cannot be read are returned too, so
    that they are refused by name. Raises `no-fonts`, and `invalid-argument` for a path that does not exist or
    more than `limit` files.
    """
    found: dict[str, str] = {}
    for number, path in enumerate(paths):
        if not path.startswith("/") or not os.path.lexists(path):
            raise FontmillError("invalid-argument", f"fonts[{number}]: there is no file or folder {path}.", {"field": f"fonts[{number}]"})
        for file in _font_files(path):
            found.setdefault(os.path.realpath(file), file)
            if len(found) > limit:
                raise FontmillError("invalid-argument", f"fonts: more than {limit} font files.", {"field": "fonts"})
    if not found:
        raise FontmillError("no-fonts")
    return list(found.values())


def _font_files(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        yield from _walk(path, _MAX_DEPTH)
    else:
        yield path


def _walk(folder: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if depth:
                yield from _walk(entry.path, depth - 1)
        elif entry.name.lower().endswith(FONT_SUFFIXES) and not entry.is_dir():
            yield entry.path
