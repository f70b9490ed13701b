"""How fonts that are complete, and then the session, come on record as finished. In-memory state, no effects.

A font waits until it is taken, with others; then its record is asked for, and made or refused. What was refused is taken up
again. A storage that has lost something may have lost records too, which are then to be made anew.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Stage(enum.Enum):
    """How far a font, or the session, is."""

    WAITING = "waiting"
    ASKED = "asked"
    RECORDED = "recorded"
    REFUSED = "refused"


class Finishing:
    """The fonts of a session that are complete, each at its stage, and the session itself."""

    def __init__(self) -> None:
        self._fonts: dict[str, Stage] = {}
        self._waiting: list[str] = []
        self._refused: set[str] = set()
        self._session: Stage | None = None
        self._left = False

    @property
    def waits(self) -> bool:
        """Whether fonts wait to be taken."""
        return bool(self._waiting)

    @property
    def held_up(self) -> bool:
        """Whether something was refused and not taken up again."""
        return bool(self._refused) or self._session is Stage.REFUSED

    @property
    def session_is_open(self) -> bool:
        """Whether the session's record may be asked for: it has not been, or only before a `rewind`, or it was refused and is to be had `again`."""
        return self._session is None

    def complete(self, font_id: str) -> bool:
        """Nothing is left of a font: it waits. False, and no change, when it has come to that already, or all is left."""
        if self._left or self._fonts.get(font_id, Stage.REFUSED) is not Stage.REFUSED:
            return False
        self._refused.discard(font_id)
        self._fonts[font_id] = Stage.WAITING
        self._waiting.append(font_id)
        return True

    def take(self) -> tuple[str, ...]:
        """The fonts that wait, in the order they came: their records are asked for now."""
        taken, self._waiting = tuple(self._waiting), []
        self._fonts.update(dict.fromkeys(taken, Stage.ASKED))
        return taken

    def leave(self) -> None:
        """The tree takes no records any more: what waits or was refused never comes on record."""
        self._left = True
        self._waiting.clear()
        self._refused.clear()

    def answered(self, fonts: Iterable[str], recorded: bool) -> None:
        """Their records are made, or refused. Of a font that was rewound meanwhile an answer says nothing."""
        for font_id in fonts:
            if self._fonts.get(font_id) is Stage.ASKED:
                self._fonts[font_id] = Stage.RECORDED if recorded else Stage.REFUSED
                if not recorded:
                    self._refused.add(font_id)

    def ask_session(self) -> None:
        """The session's record is asked for now."""
        self._session = Stage.ASKED

    def session_answered(self, recorded: bool) -> None:
        """It is made, or refused."""
        if self._session is Stage.ASKED:
            self._session = Stage.RECORDED if recorded else Stage.REFUSED

    def again(self) -> list[str]:
        """The fonts that were refused, sorted: as if they had never been complete; and so the session, if it was refused."""
        refused = sorted(self._refused)
        self._refused.clear()
        for font_id in refused:
            del self._fonts[font_id]
        if self._session is Stage.REFUSED:
            self._session = None
        return refused

    def rewind(self) -> frozenset[str]:
        """The storage lost what was not behind a barrier: nothing is on record any more, or about to be. Returns the fonts of which that was so.

        What was refused stays so, to be had `again`.
        """
        lost = frozenset(font_id for font_id, stage in self._fonts.items() if stage is not Stage.REFUSED)
        self._fonts = dict.fromkeys(self._refused, Stage.REFUSED)
        self._waiting.clear()
        self._session = None
        return lost
