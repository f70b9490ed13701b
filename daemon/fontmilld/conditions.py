"""What holds for all sessions of the daemon at once."""

from __future__ import annotations

from collections.abc import Iterable

from fontmilld.core.lifecycle import Reason
from fontmilld.registry import Registry
from fontmilld.session import ManagedSession


class Conditions:
    """Pauses every session, those that come later too, while memory is short and once the daemon is `leaving`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._short_of_memory = ""
        self.leaving = False

    @property
    def short_of_memory(self) -> bool:
        """Whether nothing may be given to workers, of sessions or of others."""
        return bool(self._short_of_memory)

    def memory_is_short(self, detail: str) -> None:
        """Give nothing out until there is room again; what is out is finished."""
        self._short_of_memory = detail
        for session in self._registry.sessions:
            if not session.life.ended:
                session.pause(Reason.MEMORY, detail)

    def memory_is_back(self) -> None:
        """Go on."""
        self._short_of_memory = ""
        for session in self._registry.sessions:
            if Reason.MEMORY in session.life.reasons:
                session.lift(Reason.MEMORY)

    def leave(self) -> None:
        """Give nothing out any more; what is out is finished."""
        self.leaving = True
        for session in self._registry.sessions:
            if not session.life.ended:
                session.pause(Reason.DRAIN)

    def meet(self, session: ManagedSession, reasons: Iterable[Reason]) -> None:
        """A session has come, paused for `reasons` of its own: it pauses for what holds now, too."""
        for reason in (*reasons, *([Reason.DRAIN] if self.leaving else [])):
            session.pause(reason)
        if self._short_of_memory:
            session.pause(Reason.MEMORY, self._short_of_memory)
