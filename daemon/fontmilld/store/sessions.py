"""Reading `session.json`, and finding the sessions of an output path. A tree may come from anywhere: nothing
in it is believed before it is checked (I7).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession, FontInfo, Part
from fontmill.verbs import validate
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store.checkpoint import FontState, check_schema, decode
from fontmilld.store.ending import read_file
from fontmilld.store.files import LocalTree
from fontmilld.store.tree import Tree

_MAX_SESSION_FILE = 256 << 20
_MAX_SAMPLES = 10**7
_MAX_TEXT = 4096
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TEXT_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session found on disk, judged by its checkpoints alone. `path` is the project's.

    `counts` are done and failed samples by font. `progress` is the project's last `progress.json` ({} when missing or damaged).
    """

    session: ExportSession
    path: str
    completed: bool
    counts: Mapping[str, tuple[int, int]]
    progress: Mapping[str, Any]

    @property
    def done_samples(self) -> int:
        """Of all fonts."""
        return sum(done for done, _ in self.counts.values())

    @property
    def failed_samples(self) -> int:
        """Of all fonts."""
        return sum(failed for _, failed in self.counts.values())


def has_session(tree: Tree) -> bool:
    """Whether anything was begun here."""
    return tree.size(layout.SESSION_FILE) is not None


def load_session(tree: Tree, path: str | None = None) -> ExportSession:
    """Read `session.json`. With `path`, the project's present place, the session is told where it is now.

    Raises `unknown-session` when there is none, `tree-corrupt` when it is damaged, `unsupported-schema` when
    a newer fontmill wrote it.
    """
    size = tree.size(layout.SESSION_FILE)
    if size is None:
        raise FontmillError("unknown-session", "There is no session in this folder.")
    if size > _MAX_SESSION_FILE:
        raise _damaged()
    session = parse_session(tree.read(layout.SESSION_FILE))
    if path is not None:
        parent, _, name = path.rstrip("/").rpartition("/")
        session = replace(session, output_path=parent or "/", project_name=name)
    return session


def parse_session(data: bytes) -> ExportSession:
    """See `load_session`."""
    try:
        raw = orjson.loads(data)
        check_schema(raw)
        session = ExportSession.from_dict(raw)
        sound = _is_sound(session)
    except FontmillError as error:
        if error.slug != "invalid-argument":
            raise
        raise _damaged() from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged() from error
    if not sound:
        raise _damaged()
    return session


def _damaged() -> FontmillError:
    """Nothing else in the tree holds all that it held: neither `verify` nor `repair` can do without it."""
    return FontmillError(
        "tree-corrupt", "`session.json` is damaged, and cannot be made anew.",
        action="Restore it from a copy, or run the same command with the same options in a new folder; pairs and labels that are there stay usable.")


def _is_sound(session: ExportSession) -> bool:
    """Whether everything that becomes part of a path, or a size of something, is what it should be."""
    count = session.config.num_samples
    accepted = [font for font in session.fonts if font.accepted]
    ids = [font.font_id for font in accepted]
    return (
        _are_texts(session.session_id, session.project_name, session.output_path, session.created_at)
        and _SESSION_ID.fullmatch(session.session_id) is not None and layout.is_project_name(session.project_name)
        and isinstance(session.fingerprint, dict) and _are_texts(*session.fingerprint, *session.fingerprint.values())
        and all(_is_sound_font(font) for font in session.fonts) and all(_is_sound_part(part) for part in session.parts)
        and _is_sound_config(session.config)
        and isinstance(count, int) and 1 <= count <= _MAX_SAMPLES
        and len(set(ids)) == len(ids) and all(layout.is_font_id(name) for name in ids)
        and all(isinstance(font.total_samples, int) and 0 <= font.total_samples <= count for font in accepted)
    )


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) and len(value) <= _MAX_TEXT for value in values)


def _is_sound_font(font: FontInfo) -> bool:
    return (
        _are_texts(font.font_id, font.source, font.sha256, font.status, font.reason, font.slug, font.family, font.style)
        and isinstance(font.record, dict) and isinstance(font.face_index, int) and isinstance(font.total_samples, int)
    )


def _is_sound_part(part: Part) -> bool:
    return (
        _are_texts(part.path) and part.path.startswith("/") and isinstance(part.fonts, dict)
        and all(layout.is_font_id(name) and RangeSet.of(spans) for name, spans in part.fonts.items())
    )


def _is_sound_config(config: ExportConfig) -> bool:
    given = config.to_dict()
    digest = given.pop("text_sha256")
    text = "in a file of its own" if digest else ""
    wanted = {"output_path": "/", "project_name": "p", "fonts": ["/f"], "text_content": text, **given}
    filled = validate("start", wanted)
    return _TEXT_DIGEST.fullmatch(digest) is not None and all(filled[name] == (tuple(value) if isinstance(value, list) else value) for name, value in given.items())


def find_sessions(path: str) -> list[FoundSession]:
    """detectIncompleteSession: the sessions at `path` (a project, or a folder of projects), complete ones too.

    `path` is absolute and resolved. Folders that hold no session, or a damaged one, are passed over; use
    `load_session` to learn what is wrong with one.
    """
    found = []
    for project in [path, *_folders_of(path)]:
        try:
            tree = LocalTree(project)
        except FontmillError:
            continue
        try:
            found.append(describe(tree, project))
        except FontmillError:
            continue
        finally:
            tree.close()
    return found


def project_folders(root: str, depth: int = 5, most: int = 20_000) -> Iterator[str]:
    """Folders beneath `root` that hold a session, breadth first; hidden ones and links are passed over.

    Bounded: to `depth` levels and `most` folders looked into.
    """
    level = [root]
    for _ in range(depth):
        below: list[str] = []
        for folder in level:
            most -= 1
            if most < 0:
                return
            if os.path.isfile(f"{folder}/{layout.SESSION_FILE}"):
                yield folder
            else:
                below += _folders_of(folder)
        level = below


def _folders_of(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [f"{path.rstrip('/')}/{name}" for name in names if layout.is_project_name(name)]


def describe(tree: Tree, path: str) -> FoundSession:
    """One session by its state files. Raises what `load_session` raises."""
    session = load_session(tree, path)
    counts = {}
    for font in session.fonts:
        if font.accepted:
            checkpoint = decode(read_file(tree, layout.checkpoint_file(font.font_id)))
            state = checkpoint.state if checkpoint is not None else FontState(font.font_id)
            inside = RangeSet.span(1, font.total_samples)
            counts[font.font_id] = len(state.done & inside), len(state.failed & inside)
    completed = tree.size(layout.SUMMARY_FILE) is not None
    return FoundSession(session, path, completed, counts, read_progress(tree))


def read_progress(tree: Tree) -> dict[str, Any]:
    """The project's `progress.json`; {} when it is missing or damaged."""
    try:
        raw = orjson.loads(read_file(tree, layout.PROGRESS_FILE))
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}
