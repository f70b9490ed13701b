"""The session's logs: one JSON object a line in `logs/`, rotated by size. Losing a line never costs a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError
from fontmilld.core import layout
from fontmilld.store.ledger import utc_now
from fontmilld.store.tree import Tree

MAX_BYTES: Final = 8 << 20
KEPT: Final = 3
_MAX_HELD: Final = 1 << 20


class SessionLogs:
    """Lines are gathered by `write` and reach the disk with `flush`. Used by the writer thread.

    `dropped` counts lines that were lost because the storage refused them.
    """

    def __init__(self, tree: Tree, now: Callable[[], str] = utc_now, max_bytes: int = MAX_BYTES) -> None:
        self._tree = tree
        self._now = now
        self._max_bytes = max_bytes
        self._held: dict[str, list[bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._waiting = 0
        self.dropped = 0

    def export(self, event: str, **fields: Any) -> None:
        """A line of `export.log`: what the session did."""
        self.write(layout.EXPORT_LOG, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """A line of `errors.log`: what went wrong, with its slug and reason."""
        self.write(layout.ERRORS_LOG, event, fields)

    def performance(self, event: str, **fields: Any) -> None:
        """A line of `performance.log`: rates and times."""
        self.write(layout.PERFORMANCE_LOG, event, fields)

    def write(self, log: str, event: str, fields: dict[str, Any]) -> None:
        """Hold a line for `log`, one of `layout.LOG_FILES`."""
        if self._waiting > _MAX_HELD:
            self.dropped += 1
            return
        line = orjson.dumps({"at": self._now(), "event": event, **fields}, default=str, option=orjson.OPT_APPEND_NEWLINE)
        self._held.setdefault(log, []).append(line)
        self._waiting += len(line)

    def flush(self) -> None:
        """Append what is held. Never raises: what the storage refuses is dropped and counted."""
        held, self._held, self._waiting = self._held, {}, 0
        for log, lines in held.items():
            try:
                self._append(f"{layout.LOGS_DIR}/{log}", b"".join(lines))
            except FontmillError:
                self.dropped += len(lines)
                self._sizes.pop(log, None)

    def _append(self, name: str, data: bytes) -> None:
        log = name.rpartition("/")[2]
        size = self._sizes.get(log)
        if size is None:
            size, data = self._found(name, data)
        if size and size + len(data) > self._max_bytes:
            self._rotate(name)
            size = 0
        self._tree.append(name, data, size)
        self._sizes[log] = size + len(data)

    def _found(self, name: str, data: bytes) -> tuple[int, bytes]:
        """The size of a log as another process left it; its torn last line gets an end."""
        size = self._tree.size(name) or 0
        torn = size > 0 and self._tree.read(name, size - 1, 1) != b"\n"
        return size, b"\n" + data if torn else data

    def _rotate(self, name: str) -> None:
        for number in range(KEPT - 1, 0, -1):
            if self._tree.size(f"{name}.{number}") is not None:
                self._tree.rename(f"{name}.{number}", f"{name}.{number + 1}")
        self._tree.rename(name, f"{name}.1")
