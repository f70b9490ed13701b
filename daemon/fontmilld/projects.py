"""Operations on whole projects: detect, adopt, verify, repair, retry-failed, rebuild, delete (RecoveryManager's verbs).

Disk work runs in other threads or in the pool; what comes back is handled on the loop's thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, ValidationResult
from fontmilld.core import layout
from fontmilld.core.lifecycle import KEPT, Reason
from fontmilld.core.ranges import RangeSet
from fontmilld.inspection import Inspection, Redraw
from fontmilld.manager import PersistentExportManager
from fontmilld.opening import Mend
from fontmilld.outside import Done
from fontmilld.pool.messages import RedrawDone
from fontmilld.session import ManagedSession
from fontmilld.store.checking import Check, CheckResult
from fontmilld.store.ledger import SessionStore
from fontmilld.store.parts import elsewhere, gather, left_out
from fontmilld.store.recovery import Recovery
from fontmilld.store.verify import REWRITTEN, WHOLE_FONT, Before, repair_plan, rewritten_files

log = logging.getLogger(__name__)
Tell = Callable[[str, Mapping[str, Any]], None]
"""Called on the loop with a session's id and how far work on its project is."""
TRIED_PAIRS = 4


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A project as verification found it: where it is, its session, what it promised, and its parts."""

    path: str
    session: ExportSession
    before: Before
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a project says of one pair: its session, and the line that claims it (b"" for none)."""

    path: str
    session: ExportSession
    line: bytes


class ProjectPorts(Protocol):
    """Disk work; each runs in a thread of its own and calls `done` on the loop with a result or an error."""

    def detect(self, path: str, done: Done) -> None:
        """Sessions found at or beneath a path."""

    def find_known(self, path: str | None, fonts: tuple[str, ...], done: Callable[[frozenset[str] | FontmillError], None]) -> None:
        """Ids of the sessions of the index at a path, and with one of the fonts; either may be left open."""

    def plan_checks(self, path: str, done: Callable[[CheckPlan | FontmillError], None]) -> None:
        """Read a project's session and divide its labels into checks."""

    def conclude(self, plan: CheckPlan, results: list[CheckResult], level: str,
                 done: Callable[[ValidationResult | FontmillError], None]) -> None:
        """Put check results together with what is not an image."""

    def find_label(self, path: str, font_id: str, index: int, done: Callable[[Recorded | FontmillError], None]) -> None:
        """Read a project's session, and the label of one pair. An error when it has no such pair."""

    def delete(self, path: str, session_id: str, tell: Tell, done: Done) -> None:
        """Remove what is ours of a project, and forget it."""

    def match_fonts(self, paths: tuple[str, ...], done: Callable[[dict[str, str] | FontmillError], None]) -> None:
        """Font files by sha256."""


