"""What goes into a session's store and what comes out of it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fontmill.errors import FontmillError
from fontmilld.core.ranges import RangeSet
from fontmilld.store.checkpoint import Failure, FontState


class BatchKey(NamedTuple):
    """What names a batch in reports."""

    font_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One finished batch. `lines` holds one label line per index of `done`, in index order.

    `epoch` is the storage's when the batch was given out; `display` are fields for people in `progress.json`.
    """

    font_id: str
    first: int
    last: int
    done: RangeSet
    failures: tuple[Failure, ...] = ()
    lines: bytes = b""
    epoch: int = 0
    display: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> BatchKey:
        """The batch's name."""
        return BatchKey(self.font_id, self.first, self.last)


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit went through for `batches`. `durable` is False in relaxed mode.

    `error` is set when the data is safe but a checkpoint could not be renamed: commit again.
    """

    batches: tuple[BatchKey, ...] = ()
    durable: bool = True
    error: FontmillError | None = None


@dataclass(frozen=True, slots=True)
class RolledBack:
    """After a failed barrier: where each font stands, and the epoch that new batches must carry."""

    epoch: int
    fonts: Mapping[str, FontState]


class BarrierError(FontmillError):
    """A barrier failed: nothing since the last good one may be trusted. `rollback` before anything else."""
