"""SmallExport: a whole session over any Kernel, with a renderer that costs nothing, to be interrupted at will."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontInfo, SessionSummary
from fontmilld.core import layout
from fontmilld.core.labels import label_line
from fontmilld.core.ranges import RangeSet
from fontmilld.store.checkpoint import Failure, FontState
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import Kernel
from fontmilld.store.ledger import SessionStore
from fontmilld.store.records import BarrierError, BatchKey, BatchRecord
from fontmilld.store.recovery import Recovery, recover
from fontmilld.store.sessions import has_session, load_session
from fontmilld.store.tree import Tree

PROJECT = "/out/project"
_NOW = "2026-01-01T00:00:00.000+00:00"


_DRAWN = {
    "script": "Latn", "direction": "ltr", "text_source": "words", "height": 64, "text_box": [0, 0, 9, 32], "snr": 20.0, "psnr": None,
    "psf": [{"kind": "disc", "moments": [1.0, 0.0, 1.0]}], "recipe": {"style": {"size": 30.0}, "effects": []},
}
"""What the documents at the end look at."""


def small_session(samples: int = 7, fonts: int = 2, durability: str = "batch", **config: Any) -> ExportSession:
    """A session of `fonts` fonts, `samples` pairs each; `config` is more of its ExportConfig."""
    return ExportSession(
        session_id="0123456789abcdef", project_name="project", output_path="/out", created_at=_NOW,
        config=ExportConfig(num_samples=samples, durability=durability, **config), fingerprint={"fontmill": "test"},
        fonts=tuple(
            FontInfo(f"font-{n}", f"/fonts/{n}.ttf", sha256=f"{n:064x}", total_samples=samples) for n in range(fonts)
        ),
    )


def picture(font_id: str, index: int, half: str) -> bytes:
    """What the renderer draws: always the same, and not twice the same length in a row."""
    seed = hashlib.sha256(f"{font_id} {index} {half}".encode()).digest()
    return b"PNG" + seed * (1 + index % 3)


def label(font_id: str, index: int, kinds: tuple[str, ...] = layout.HALVES) -> dict[str, object]:
    """The renderer's label of a pair."""
    pictures = {kind: picture(font_id, index, kind) for kind in kinds}
    sizes: dict[str, object] = {f"{kind}_bytes": len(data) for kind, data in pictures.items()}
    digests = {f"{kind}_sha256": hashlib.sha256(data).hexdigest() for kind, data in pictures.items()}
    return {**sizes, **digests, "text": f"text {index}", **_DRAWN}


