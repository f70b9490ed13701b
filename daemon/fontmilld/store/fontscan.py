"""What of one font may be believed. The journal decides: every line is a claim.

Claims before the durable mark are promises and only looked up (name and size). Claims past it are verified by
digest, from the storage and not from its cache. Whatever fails loses its line and is made again, which by I2
gives the same bytes (I3, I5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from fontmill.model import ExportConfig, FontInfo
from fontmilld.core import layout
from fontmilld.core.labels import MAX_LINE, Claim, is_sound, read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal
from fontmilld.store.checkpoint import Checkpoint, Failure, FontState, Mark, decode, without
from fontmilld.store.fontledger import Stamp, distrust
from fontmilld.store.integrity import verify_file_integrity
from fontmilld.store.tree import ImageFolder, Tree

_BEAT_EVERY: Final = 256
_CUT_WITHIN: Final = 1 << 20
_MOST_DROPPED: Final = 1 << 16
"""Lines, of which the places are held: what follows so many bad ones is made again."""
_LARGEST_HOLE: Final = 64 << 20
"""Bytes without a line: so is what follows."""
_NONE: Final = RangeSet()


@dataclass(frozen=True, slots=True)
class FontRecovery:
    """What recovery found of one font. `damaged` is the part of `todo` that was on record and did not hold.

    `verified` counts pairs whose digests were checked. `finished` when the font's record is written too.
    `unsaved` when the checkpoint on disk does not say what `state` says; where there is none, it says that nothing is done.
    """

    state: FontState
    todo: RangeSet
    damaged: RangeSet = _NONE
    verified: int = 0
    finished: bool = False
    unsaved: bool = False


def untouched(info: FontInfo) -> FontRecovery:
    """What recovery finds of a font in whose folder there is nothing."""
    state = FontState(info.font_id)
    return FontRecovery(state, state.todo(info.total_samples))


@dataclass(slots=True)
class _Findings:
    """What one reading of a journal gave. `good` and `damaged` are flags by index; offsets and `end` are bytes."""

    good: bytearray
    damaged: bytearray
    dropped: list[int] = field(default_factory=list)
    last_index: int = 0
    last_good: int = -1
    end: int = 0
    in_order: bool = True
    verified: int = 0
    broken_promise: bool = False


class FontScan:
    """Recovery of one font: `run` once, then `touched`."""

    def __init__(self, tree: Tree, info: FontInfo, config: ExportConfig, stamp: Stamp, alive: Callable[[], None]) -> None:
        self._tree = tree
        self._info = info
        self._id = info.font_id
        self._width = layout.index_width(config.num_samples)
        self._kinds = config.image_kinds
        self._stamp = stamp
        self._alive = alive
        self._name = layout.samples_file(self._id)
        self._images = layout.images_dir(self._id)
        self._fresh = bytearray(info.total_samples + 1)
        self._durable = 0

    def run(self) -> FontRecovery:
        """Read, judge, and leave only good lines in the journal."""
        checkpoint = decode(self._tree.read(layout.checkpoint_file(self._id)))
        if checkpoint is not None and checkpoint.state.font_id != self._id:
            checkpoint = None
        size = journal.size(self._tree, self._name) or 0
        self._durable = checkpoint.state.mark.length if checkpoint is not None else 0
        trusted = self._trusted(checkpoint, size)
        # A short tail is cut at its first fault and made again in order; a long one is mended line by line.
        found = self._read(trusted, cut=size - trusted <= _CUT_WITHIN)
        if found.broken_promise:
            found = self._read(0, cut=False)  # a promise is no line at all: believe nothing of this font
        kept = found.dropped[0] if found.dropped else found.end
        if checkpoint is not None and kept < checkpoint.state.length:
            # The journal loses lines that were on record, and will grow again over that range.
            distrust(self._tree, checkpoint, self._stamp)
        return self._concluded(checkpoint, found, self._mended(found))

    def touched(self) -> Iterator[str]:
        """The files no barrier is known to cover, and the font's state files, for the next barrier."""
        yield self._name
        yield layout.checkpoint_file(self._id)
        yield layout.font_file(self._id)
        for index in indices_of(self._fresh):
            for kind in self._kinds:
                yield f"{self._images}/{layout.image_name(self._id, index, kind, self._width)}"

    def _trusted(self, checkpoint: Checkpoint | None, size: int) -> int:
        """Bytes of the journal whose claims need no digest.

        In the same boot, caches outlived us, so everything on record counts (in relaxed mode that is more
        than the mark). After another boot one group commit more is verified: what the storage called durable
        last is what it is most likely to have lost.
        """
        if checkpoint is None or checkpoint.state.length > size:
            return 0
        if checkpoint.boot_id == self._stamp.boot_id:
            return checkpoint.state.length
        return min(checkpoint.previous.length, checkpoint.state.mark.length)

    # Reading -----------------------------------------------------------------------------------------

    def _read(self, trusted: int, cut: bool) -> _Findings:
        flags = self._info.total_samples + 1
        found = _Findings(bytearray(flags), bytearray(flags))
        self._fresh = bytearray(flags)
        journal.drop_cache(self._tree, self._name)  # it may show lines that the storage lost
        folder = self._tree.dir(self._images)
        hole = 0
        try:
            for number, (offset, line) in enumerate(journal.lines(self._tree, self._name)):
                if number % _BEAT_EVERY == 0:
                    self._alive()
                tail = offset >= trusted
                found.end = offset + len(line)
                if self._judge(found, folder, line, tail, fresh=tail or offset >= self._durable):
                    found.last_good = offset
                    continue
                found.dropped.append(offset)
                hole = hole + len(line) if len(line) > MAX_LINE else 0
                if (tail and cut) or len(found.dropped) > _MOST_DROPPED or hole > _LARGEST_HOLE:
                    break
        finally:
            folder.close()
        return found

    def _judge(self, found: _Findings, folder: ImageFolder, line: bytes, tail: bool, fresh: bool) -> bool:
        """Whether a line stays. A second line of an index goes. `fresh` when no barrier is known to cover it."""
        claim = read_claim(line)
        if claim is None or not self._plausible(claim, line, tail):
            found.broken_promise = found.broken_promise or not tail
            return False
        index = claim.index
        if not self._holds(claim, folder, tail):
            found.damaged[index] = 1
            return False
        if found.good[index]:
            return False
        found.good[index] = 1
        found.in_order = found.in_order and index > found.last_index
        found.last_index = index
        found.verified += tail
        self._fresh[index] = fresh
        return True

    def _plausible(self, claim: Claim, line: bytes, tail: bool) -> bool:
        """Whether a line is whole and speaks of this font's files."""
        if claim.index > self._info.total_samples or not line.endswith(b"\n"):
            return False
        if len(claim.images) != len(self._kinds):
            return False
        for kind, image in zip(self._kinds, claim.images, strict=True):
            if image.file_name != layout.image_name(self._id, claim.index, kind, self._width):
                return False
        return not tail or is_sound(line)

    def _holds(self, claim: Claim, folder: ImageFolder, tail: bool) -> bool:
        for image in claim.images:
            if folder.size(image.file_name) != image.size:
                return False
        return not tail or all(verify_file_integrity(folder, image) for image in claim.images)

    # Concluding --------------------------------------------------------------------------------------

    def _mended(self, found: _Findings) -> int:
        """Leave only good lines in the journal; returns its length. Damaged compressed labels become a journal again."""
        packed = journal.is_packed(self._tree, self._name)
        if not any(found.good):
            self._tree.replace(self._name, b"") if packed else self._tree.remove(self._name)
            return 0
        if not found.dropped:
            return found.end
        first = found.dropped[0]
        if found.last_good > first:
            self._tree.replace(self._name, journal.less(self._tree, self._name, frozenset(found.dropped), found.end))
            return self._tree.size(self._name) or 0
        if packed:
            self._tree.replace(self._name, journal.prefix(self._tree, self._name, first))
        else:
            self._tree.truncate(self._name, first)
        return first

    def _concluded(self, checkpoint: Checkpoint | None, found: _Findings, length: int) -> FontRecovery:
        done = ranges_of(found.good)
        total = self._info.total_samples
        saved = checkpoint.state if checkpoint is not None else FontState(self._id)
        failures = _clipped(without(saved.failures, done), RangeSet.span(1, total))
        state = FontState(self._id, done, failures, length, Mark(length, len(done)), found.in_order)
        todo = state.todo(total)
        return FontRecovery(
            state, todo, ranges_of(found.damaged), found.verified,
            finished=not todo and self._has_record(length),
            unsaved=state != saved or (checkpoint is None and self._tree.size(layout.checkpoint_file(self._id)) is not None),
        )

    def _has_record(self, length: int) -> bool:
        """Whether `metadata.json` is there and speaks of this journal."""
        try:
            record = orjson.loads(self._tree.read(layout.font_file(self._id)))
            return bool(record["samples_file"]["bytes"] == length)
        except (ValueError, TypeError, KeyError):
            return False


def _clipped(failures: tuple[Failure, ...], inside: RangeSet) -> tuple[Failure, ...]:
    kept = (replace(failure, indices=failure.indices & inside) for failure in failures)
    return tuple(failure for failure in kept if failure.indices)


def ranges_of(flags: bytearray) -> RangeSet:
    """The positions of the ones."""
    spans: list[tuple[int, int]] = []
    start = flags.find(1)
    while start >= 0:
        end = flags.find(0, start)
        end = len(flags) if end < 0 else end
        spans.append((start, end - 1))
        start = flags.find(1, end)
    return RangeSet(tuple(spans))


def indices_of(flags: bytearray) -> Iterator[int]:
    """The positions of the ones, one by one."""
    return iter(ranges_of(flags))
