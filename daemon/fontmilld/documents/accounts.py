"""The account of one font that the documents are made from, and labels chosen evenly from its many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fontmill.model import ExportSession, FontInfo
from fontmilld.core import layout
from fontmilld.store import journal
from fontmilld.store.checkpoint import FontState
from fontmilld.store.tree import Tree

UNKNOWN = "unknown"
_CHUNK = 32 << 10


@dataclass(frozen=True, slots=True)
class Account:
    """One accepted font of a finished session: what was asked of it, and what became of that."""

    info: FontInfo
    state: FontState

    @property
    def done(self) -> int:
        """Finished pairs."""
        return len(self.state.done)

    @property
    def failed(self) -> int:
        """Pairs given up, each with a reason."""
        return len(self.state.failed)

    @property
    def skipped(self) -> int:
        """Pairs that were not tried."""
        return self.info.total_samples - self.done - self.failed

    @property
    def licence(self) -> str:
        """The font's licence as it says itself; "unknown" when it does not."""
        return str(self.info.record.get("licence", "")) or UNKNOWN


def accounts_of(session: ExportSession, states: Mapping[str, FontState]) -> tuple[Account, ...]:
    """The accepted fonts, in the session's order."""
    return tuple(Account(info, states[info.font_id]) for info in session.fonts if info.accepted)


def some_labels(tree: Tree, account: Account, count: int) -> Iterator[dict[str, Any]]:
    """About `count` labels of a font, evenly spaced, or all when there are not more.

    Reads no more than `count` short pieces of the labels file, however long it is.
    """
    name = layout.samples_file(account.info.font_id)
    if account.done <= count:
        yield from (orjson.loads(line) for _, line in journal.lines(tree, name))
        return
    seen = 0
    for number in range(count):
        start = account.state.length * number // count
        piece = journal.read(tree, name, max(0, start - 1), _CHUNK)
        first = piece.find(b"\n") + 1 if start else 0  # before it is the rest of another line
        last = piece.find(b"\n", first)
        if last > first:
            label = orjson.loads(piece[first:last])
            if label["index"] > seen:
                seen = label["index"]
                yield label
