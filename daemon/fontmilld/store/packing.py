"""The two forms of a font's labels where `compress_metadata` is on.

While `summary.json` is there, `metadata.jsonl.gz` counts; else `metadata.jsonl`, the journal. The form that is to
count is durable before the summary comes or goes, and the other goes after that. So a crash leaves at most one form too many.
"""

from __future__ import annotations

from collections.abc import Iterator

from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.store import gzipped, journal
from fontmilld.store.tree import Tree


def packed_files(session: ExportSession) -> dict[str, str]:
    """By the labels file of each accepted font, its compressed form; nothing where the option is off."""
    if not session.config.compress_metadata:
        return {}
    ids = [font.font_id for font in session.fonts if font.accepted]
    return {layout.samples_file(font_id): layout.packed_file(font_id) for font_id in ids}


def stage(tree: Tree, session: ExportSession) -> Iterator[str]:
    """Write every font's compressed labels beside their future place; returns their names as they are written."""
    for labels, name in packed_files(session).items():
        if journal.size(tree, labels):
            tree.stage(name, gzipped.packed(journal.blocks(tree, labels)))
            yield name


def unpack(tree: Tree, session: ExportSession) -> None:
    """Make the labels files that are missing from the compressed ones, durably."""
    for labels in packed_files(session):
        if journal.is_packed(tree, labels):
            tree.replace(labels, journal.blocks(tree, labels))


def drop_packed(tree: Tree, session: ExportSession) -> None:
    """Remove the compressed form; `unpack` comes first."""
    for name in packed_files(session).values():
        tree.remove(name)


def drop_unpacked(tree: Tree, session: ExportSession) -> tuple[str, ...]:
    """Remove the labels files that are there in compressed form too; returns their names."""
    double = tuple(labels for labels, name in packed_files(session).items() if tree.size(name) is not None)
    for labels in double:
        tree.remove(labels)
    return double


def settle(tree: Tree, session: ExportSession) -> None:
    """At an opening: finish what an interruption left undone, so that each font's labels have the form that counts."""
    if tree.size(layout.SUMMARY_FILE) is not None:
        drop_unpacked(tree, session)
    else:
        unpack(tree, session)
        drop_packed(tree, session)


def is_complete(tree: Tree, session: ExportSession) -> bool:
    """Whether no labels are left that should be compressed."""
    return not any(tree.size(labels) for labels in packed_files(session))
