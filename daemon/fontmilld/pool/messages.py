"""What supervisor and workers say to each other, as frozen values over msgpack (never pickle).

A worker draws hostile fonts, so the supervisor takes nothing from it but plain data.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

from fontmill import wire
from fontmill.errors import CATALOGUE
from fontmill.model import Record

HEADER = struct.Struct("<I")
MAX_MESSAGE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class FontContext(Record):
    """All a worker needs to draw and write one font of one session. Sent before the first batch of it.

    `record` is as much of the font's record as it is drawn by.
    """

    session_id: str
    font_id: str
    project_path: str
    num_samples: int
    source: str
    sha256: str
    face_index: int
    settings: dict[str, Any]
    record: dict[str, Any]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells one context from another: all but the record, which follows from the font's digest.

        A session moved to a fallback path has another one, and so has one taken up again with other settings.
        """
        drawn = (self.num_samples, self.source, self.sha256, self.face_index, wire.pack(self.settings))
        return (self.session_id, self.font_id, self.project_path, *drawn)


@dataclass(frozen=True, slots=True)
class RenderTask(Record):
    """One batch to draw and write. `serial` is unique within the supervisor's life."""

    serial: int
    session_id: str
    font_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class BatchDone(Record):
    """A batch came to its end. `lines` are label lines in index order; `failures` are (index, slug, reason).

    `stages` are seconds; `written` counts bytes of images.
    """

    serial: int
    lines: bytes
    done: int
    failures: tuple[Any, ...]
    written: int
    stages: dict[str, float] = field(default_factory=dict)
    retries: int = 0


@dataclass(frozen=True, slots=True)
class BatchFailed(Record):
    """A batch was given up as a whole: the font or the storage failed, not one sample."""

    serial: int
    slug: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckTask(Record):
    """A part of a font's labels, in bytes, to hold against its pictures. `level`: quick, full or deep."""

    serial: int
    session_id: str
    font_id: str
    start: int
    end: int
    level: str


@dataclass(frozen=True, slots=True)
class CheckDone(Record):
    """What a check found: a CheckResult (store/checking.py) as a map."""

    serial: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RedrawTask(Record):
    """One pair to draw and to hand back, writing nothing."""

    serial: int
    session_id: str
    font_id: str
    index: int


@dataclass(frozen=True, slots=True)
class RedrawDone(Record):
    """The pair's files by name and the line that claims them, or why it cannot be made."""

    serial: int
    files: dict[str, bytes] = field(default_factory=dict)
    line: bytes = b""
    slug: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ready(Record):
    """A child has imported all it needs. A probe process says what it renders with, and what it lacks.

    A worker says why it draws without the compiled core, "" when with it.
    """

    pid: int
    fingerprint: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    without_core: str = ""


@dataclass(frozen=True, slots=True)
class ProbeTask(Record):
    """One font file to read, hash and inspect; one sample of each face is drawn as `settings` ask for.

    `samples` pairs, shared among the faces, are handed back, for a preview. `more`: another task follows at once, and the
    answer may wait a moment for that to it.
    """

    serial: int
    source: str
    settings: dict[str, Any] = field(default_factory=dict)
    samples: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class ProbeDone(Record):
    """What was found: a map per face (`face_index`, `record`, `slug`, `reason`), or one for the file.

    `pairs` are (caption, clear PNG, blurred PNG).
    """

    serial: int
    sha256: str
    faces: tuple[Any, ...]
    pairs: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SheetTask(Record):
    """Pairs, (caption, clear PNG, blurred PNG), to put on a contact sheet."""

    serial: int
    pairs: tuple[Any, ...]
    columns: int


@dataclass(frozen=True, slots=True)
class SheetDone(Record):
    """The sheet, a PNG; or `reason` why there is none."""

    serial: int
    sheet: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop(Record):
    """Leave after what is at hand."""


Task = RenderTask | CheckTask | RedrawTask
Reply = BatchDone | BatchFailed | CheckDone | RedrawDone
Message = FontContext | Task | Reply | Ready | ProbeTask | ProbeDone | SheetTask | SheetDone | Stop
_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (FontContext, RenderTask, CheckTask, RedrawTask, BatchDone, BatchFailed, CheckDone, RedrawDone, Ready,
                 ProbeTask, ProbeDone, SheetTask, SheetDone, Stop)
}


def fits(task: Task, reply: Reply) -> bool:
    """Whether this can be the answer to the task: a broken child may send anything that has the right name."""
    if isinstance(reply, BatchFailed):
        known = isinstance(reply.slug, str) and (reply.slug in CATALOGUE or reply.slug.startswith("font-"))
        return known and isinstance(reply.message, str) and isinstance(reply.details, dict)
    if isinstance(reply, CheckDone) or isinstance(task, CheckTask):
        return isinstance(reply, CheckDone) and isinstance(task, CheckTask)
    if isinstance(reply, RedrawDone) or isinstance(task, RedrawTask):
        return isinstance(reply, RedrawDone) and isinstance(task, RedrawTask) and _is_pair(reply)
    try:
        failed = [index for index, slug, reason in reply.failures if isinstance(slug, str) and isinstance(reason, str)]
        sane = all(isinstance(n, int) and n >= 0 for n in (reply.written, reply.retries))
        sane = sane and all(math.isfinite(seconds) and seconds >= 0 for seconds in reply.stages.values())
        return (sane and isinstance(reply.lines, bytes) and reply.lines.count(b"\n") == reply.done
                and len(failed) == len(reply.failures) == len(set(failed))
                and all(isinstance(index, int) and task.first <= index <= task.last for index in failed)
                and reply.done + len(failed) == task.last - task.first + 1)
    except (TypeError, ValueError, AttributeError):
        return False


def _is_pair(reply: RedrawDone) -> bool:
    named = isinstance(reply.files, dict) and all(isinstance(name, str) and isinstance(data, bytes) for name, data in reply.files.items())
    return named and isinstance(reply.line, bytes) and (reply.slug in CATALOGUE or bool(reply.files and not reply.slug))


def encode(message: Message) -> bytes:
    """Length-prefixed bytes."""
    body = wire.pack([type(message).__name__, message.fields()])
    return HEADER.pack(len(body)) + body


def decode(body: bytes | memoryview) -> Message:
    """The message in one frame's body. Raises `bad-frame` or TypeError when a child talks nonsense."""
    name, data = wire.unpack(body, MAX_MESSAGE_BYTES)
    return _KINDS[name].from_dict(data)  # type: ignore[return-value]
