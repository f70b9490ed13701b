"""FileSystemExporter: the structure of a project and the files people and loaders read.

Nothing written here holds a time, host, path or process number: it is compared between runs (I3).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
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
    ensure_structure(tree, session)
    tree.replace(layout.SESSION_FILE, dump(session.to_dict()))
    path = f"{session.output_path}/{session.project_name}"
    return ProjectStructure(path, f"{path}/{layout.FONTS_DIR}", f"{path}/{layout.LOGS_DIR}")


def ensure_structure(tree: Tree, session: ExportSession) -> None:
    """Make what is missing of the folders and log files: a power cut may take them after `session.json`."""
    for folder in (layout.FONTS_DIR, layout.LOGS_DIR):
        tree.make_dir(folder)
    for name in layout.LOG_FILES:
        if tree.size(f"{layout.LOGS_DIR}/{name}") is None:
            tree.write(f"{layout.LOGS_DIR}/{name}", b"")
    for font in session.fonts:
        if font.accepted:
            ensure_font_directory(tree, font.font_id)


def ensure_font_directory(tree: Tree, font_id: str) -> str:
    """ensureFontDirectory: make the font's folders; returns the images' folder, relative to the project."""
    if not layout.is_font_id(font_id):
        raise FontmillError("path-not-allowed", "This is not a font id.")
    name = layout.images_dir(font_id)
    tree.make_dir(name)
    return name


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
    tree.replace(layout.SUMMARY_FILE, dump(summary.to_dict()))


def font_record(tree: Tree, info: FontInfo, state: FontState, record: Mapping[str, Any]) -> dict[str, Any]:
    """What `metadata.json` of a font holds: `record`, counts (I4) and the digest of the labels file."""
    failed: Counter[str] = Counter()
    for failure in state.failures:
        failed[failure.slug] += len(failure.indices)
    digest = hashlib.sha256()
    for block in journal.prefix(tree, layout.samples_file(state.font_id), state.length):
        digest.update(block)
    return {
        "schema_version": SCHEMA_VERSION,
        "font_id": state.font_id,
        **record,
        "samples": {"requested": info.total_samples, "done": len(state.done), "failed": dict(sorted(failed.items()))},
        "samples_file": {"name": layout.SAMPLES_FILE, "bytes": state.length, "sha256": digest.hexdigest()},
    }


def dataset_card(session: ExportSession, counts: Mapping[str, int]) -> str:
    """README.md: `counts` are finished samples by font id. Says where every font's labels are.

    Without explicit `configs` a loader that meets a folder named like a split reads only that one.
    """
    fonts = [font for font in session.fonts if font.accepted and counts.get(font.font_id)]
    total = sum(counts.get(font.font_id, 0) for font in fonts)
    lines = ["---", *_front_matter(total), "---", "", f"# {session.project_name}", ""]
    lines += [*_prose(session, total), "", *_font_table(fonts, counts), ""]
    return "\n".join(lines)


def _front_matter(total: int) -> list[str]:
    head = ["task_categories:", "- image-to-image", "size_categories:", f"- {_size_category(total)}"]
    if not total:
        return head
    images = f"{layout.images_dir('*')}/*.png"
    return [
        *head, "configs:", "- config_name: default", "  data_files:", "  - split: train", "    path:",
        f"    - {layout.samples_file('*')}", f"    - {images}",
    ]


def _size_category(total: int) -> str:
    for limit, name in ((1000, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if total < limit:
            return name
    return "1M<n<10M"


def _prose(session: ExportSession, total: int) -> list[str]:
    config = session.config
    return [
        f"{total} pairs of a clear and a blurred picture of text, {config.image_width} x {config.image_height} pixels, "
        f"made by fontmill with preset `{config.preset}` and seed {config.seed}.",
        "",
        "Each font's `metadata.jsonl` has one line per pair: both file names, the text, the recipe, the blur "
        "kernel, the noise, sizes and SHA-256 digests. `metadata.json` beside it describes the font and its licence.",
        "",
        "```python", "from datasets import load_dataset", "", f'pairs = load_dataset("./{session.project_name}", split="train")  # from the folder that holds this one', "```",
    ]


def _font_table(fonts: Iterable[FontInfo], counts: Mapping[str, int]) -> list[str]:
    rows = [
        f"| `{font.font_id}` | {_cell(font.family)} | {_cell(font.style)} | {counts.get(font.font_id, 0)} |"
        for font in fonts
    ]
    return ["| font | family | style | pairs |", "|---|---|---|---|", *rows]


def _cell(text: str) -> str:
    """A font's name is foreign text: it may not break out of its cell."""
    printable = "".join(c if c.isprintable() else " " for c in text[:100])
    return printable.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
