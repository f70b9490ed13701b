"""SessionStateManager: the daemon's index of the sessions it knows, in SQLite in its own state directory.

A cache: the trees are the truth, and `rebuild` makes the index from them. Only idempotency keys and pause
reasons live here alone. May be used from any thread; all share one connection under a lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontInfo, FontProgress, FontStatus
from fontmilld.core.progress import FontProgressTracker
from fontmilld.store.sessions import FoundSession, find_sessions, parse_session, project_folders

log = logging.getLogger(__name__)

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY, project_name TEXT NOT NULL, output_path TEXT NOT NULL, created_at TEXT NOT NULL,
    last_updated TEXT NOT NULL, status TEXT NOT NULL, reasons TEXT NOT NULL, detail TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX sessions_by_path ON sessions (output_path, project_name);
CREATE TABLE fonts (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE, font_id TEXT NOT NULL, family TEXT NOT NULL,
    sha256 TEXT NOT NULL, status TEXT NOT NULL, progress BLOB, PRIMARY KEY (session_id, font_id)
);
CREATE INDEX fonts_by_id ON fonts (font_id);
CREATE INDEX fonts_by_family ON fonts (family COLLATE NOCASE);
CREATE INDEX fonts_by_sha256 ON fonts (sha256);
CREATE TABLE keys (key TEXT PRIMARY KEY, session_id TEXT NOT NULL, request TEXT NOT NULL, made_at TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session of the index. `path` is the project's; `status` and `reasons` are as last saved."""

    session_id: str
    project_name: str
    output_path: str
    created_at: str
    last_updated: str
    status: str
    reasons: tuple[str, ...] = ()
    detail: str = ""

    @property
    def path(self) -> str:
        """The project's folder."""
        return f"{self.output_path.rstrip('/')}/{self.project_name}"


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that has ended or cannot be taken up, and where its fonts stood when that was last noted."""

    known: KnownSession
    session: ExportSession
    fonts: tuple[FontProgress, ...]


@dataclass(frozen=True, slots=True)
class UsedKey:
    """What an idempotency key was used for; `request` tells one request from another with the same key."""

    session_id: str
    request: str


class SessionStateManager:
    """See the module. A damaged database is moved aside (`.damaged`) and begun anew; `recreated` says so.

    `lost` when it is damaged, or gone from a directory that is there: there may be trees that it does not know.
    For one that is not `lasting`, because nobody asks it again after this process, no disk is waited for.
    """

    def __init__(self, directory: str, *, lasting: bool = True) -> None:
        self._path = os.path.join(directory, "sessions.sqlite")
        self._lasting = lasting
        self._db: sqlite3.Connection | None = None
        self._guard = threading.RLock()
        self.recreated = self.lost = False
        known_directory = os.path.isdir(directory)
        self._lock = _locked(directory)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise FontmillError(
                    "busy", "The index of sessions in the state directory cannot be used now.",
                    action="See that no other fontmilld or tool uses the state directory, and that its disk is sound.",
                ) from error
            log.warning("the index of sessions is damaged and begun anew: %s", error)
            self._disconnect()
            self._move_aside()
            self._prepare()
            self.recreated = True
        self.lost = self.lost and known_directory

    # Connections -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise FontmillError("unsupported-schema", "The index of sessions was written by a newer fontmilld.")
            if version == 0:
                self.lost = True
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)

    def _move_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.replace(self._path + suffix, f"{self._path}{suffix}.damaged")

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        db = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        self._db = db
        db.execute(f"PRAGMA synchronous = {'FULL' if self._lasting else 'OFF'}")  # an acknowledged key must survive power loss
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            db = self._connection()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _rows(self, query: str, arguments: tuple[str, ...]) -> list[Any]:
        with self._guard:
            return self._connection().execute(query, arguments).fetchall()

    def close(self) -> None:
        """Close the connection and let another daemon use the directory; nobody may use the manager afterwards."""
        self._disconnect()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _disconnect(self) -> None:
        with self._guard:
            if self._db is not None:
                self._db.close()
                self._db = None

    # Sessions ----------------------------------------------------------------------------------------

    def save_session_state(
        self, session: ExportSession, status: str = "active", reasons: Sequence[str] = (), detail: str = "",
        pause_stays: bool = False,
    ) -> None:
        """saveSessionState: add or replace a session and its fonts. With `pause_stays` one that is paused stays so."""
        with self._transaction() as db:
            if pause_stays and status == "active":
                known = db.execute("SELECT status, reasons FROM sessions WHERE session_id=?", (session.session_id,)).fetchone()
                if known is not None and known[0] == "paused":
                    status, reasons = known[0], known[1].split(",")
            db.execute(
                "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (session_id) DO UPDATE SET "
                "project_name=excluded.project_name, output_path=excluded.output_path, last_updated=excluded.last_updated, "
                "status=excluded.status, reasons=excluded.reasons, detail=excluded.detail, body=excluded.body",
                (session.session_id, session.project_name, session.output_path, session.created_at, _now(), status,
                 _joined(reasons), detail, orjson.dumps(session)),
            )
            db.executemany(
                "INSERT INTO fonts VALUES (?,?,?,?,?,NULL) ON CONFLICT DO NOTHING",
                [_font_row(session.session_id, font) for font in session.fonts],
            )

    def save_status(
        self, session_id: str, status: str, reasons: Sequence[str] = (), detail: str = "",
        fonts: Iterable[FontProgress] = (),
    ) -> None:
        """Note where a session stands, and its fonts: what a restarted daemon goes by. Unknown ids are ignored."""
        with self._transaction() as db:
            db.execute(
                "UPDATE sessions SET status=?, reasons=?, detail=?, last_updated=? WHERE session_id=?",
                (status, _joined(reasons), detail, _now(), session_id),
            )
            _save_progress(db, session_id, fonts)

    def load_session_state(self, session_id: str) -> ExportSession:
        """loadSessionState, as last saved. Raises `unknown-session`."""
        row = next(iter(self._rows("SELECT body FROM sessions WHERE session_id=?", (session_id,))), None)
        if row is None:
            raise FontmillError("unknown-session")
        return parse_session(row[0])

    def delete_session_state(self, session_id: str) -> None:
        """deleteSessionState: forget a session and its keys; its tree is not touched."""
        with self._transaction() as db:
            db.execute("DELETE FROM sessions WHERE session_id=?", (session_id,))
            db.execute("DELETE FROM keys WHERE session_id=?", (session_id,))

    def sessions(self) -> list[KnownSession]:
        """All sessions, oldest first."""
        return self._select("ORDER BY created_at, session_id", ())

    def ended_sessions(self, limit: int) -> list[EndedSession]:
        """The latest `limit` that completed or failed, oldest first; those whose record is damaged are left out."""
        latest = self._select("WHERE status IN ('completed', 'failed') ORDER BY last_updated, session_id", ())[-limit:]
        return [ended for known in latest if (ended := self._with_fonts(known)) is not None]

    def recall(self, session_id: str) -> EndedSession | None:
        """What is known of a session, and where its fonts stood when that was last noted; None where its record is damaged."""
        known = self._select("WHERE session_id=?", (session_id,))
        return self._with_fonts(known[0]) if known else None

    def _with_fonts(self, known: KnownSession) -> EndedSession | None:
        try:
            return EndedSession(known, self.load_session_state(known.session_id), self._font_progress(known.session_id))
        except (FontmillError, ValueError, TypeError):
            return None

    def find_sessions_by_path(self, output_path: str) -> list[KnownSession]:
        """findSessionsByPath: sessions in this output folder, or of this project. `output_path` is resolved."""
        path = output_path.rstrip("/") or "/"
        parent, _, name = path.rpartition("/")
        return self._select(
            "WHERE rtrim(output_path, '/')=rtrim(?, '/') OR (rtrim(output_path, '/')=? AND project_name=?) "
            "ORDER BY created_at, session_id", (path, parent, name),
        )

    def find_sessions_by_fonts(self, names: Iterable[str]) -> list[KnownSession]:
        """findSessionsByFonts: sessions with any of these fonts, by id, family (any case) or sha256."""
        found: dict[str, KnownSession] = {}
        for name in names:
            for known in self._select(
                "WHERE session_id IN (SELECT session_id FROM fonts WHERE font_id=?1 OR family=?1 COLLATE NOCASE "
                "OR sha256=?1) ORDER BY created_at, session_id", (name,),
            ):
                found[known.session_id] = known
        return sorted(found.values(), key=lambda known: (known.created_at, known.session_id))

    def _select(self, rest: str, arguments: tuple[str, ...]) -> list[KnownSession]:
        # `rest` is always one of this module's own literals.
        query = "SELECT session_id, project_name, output_path, created_at, last_updated, status, detail, reasons FROM sessions "
        rows = self._rows(query + rest, arguments)
        return [_known(row) for row in rows]

    # Fonts -------------------------------------------------------------------------------------------

    def register_font(self, session_id: str, font: FontInfo) -> None:
        """registerFont: add or replace one font of a session."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO fonts VALUES (?,?,?,?,?,NULL) ON CONFLICT (session_id, font_id) DO UPDATE SET "
                "family=excluded.family, sha256=excluded.sha256, status=excluded.status",
                _font_row(session_id, font),
            )

    def get_font_status(self, session_id: str, font_id: str) -> FontStatus:
        """getFontStatus, as last saved. Raises `unknown-session` when there is no such font."""
        row = next(iter(self._rows("SELECT status FROM fonts WHERE session_id=? AND font_id=?", (session_id, font_id))), None)
        if row is None:
            raise FontmillError("unknown-session", "There is no such font in a known session.")
        status: FontStatus = row[0]
        return status

    def update_font_progress(self, session_id: str, progress: FontProgress) -> None:
        """updateFontProgress: for look-ups only; the font's checkpoint in the tree is the truth."""
        with self._transaction() as db:
            _save_progress(db, session_id, (progress,))

    def _font_progress(self, session_id: str) -> tuple[FontProgress, ...]:
        rows = self._rows("SELECT progress FROM fonts WHERE session_id=? AND progress IS NOT NULL", (session_id,))
        return tuple(FontProgress.from_dict(orjson.loads(row[0])) for row in rows)

    # Idempotency -------------------------------------------------------------------------------------

    def remember_key(self, key: str, session_id: str, request: str = "") -> None:
        """Bind an idempotency key, durably. The first binding stays."""
        with self._transaction() as db:
            db.execute("INSERT INTO keys VALUES (?,?,?,?) ON CONFLICT DO NOTHING", (key, session_id, request, _now()))

    def find_key(self, key: str) -> UsedKey | None:
        """What a key was used for, if it was."""
        row = next(iter(self._rows("SELECT session_id, request FROM keys WHERE key=?", (key,))), None)
        return UsedKey(row[0], row[1]) if row else None

    # From the trees ----------------------------------------------------------------------------------

    def rebuild(self, roots: Iterable[str]) -> list[KnownSession]:
        """Add what the trees beneath these folders hold and the index does not; returns what was added.

        What was not complete is added as paused by `user`: nobody may be surprised by work that begins by itself.
        """
        known = {session.session_id for session in self.sessions()}
        added: set[str] = set()
        for root in roots:
            for folder in project_folders(os.path.realpath(root)):
                for found in find_sessions(folder)[:1]:
                    if found.path == folder and found.session.session_id not in known | added:
                        self._add_found(found)
                        added.add(found.session.session_id)
        return [session for session in self.sessions() if session.session_id in added]

    def _add_found(self, found: FoundSession) -> None:
        status, reasons = ("completed", ()) if found.completed else ("paused", ("user",))
        tracker = FontProgressTracker()
        for font in found.session.fonts:
            done, failed = found.counts.get(font.font_id, (0, 0))
            tracker.register_font(font.font_id, font.total_samples, done, failed, 0 if font.accepted else font.total_samples)
        self.save_session_state(found.session, status, reasons)
        self.save_status(found.session.session_id, status, reasons, "", tracker.fonts(0.0))


