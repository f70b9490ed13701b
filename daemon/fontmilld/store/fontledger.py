"""FontLedger: the journal and the checkpoint of one font, in the hands of a writer thread.

One rule holds it together: no byte of the journal before a mark that is on disk may ever change, unless that
mark was taken back first, durably (`distrust`). Else new claims could grow into the range of an old promise
(I5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, FontInfo
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal
from fontmilld.store.checkpoint import Checkpoint, FontState, Mark, dump, merge_failures, without
from fontmilld.store.exporter import font_record
from fontmilld.store.litter import sweep_unclaimed
from fontmilld.store.records import BatchRecord
from fontmilld.store.tree import Tree

_NONE: Final = RangeSet()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What checkpoints tell of who wrote them."""

    boot_id: str
    now: Callable[[], str]


def distrust(tree: Tree, checkpoint: Checkpoint, stamp: Stamp) -> None:
    """Take back, durably, what a checkpoint promises: the next recovery verifies every pair of the font."""
    state = replace(checkpoint.state, length=0, mark=Mark())
    taken_back = Checkpoint(state, Mark(), stamp.boot_id, checkpoint.display)
    tree.replace(layout.checkpoint_file(state.font_id), taken_back.encode(stamp.now()))


@dataclass(slots=True)
class FontLedger:
    """`state` is what counts now, `settled` what a barrier covers. `waiting` has the ids of all fonts of
    which the next commit must say more; their ledgers share it.

    `torn` after a failed append, until the journal is cut back. `fresh` are indices no barrier covers yet.
    """

    tree: Tree
    info: FontInfo
    config: ExportConfig
    stamp: Stamp
    state: FontState
    settled: FontState
    previous: Mark
    waiting: set[str] = field(default_factory=set)
    torn: bool = False
    fresh: RangeSet = _NONE
    display: Mapping[str, Any] = field(default_factory=dict)

    @property
    def touched(self) -> bool:
        """Whether the next commit must say more of this font."""
        return self.info.font_id in self.waiting

    @touched.setter
    def touched(self, touched: bool) -> None:
        (self.waiting.add if touched else self.waiting.discard)(self.info.font_id)

    @property
    def _journal(self) -> str:
        return layout.samples_file(self.info.font_id)

    @property
    def _checkpoint(self) -> str:
        return layout.checkpoint_file(self.info.font_id)

    def image_names(self, index: int) -> Iterator[str]:
        """The images of a pair, relative to the project."""
        folder, width = layout.images_dir(self.info.font_id), layout.index_width(self.config.num_samples)
        for kind in self.config.image_kinds:
            yield f"{folder}/{layout.image_name(self.info.font_id, index, kind, width)}"

    # Batches -----------------------------------------------------------------------------------------

    def append(self, record: BatchRecord) -> None:
        """See SessionStore.append."""
        if record.lines.count(b"\n") != len(record.done):
            raise FontmillError("internal", "A batch does not have one label line per finished sample.")
        if self.state.done & record.done:
            raise FontmillError("internal", "A batch repeats samples that are done.")
        self.mend()
        if record.lines:
            self.torn = True
            self.tree.append(self._journal, record.lines, self.state.length)
            self.torn = False
        self._take(record)

    def _take(self, record: BatchRecord) -> None:
        state = self.state
        behind = not (state.done and record.done) or record.done.first > state.done.last
        self.state = replace(
            state, done=state.done | record.done, length=state.length + len(record.lines),
            failures=merge_failures(state.failures, record.failures) if record.failures else state.failures,
            in_order=state.in_order and behind,
        )
        self.fresh |= record.done
        self.touched = True
        self.display = record.display or self.display

    def mend(self) -> None:
        """Cut off what a failed append left behind."""
        if self.torn:
            if self.state.length or self.tree.size(self._journal) is not None:
                self.tree.truncate(self._journal, self.state.length)
            self.torn = False

    # Commit ------------------------------------------------------------------------------------------

    def stage_checkpoint(self, durable: bool) -> str:
        """Write the next checkpoint beside the old one; its mark says what holds once a barrier has passed."""
        self.mend()
        mark = Mark(self.state.length, len(self.state.done)) if durable else self.settled.mark
        previous = self.settled.mark if mark != self.settled.mark else self.previous
        checkpoint = Checkpoint(replace(self.state, mark=mark), previous, self.stamp.boot_id, self.display)
        self.tree.stage(self._checkpoint, checkpoint.encode(self.stamp.now()))
        return self._checkpoint

    def fresh_names(self) -> Iterator[str]:
        """The files no barrier covers yet."""
        if self.fresh:
            yield self._journal
        for index in self.fresh:
            yield from self.image_names(index)

    def settle(self) -> None:
        """A barrier has passed: all of it holds."""
        mark = Mark(self.state.length, len(self.state.done))
        if mark != self.settled.mark:
            self.previous = self.settled.mark
        self.state = self.settled = replace(self.state, mark=mark)
        self.fresh = _NONE

    def rewind(self) -> None:
        """A barrier failed: back to what the last one covered, with the journal in a new inode."""
        if not (self.touched or self.torn or self.state != self.settled):
            return
        if self.state.length != self.settled.length:
            # In relaxed mode the checkpoint on disk says more than this; and after a failure of the storage
            # its older promises deserve a look too, if we should not get as far as the next commit.
            distrust(self.tree, Checkpoint(self.settled, display=self.display), self.stamp)
        self._cut_to(self.settled.length)
        self.state = self.settled
        self.touched, self.torn, self.fresh = True, False, _NONE

    def _cut_to(self, length: int) -> None:
        if length:
            self.tree.replace(self._journal, journal.prefix(self.tree, self._journal, length))
        else:
            self.tree.remove(self._journal)

    # Ends --------------------------------------------------------------------------------------------

    def put_in_order(self) -> None:
        """Sort the labels. Everything must be settled: after it, a mark covers other lines than before."""
        if not self.state.length:
            self.tree.remove(self._journal)
        elif not self.state.in_order:
            self.tree.replace(self._journal, journal.in_order(self.tree, self._journal))
            self.state = self.settled = replace(self.state, in_order=True)

    def finish(self, record: Mapping[str, Any], display: Mapping[str, Any] | None) -> bytes:
        """What `metadata.json` is to hold. The labels must be in order.

        Samples that were given up or withdrawn leave no half of a pair behind (I3).
        """
        if len(self.state.done) < self.info.total_samples:
            sweep_unclaimed(self.tree, self.info.font_id, self.config, self.state.done)
        data = dump(font_record(self.tree, self.info, self.state, record))
        self.touched = True
        self.display = display or self.display
        return data

    def reopen(self, indices: RangeSet) -> None:
        """Forget samples. Everything must be settled; commit afterwards."""
        self.touched = True
        self.tree.remove(layout.font_file(self.info.font_id))
        again = self.state.done & indices
        if again:
            distrust(self.tree, Checkpoint(self.state, display=self.display), self.stamp)
            self.tree.replace(self._journal, journal.without(self.tree, self._journal, again))
            length = self.tree.size(self._journal) or 0
            done = self.state.done - again
            self.state = replace(self.state, done=done, length=length, mark=Mark(length, len(done)))
        self.state = self.settled = replace(self.state, failures=without(self.state.failures, indices))
        self.previous = self.settled.mark
