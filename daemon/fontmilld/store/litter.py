"""What is ours in a tree and what is not: sweeping, listing, deleting. Foreign files are told, never touched."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from fontmill.errors import FontmillError
from fontmill.model import ExistingFileMap, ExportConfig, ExportSession
from fontmilld.core import layout
from fontmilld.core.ranges import RangeSet
from fontmilld.store.tree import Entry, Tree

_TOP: Final = (
    layout.SUMMARY_FILE, layout.REPORT_FILE, layout.CROISSANT_FILE, layout.CARD_FILE, layout.PROGRESS_FILE,
    layout.TEXT_FILE, layout.SESSION_FILE,
)
_LOG: Final = re.compile("(?:" + "|".join(map(re.escape, layout.LOG_FILES)) + r")(?:\.[1-9])?")


def sweep(tree: Tree, session: ExportSession) -> int:
    """Remove our own temporary files; returns how many there were."""
    found = 0
    for name in staged_names(session):
        if tree.size(name) is not None:
            tree.remove(name)
            found += 1
    return found


def staged_names(session: ExportSession) -> Iterator[str]:
    """Every temporary file that a session can leave behind."""
    for name in _TOP:
        yield name + layout.PART_SUFFIX
    for font in session.fonts:
        if font.accepted:
            for name in _font_files(font.font_id, session.config):
                yield name + layout.PART_SUFFIX


def _font_files(font_id: str, config: ExportConfig) -> tuple[str, ...]:
    """What a session of this configuration writes for a font beside its images."""
    files = (layout.checkpoint_file(font_id), layout.font_file(font_id), layout.samples_file(font_id))
    return (*files, layout.packed_file(font_id)) if config.compress_metadata else files


def barred_fonts(tree: Tree, session: ExportSession) -> frozenset[str]:
    """The accepted fonts in place of whose folder, or of the one of all fonts, lies a link or something else: nothing there is ours."""
    fonts = {font.font_id for font in session.fonts if font.accepted}
    try:
        return frozenset(entry.name for entry in tree.names(layout.FONTS_DIR) if entry.kind != "dir" and entry.name in fonts)
    except FontmillError as error:
        if error.slug != "path-not-allowed":
            raise
        return frozenset(fonts)


def clear_places(tree: Tree, session: ExportSession) -> None:
    """Take away links, pipes and the like in place of our files beside images; what links lead to is not touched.

    Each of those files is one that can be made anew; `session.json` is not among them. Raises `tree-corrupt` where a folder is in
    the place of one: what is in it is not ours to remove.
    """
    files = {name for name in _TOP if name not in (layout.SESSION_FILE, layout.TEXT_FILE)}
    files |= {f"{layout.LOGS_DIR}/{name}" for name in layout.LOG_FILES}
    fonts = [font.font_id for font in session.fonts if font.accepted]
    for folder in ("", layout.LOGS_DIR, *map(layout.font_dir, fonts)):
        for entry in [entry for entry in tree.names(folder) if entry.kind != "file"]:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if name not in files and name not in _font_files(folder.rpartition("/")[2], session.config):
                continue
            if entry.kind == "dir":
                raise FontmillError("tree-corrupt", f"A folder is in the place of {name}.", {"file": name}, action="Move that folder away.")
            tree.remove(name)


# One for all fonts of a session.
@functools.lru_cache(maxsize=8)
def _numbered(kinds: str, width: int) -> re.Pattern[str]:
    return re.compile(rf"([0-9]{{{width}}})_(?:{kinds})\.png")


def own_images(font_id: str, config: ExportConfig) -> Callable[[str], int]:
    """A function of file names: the index of the image that a session of this configuration gives the name to, 0 for none."""
    own, prefix = _numbered("|".join(config.image_kinds), layout.index_width(config.num_samples)), f"{font_id}_"

    def index_of(name: str) -> int:
        match = own.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
        index = int(match[1]) if match else 0
        return index if index <= config.num_samples else 0

    return index_of


def sweep_unclaimed(tree: Tree, font_id: str, config: ExportConfig, done: RangeSet, tell: Callable[[], None] = lambda: None) -> int:
    """Remove images of a finished font that no label names, with a call of `tell` after each; returns how many there were."""
    folder, index_of = layout.images_dir(font_id), own_images(font_id, config)
    surplus = [
        entry.name for entry in tree.names(folder)
        if entry.kind == "file" and (index := index_of(entry.name)) and index not in done
    ]
    for name in surplus:
        tree.remove(f"{folder}/{name}")
        tell()
    return len(surplus)


def images_in(tree: Tree, font_id: str, config: ExportConfig) -> Iterator[tuple[str, int]]:
    """What lies in a font's folder of images: its name in the tree, and its index; 0 for what is not ours.

    The folder itself, when a link lies in its place.
    """
    folder, index_of = layout.images_dir(font_id), own_images(font_id, config)
    try:
        for entry in tree.names(folder):
            yield f"{folder}/{entry.name}", index_of(entry.name) if entry.kind == "file" else 0
    except FontmillError as error:
        if error.slug != "path-not-allowed":
            raise
        yield folder, 0


def scan_existing_files(tree: Tree, session: ExportSession) -> ExistingFileMap:
    """scanExistingFiles: sizes of our images by font and name, what is not ours, and our litter."""
    images: dict[str, dict[str, int]] = {}
    for font in session.fonts:
        if font.accepted:
            index_of = own_images(font.font_id, session.config)
            found = tree.scan(layout.images_dir(font.font_id))
            images[font.font_id] = {entry.name: entry.size for entry in found if entry.kind == "file" and index_of(entry.name)}
    litter = tuple(name for name in staged_names(session) if tree.size(name) is not None)
    return ExistingFileMap(images, tuple(sorted(foreign_names(tree, session))), litter)


def foreign_names(tree: Tree, session: ExportSession) -> Iterator[str]:
    """Everything in the tree that no session like this one makes, folders without looking into them."""
    yield from foreign_beside_images(tree, session)
    for font in session.fonts:
        if font.accepted:
            yield from (name for name, index in images_in(tree, font.font_id, session.config) if not index)


def foreign_beside_images(tree: Tree, session: ExportSession) -> Iterator[str]:
    """`foreign_names` less those in folders of images."""
    litter = set(staged_names(session))
    barred = barred_fonts(tree, session)
    fonts = [font.font_id for font in session.fonts if font.accepted]
    top = {*_TOP, layout.FONTS_DIR, layout.LOGS_DIR}
    if not session.config.text_sha256:
        top.discard(layout.TEXT_FILE)
    yield from _strangers(tree, "", top, litter)
    if len(barred) < len(fonts):
        yield from _strangers(tree, layout.FONTS_DIR, set(fonts), litter)
    logs = _logs(tree)
    if logs is None:
        yield layout.LOGS_DIR
    for entry in logs or ():
        if entry.kind != "file" or not _LOG.fullmatch(entry.name):
            yield f"{layout.LOGS_DIR}/{entry.name}"
    for font_id in [font_id for font_id in fonts if font_id not in barred]:
        known = {layout.IMAGES_DIR, *(name.rpartition("/")[2] for name in _font_files(font_id, session.config))}
        yield from _strangers(tree, layout.font_dir(font_id), known, litter)


def _logs(tree: Tree) -> list[Entry] | None:
    """What lies in the folder of logs; None where a link or something else is in its place."""
    try:
        return list(tree.names(layout.LOGS_DIR))
    except FontmillError as error:
        if error.slug != "path-not-allowed":
            raise
        return None


_STILL_OPEN = (".nfs", ".fuse_hidden")
"""Where network storage and FUSE keep a file that was unlinked while it was open; they remove it themselves."""


def _strangers(tree: Tree, folder: str, known: set[str], litter: set[str]) -> Iterator[str]:
    for entry in tree.names(folder):
        name = f"{folder}/{entry.name}" if folder else entry.name
        ours = not folder and entry.name.startswith(layout.LOCK_FILE)
        if entry.name not in known and name not in litter and not ours and not entry.name.startswith(_STILL_OPEN):
            yield name


def delete_project(tree: Tree, session: ExportSession, tell: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    """Remove what is ours, `session.json` last, so that an interrupted deletion can be repeated. `tell` is called after each image.

    Returns the foreign files that stay, and with them their folders. The lock stays until it is released;
    `remove_dir("")` after that removes an empty project folder.
    """
    barred = barred_fonts(tree, session)
    fonts = [font for font in session.fonts if font.accepted and font.font_id not in barred]
    sweep(tree, replace(session, fonts=tuple(fonts)))
    stays = set(foreign_names(tree, session))
    ours = [name for name in _TOP[:-1] if name not in stays]
    ours += [name for font in fonts for name in _font_files(font.font_id, session.config)]
    ours += [f"{layout.LOGS_DIR}/{entry.name}" for entry in _logs(tree) or () if _LOG.fullmatch(entry.name)]
    stays |= {name for name in ours if not _removed(tree, name)}
    for font in fonts:
        _delete_images(tree, font.font_id, session.config, tell)
    for folder in ([] if barred else [layout.FONTS_DIR]) + ([] if layout.LOGS_DIR in stays else [layout.LOGS_DIR]):
        tree.remove_dir(folder)
    tree.remove(layout.SESSION_FILE)
    return tuple(sorted(stays))


def _removed(tree: Tree, name: str) -> bool:
    """Remove what has a file's name; False when that is a folder, which is not ours."""
    try:
        tree.remove(name)
    except FontmillError as error:
        if error.details.get("errno") != "EISDIR":
            raise
        return False
    return True


def _delete_images(tree: Tree, font_id: str, config: ExportConfig, tell: Callable[[], None]) -> None:
    try:
        sweep_unclaimed(tree, font_id, config, RangeSet(), tell)
        tree.remove_dir(layout.images_dir(font_id))
    except FontmillError as error:
        if error.slug != "path-not-allowed":  # a link in place of a folder is foreign, and stays
            raise
    tree.remove_dir(layout.font_dir(font_id))
