"""A session's lines in the logs of its project; written, like all else in the tree, by the writer's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fontmilld.core import layout
from fontmilld.ports import Surroundings
from fontmilld.store.ledger import SessionStore
from fontmilld.store.logs import SessionLogs

HOLD_SECONDS = 0.2
Write = Callable[[SessionStore], None]


class Logbook:
    """Lines go through `call`, in order. `told` is called when lines that waited are gone. Before `open` and after `close` none is written."""

    def __init__(self, around: Surroundings, call: Callable[[Write], None], told: Callable[[], None]) -> None:
        self._around, self._call, self._told = around, call, told
        self._logs: SessionLogs | None = None
        self._held: list[tuple[str, dict[str, Any]]] = []

    def open(self, logs: SessionLogs | None) -> None:
        """The logs lie in a tree that is open now."""
        self._logs = logs

    def close(self) -> None:
        """The tree takes no lines any more."""
        self._logs = None

    @property
    def holds(self) -> bool:
        """Whether lines wait for others."""
        return bool(self._held)

    def write(self, name: str, event: str, fields: Mapping[str, Any]) -> None:
        """One line of a log, behind those that are held."""
        self._write((name, event, dict(fields)))

    def hold(self, event: str, fields: Mapping[str, Any]) -> None:
        """A line of `export.log` that may wait a moment for others: one for each of thousands of fonts costs too much."""
        if not self._held:
            self._around.call_later(HOLD_SECONDS, self._write_held)
        self._held.append((event, {"at": self._around.utc(), **fields}))

    def flush(self) -> None:
        """Write what is held."""
        self._write()

    def _write_held(self) -> None:
        self._write()
        self._told()  # somebody may have waited for that, and no answer of the writer says so where it has been stopped

    def _write(self, *lines: tuple[str, str, dict[str, Any]]) -> None:
        held, self._held = self._held, []
        logs, written = self._logs, [*((layout.EXPORT_LOG, *line) for line in held), *lines]
        if logs is None or not written:
            return

        def write(_: SessionStore) -> None:
            for line in written:
                logs.write(*line)
            logs.flush()

        self._call(write)
