"""Opening a project's tree in its writer thread: lock, create or recognise, recover, and note in the index."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontInfo, Part
from fontmilld.core import layout
from fontmilld.render.twins import near_duplicates
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.ledger import SessionStore
from fontmilld.store.litter import foreign_names
from fontmilld.store.lock import TreeLock
from fontmilld.store.logs import SessionLogs
from fontmilld.store.parts import refuse_left, without_elsewhere
from fontmilld.store.preflight import locate, validate_output_path
from fontmilld.store.recovery import Recovery, recover
from fontmilld.store.sessions import has_session, load_session
from fontmilld.store.state import SessionStateManager
from fontmilld.store.text import keep_text, kept_text
from fontmilld.store.tree import Tree

SHOWN_DIFFERENCES = 6
SHOWN_CHARACTERS = 100
SHOWN_BEFORE = 40


Mend = Callable[[SessionStore, Recovery], Recovery]
"""Gives work back to a project that is being opened, in the writer's thread; returns what recovery is then."""


@dataclass(frozen=True, slots=True)
class OpenTree:
    """A tree that is ours: its session, what recovery found, its logs (for the writer's thread only).

    `text` is the user's own text, "" for none.
    """

    session: ExportSession
    recovery: Recovery
    lock: TreeLock
    resumed: bool
    logs: SessionLogs
    text: str = ""


@dataclass(frozen=True, slots=True)
class TreeOpener:
    """What is needed to open trees; everything here runs in a writer thread."""

    allowed_roots: tuple[str, ...]
    state: SessionStateManager
    boot: str

    def create(self, wanted: ExportSession, key: str | None, force: bool, text: str) -> tuple[SessionStore, OpenTree]:
        """Make the project, or take up the one that is there when it is the same. Raises FontmillError."""
        output = self.resolve(wanted.output_path)
        path = f"{output.rstrip('/')}/{wanted.project_name}"
        refuse_left(path, wanted)
        made = not os.path.lexists(path)
        tree = LocalTree(path, create=True)
        try:
            return self._claim(tree, replace(wanted, output_path=output), path, key, force, text)
        except BaseException:
            if made:
                tree.remove_dir("")  # a refused start leaves nothing half-made behind
            tree.close()
            raise

    def _claim(self, tree: LocalTree, wanted: ExportSession, path: str, key: str | None, force: bool,
               text: str) -> tuple[SessionStore, OpenTree]:
        lock = TreeLock(path, self.boot)
        try:
            resumed = has_session(tree)
            if resumed:
                found = load_session(tree, path)
                refuse_left(path, found)
                session, mend = _same(found, wanted, force, tree.size(layout.SUMMARY_FILE) is not None)
            else:
                session, mend = replace(wanted, fonts=flag_near_duplicates(wanted.fonts)), None
                _refuse_foreign(tree, wanted)
            keep_text(tree, session, text)
            made = create_project_structure(tree, session)
            return self._recovered(tree, session, lock, resumed, key, mend, new_fonts=made.new_fonts)
        except BaseException:
            lock.release()
            raise

    def move(self, session: ExportSession, output: str, left: Part, text: str) -> tuple[SessionStore, OpenTree]:
        """Go on with a session in a fallback path; `left` is what its tree so far holds. Raises FontmillError."""
        moved = replace(session, output_path=output, parts=(*session.parts, left))
        path = f"{self.resolve(output).rstrip('/')}/{session.project_name}"
        tree = LocalTree(path, create=True)
        try:
            return self._claim_fallback(tree, moved, path, text)
        except BaseException:
            tree.close()
            raise

    def _claim_fallback(self, tree: LocalTree, moved: ExportSession, path: str, text: str) -> tuple[SessionStore, OpenTree]:
        lock = TreeLock(path, self.boot)
        try:
            _refuse_other(tree, path, moved)
            keep_text(tree, moved, text)
            create_project_structure(tree, moved)
            return self._recovered(tree, moved, lock, True, None)
        except BaseException:
            lock.release()
            raise

    def reopen(self, path: str, mend: Mend | None = None, sources: Mapping[str, str] | None = None) -> tuple[SessionStore, OpenTree]:
        """Take up the project at `path`; `mend` gives work back, `sources` tells where fonts are, by sha256.

        Raises FontmillError.
        """
        path = self.project(path)
        tree = LocalTree(path)
        try:
            lock = TreeLock(path, self.boot)
            try:
                session = _with_sources(load_session(tree, path), sources or {})
                refuse_left(path, session)
                as_it_was = mend is None and sources is None  # a restart, and nobody who wants it to run
                return self._recovered(tree, session, lock, True, None, mend, pause_stays=as_it_was)
            except BaseException:
                lock.release()
                raise
        except BaseException:
            tree.close()
            raise

    def _recovered(self, tree: Tree, session: ExportSession, lock: TreeLock, resumed: bool, key: str | None,
                   mend: Mend | None = None, pause_stays: bool = False,
                   new_fonts: tuple[str, ...] = ()) -> tuple[SessionStore, OpenTree]:
        recovery = without_elsewhere(recover(tree, session, new_fonts=new_fonts), session)
        store = SessionStore(tree, session, recovery.states, unsaved=recovery.unsaved, release=lock.release)
        if mend is not None:
            recovery = mend(store, recovery)
        self.state.save_session_state(store.session, "completed" if recovery.completed else "active", pause_stays=pause_stays)
        if key:
            self.state.remember_key(key, session.session_id)
        return store, OpenTree(store.session, recovery, lock, resumed, SessionLogs(tree), kept_text(tree, session) or "")

    def project(self, path: str, *, to_write: bool = True) -> str:
        """The resolved path of a project beneath an allowed root (I7). Raises FontmillError."""
        output = self.resolve(os.path.dirname(path), to_write=to_write)
        found = f"{output.rstrip('/')}/{os.path.basename(path)}"
        if not os.path.isdir(found):
            raise FontmillError("unknown-session", f"There is no project at {path}.")
        return found

    def resolve(self, path: str, *, to_write: bool = True) -> str:
        """A folder with its links resolved, beneath an allowed root (I7). Raises FontmillError."""
        checked = (validate_output_path if to_write else locate)(path, self.allowed_roots)
        if not checked.ok:
            raise FontmillError(checked.slug, checked.reason)
        return checked.path


