"""The checkpoint of a font (`fonts/*/progress.json`): what it holds, and how it is written and read. Pure.

It speeds up and explains; the journal alone decides which pairs count (I1). So a lost or damaged checkpoint
costs a verification and the failures it recorded, never data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError
from fontmill.model import SCHEMA_VERSION, Record
from fontmilld.core.ranges import RangeSet

_FAILURE_TEXT: Final = 500
_NONE: Final = RangeSet()


@dataclass(frozen=True, slots=True)
class Failure:
    """Samples given up for one reason."""

    slug: str
    reason: str
    indices: RangeSet


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the journal: bytes and samples before it."""

    length: int = 0
    samples: int = 0


@dataclass(frozen=True, slots=True)
class FontState:
    """Where a font stands. `length` is the journal's; `mark` is what power loss cannot take.

    `in_order` tells whether the journal's lines are in index order; they are put in order at the end.
    """

    font_id: str
    done: RangeSet = _NONE
    failures: tuple[Failure, ...] = ()
    length: int = 0
    mark: Mark = Mark()
    in_order: bool = True

    @property
    def failed(self) -> RangeSet:
        """All indices that were given up."""
        return RangeSet.of(span for failure in self.failures for span in failure.indices.spans)

    def todo(self, total: int) -> RangeSet:
        """What is neither done nor given up of 1..total."""
        return RangeSet.span(1, total) - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What `progress.json` of a font says. `previous` is the mark one group commit earlier."""

    state: FontState
    previous: Mark = Mark()
    boot_id: str = ""
    display: Mapping[str, Any] = field(default_factory=dict)

    def encode(self, updated_at: str) -> bytes:
        """The file's bytes. `display` fills in the fields of the original design's FontProgress."""
        state = self.state
        return dump(dict(self.display) | {
            "schema_version": SCHEMA_VERSION,
            "font_id": state.font_id,
            "done": state.done.to_list(),
            "failures": [
                {"slug": f.slug, "reason": f.reason, "indices": f.indices.to_list()} for f in state.failures
            ],
            "journal": {"length": state.length, "samples": len(state.done), "in_order": state.in_order},
            "durable": {"length": state.mark.length, "samples": state.mark.samples},
            "durable_before": {"length": self.previous.length, "samples": self.previous.samples},
            "boot_id": self.boot_id,
            "updated_at": updated_at,
        })


def decode(data: bytes) -> Checkpoint | None:
    """Read a checkpoint; None when it is missing or damaged. Raises `unsupported-schema`."""
    try:
        raw = orjson.loads(data)
        check_schema(raw)
        journal = raw["journal"]
        state = FontState(
            str(raw["font_id"]), RangeSet.of(raw["done"]), tuple(_failure(f) for f in raw["failures"]),
            int(journal["length"]), _mark(raw["durable"]), bool(journal["in_order"]),
        )
        return Checkpoint(state, _mark(raw["durable_before"]), str(raw["boot_id"]), raw)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _mark(raw: Mapping[str, Any]) -> Mark:
    return Mark(int(raw["length"]), int(raw["samples"]))


def _failure(raw: Mapping[str, Any]) -> Failure:
    return Failure(str(raw["slug"]), str(raw["reason"]), RangeSet.of(raw["indices"]))


def check_schema(raw: Mapping[str, Any]) -> None:
    """Raises `unsupported-schema` when a newer fontmill wrote the file; KeyError, TypeError when none did."""
    version = raw["schema_version"]
    if int(version) > SCHEMA_VERSION:
        raise FontmillError("unsupported-schema", details={"found": version, "known": SCHEMA_VERSION})


def merge_failures(known: Iterable[Failure], new: Iterable[Failure]) -> tuple[Failure, ...]:
    """One entry per (slug, reason), in order of first appearance. Reasons are cut to 500 characters."""
    merged: dict[tuple[str, str], RangeSet] = {}
    for failure in (*known, *new):
        key = (failure.slug, failure.reason[:_FAILURE_TEXT])
        merged[key] = merged.get(key, RangeSet()) | failure.indices
    return tuple(Failure(slug, reason, indices) for (slug, reason), indices in merged.items() if indices)


def group_failures(failures: Iterable[Any]) -> tuple[Failure, ...]:
    """(index, slug, reason) triples as one Failure a reason, in a fixed order."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, slug, reason in failures:
        groups.setdefault((slug, reason), []).append(index)
    return tuple(
        Failure(slug, reason, RangeSet.of((index, index) for index in indices))
        for (slug, reason), indices in sorted(groups.items())
    )


def without(failures: Iterable[Failure], indices: RangeSet) -> tuple[Failure, ...]:
    """The failures less those of `indices`."""
    left = (Failure(f.slug, f.reason, f.indices - indices) for f in failures)
    return tuple(failure for failure in left if failure.indices)


def dump(value: Mapping[str, Any] | Record) -> bytes:
    """A state file's bytes: indented JSON with a newline at its end. A record's are those of its `to_dict`."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
