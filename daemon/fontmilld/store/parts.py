"""A session that went on in a fallback path: which samples lie in other trees, and bringing them together."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, Part
from fontmilld.core import layout
from fontmilld.core.labels import Claim, read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store import journal
from fontmilld.store.checkpoint import decode
from fontmilld.store.ending import read_file
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.ledger import SessionStore
from fontmilld.store.records import BatchRecord
from fontmilld.store.recovery import Recovery
from fontmilld.store.sessions import load_session, read_progress
from fontmilld.store.tree import Tree

log = logging.getLogger(__name__)
COMMIT_PAIRS = 256


def elsewhere(session: ExportSession, font_id: str) -> RangeSet:
    """Samples of a font that are on record in other trees of the session."""
    if not session.parts:
        return RangeSet()
    return RangeSet.of(span for part in session.parts for span in part.fonts.get(font_id, ()))


def without_elsewhere(recovery: Recovery, session: ExportSession) -> Recovery:
    """Recovery's work less what other trees hold."""
    fonts = {
        font_id: replace(found, todo=found.todo - elsewhere(session, font_id))
        for font_id, found in recovery.fonts.items()
    }
    return replace(recovery, fonts=fonts)


def filled(session: ExportSession) -> tuple[Part, ...]:
    """The parts in which pairs lie. Of one that was brought here, the session keeps that it has moved from there."""
    return tuple(part for part in session.parts if part.fonts)


def samples_of(part: Part) -> int:
    """How many pairs lie in a part."""
    return sum(len(RangeSet.of(spans)) for spans in part.fonts.values())


def open_part(session: ExportSession, part: Part) -> LocalTree | None:
    """The tree of a part; None when it cannot be read now, or another project or none lies there."""
    found = _session_at(part.path)
    if found is None or found.session_id != session.session_id:
        return None
    with suppress(FontmillError):
        return LocalTree(part.path)
    return None


def parts_told(session: ExportSession) -> tuple[dict[str, Any], ...]:
    """Every part as it is found now: its `path`, how many `samples` lie there, and whether it is `in_reach`."""
    told = []
    for part in filled(session):
        tree = open_part(session, part)
        told.append({"path": part.path, "samples": samples_of(part), "in_reach": tree is not None})
        if tree is not None:
            tree.close()
    return tuple(told)


def gone_on_in(project: str, fallbacks: Iterable[str]) -> str:
    """The one of the fallback paths in which the session of a project went on and made pairs; "" when it is in none of them.

    `project` is a resolved path, and so are they. A project with another session than before has not moved.
    """
    name = os.path.basename(project)
    found = [session for path in fallbacks if (session := _session_at(f"{path.rstrip('/')}/{name}")) is not None
             and any(part.path == project for part in session.parts)]
    here = _session_at(project) if found else None  # seldom: a session of thousands of fonts takes long to read
    found = [session for session in found if (here is None or here.session_id == session.session_id) and _has_pairs(session)]
    return max(found, key=lambda session: len(session.parts)).output_path if found else ""


def _session_at(path: str) -> ExportSession | None:
    """The session of the project at a path."""
    try:
        with closing(LocalTree(path)) as tree:
            return load_session(tree, path)
    except FontmillError:
        return None


def _has_pairs(session: ExportSession) -> bool:
    """Whether a font of a session has a checkpoint where the session is now."""
    try:
        with closing(LocalTree(session.project_path)) as tree:
            return any(tree.size(layout.checkpoint_file(font.font_id)) is not None for font in session.fonts if font.accepted)
    except FontmillError:
        return False


def refuse_left(project: str, session: ExportSession) -> None:
    """Raise `project-differs` for a project that its session has left for a fallback path: what is made there would be made twice."""
    output = gone_on_in(project, (os.path.realpath(path) for path in session.config.fallback_paths))
    if output:
        raise FontmillError(
            "project-differs", f"The storage of {project} failed once, and its session went on in {output}/{session.project_name}.",
            {"project_path": f"{output}/{session.project_name}"},
            action=f"Name that folder; `run` and `start` go on there with --out {output}, or with it as a --fallback.")


def left_out(tree: Tree, session: ExportSession) -> dict[str, RangeSet]:
    """By font, what a user left out by completing the session early: work on a complete project never makes it.

    Of a project that was complete these are the samples that its checkpoints call neither done nor failed.
    Raises `cancelled` when a user has cancelled the session: it is theirs to begin again.
    """
    said = read_progress(tree)
    if said.get("reason") == "cancelled":
        raise FontmillError("cancelled")
    if said.get("status") != "completed":
        return {}
    found: dict[str, RangeSet] = {}
    for info in session.fonts:
        checkpoint = decode(read_file(tree, layout.checkpoint_file(info.font_id))) if info.accepted else None
        if checkpoint is not None:
            found[info.font_id] = checkpoint.state.todo(info.total_samples) - elsewhere(session, info.font_id)
    return found


def gather(store: SessionStore, recovery: Recovery) -> Recovery:
    """Copy every sound pair of the other trees into this one; all that is not sound there, or out of reach, is drawn anew.

    Digests are checked on the way. No part of the session is `filled` afterwards.
    """
    store.unseal()
    for part in filled(store.session):
        tree = open_part(store.session, part)
        if tree is None:
            log.warning("a part of session %s cannot be read: what lies there is drawn anew", store.session.session_id)
            continue
        try:
            for font_id, spans in part.fonts.items():
                _gather_font(store, tree, font_id, RangeSet.of(spans))
        finally:
            tree.close()
    session = replace(store.session, parts=tuple(Part(part.path, {}) for part in store.session.parts))
    create_project_structure(store.tree, session)
    store.session = session
    fonts, totals = {}, {font.font_id: font.total_samples for font in session.fonts}
    for font_id, found in recovery.fonts.items():
        state = store.state(font_id)
        fonts[font_id] = replace(found, state=state, todo=state.todo(totals[font_id]), finished=False)
    return replace(recovery, fonts=fonts, completed=False)


def _gather_font(store: SessionStore, part: Tree, font_id: str, wanted: RangeSet) -> None:
    missing = wanted - store.state(font_id).done
    if not missing:
        return
    store.tree.remove(layout.font_file(font_id))
    count = 0
    for claim, line in _claims(part, font_id):
        if claim.index in missing and _copied(store.tree, part, font_id, claim):
            one = RangeSet.span(claim.index, claim.index)
            store.append(BatchRecord(font_id, claim.index, claim.index, one, (), line, store.epoch))
            count += 1
            if count % COMMIT_PAIRS == 0:
                store.commit()
    store.settle()


def _claims(part: Tree, font_id: str) -> Iterator[tuple[Claim, bytes]]:
    for _, line in journal.lines(part, layout.samples_file(font_id)):
        claim = read_claim(line)
        if claim is not None and line.endswith(b"\n"):
            yield claim, line


def _copied(tree: Tree, part: Tree, font_id: str, claim: Claim) -> bool:
    for half in claim.images:
        name = f"{layout.images_dir(font_id)}/{half.file_name}"
        data = b""
        with suppress(FontmillError):
            data = part.read(name)
        if len(data) != half.size or hashlib.sha256(data).hexdigest() != half.sha256:
            return False
        tree.write(name, data)
    return True
