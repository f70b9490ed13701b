"""A session's hold on its tree: the lock, and the writer that alone may change anything in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fontmilld.calls import Calls
from fontmilld.ports import NoWriter, Writer
from fontmilld.store.writer import Answer


class Tenure:
    """Holds a tree from when it is open until its writer has ended. `usurped` is called when somebody else has it."""

    def __init__(self, writer: Writer, calls: Calls, usurped: Callable[[], None]) -> None:
        self._writer, self._calls, self._usurped = writer, calls, usurped
        self._lock: Any = None
        self.over = False
        """Whether the writer has been told to end."""

    @property
    def holds(self) -> bool:
        """Whether the tree is ours."""
        return self._lock is not None

    @property
    def of_no_tree(self) -> bool:
        """Whether there is no writer, and never will be."""
        return isinstance(self._writer, NoWriter)

    def begin(self, lock: Any) -> None:
        """The tree is open."""
        self._lock = lock

    def beat(self) -> None:
        """Show other machines that the tree's owner lives."""
        if (lock := self._lock) is not None:
            self._calls.call(lambda _: lock.beat(), self._beaten)

    def _beaten(self, answer: Answer) -> None:
        if answer.result is False:
            self._usurped()

    def let_go(self, settle: bool = True, then: Callable[[], None] = lambda: None) -> None:
        """The writer is to end, with all on record if it is to `settle`; it does `then` last of all, when the lock is gone, too."""
        self.over = True
        self._writer.stop(settle=settle, then=then)

    def ended(self) -> None:
        """The writer has ended: the tree is free."""
        self._lock = None
