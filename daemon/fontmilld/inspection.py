"""Work for the pool beside batches: the verification of a project, check by check, and one pair drawn anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontInfo, ValidationResult
from fontmilld.pool.messages import CheckDone, CheckTask, FontContext, RedrawDone, RedrawTask, Task
from fontmilld.store.checking import Check, CheckResult

LEVELS = ("quick", "full", "deep")
ATTEMPTS = 3
TELL_SECONDS = 0.5


_DRAWN_BY: Final[tuple[str, ...]] = ("axes", "strikes", "usable")
"""What a font is drawn by of its record (render/faces.py's Face); all the rest is for people."""


def context_of(session: ExportSession, path: str, info: FontInfo) -> FontContext:
    """All a worker needs to know about one font of a session whose project lies at `path`."""
    record = {key: info.record[key] for key in _DRAWN_BY if key in info.record}
    return FontContext(
        session_id=session.session_id, font_id=info.font_id, project_path=path,
        num_samples=session.config.num_samples, source=info.source, sha256=info.sha256,
        face_index=info.face_index, settings=_settings_of(session.config), record=record,
    )


@lru_cache
def _settings_of(config: ExportConfig) -> dict[str, Any]:
    return config.identity()


class Errand(Protocol):
    """What the manager gives to the pool in turn with batches."""

    def begin(self) -> None:
        """It is in the queue now."""

    def next_task(self, serial: int) -> tuple[FontContext, Task] | None:
        """The next task, or None when all are out."""

    def task_ended(self, serial: int, answer: Any) -> None:
        """A worker answered; BatchFailed when it could not do it."""

    def task_lost(self, serial: int) -> None:
        """A worker died with the task."""

    def refuse(self, error: FontmillError) -> None:
        """Nobody will take a task of it."""


@dataclass
class Redraw:
    """One pair drawn anew. `done` gets the worker's answer or an error, once."""

    session: ExportSession
    path: str
    font_id: str
    index: int
    done: Callable[[RedrawDone | FontmillError], None]
    _given: bool = False

    def begin(self) -> None:
        """See Errand."""

    def next_task(self, serial: int) -> tuple[FontContext, RedrawTask] | None:
        """See Errand."""
        if self._given:
            return None
        self._given = True
        info = next(font for font in self.session.fonts if font.font_id == self.font_id)
        return context_of(self.session, self.path, info), RedrawTask(serial, self.session.session_id, self.font_id, self.index)

    def task_ended(self, serial: int, answer: Any) -> None:
        """See Errand."""
        if isinstance(answer, RedrawDone) and not answer.slug:
            self.done(answer)
        else:
            self.done(FontmillError(answer.slug, answer.reason if isinstance(answer, RedrawDone) else answer.message))

    def task_lost(self, serial: int) -> None:
        """See Errand."""
        self._given = True
        self.done(FontmillError("sample-poison", "Drawing this sample ended its process."))

    def refuse(self, error: FontmillError) -> None:
        """See Errand."""
        if not self._given:
            self._given = True
            self.done(error)


@dataclass
class Inspection:
    """One verification under way. `conclude` gets all results, off the loop; `done` the outcome, once."""

    session: ExportSession
    path: str
    level: str
    checks: deque[Check]
    conclude: Callable[[list[CheckResult]], None]
    done: Callable[[ValidationResult | FontmillError], None]
    tell: Callable[[dict[str, Any]], None]
    now: Callable[[], float]
    results: list[CheckResult] = field(default_factory=list)
    checked: int = 0
    _fonts: dict[str, FontInfo] = field(init=False)
    _out: dict[int, Check] = field(default_factory=dict)
    _losses: dict[Check, int] = field(default_factory=dict)
    _told_at: float = 0.0
    _ended: bool = False

    def __post_init__(self) -> None:
        self._fonts = {font.font_id: font for font in self.session.fonts}

    def begin(self) -> None:
        """A project without labels has nothing to hand out."""
        self._conclude_if_done()

    def next_task(self, serial: int) -> tuple[FontContext, CheckTask] | None:
        """The next check, or None when all are out."""
        if not self.checks or self._ended:
            return None
        check = self._out[serial] = self.checks.popleft()
        return context_of(self.session, self.path, self._fonts[check.font_id]), CheckTask(
            serial, self.session.session_id, check.font_id, check.start, check.end, self.level)

    def task_ended(self, serial: int, answer: Any) -> None:
        """A worker answered: a CheckDone, or a BatchFailed when it could not look."""
        del self._out[serial]
        if not isinstance(answer, CheckDone):
            self.refuse(FontmillError(answer.slug, answer.message, answer.details))
            return
        result = CheckResult.from_dict(answer.result)
        self.results.append(result)
        self.checked += result.checked
        if self.now() - self._told_at > TELL_SECONDS:
            self._told_at = self.now()
            self.tell({"checked": self.checked, "checks_left": len(self.checks) + len(self._out)})
        self._conclude_if_done()

    def task_lost(self, serial: int) -> None:
        """A worker died with a check: try again, a few times."""
        check = self._out.pop(serial)
        self._losses[check] = self._losses.get(check, 0) + 1
        if self._losses[check] >= ATTEMPTS:
            self.refuse(FontmillError("internal", "A part of the verification ends its worker.", {"font": check.font_id}))
        else:
            self.checks.appendleft(check)

    def refuse(self, error: FontmillError) -> None:
        """See Errand."""
        if not self._ended:
            self._ended = True
            self.done(error)

    def _conclude_if_done(self) -> None:
        if not self.checks and not self._out and not self._ended:
            self._ended = True
            self.conclude(self.results)