@dataclass
class SmallExport:
    """Runs `session` on `kernel` to its end, in batches of `batch` samples, committing every `group` batches.

    Samples in `unfit` fail for good, those in `again` are reopened first. `acknowledged` collects what was reported durable, also when a run ends
    in an exception; the same object can be run again on another kernel.
    """

    kernel: Kernel
    session: ExportSession = field(default_factory=small_session)
    boot_id: str = "boot"
    path: str = PROJECT
    batch: int = 3
    group: int = 2
    unfit: RangeSet = field(default_factory=RangeSet)
    again: RangeSet = field(default_factory=RangeSet)
    acknowledged: set[tuple[str, int]] = field(default_factory=set)
    rendered: int = 0
    recovery: Recovery | None = None

    def run(self) -> None:
        """From wherever the tree is to the finished dataset. Raises FontmillError, SimulatedKill."""
        tree = LocalTree(self.path, create=True, kernel=self.kernel)
        try:
            self._run(tree)
        finally:
            tree.close()

    def run_stubbornly(self, attempts: int = 5) -> None:
        """Like `run`, and again when the storage failed, as a manager does after a pause."""
        for attempt in range(attempts):
            try:
                self.run()
            except FontmillError:
                if attempt == attempts - 1:
                    raise
            else:
                return

    def _run(self, tree: Tree) -> None:
        new = () if has_session(tree) else create_project_structure(tree, self.session).new_fonts
        session = load_session(tree)
        self.recovery = recover(tree, session, new_fonts=new, boot_id=self.boot_id)
        if self.recovery.completed and not self.again:
            return
        store = SessionStore(
            tree, session, self.recovery.states, unsaved=self.recovery.unsaved, boot_id=self.boot_id, now=lambda: _NOW,
        )
        while not self._finished(store, session):
            store.rollback()

    def _reopen(self, store: SessionStore, session: ExportSession) -> None:
        for font in session.fonts:
            state = store.state(font.font_id)
            indices = self.again & (state.done | state.failed)
            if indices:
                store.reopen(font.font_id, indices)

    def _finished(self, store: SessionStore, session: ExportSession) -> bool:
        try:
            self._reopen(store, session)
            self._finish(store, session)
        except BarrierError:
            return False
        return True

    def _finish(self, store: SessionStore, session: ExportSession) -> None:
        store.save_progress({"status": "active"})
        for number, (font_id, first, last) in enumerate(self._batches(store, session)):
            store.append(self.render(store, font_id, first, last))
            if number % self.group == self.group - 1:
                self._commit(store)
        self._commit(store)
        states = {font.font_id: store.state(font.font_id) for font in session.fonts}
        for font_id in states:
            store.finish_font(font_id, {"family": font_id})
        counts = {font_id: len(state.done) for font_id, state in states.items()}
        store.save_progress({"status": "completed"})
        store.finish(summary_of(session, states), {layout.CARD_FILE: f"{counts}".encode(), layout.REPORT_FILE: b"report"})

    def _batches(self, store: SessionStore, session: ExportSession) -> Iterator[BatchKey]:
        for font in session.fonts:
            todo = store.state(font.font_id).todo(font.total_samples)
            while todo:
                run, todo = todo.take(self.batch)
                yield BatchKey(font.font_id, run.first, run.last)

    def render(self, store: SessionStore, font_id: str, first: int, last: int) -> BatchRecord:
        """Draw and write one batch, as a worker does."""
        wanted = RangeSet.span(first, last)
        failed, done = wanted & self.unfit, wanted - self.unfit
        folder = store.tree.dir(layout.images_dir(font_id))
        width = layout.index_width(store.session.config.num_samples)
        kinds = store.session.config.image_kinds
        lines = []
        for index in done:
            names = {kind: layout.image_name(font_id, index, kind, width) for kind in kinds}
            for kind, name in names.items():
                folder.write(name, picture(font_id, index, kind))
            lines.append(label_line(index, names["clear"], names["blurred"], label(font_id, index, kinds), names))
        folder.close()
        self.rendered += len(done)
        failures = (Failure("text-unfit", "too long", failed),) if failed else ()
        return BatchRecord(font_id, first, last, done, failures, b"".join(lines), store.epoch)

    def _commit(self, store: SessionStore) -> None:
        committed = store.commit()
        if committed.durable:
            for key in committed.batches:
                done = RangeSet.span(key.first, key.last) - self.unfit
                self.acknowledged.update((key.font_id, index) for index in done)
        if committed.error is not None:
            raise committed.error


def summary_of(session: ExportSession, states: dict[str, FontState]) -> SessionSummary:
    """The summary of a finished session."""
    done = sum(len(state.done) for state in states.values())
    failed = sum(len(state.failed) for state in states.values())
    return SessionSummary(
        session_id=session.session_id, project_name=session.project_name, status="completed",
        created_at=session.created_at, completed_at=_NOW, total_samples=session.total_samples,
        exported_samples=done, failed_samples=failed, skipped_samples=session.total_samples - done - failed,
        total_images=2 * session.total_samples, exported_images=2 * done, failed_images=2 * failed,
        fonts=tuple({name: getattr(font, name) for name in ("font_id", "sha256", "face_index", "total_samples")} for font in session.fonts),
        failures={}, config=session.config.to_dict(), fingerprint=session.fingerprint,
    )
