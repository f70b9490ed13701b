"""How much of the memory that fontmill may use is in use, and how short it is: by cgroup (v1, v2) and by machine.

Reads /proc and /sys only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

HOST_ROOM = 8 << 30
"""A larger machine is short of memory only when the last so much of it is: with a fifth of 256 GiB free nothing is short."""


class Use(NamedTuple):
    """`share` is what is in use of the limit that is nearest, to tell people; `pressure` what to act upon.

    Both are 0.0 with nothing in use and 1.0, or above, with no room at all. They differ on a machine with more than
    HOST_ROOM only: there pressure is the share in use of its last HOST_ROOM.
    """

    share: float
    pressure: float


_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class _Files:
    limit: str
    usage: str
    reclaimable: tuple[str, ...]


_V1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))
_V2 = _Files("memory.max", "memory.current", ("inactive_file", "active_file"))


@dataclass(frozen=True, slots=True)
class _Group:
    folder: Path
    files: _Files

    def share(self, most: int) -> float:
        """In use of this group's limit, file cache that the kernel drops at need not counted; 0.0 without a limit."""
        limit = _number(self.folder / self.files.limit)
        if limit is None or not 0 < limit < most:
            return 0.0
        usage = _number(self.folder / self.files.usage) or 0
        stat = _table(self.folder / "memory.stat")
        cache = sum(stat.get(name, 0) for name in self.files.reclaimable)
        return max(0, usage - cache) / limit


class Memory:
    """`root` stands for `/`. The groups are found once: a process seldom moves."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._meminfo = root / "proc/meminfo"
        self._groups = tuple(_groups(root))

    def use(self) -> Use:
        """The largest of all limits that hold for this process: those of its groups, and what the machine has."""
        info = _table(self._meminfo)
        total, available = info.get("MemTotal:", 0) << 10, info.get("MemAvailable:", 0) << 10
        limited = max((group.share(total or _NO_LIMIT) for group in self._groups), default=0.0)
        if not total:
            return Use(limited, limited)
        room = min(total, HOST_ROOM)
        return Use(max(1 - available / total, limited, 0.0), max(1 - min(available, room) / room, limited))


def _groups(root: Path) -> Iterator[_Group]:
    own = _own_paths(root)
    for line in _lines(root / "proc/self/mountinfo"):
        fields = line.split()
        dash = fields.index("-")
        shown, point, kind, options = fields[3], fields[4], fields[dash + 1], fields[dash + 3]
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            files, path = (_V2, own.get("", "/")) if kind == "cgroup2" else (_V1, own.get("memory", "/"))
            # Within a container the path may be one that is not mounted here: then what is mounted is ours.
            relative = path.removeprefix(shown.rstrip("/")).strip("/") if path.startswith(shown) else ""
            yield from _upwards(root / point.lstrip("/"), relative, files)


def _upwards(mount: Path, relative: str, files: _Files) -> Iterator[_Group]:
    folder = mount / relative if (mount / relative).is_dir() else mount
    for level in (folder, *folder.parents):
        if (level / files.limit).exists():
            yield _Group(level, files)
        if level == mount:
            return


def _own_paths(root: Path) -> Mapping[str, str]:
    """Our path by controller; "" is the one of version 2."""
    paths = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def largest(pids: Iterable[int]) -> int | None:
    """Of these processes the one with the most memory of its own, shared pages counted in part (PSS); None of none."""
    sizes = {pid: _table(Path(f"/proc/{pid}/smaps_rollup")).get("Pss:", 0) for pid in pids}
    return max(sizes, key=lambda pid: sizes[pid], default=None)


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None  # "max", or no such file


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text().splitlines()
    return []


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _lines(path))
    return {words[0]: int(words[1]) for words in pairs if len(words) > 1 and words[1].isdigit()}
