"""What a session asks of its writer's thread, and what follows on each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fontmill.errors import FontmillError
from fontmilld.ports import NoWriter, Writer
from fontmilld.store.ledger import SessionStore
from fontmilld.store.writer import Answer

Answered = Callable[[Answer], None]


def _nothing_follows(_: Answer) -> None:
    return None


class Calls:
    """The calls that are out, and what they are to be answered to."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.unanswered = 0

    def call(self, action: Callable[[SessionStore], Any], answered: Answered = _nothing_follows) -> None:
        """Run `action` in the writer's thread, behind all that it was given before, then `answered` here; without a writer, neither."""
        if isinstance(self._writer, NoWriter):
            return
        self.unanswered += 1
        self._writer.call(answered, action)

    def answered(self, answer: Answer, failed: Callable[[FontmillError], None]) -> None:
        """The writer has done with a call; `failed` hears of an error before whoever asked does."""
        self.unanswered -= 1
        if answer.error is not None:
            failed(answer.error)
        answer.token(answer)