def flag_near_duplicates(fonts: tuple[FontInfo, ...]) -> tuple[FontInfo, ...]:
    """The fonts, each record saying in `near_duplicates` which others draw nearly the same glyphs.

    A thousand fonts take seconds to compare: not on the loop's thread.
    """
    near = near_duplicates([font.record.get("sketch", {}) if font.accepted else {} for font in fonts])
    # One map for all who have the same twin: of a thousand copies each has 32.
    told = {twin: {"font_id": fonts[twin.at].font_id, "similarity": twin.similarity, "scripts": list(twin.scripts)}
            for twin in set(chain.from_iterable(near))}
    return tuple(
        replace(font, record={**font.record, "near_duplicates": [told[twin] for twin in found]}) if font.accepted else font
        for font, found in zip(fonts, near, strict=True)
    )


def _with_sources(session: ExportSession, sources: Mapping[str, str]) -> ExportSession:
    fonts = tuple(replace(font, source=sources.get(font.sha256, font.source)) for font in session.fonts)
    return replace(session, fonts=fonts)


def _refuse_other(tree: LocalTree, path: str, moved: ExportSession) -> None:
    if not has_session(tree):
        _refuse_foreign(tree, moved)
    elif load_session(tree, path).session_id != moved.session_id:
        raise FontmillError("project-differs", "The fallback path holds another session's project.")


