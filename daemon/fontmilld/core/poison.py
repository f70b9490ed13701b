"""Who is to blame when a worker dies: strikes against samples and fonts, as a pure account.

A sample is charged when its worker died at it: the first time its batch is tried again as it was, the second time the
sample is set apart from the rest of its batch, the third time it is given up. A death before any sample was begun is
charged to the font.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from fontmilld.core.planning import Batch

STRIKES_ALONE = 2
STRIKES_QUARANTINE = 3
OPENING_DEATHS = 3
"""In a row, without a finished batch of the font between."""


class Verdict(enum.Enum):
    """What is done with a batch whose worker died."""

    AGAIN = "again"
    APART = "apart"
    QUARANTINE = "quarantine"
    GIVE_UP_FONT = "give up font"


@dataclass(frozen=True, slots=True)
class Charge:
    """The verdict, and the sample it is about (0 where it is about no single one)."""

    verdict: Verdict
    index: int = 0


@dataclass(slots=True)
class Strikes:
    """The account of one session."""

    _samples: Counter[tuple[str, int]] = field(default_factory=Counter)
    _openings: Counter[str] = field(default_factory=Counter)

    def charge(self, batch: Batch, index: int) -> Charge:
        """A worker died with `batch` while it was at `index`; an index outside the batch means it is not known."""
        if not batch.first <= index <= batch.last:
            if len(batch) > 1:
                return self._charge_font(batch.font_id)
            index = batch.first
        self._samples[batch.font_id, index] += 1
        strikes = self._samples[batch.font_id, index]
        if strikes < STRIKES_ALONE:
            return Charge(Verdict.AGAIN, index)
        return Charge(Verdict.APART if strikes < STRIKES_QUARANTINE else Verdict.QUARANTINE, index)

    def _charge_font(self, font_id: str) -> Charge:
        self._openings[font_id] += 1
        return Charge(Verdict.GIVE_UP_FONT if self._openings[font_id] >= OPENING_DEATHS else Verdict.AGAIN)

    def clear_font(self, font_id: str) -> None:
        """A batch of the font came back: opening it is not what kills."""
        self._openings.pop(font_id, None)