class ProjectOperations:
    """See the module. `done` callbacks get a result or a FontmillError, once."""

    def __init__(self, manager: PersistentExportManager, ports: ProjectPorts) -> None:
        self._manager = manager
        self._ports = ports

    def detect(self, path: str, done: Done) -> None:
        """detectIncompleteSession: every session found, complete ones too, and which this daemon holds."""
        def found(result: Any) -> None:
            if isinstance(result, list):
                known = {session.path for session in self._manager.sessions()}
                result = {"sessions": [{**entry, "known": entry["project_path"] in known} for entry in result]}
            done(result)

        self._ports.detect(path, found)

    def find(self, path: str | None, fonts: tuple[str, ...], done: Done) -> None:
        """findSessionsByPath, findSessionsByFonts: the sessions here that lie at a path, and have one of the fonts."""
        def found(known: frozenset[str] | FontmillError) -> None:
            if isinstance(known, FontmillError):
                done(known)
            else:
                done({"sessions": [s.status() for s in self._manager.sessions() if s.id in known]})

        self._ports.find_known(path, fonts, found)

    def adopt(self, path: str, fonts: tuple[str, ...], done: Done) -> None:
        """Take up a tree that another daemon or machine began; `fonts` is where its font files are here."""
        if not fonts:
            self._take_over(path, {}, done)
            return

        def matched(result: dict[str, str] | FontmillError) -> None:
            if isinstance(result, FontmillError):
                done(result)
            else:
                self._take_over(path, result, done)

        self._ports.match_fonts(fonts, matched)

    def _take_over(self, path: str, sources: dict[str, str], done: Done) -> None:
        """Open the tree; a session of ours that only waits in it, e.g. for its fonts, makes room."""
        waits = any(session.path == path and session.life.status == "paused" for session in self._manager.sessions())
        if waits:
            self._taken_down(path, lambda: self._manager.reopen(path, done, sources=sources))
        else:
            self._manager.reopen(path, done, sources=sources)

    def verify(self, name: str, level: str, done: Callable[[ValidationResult | FontmillError], None]) -> None:
        """validateSessionIntegrity, by all workers. `name` is a session, or the path of a project."""
        def planned(plan: CheckPlan | FontmillError) -> None:
            if isinstance(plan, FontmillError):
                done(plan)
                return
            session_id = plan.session.session_id
            inspection = Inspection(
                plan.session, plan.path, level, deque(plan.checks),
                conclude=lambda results: self._ports.conclude(plan, results, level, lambda result: ended(session_id, result)),
                done=lambda result: ended(session_id, result), now=self._manager.ports.now,
                tell=lambda told: self._manager.ports.publish("verify-progress", session_id, {"project_path": plan.path, **told}))
            self._manager.run_errand(inspection)

        def ended(session_id: str, result: ValidationResult | FontmillError) -> None:
            if isinstance(result, ValidationResult):
                self._manager.ports.publish("verify-completed", session_id, {"ok": result.ok, "checked": result.checked, "damaged": result.damages})
            done(result)

        self._ports.plan_checks(self._path_of(name), planned)

    def _path_of(self, name: str) -> str:
        try:
            return self._manager.find(name).path
        except FontmillError:
            if name.startswith("/"):
                return name.rstrip("/")
            raise

    def repair(self, name: str, done: Done) -> None:
        """Verify in full, then make anew what is damaged and only that. Foreign files are left alone.

        Nothing is changed where pairs would become others than their labels say.
        """
        def verified(result: ValidationResult | FontmillError) -> None:
            if isinstance(result, FontmillError):
                done(result)
                return
            if any(damage.file == layout.SESSION_FILE for damage in result.damaged):
                done(_other_session())
                return
            plan = repair_plan(result)
            self._drawn_alike(name, _to_try(result, plan), lambda: mend_all(result, plan), done)

        def mend_all(result: ValidationResult, plan: dict[str, RangeSet]) -> None:
            rest = [damage for damage in result.damaged if damage.kind in REWRITTEN and not damage.font_id]
            foreign, litter = (sum(damage.kind == kind for damage in result.damaged) for kind in ("foreign", "litter"))
            summary = {"checked": result.checked, "damaged": result.damages, "foreign": foreign, "litter": litter, "remade_samples": 0,
                       "rewritten_files": rewritten_files(result), "gathered_samples": 0, "parts": list(result.parts)}
            if not (plan or rest or litter or result.parts):
                done({**summary, "session_id": "", "status": None})
                return

            def mend(store: SessionStore, recovery: Recovery) -> Recovery:
                away = {font_id: elsewhere(store.session, font_id) for font_id in recovery.fonts}
                mended = gather(store, _reopen_fonts(store, recovery, plan))
                todo = {font_id: found.todo for font_id, found in mended.fonts.items()}
                summary["remade_samples"] = sum(len(left & (plan.get(name, RangeSet()) | away[name])) for name, left in todo.items())
                summary["gathered_samples"] = sum(len(away[name] - left) for name, left in todo.items())
                return mended

            self._reopened(name, mend, summary, done)

        self.verify(name, "full", verified)

    def _drawn_alike(self, name: str, pairs: deque[tuple[str, int]], then: Callable[[], None], done: Done,
                     otherwise: Mapping[str, int] = {}) -> None:
        """Run `then` unless one of `pairs`, drawn anew, is another than its sound label says: that is an error for `done`.

        It names every font of which that is true; `otherwise` are those known, with a pair of each. A pair that cannot be drawn
        now says nothing.
        """
        if not pairs:
            done(_drawn_otherwise(otherwise)) if otherwise else then()
            return
        font_id, index = pairs.popleft()

        def drawn(answer: Any) -> None:
            if not isinstance(answer, FontmillError) and answer["as_recorded"] is False:
                left = deque(pair for pair in pairs if pair[0] != font_id)
                self._drawn_alike(name, left, then, done, {**otherwise, font_id: index})
            else:
                self._drawn_alike(name, pairs, then, done, otherwise)

        self.rebuild(name, font_id, index, drawn)

    def complete(self, name: str, done: Done) -> None:
        """completeSession, of a project too that no session here holds: it is opened, and nothing more of it is drawn."""
        def opened(result: Any) -> None:
            if isinstance(result, FontmillError):
                done(result)
                return
            try:
                self._manager.complete_session(result["session_id"], done)
            except FontmillError as error:
                done(error)

        def unless_cancelled(store: SessionStore, recovery: Recovery) -> Recovery:
            left_out(store.tree, store.session)
            return recovery

        if name.startswith("/") and self._held(name) is None:
            self._manager.reopen(name.rstrip("/"), opened, mend=unless_cancelled, reasons=(Reason.USER,))
        else:
            self._manager.complete_session(name, done)

    def retry_failed(self, name: str, done: Done) -> None:
        """Take up every failed sample again; what is done is not touched."""
        def mend(store: SessionStore, recovery: Recovery) -> Recovery:
            failed = {font_id: found.state.failed for font_id, found in recovery.fonts.items() if found.state.failed}
            return _reopen_fonts(store, recovery, failed) if failed else recovery

        self._reopened(name, mend, {}, done)

    def _reopened(self, name: str, mend: Mend, summary: dict[str, Any], done: Done) -> None:
        path = self._path_of(name)

        def answered(result: Any) -> None:
            done(result if isinstance(result, FontmillError) else {**summary, **result})

        def mended(store: SessionStore, recovery: Recovery) -> Recovery:
            kept_out = left_out(store.tree, store.session)
            return _without(mend(store, recovery), kept_out)

        held = [session for session in self._manager.sessions() if session.path == path]
        reasons = tuple(held[0].life.reasons & KEPT) if held else ()  # who was paused stays paused
        self._taken_down(name, lambda: self._manager.reopen(path, answered, mend=mended, reasons=reasons))

    def rebuild(self, name: str, font_id: str, index: int, done: Done) -> None:
        """Draw one pair anew, from session, font and index alone; nothing in the tree is touched."""
        def found(recorded: Recorded | FontmillError) -> None:
            if isinstance(recorded, FontmillError):
                done(recorded)
            else:
                line = recorded.line
                self._manager.run_errand(Redraw(recorded.session, recorded.path, font_id, index, lambda drawn: drawn_anew(drawn, line)))

        def drawn_anew(drawn: RedrawDone | FontmillError, line: bytes) -> None:
            done(drawn if isinstance(drawn, FontmillError) else {
                "font_id": font_id, "index": index, "files": drawn.files, "label": orjson.loads(drawn.line),
                "as_recorded": drawn.line == line if line else None})

        self._ports.find_label(self._path_of(name), font_id, index, found)

    def delete(self, name: str, done: Done) -> None:
        """Remove a session and what it made. Foreign files stay."""
        path = self._path_of(name)
        session_id = next((s.id for s in self._manager.sessions() if s.path == path), "")

        def deleted(result: Any) -> None:
            if not isinstance(result, FontmillError):
                self._manager.forget(path)
            done(result)

        def told(deleted_id: str, progress: Mapping[str, Any]) -> None:
            self._manager.ports.publish("delete-progress", deleted_id, progress)

        self._taken_down(name, lambda: self._ports.delete(path, session_id, told, deleted))

    def _taken_down(self, name: str, then: Callable[[], None]) -> None:
        """Run `then` once no session of this daemon holds the tree."""
        session = self._held(name)
        if session is None:
            then()
        else:
            self._manager.take_down(session, then)

    def _held(self, name: str) -> ManagedSession | None:
        try:
            return self._manager.find(name)
        except FontmillError:
            return None


