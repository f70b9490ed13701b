"""What the manager needs of the rest of the daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, Part
from fontmilld.intake import StartRequest
from fontmilld.opening import Mend, OpenTree
from fontmilld.ports import Surroundings, Writer
from fontmilld.session import ManagedSession
from fontmilld.store import writer as reports
from fontmilld.store.ledger import SessionStore
from fontmilld.store.state import EndedSession

Opening = Callable[[], tuple[SessionStore, OpenTree]]
Done = Callable[[Any], None]
"""Gets a result or a FontmillError, once."""


@dataclass(frozen=True, slots=True)
class CheckedOutput:
    """The output path of a start: that of the request, or the fallback path where the project went on.

    `session_id` is the session that a repeated key belongs to, "" for none.
    """

    path: str
    session_id: str = ""


class Ports(Surroundings, Protocol):
    """What the manager, and the sessions, need of the rest of the daemon."""

    workers: int

    def recall(self, session_id: str) -> EndedSession | None:
        """What the index knows of a session; None when that is nothing."""

    def find_fonts(self, paths: tuple[str, ...], done: Callable[[list[str] | FontmillError], None]) -> None:
        """discover_fonts in another thread; `done` on the loop."""

    def check_output(self, request: StartRequest, done: Callable[[CheckedOutput | FontmillError], None]) -> None:
        """Whether the output may be used; see CheckedOutput."""

    def create(self, wanted: ExportSession, key: str | None, force: bool, text: str) -> Opening:
        """The opener of a new or found project; `text` is the user's own, "" for none."""

    def reopen(self, path: str, mend: Mend | None, sources: Mapping[str, str] | None) -> Opening:
        """The opener of a known project; see TreeOpener.reopen."""

    def move(self, session: ExportSession, output: str, left: Part, text: str) -> Opening:
        """The opener of a session in a fallback path."""

    def writer(self, opening: Opening, post: Callable[[reports.Report], None], name: str) -> Writer:
        """A started writer thread whose reports arrive on the loop."""

    def no_workers(self) -> str:
        """Why there is no worker, where none can be started; "" when there is one, or one may come."""

    def watch_space(self, session: ManagedSession) -> None:
        """Begin to watch the room on the session's file system."""