def _save_progress(db: sqlite3.Connection, session_id: str, fonts: Iterable[FontProgress]) -> None:
    db.executemany(
        "UPDATE fonts SET status=?, progress=? WHERE session_id=? AND font_id=?",
        [(font.status, orjson.dumps(font), session_id, font.font_name) for font in fonts],
    )


def _locked(directory: str) -> int:
    """Make the directory; a descriptor whose lock says that a daemon uses it. Raises `busy` when another one does."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FontmillError(
            "path-unwritable", f"The state directory {directory} cannot be used ({error.strerror}).",
            action="Choose another --state-dir.",
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise FontmillError(
            "busy", "Another fontmilld uses this state directory.", action="Use that one, or choose another --state-dir.",
        ) from error
    return fd


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """A locked or unreachable database is not a damaged one: it holds what must not be lost."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _known(row: tuple[str, ...]) -> KnownSession:
    session_id, project, path, created, updated, status, detail, reasons = row
    return KnownSession(session_id, project, path, created, updated, status, tuple(filter(None, reasons.split(","))), detail)


def _font_row(session_id: str, font: FontInfo) -> tuple[str, ...]:
    return session_id, font.font_id, font.family, font.sha256, font.status if font.accepted else "skipped"


def _joined(reasons: Sequence[str]) -> str:
    return ",".join(sorted(reasons))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
