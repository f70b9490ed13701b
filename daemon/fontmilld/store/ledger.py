"""SessionStore: the synchronous core of a session's writer thread. All state files of a tree pass through here.

A commit writes the new checkpoints beside the old ones, then makes ONE barrier over images, lines and those
files, then gives them their names. So a visible checkpoint never names what the barrier did not cover (I1,
I5), and a commit costs one sync however many fonts took part (I8). A rename lost in a power cut leaves the
checkpoint of one commit earlier, whose tail is verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fontmill.errors import FontmillError
from fontmill.model import SCHEMA_VERSION, ExportSession, FontInfo, SessionSummary
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal, packing
from fontmilld.store.checkpoint import FontState, dump
from fontmilld.store.exporter import export_session_summary
from fontmilld.store.fontledger import FontLedger, Stamp
from fontmilld.store.identity import boot_id as this_boot
from fontmilld.store.records import BarrierError, BatchKey, BatchRecord, Committed, RolledBack
from fontmilld.store.tree import Tree

_RECORDS_HELD: Final = 64


def utc_now() -> str:
    """Now, as ISO 8601 UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class SessionStore:
    """See the module. Used by one thread.

    `fonts` is what recovery found, fonts with nothing yet left out; `unsaved` names those whose checkpoint
    must be written at the next commit; `release` gives the tree's lock free. After a failed barrier it is `broken` until `rollback`.
    """

    def __init__(
        self, tree: Tree, session: ExportSession, fonts: Mapping[str, FontState] | None = None, *,
        unsaved: Set[str] = frozenset(), boot_id: str | None = None, now: Callable[[], str] = utc_now,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.tree = tree
        self._release = release
        self.session = session
        self.epoch = 0
        self.broken = False
        self.relaxed = session.config.durability == "relaxed"
        self._stamp = Stamp(this_boot() if boot_id is None else boot_id, now)
        self._pending: list[BatchKey] = []
        self._staged: list[str] = []
        self._progress: bytes | None = None
        self._records: dict[str, bytes] = {}
        self._record_digests: dict[str, str] = {}
        found = fonts or {}
        # Asked for at every command of the writer: not by a look at each of thousands of fonts.
        self._waiting = {info.font_id for info in session.fonts if info.accepted} & unsaved
        self._fonts = {
            info.font_id: self._ledger(info, found.get(info.font_id) or FontState(info.font_id))
            for info in session.fonts if info.accepted
        }

    def _ledger(self, info: FontInfo, state: FontState) -> FontLedger:
        return FontLedger(self.tree, info, self.session.config, self._stamp, state, state, state.mark, self._waiting)

    @property
    def states(self) -> dict[str, FontState]:
        """Where every font stands."""
        return {font_id: font.state for font_id, font in self._fonts.items()}

    def state(self, font_id: str) -> FontState:
        """Where a font stands, batches that are not committed yet included. Raises KeyError."""
        return self._fonts[font_id].state

    @property
    def pending(self) -> tuple[BatchKey, ...]:
        """Batches appended and not committed."""
        return tuple(self._pending)

    @property
    def wants_commit(self) -> bool:
        """Whether a commit has anything to do."""
        return bool(self._pending or self._staged or self._waiting)

    @property
    def hurries(self) -> bool:
        """Whether that should not wait for more: there are batches, or files beside their future place."""
        return bool(self._pending or self._staged)

    # Batches -----------------------------------------------------------------------------------------

    def append(self, record: BatchRecord) -> None:
        """Add a batch's lines to the journal; they count after the next `commit`.

        Raises what `Tree.append` raises, and then nothing of the batch is kept: it can be appended again.
        A batch given out before a rollback is refused: its images may be among what the storage lost.
        """
        if self.broken or record.epoch != self.epoch:
            raise FontmillError("storage-failed", "The storage failed since this batch was begun; it is made again.")
        self._fonts[record.font_id].append(record)
        self._pending.append(record.key)

    # Commit ------------------------------------------------------------------------------------------

    def commit(self) -> Committed:
        """Make everything appended durable, with one barrier, and say so in the checkpoints.

        Relaxed durability: no barrier, only the checkpoints. Raises BarrierError, after which only
        `rollback` helps; any other FontmillError means that nothing was committed: commit again later.
        """
        return self._commit(barrier=not self.relaxed)

    def settle(self) -> Committed:
        """Like `commit`, and durable in relaxed mode too: for a pause and for the end."""
        for font in self._fonts.values():
            font.touched = font.touched or font.state != font.settled
        return self._commit(barrier=True)

    def _commit(self, barrier: bool) -> Committed:
        self._refuse_if_broken()
        fonts = [self._fonts[name] for name in sorted(self._waiting)]
        if not fonts and not self._staged:
            self._flush_progress()
            return Committed(durable=barrier)
        checkpoints = [font.stage_checkpoint(barrier) for font in fonts]
        self._stage_records()
        self._stage_progress()
        if barrier:
            self._pass_barrier(self._touched([*checkpoints, *self._staged]))
            for font in fonts:
                font.settle()
        batches, self._pending = tuple(self._pending), []
        return Committed(batches, barrier, self._publish(fonts, checkpoints))

    def _refuse_if_broken(self) -> None:
        if self.broken:
            raise BarrierError("storage-failed")

    def _stage_records(self) -> None:
        while self._records:
            name, data = next(iter(self._records.items()))
            self._stage(name, data)
            del self._records[name]

    def _stage_progress(self) -> None:
        if self._progress is not None:
            self._stage(layout.PROGRESS_FILE, self._progress)
            self._progress = None

    def _stage(self, name: str, data: bytes) -> None:
        self.tree.stage(name, data)
        self._will_publish(name)

    def _will_publish(self, name: str) -> None:
        if name not in self._staged:
            self._staged.append(name)

    def _flush_progress(self) -> None:
        if self._progress is not None:
            self.tree.replace(layout.PROGRESS_FILE, self._progress)
            self._progress = None

    def _pass_barrier(self, names: Iterable[str]) -> None:
        try:
            self.tree.barrier(names)
        except FontmillError as error:
            self.broken = True
            raise BarrierError(error.slug, error.message, error.details) from error

    def _touched(self, staged: Iterable[str]) -> Iterator[str]:
        """All files written since the last barrier, made up as they are asked for."""
        for name in staged:
            yield name + layout.PART_SUFFIX
        for font in self._fonts.values():
            yield from font.fresh_names()

    def _publish(self, fonts: list[FontLedger], checkpoints: list[str]) -> FontmillError | None:
        """Give staged files their names. On a failure fonts stay touched: the next commit stages them again."""
        try:
            for name in checkpoints:
                self.tree.publish(name)
            while self._staged:
                self.tree.publish(self._staged[-1])
                self._staged.pop()
        except FontmillError as error:
            return error
        for font in fonts:
            font.touched = False
        return None

    def rollback(self) -> RolledBack:
        """After a failed barrier, go back to the last good one; a new epoch begins.

        Raises when the storage still fails; call it again later.
        """
        self._discard_staged()
        for font in self._fonts.values():
            font.rewind()
        self.broken = False
        self.epoch += 1
        self._pending = []
        return RolledBack(self.epoch, {name: font.state for name, font in self._fonts.items()})

    def _discard_staged(self) -> None:
        touched = [layout.checkpoint_file(name) for name in sorted(self._waiting)]
        for name in (*touched, *self._staged):
            self.tree.remove(name + layout.PART_SUFFIX)
        self._staged.clear()
        self._records.clear()

    # Ends --------------------------------------------------------------------------------------------

    def finish_font(self, font_id: str, record: Mapping[str, Any], display: Mapping[str, Any] | None = None) -> None:
        """Put the labels in order and make the font record; the next commit makes both count.

        `record` (names, licence, axes, coverage, ...) must be equal in every run of the same session.
        """
        self._refuse_if_broken()
        font = self._fonts[font_id]
        font.mend()
        if not font.state.in_order:
            self._settle_fully()
        font.put_in_order()
        data = self._records[layout.font_file(font_id)] = font.finish(record, display)
        self._record_digests[font_id] = hashlib.sha256(data).hexdigest()
        if len(self._records) >= _RECORDS_HELD:
            self._stage_records()

    def save_progress(self, progress: Mapping[str, Any], flush: bool = False) -> None:
        """The project's `progress.json`: written with the next commit, or now."""
        self._progress = dump({"schema_version": SCHEMA_VERSION, **progress})
        if flush:
            self._flush_progress()

    def finish(self, summary: SessionSummary, documents: Mapping[str, bytes]) -> Committed:
        """Commit, then the documents, and last of all, when all else is durable, `summary.json`, which has their digests.

        Raises what `commit` raises, also for a rename that failed; call it again then.
        """
        self._refuse_if_broken()
        for name, data in documents.items():
            self._stage(name, data)
        for name in packing.stage(self.tree, self.session):
            self._will_publish(name)
        committed = self._settle_fully()
        self._seal()
        export_session_summary(self.tree, replace(summary, files=self._digests(documents)))
        if double := packing.drop_unpacked(self.tree, self.session):
            self._pass_barrier(double)
        return committed

    def _digests(self, documents: Mapping[str, bytes]) -> dict[str, str]:
        """SHA-256 of what nothing else has a digest of: the documents, the fonts' records, labels as they are compressed."""
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in documents.items()}
        digests |= {layout.font_file(font_id): self._digest_of_record(font_id) for font_id in self._fonts}
        packed = [name for name in packing.packed_files(self.session).values() if self.tree.size(name) is not None]
        return digests | {name: journal.digest(self.tree.stream(name)) for name in packed}

    def _digest_of_record(self, font_id: str) -> str:
        """Of what was written, or of what an earlier life of the daemon has left."""
        known = self._record_digests.get(font_id)
        return known or hashlib.sha256(self.tree.read(layout.font_file(font_id))).hexdigest()

    def _settle_fully(self) -> Committed:
        committed = self.settle()
        if committed.error is not None:
            raise committed.error
        return committed

    def _seal(self) -> None:
        """Make the renames of the last commit durable too: no staged file may come back after the end."""
        names = [f"{layout.LOGS_DIR}/{name}" for name in layout.LOG_FILES]
        names += [of(name) for name in self._fonts for of in (layout.checkpoint_file, layout.font_file)]
        names += packing.packed_files(self.session).values()
        self._pass_barrier(names)

    def unseal(self) -> None:
        """The project is not complete any more: its labels are a journal again, and `summary.json` goes."""
        if self.tree.size(layout.SUMMARY_FILE) is None:
            return
        packing.unpack(self.tree, self.session)
        self.tree.remove(layout.SUMMARY_FILE)
        packing.drop_packed(self.tree, self.session)

    def reopen(self, font_id: str, indices: RangeSet) -> FontState:
        """Take up samples again, failed ones or done ones: they are forgotten, and the session is unfinished.

        Their lines come at the end of the journal; `finish_font` puts them where they belong. With no indices
        only the font's record is made anew. Raises what `commit` raises; call it again then.
        """
        self._refuse_if_broken()
        self._settle_fully()
        self.unseal()
        font = self._fonts[font_id]
        font.reopen(indices)
        self._settle_fully()
        return font.state

    def close(self) -> None:
        """Let go of the tree, and of its lock."""
        with suppress(FontmillError):
            self.tree.close()
        self._release()
