"""Putting fonts, and the session, on record as finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fontmill.model import SessionSummary
from fontmilld.batches import Batches
from fontmilld.calls import Calls
from fontmilld.core.finishing import Finishing
from fontmilld.documents.final import final_documents
from fontmilld.ports import Surroundings
from fontmilld.standing import Standing
from fontmilld.store.ledger import SessionStore
from fontmilld.store.writer import Answer
from fontmilld.telling import Telling

GATHER_SECONDS = 0.2
"""Fonts that are complete wait so long for others: a call, and a commit, for each of thousands cost too much."""
AGAIN_SECONDS = 2.0


class Finisher:
    """Has what is complete put on record by the writer, and again what the storage refused. `go_on` is called when that is taken up again."""

    def __init__(self, around: Surroundings, standing: Standing, batches: Batches, calls: Calls, telling: Telling,
                 go_on: Callable[[], None]) -> None:
        self._around, self._standing, self._batches, self._calls, self._telling = around, standing, batches, calls, telling
        self._go_on = go_on
        self._finishing = Finishing()

    @property
    def waits(self) -> bool:
        """Whether fonts wait for others."""
        return self._finishing.waits

    @property
    def held_up(self) -> bool:
        """Whether something was refused and is not asked for again yet."""
        return self._finishing.held_up

    @property
    def session_is_open(self) -> bool:
        """Whether the session's own record may be asked for."""
        return self._finishing.session_is_open

    def complete(self, font_id: str) -> None:
        """Nothing is left of a font; harmless when that is known."""
        waited = self._finishing.waits
        if self._finishing.complete(font_id):
            self._standing.tracker.complete_font(font_id, self._around.utc())
            if not waited:
                self._around.call_later(GATHER_SECONDS, self.record_fonts)

    def record_fonts(self) -> None:
        """Have those that wait put on record now."""
        fonts = self._finishing.take()
        if not fonts:
            return
        records = [(font_id, self._standing.fonts[font_id].record, self._batches.display(font_id)) for font_id in fonts]

        def finish(store: SessionStore) -> None:
            for font_id, record, display in records:
                store.finish_font(font_id, dict(record), display)

        self._calls.call(finish, lambda answer: self._fonts_answered(fonts, answer))

    def _fonts_answered(self, fonts: tuple[str, ...], answer: Answer) -> None:
        self._finishing.answered(fonts, answer.error is None)
        if answer.error is not None:
            self._around.call_later(AGAIN_SECONDS, self._again)
            return
        for font_id in fonts:
            progress = self._standing.tracker.font_progress(font_id, self._around.now())
            kind = "font-completed" if progress.status == "completed" else "font-failed"
            self._telling.tell_of_font(kind, {"font": font_id, "done": progress.done_samples, "failed": progress.failed_samples})

    def record_session(self, summary: SessionSummary, progress: Mapping[str, Any], completed: Callable[[], None]) -> None:
        """Have the session put on record, with its documents; `completed` is called when it is."""
        self._finishing.ask_session()

        def finish(store: SessionStore) -> None:
            store.save_progress(progress)
            committed = store.finish(summary, final_documents(store.tree, store.session, store.states))
            if committed.error is not None:
                raise committed.error

        def answered(answer: Answer) -> None:
            self._finishing.session_answered(answer.error is None)
            if answer.error is None:
                completed()
            else:
                self._around.call_later(AGAIN_SECONDS, self._again)

        self._calls.call(finish, answered)

    def _again(self) -> None:
        for font_id in self._finishing.again():
            if self._standing.tracker.is_finished(font_id):
                self.complete(font_id)
        self._go_on()

    def rewind(self) -> None:
        """Records were lost with what was not behind a barrier: of fonts of which nothing is left they are made anew."""
        lost = self._finishing.rewind()
        for font_id in self._standing.fonts:
            if font_id in lost and self._standing.tracker.is_finished(font_id):
                self.complete(font_id)

    def leave(self) -> None:
        """The tree takes no records any more."""
        self._finishing.leave()
