"""FileSystemExporter: the structure of a project and the files people and loaders read.

Nothing written here holds a time, host, path or process number: it is compared between runs (I3).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fontmill.errors import FontmillError
from fontmill.model import (
    SCHEMA_VERSION,
    ExportResult,
    ExportSession,
    FontInfo,
    ProjectStructure,
    ResultError,
    SessionSummary,
)
from fontmilld.core import layout
from fontmilld.store import journal
from fontmilld.store.checkpoint import FontState, dump
from fontmilld.store.tree import Tree


def create_project_structure(tree: Tree, session: ExportSession) -> ProjectStructure:
    """createProjectStructure: folders and log files first, then, last and durably, `session.json`.

    A tree without `session.json` is one in which nothing was begun. Harmless when repeated.
    """
    new = ensure_structure(tree, session)
    tree.replace(layout.SESSION_FILE, dump(session))
    path = f"{session.output_path}/{session.project_name}"
    return ProjectStructure(path, f"{path}/{layout.FONTS_DIR}", f"{path}/{layout.LOGS_DIR}", new)


def ensure_structure(tree: Tree, session: ExportSession) -> tuple[str, ...]:
    """Make what is missing of the folders and log files: a power cut may take them after `session.json`.

    Returns the ids of fonts whose folder was not there: nothing can be on record of them.
    """
    for folder in (layout.FONTS_DIR, layout.LOGS_DIR):
        tree.make_dir(folder)
    for name in layout.LOG_FILES:
        if tree.size(f"{layout.LOGS_DIR}/{name}") is None:
            tree.write(f"{layout.LOGS_DIR}/{name}", b"")
    return tuple(font.font_id for font in session.fonts if font.accepted and _make_font_dirs(tree, font.font_id))


def _make_font_dirs(tree: Tree, font_id: str) -> bool:
    """Whether the font's own folder was not there."""
    if not layout.is_font_id(font_id):
        raise FontmillError("path-not-allowed", "This is not a font id.")
    new = tree.make_dir(layout.font_dir(font_id))
    tree.make_dir(layout.images_dir(font_id))
    return new


def ensure_font_directory(tree: Tree, font_id: str) -> str:
    """ensureFontDirectory: make the font's folders; returns the images' folder, relative to the project."""
    _make_font_dirs(tree, font_id)
    return layout.images_dir(font_id)


def export_image(tree: Tree, name: str, data: bytes) -> ExportResult:
    """exportImage: write one file. Does not raise for a fault of the storage: the result says it."""
    began = time.perf_counter()
    try:
        tree.write(name, data)
    except FontmillError as error:
        fault = ResultError(error.slug, error.message, error.kind.retryable)
        return ExportResult(False, time.perf_counter() - began, name, None, fault)
    return ExportResult(True, time.perf_counter() - began, name, len(data))


def export_metadata(tree: Tree, name: str, metadata: Mapping[str, Any]) -> None:
    """exportMetadata: replace one JSON file, durably."""
    tree.replace(name, dump(metadata))


def export_session_summary(tree: Tree, summary: SessionSummary) -> None:
    """exportSessionSummary: write `summary.json`, durably. Everything else must be durable before."""
    tree.replace(layout.SUMMARY_FILE, dump(summary))


def font_record(tree: Tree, info: FontInfo, state: FontState, record: Mapping[str, Any]) -> dict[str, Any]:
    """What `metadata.json` of a font holds: `record`, counts (I4) and the digest of the labels file."""
    failed: Counter[str] = Counter()
    for failure in state.failures:
        failed[failure.slug] += len(failure.indices)
    digest = journal.digest(journal.prefix(tree, layout.samples_file(state.font_id), state.length))
    return {
        "schema_version": SCHEMA_VERSION,
        "font_id": state.font_id,
        **record,
        "samples": {"requested": info.total_samples, "done": len(state.done), "failed": dict(sorted(failed.items()))},
        "samples_file": {"name": layout.SAMPLES_FILE, "bytes": state.length, "sha256": digest},
    }
