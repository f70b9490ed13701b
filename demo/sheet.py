"""Draws a contact sheet of a project: `python demo/sheet.py PROJECT SHEET.png`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fontmilld.render.labels import caption
from fontmilld.render.sheet import contact_sheet

PER_FONT = 3
COLUMNS = 3


def first_pairs(project: Path) -> list[tuple[str, bytes, bytes]]:
    """(caption, clear, blurred) of each font's first pair in each of its scripts."""
    pairs = []
    for path in sorted(project.glob("fonts/*/metadata.jsonl")):
        labels = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        first = {label["script"]: label for label in reversed(labels)}
        for script in sorted(first)[:PER_FONT]:
            clear, blurred = ((path.parent / first[script][f"{half}_file_name"]).read_bytes() for half in ("clear", "blurred"))
            pairs.append((caption(path.parent.name, first[script]), clear, blurred))
    return pairs


def draw(project: Path, sheet: Path) -> None:
    """Write the sheet of a project."""
    sheet.write_bytes(contact_sheet(first_pairs(project), COLUMNS))


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
