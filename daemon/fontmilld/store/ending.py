"""Whether a project says that it is complete, and whether its summary is whole and tells of this session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from fontmill.errors import FontmillError
from fontmill.model import ExportConfig, ExportSession
from fontmilld.core import layout
from fontmilld.store.checkpoint import FontState, decode
from fontmilld.store.litter import barred_fonts
from fontmilld.store.lock import MAX_BYTES, Owner, is_stale
from fontmilld.store.tree import Tree

_OF_FONT: Final = ("font_id", "sha256", "face_index", "total_samples")


def is_at_its_end(tree: Tree, session: ExportSession) -> bool:
    """Whether the tree is, or should be, that of a complete project.

    Without a summary it should when nobody is at work on it and its `progress.json` says so. A session that is laid down
    leaves another status. Where `progress.json` is lost, or a crash left the lock of who had taken the project up again,
    it should when nothing is left to do.
    """
    owner = _owner(tree)  # looked at first: who completes a project lets go of it last
    told = _object(tree, layout.PROGRESS_FILE)
    if tree.size(layout.SUMMARY_FILE) is not None:
        return True
    if _may_be_at_work(owner, told) or (told and told.get("status") != "completed"):
        return False
    return (bool(told) and owner is None) or _nothing_is_left(tree, session)


def _owner(tree: Tree) -> Owner | None:
    """Whom the lock names; a file of its name that names nobody proves nothing: locks are published whole."""
    there = tree.size(layout.LOCK_FILE) is not None
    return Owner.parse(tree.read(layout.LOCK_FILE, 0, MAX_BYTES)) if there else None


def _may_be_at_work(owner: Owner | None, told: Mapping[str, Any]) -> bool:
    """Whether the owner may be alive: on another machine, and there is no asking, if the project was written to a moment ago."""
    return owner is not None and not is_stale(owner, Owner.me(""), "unsupported", age=_age(told.get("last_updated")), local=False)


def _age(written: object) -> float:
    """Seconds since a time that a project tells; of any other value endless."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(written))).total_seconds()
    except (ValueError, TypeError):  # TypeError: it has no time zone
        return math.inf


def _nothing_is_left(tree: Tree, session: ExportSession) -> bool:
    states = _states(tree, session)
    return bool(states) and all(
        (state := states.get(font.font_id)) is not None and not state.todo(font.total_samples)
        for font in session.fonts if font.accepted)


def summary_misfits(tree: Tree, session: ExportSession) -> list[str]:
    """Of `summary.json` and `session.json`, what does not fit the other, the checkpoints, or the files that are there.

    A summary that is missing, or no JSON, fits: that is told elsewhere.
    """
    try:
        told = orjson.loads(read_file(tree, layout.SUMMARY_FILE))
    except orjson.JSONDecodeError:
        return []
    try:
        whole = _is_whole(tree, session, told)
        same = _identity(ExportConfig.from_dict(told["config"]), told["fonts"]) == _identity(session.config, [font.to_dict() for font in session.fonts])
    except (TypeError, KeyError, AttributeError, ValueError):
        return [layout.SUMMARY_FILE]
    if not whole:
        return [layout.SUMMARY_FILE]
    return [] if same else [layout.SESSION_FILE]


def _is_whole(tree: Tree, session: ExportSession, told: Mapping[str, Any]) -> bool:
    """Whether it is of this session, its counts are those of the checkpoints, and every file has its digest."""
    return (
        told["session_id"] == session.session_id and told["status"] == "completed"
        and _counts_fit(tree, session, told) and _names(tree, session) <= {name for name, digest in told["files"].items() if digest}
    )


def _counts_fit(tree: Tree, session: ExportSession, told: Mapping[str, Any]) -> bool:
    done, failed, skipped = (int(told[f"{what}_samples"]) for what in ("exported", "failed", "skipped"))
    if done + failed + skipped != int(told["total_samples"]):
        return False
    states = [*_states(tree, session).values()]
    if any(part.fonts for part in session.parts) or None in states:  # other trees have some of it; and a lost checkpoint is told elsewhere
        return True
    found = [state for state in states if state is not None]
    return (done, failed) == (sum(len(state.done) for state in found), sum(len(state.failed) for state in found))


def _names(tree: Tree, session: ExportSession) -> set[str]:
    """The files that a summary has the digests of."""
    barred = barred_fonts(tree, session)
    perhaps = [*layout.DOCUMENTS, *(layout.packed_file(name) for name in _packed(session) if name not in barred)]
    records = {layout.font_file(font.font_id) for font in session.fonts if font.accepted}
    return {layout.CARD_FILE, *records, *(name for name in perhaps if tree.size(name) is not None)}


def _packed(session: ExportSession) -> list[str]:
    return [font.font_id for font in session.fonts if font.accepted and session.config.compress_metadata]


def _states(tree: Tree, session: ExportSession) -> dict[str, FontState | None]:
    """By font, as its checkpoint says; None where that is missing or damaged."""
    barred = barred_fonts(tree, session)
    fonts = [font.font_id for font in session.fonts if font.accepted]
    found = {name: None if name in barred else decode(read_file(tree, layout.checkpoint_file(name))) for name in fonts}
    return {name: checkpoint.state if checkpoint is not None else None for name, checkpoint in found.items()}


def _identity(config: ExportConfig, fonts: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    """What decides the pixels (I2), as far as session and summary both tell it."""
    return config.identity(), {tuple(font[name] for name in _OF_FONT) for font in fonts}


def read_file(tree: Tree, name: str) -> bytes:
    """What is in a file; b"" when there is none, or a link or the like in its place or that of its folder."""
    try:
        return tree.read(name) if tree.size(name) is not None else b""
    except FontmillError as error:
        if error.slug != "path-not-allowed":
            raise
        return b""


def _object(tree: Tree, name: str) -> dict[str, Any]:
    try:
        found = orjson.loads(read_file(tree, name))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