def _refuse_foreign(tree: LocalTree, wanted: ExportSession) -> None:
    """A folder that holds something else is not ours to fill (I7)."""
    other_text = tree.size(layout.TEXT_FILE) is not None and kept_text(tree, wanted) is None
    if other_text or next(foreign_names(tree, wanted), None) is not None:
        raise FontmillError(
            "project-differs", "The project folder exists and is not fontmill's.",
            action="Choose another --project name or an empty folder.",
        )


def _same(found: ExportSession, wanted: ExportSession, force: bool, complete: bool) -> tuple[ExportSession, Mend | None]:
    """The session on disk, with the caller's durability and font paths, when it draws the same pictures (I2).

    A `complete` one of other versions is taken up as it is, provided that nothing is left to draw: the `Mend` refuses then.
    """
    refuse_different(found, wanted)
    versions = _differing(found.fingerprint, wanted.fingerprint)
    as_it_is = bool(versions) and not force
    if as_it_is and not complete:
        raise _other_versions(versions)
    sources = {font.font_id: font.source for font in wanted.fonts}
    fonts = tuple(replace(font, source=sources.get(font.font_id, font.source)) for font in found.fonts)
    config = replace(found.config, durability=wanted.config.durability, fallback_paths=wanted.config.fallback_paths)
    session = replace(found, fonts=fonts, config=config)
    if as_it_is:
        return session, lambda _, recovery: _nothing_to_draw(recovery, versions)
    return replace(session, fingerprint=wanted.fingerprint), None


def _nothing_to_draw(recovery: Recovery, versions: list[str]) -> Recovery:
    if not recovery.completed:
        raise _other_versions(versions)
    return recovery


def _other_versions(versions: list[str]) -> FontmillError:
    shown = "; ".join(versions[:SHOWN_DIFFERENCES])
    return FontmillError("fingerprint-differs", f"The project was begun with other versions: {shown}.", {"differences": versions})


def refuse_different(found: ExportSession, wanted: ExportSession) -> None:
    """Raise `project-differs`, naming what differs, when the two would draw other pictures."""
    differences = _differences(found, wanted)
    if differences:
        shown = "; ".join(differences[:SHOWN_DIFFERENCES])
        raise FontmillError("project-differs", f"The project exists with another configuration: {shown}.", {"differences": differences})


def _differences(found: ExportSession, wanted: ExportSession) -> list[str]:
    differences = _differing(found.config.identity(), wanted.config.identity())
    ours, theirs = _drawn(found, _accidents(wanted)), _drawn(wanted, _accidents(found))
    differences += [f"font {name} is not in the project" for name, *_ in sorted(theirs - ours)]
    return differences + [f"font {name} of the project is not given" for name, *_ in sorted(ours - theirs)]


def _drawn(session: ExportSession, without: frozenset[str]) -> set[tuple[str, str, int]]:
    """The accepted faces of the files that are not among `without`."""
    return {(font.font_id, font.sha256, font.face_index) for font in session.fonts if font.accepted and font.source not in without}


def _accidents(session: ExportSession) -> frozenset[str]:
    """Files whose inspection ended its process or took too long: another time it may not, and the project's word stands."""
    return frozenset(font.source for font in session.fonts if font.slug in ("font-crashed", "font-timed-out"))


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        "{} is {} and was {}".format(name, *_shortened(repr(wanted.get(name)), repr(found.get(name))))
        for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)
    ]


def _shortened(one: str, other: str) -> tuple[str, str]:
    """A preset's source is too long for a sentence: what is about the first place where the two part."""
    alike = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, alike - SHOWN_BEFORE)
    return _cut(one, start), _cut(other, start)


def _cut(shown: str, start: int) -> str:
    if len(shown) <= SHOWN_CHARACTERS:
        return shown
    end = start + SHOWN_CHARACTERS
    return f"{'...' if start else ''}{shown[start:end]}{'...' if end < len(shown) else ''}"
