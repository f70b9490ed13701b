"""What a session needs of the daemon: a writer for its tree, surroundings with a clock, events and an index, and an owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from fontmill.model import FontProgress
from fontmilld.store.ledger import SessionStore
from fontmilld.store.records import BatchRecord

SessionT_contra = TypeVar("SessionT_contra", contravariant=True)


class Writer(Protocol):
    """The session's writer thread (store/writer.py)."""

    def append(self, record: BatchRecord) -> None: ...
    def call(self, token: Any, action: Callable[[SessionStore], Any]) -> None: ...
    def reset(self) -> None: ...
    def retry_commit(self) -> None: ...
    def stop(self, settle: bool = True, then: Callable[[], None] = ...) -> None: ...


class NoWriter:
    """Of a session without a tree to write in: one that has ended, or cannot be opened now."""

    def append(self, record: BatchRecord) -> None:
        """Nothing is drawn without a tree."""

    def call(self, token: Any, action: Callable[[SessionStore], Any]) -> None:
        """There is no store to call with."""

    def reset(self) -> None:
        """Nothing to reset."""

    def retry_commit(self) -> None:
        """Nothing to commit."""

    def stop(self, settle: bool = True, then: Callable[[], None] = lambda: None) -> None:
        """Nothing is open: `then` at once."""
        then()


class Surroundings(Protocol):
    """The daemon as its sessions see it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def utc(self) -> str:
        """ISO 8601 UTC."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call once on the loop."""

    def publish(self, kind: str, session: str | None, data: Mapping[str, Any]) -> None:
        """Send an event."""

    def without_core(self) -> str:
        """Why workers draw without the compiled core; "" when they draw with it."""

    def note(self, session_id: str, status: str, reasons: tuple[str, ...], detail: str,
             fonts: tuple[FontProgress, ...] = ()) -> None:
        """Keep the status, and that of the fonts, in the index. Called in the writer's thread."""


class Owner(Protocol[SessionT_contra]):
    """Who has a session, as it sees him."""

    def changed(self, session: SessionT_contra) -> None:
        """The session's status changed in a way that somebody may wait for."""

    def move(self, session: SessionT_contra) -> bool:
        """Go on in the next fallback path; False when there is none."""