def _to_try(result: ValidationResult, plan: Mapping[str, RangeSet]) -> deque[tuple[str, int]]:
    """A few of the damaged pairs of every font whose labels can be believed: what session and versions make of them now."""
    tried: dict[str, set[int]] = {}
    for damage in result.damaged:
        known = tried.setdefault(damage.font_id, set())
        of_picture = damage.index and damage.kind in REWRITTEN and damage.file.endswith(".png")
        if of_picture and plan[damage.font_id].last != WHOLE_FONT and len(known) < TRIED_PAIRS:
            known.add(damage.index)
    return deque((font_id, index) for font_id, indices in tried.items() for index in sorted(indices))


def _other_session() -> FontmillError:
    return FontmillError(
        "tree-corrupt", "session.json tells another configuration or other fonts than summary.json: repaired by it, the project would be another.",
        action="Restore session.json or summary.json from a copy, then repair; or delete the project.")


def _drawn_otherwise(pairs: Mapping[str, int]) -> FontmillError:
    """The error that names one pair of every font that is drawn otherwise; there is at least one."""
    (font_id, index), *others = pairs.items()
    too = f", and so do those of {', '.join(name for name, _ in others)}" if others else ""
    return FontmillError(
        "fingerprint-differs", f"Pair {index} of {font_id} draws differently now than its label says{too}; nothing was changed.",
        {"font": font_id, "index": index, "fonts": [*pairs]},
        action="Restore session.json as it was, and the versions that its fingerprint names; `fontmill rebuild` shows the pair.")


def _reopen_fonts(store: SessionStore, recovery: Recovery, plan: dict[str, RangeSet]) -> Recovery:
    fonts, totals = dict(recovery.fonts), {font.font_id: font.total_samples for font in store.session.fonts}
    for font_id, indices in plan.items():
        state = store.reopen(font_id, indices)
        fonts[font_id] = replace(fonts[font_id], state=state, todo=state.todo(totals[font_id]), finished=False)
    return replace(recovery, fonts=fonts, completed=False)


def _without(recovery: Recovery, kept_out: Mapping[str, RangeSet]) -> Recovery:
    fonts = {name: replace(found, todo=found.todo - kept_out.get(name, RangeSet())) for name, found in recovery.fonts.items()}
    return replace(recovery, fonts=fonts)
