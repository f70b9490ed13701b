"""Which batch comes next, and in which order results may be journalled. In-memory state, no effects.

Fonts keep to one worker while there are fonts enough (its cache stays warm and its labels come in order);
the last fonts are shared. Results are released per font in index order only, so the labels file can be
appended to and never rewritten (I8).
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fontmilld.core.ranges import RangeSet

Outcome = TypeVar("Outcome")
WINDOW = 8


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """A contiguous index range of one font: the unit of dispatch and of checkpointing."""

    first: int
    last: int
    font_id: str

    def __len__(self) -> int:
        return self.last - self.first + 1

    def split_at(self, index: int) -> tuple[Batch, ...]:
        """The batch in up to three: before `index`, `index` alone, after it."""
        parts = ((self.first, index - 1), (index, index), (index + 1, self.last))
        return tuple(Batch(a, b, self.font_id) for a, b in parts if b >= a)


class FontPlan(Generic[Outcome]):
    """What is left of one font. At most `window` batches are out or held back at a time."""

    def __init__(self, font_id: str, todo: RangeSet, window: int = WINDOW) -> None:
        self.font_id = font_id
        self.todo = todo
        self._window = window
        self._order: list[Batch] = []
        self._again: list[Batch] = []
        self._settled: dict[Batch, Outcome] = {}

    @property
    def open(self) -> bool:
        """Whether a batch can be issued now."""
        return bool(self._again) or (bool(self.todo) and len(self._order) < self._window)

    @property
    def outstanding(self) -> int:
        """Samples issued and not yet released."""
        return sum(len(batch) for batch in self._order)

    @property
    def exhausted(self) -> bool:
        """Whether every sample has been issued and released."""
        return not self.todo and not self._order

    def issue(self, size: int) -> Batch:
        """The next batch: one that has to be redone, else the first `size` samples left."""
        if self._again:
            return self._again.pop(0)
        run, self.todo = self.todo.take(size)
        batch = Batch(run.first, run.last, self.font_id)
        insort(self._order, batch)
        return batch

    def settle(self, batch: Batch, outcome: Outcome) -> list[tuple[Batch, Outcome]]:
        """Record a result; returns what may now be journalled, in index order."""
        self._settled[batch] = outcome
        return self._release()

    def _release(self) -> list[tuple[Batch, Outcome]]:
        released: list[tuple[Batch, Outcome]] = []
        while self._order and self._order[0] in self._settled:
            front = self._order.pop(0)
            released.append((front, self._settled.pop(front)))
        return released

    def give_back(self, batch: Batch, parts: Iterable[Batch] = ()) -> None:
        """A batch was lost: issue it again, whole or in parts, before anything new."""
        pieces = tuple(parts) or (batch,)
        self._order.remove(batch)
        for piece in pieces:
            insort(self._order, piece)
            insort(self._again, piece)

    def take_out(self, batch: Batch) -> None:
        """A batch given back is not to be issued again: its outcome is settled by decision."""
        self._again.remove(batch)

    def withdraw(self) -> tuple[RangeSet, list[tuple[Batch, Outcome]]]:
        """Give up what is neither settled nor out; returns it, and what that lets be journalled."""
        dropped = self.todo | RangeSet.of((b.first, b.last) for b in self._again)
        self._order = [batch for batch in self._order if batch not in self._again]
        self._again, self.todo = [], RangeSet()
        return dropped, self._release()


@dataclass
class SessionPlan(Generic[Outcome]):
    """The fonts of a session that still have work, and who works on which. Cost per batch is flat."""

    fonts: dict[str, FontPlan[Outcome]] = field(default_factory=dict)
    _waiting: deque[str] = field(default_factory=deque)
    _held_by: dict[Hashable, str] = field(default_factory=dict)
    _shared: dict[str, None] = field(default_factory=dict)
    _unissued: int = 0

    def add(self, font_id: str, todo: RangeSet) -> None:
        """Plan a font; one without work is not planned."""
        if todo:
            self.fonts[font_id] = FontPlan(font_id, todo)
            self._waiting.append(font_id)
            self._unissued += len(todo)

    @property
    def unissued(self) -> int:
        """Samples not given out yet, lost batches excluded."""
        return self._unissued

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to issue or to settle."""
        return not self.fonts

    def next_batch(self, worker: Hashable, size: Callable[[str], int]) -> Batch | None:
        """A batch for this worker, or None when all that is left is out already."""
        font = self._choose(worker)
        if font is None:
            return None
        before = len(font.todo)
        batch = font.issue(size(font.font_id))
        self._unissued -= before - len(font.todo)
        self._shared[font.font_id] = None
        return batch

    def _choose(self, worker: Hashable) -> FontPlan[Outcome] | None:
        mine = self.fonts.get(self._held_by.get(worker, ""))
        if mine is not None and mine.open:
            return mine
        while self._waiting:
            font = self.fonts.get(self._waiting.popleft())
            if font is not None and font.open:
                self._held_by[worker] = font.font_id
                return font
        return self._most_left(worker)

    def _most_left(self, worker: Hashable) -> FontPlan[Outcome] | None:
        started = [self.fonts[name] for name in self._shared if name in self.fonts]
        best = max((font for font in started if font.open), key=lambda font: len(font.todo), default=None)
        if best is not None:
            self._held_by[worker] = best.font_id
        return best

    def settle(self, batch: Batch, outcome: Outcome) -> list[tuple[Batch, Outcome]]:
        """See FontPlan.settle; a font with nothing left leaves the plan."""
        font = self.fonts[batch.font_id]
        released = font.settle(batch, outcome)
        self._forget_if_done(font)
        return released

    def give_back(self, batch: Batch, parts: Iterable[Batch] = ()) -> None:
        """See FontPlan.give_back."""
        self.fonts[batch.font_id].give_back(batch, parts)
        self._shared[batch.font_id] = None

    def take_out(self, batch: Batch) -> None:
        """See FontPlan.take_out."""
        self.fonts[batch.font_id].take_out(batch)

    def withdraw(self, font_id: str) -> tuple[RangeSet, list[tuple[Batch, Outcome]]]:
        """See FontPlan.withdraw; batches that are out stay in the plan until they settle."""
        font = self.fonts.get(font_id)
        if font is None:
            return RangeSet(), []
        before = len(font.todo)
        dropped, released = font.withdraw()
        self._unissued -= before
        self._forget_if_done(font)
        return dropped, released

    def _forget_if_done(self, font: FontPlan[Outcome]) -> None:
        if font.exhausted:
            del self.fonts[font.font_id]
            self._shared.pop(font.font_id, None)
