"""Disk work on whole projects in threads of its own: what projects.py asks for, done with the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fontmill.errors import FontmillError, invalid
from fontmill.model import ValidationResult
from fontmilld.core import layout
from fontmilld.core.lifecycle import recalled
from fontmilld.opening import TreeOpener
from fontmilld.outside import Done
from fontmilld.pool.fontfile import font_digest, read_font
from fontmilld.projects import CheckPlan, Recorded, Tell
from fontmilld.store import journal
from fontmilld.store.checking import CheckResult
from fontmilld.store.files import LocalTree
from fontmilld.store.litter import delete_project
from fontmilld.store.lock import TreeLock, living_owner
from fontmilld.store.preflight import discover_fonts
from fontmilld.store.sessions import FoundSession, describe, find_sessions, load_session
from fontmilld.store.verify import conclude, look_before, plan_checks

TELL_SECONDS = 0.5


class InThread(Protocol):
    """Runs `work` in a thread and `done` with its result, or the error, on the loop."""

    def __call__(self, name: str, work: Callable[[], Any], done: Callable[[Any], None]) -> None: ...


@dataclass
class Removal:
    """Counts the images that a deletion removes, and tells of them now and then."""

    total: int
    tell: Callable[[int, int], None]
    removed: int = 0
    _told_at: float = field(default_factory=time.monotonic)

    def one(self) -> None:
        """An image is gone."""
        self.removed += 1
        now = time.monotonic()
        if now - self._told_at > TELL_SECONDS:
            self._told_at = now
            self.tell(self.removed, self.total)


class DiskWork:
    """See projects.ProjectPorts. Every path is resolved and held against the allowed roots first (I7).

    `post` runs a callback on the loop.
    """

    def __init__(self, opener: TreeOpener, in_thread: InThread, post: Callable[[Callable[[], None]], None]) -> None:
        self._opener = opener
        self._in_thread = in_thread
        self._post = post

    def detect(self, path: str, done: Done) -> None:
        """See ProjectPorts."""
        self._in_thread("detect", lambda: self._detect(path), done)

    def _detect(self, path: str) -> list[dict[str, Any]]:
        resolved = self._opener.resolve(path, to_write=False)
        return [
            {
                "session_id": found.session.session_id, "project_path": found.path, "completed": found.completed,
                "total_samples": found.session.total_samples, "exported_samples": found.done_samples,
                "failed_samples": found.failed_samples, "created_at": found.session.created_at,
                "pause_reasons": _pause_reasons(found),
            }
            for found in find_sessions(resolved)
        ]

    def find_known(self, path: str | None, fonts: tuple[str, ...], done: Callable[[frozenset[str] | FontmillError], None]) -> None:
        """See ProjectPorts."""
        self._in_thread("find sessions", lambda: self._find_known(path, fonts), done)

    def _find_known(self, path: str | None, fonts: tuple[str, ...]) -> frozenset[str]:
        state = self._opener.state
        at_path = state.find_sessions_by_path(self._opener.resolve(path, to_write=False)) if path else None
        with_fonts = state.find_sessions_by_fonts(fonts) if fonts else None
        found = [frozenset(known.session_id for known in each) for each in (at_path, with_fonts) if each is not None]
        return frozenset.intersection(*found)

    def plan_checks(self, path: str, done: Callable[[CheckPlan | FontmillError], None]) -> None:
        """See ProjectPorts."""
        self._in_thread("plan checks", lambda: self._plan(path), done)

    def _plan(self, path: str) -> CheckPlan:
        resolved = self._opener.project(path, to_write=False)
        tree = LocalTree(resolved)
        try:
            session = load_session(tree, resolved)
            before = look_before(tree, session)
            return CheckPlan(resolved, session, before, plan_checks(tree, session, before))
        finally:
            tree.close()

    def conclude(self, plan: CheckPlan, results: list[CheckResult], level: str,
                 done: Callable[[ValidationResult | FontmillError], None]) -> None:
        """See ProjectPorts."""
        def work() -> ValidationResult:
            tree = LocalTree(plan.path)
            try:
                return conclude(tree, plan.session, plan.before, results, "quick" if level == "quick" else "full")
            finally:
                tree.close()

        self._in_thread("conclude", work, done)

    def find_label(self, path: str, font_id: str, index: int, done: Callable[[Recorded | FontmillError], None]) -> None:
        """See ProjectPorts."""
        self._in_thread("find label", lambda: self._label(path, font_id, index), done)

    def _label(self, path: str, font_id: str, index: int) -> Recorded:
        resolved = self._opener.project(path, to_write=False)
        tree = LocalTree(resolved)
        try:
            session = load_session(tree, resolved)
            if not any(font.accepted and font.font_id == font_id for font in session.fonts):
                raise invalid("font", f"the project has no font {font_id[:80]!r}; `fontmill fonts` lists them.")
            if index > session.config.num_samples:
                raise invalid("index", f"the project has {session.config.num_samples} pairs a font.")
            return Recorded(resolved, session, journal.line_of(tree, layout.samples_file(font_id), index))
        finally:
            tree.close()

    def delete(self, path: str, session_id: str, tell: Tell, done: Done) -> None:
        """See ProjectPorts."""
        self._in_thread("delete", lambda: self._delete(path, session_id, tell), done)

    def _delete(self, path: str, session_id: str, tell: Tell) -> dict[str, Any]:
        resolved = self._opener.project(path)
        tree = LocalTree(resolved)
        try:
            lock = TreeLock(resolved, self._opener.boot)
            try:
                found = describe(tree, resolved)
                session = found.session
                stays = delete_project(tree, session, self._removal(found, tell).one)
            finally:
                lock.release()
            tree.remove_dir("")
        finally:
            tree.close()
        self._opener.state.delete_session_state(session_id or session.session_id)
        return {"session_id": session.session_id, "project_path": resolved, "exported_samples": found.done_samples,
                "foreign_files": list(stays)}

    def _removal(self, found: FoundSession, tell: Tell) -> Removal:
        images, session_id = found.done_samples * len(found.session.config.image_kinds), found.session.session_id

        def posted(removed: int, total: int) -> None:
            told = {"project_path": found.path, "removed_images": removed, "total_images": total}
            self._post(lambda: tell(session_id, told))

        return Removal(images, posted)

    def match_fonts(self, paths: tuple[str, ...], done: Callable[[dict[str, str] | FontmillError], None]) -> None:
        """See ProjectPorts."""
        self._in_thread("match fonts", lambda: {_digest(path): path for path in discover_fonts(paths)}, done)


def _pause_reasons(found: FoundSession) -> list[str]:
    """Those of its last word that still hold."""
    if found.completed:
        return []
    attended = living_owner(found.path) is not None
    life = recalled(found.progress.get("status"), found.progress.get("pause_reasons"), attended)
    return sorted(str(reason) for reason in life.reasons)


def _digest(path: str) -> str:
    try:
        return font_digest(read_font(path))
    except FontmillError:
        return ""
