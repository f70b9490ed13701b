"""Finds the font files of the installed `fontpkg-*` packages."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

SUFFIXES = {".ttf", ".otf", ".ttc"}


def demo_fonts() -> list[Path]:
    """Every font file of every `fontpkg-*` package, sorted by name."""
    return sorted(
        {
            Path(str(found.locate_file(file))).resolve()
            for found in distributions()
            if found.metadata["Name"].startswith("fontpkg-")
            for file in found.files or ()
            if Path(str(file)).suffix.lower() in SUFFIXES
        },
        key=lambda path: path.name,
    )


if __name__ == "__main__":
    print("\n".join(map(str, demo_fonts())))
