"""Makes any number of small, distinct font files out of one: same glyphs, another name in each.

    python bench/manyfonts.py COUNT    (prints the folder)
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from material import fonts
from places import CACHE

LATIN_1 = (*range(0x20, 0x7F), *range(0xA0, 0x100))
NAMED = {1: "Bench {0}", 3: "fontmill bench {0}", 4: "Bench {0}", 6: "Bench-{0}"}


def small_font() -> bytes:
    """The Latin-1 part of an ordinary font."""
    font = TTFont(fonts(1)[0])
    options = Options(layout_features=["kern", "liga"], hinting=False, notdef_outline=True)
    options.drop_tables += ["FFTM"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=LATIN_1)
    subsetter.subset(font)
    return saved(font)


def saved(font: TTFont) -> bytes:
    """The font as a file's bytes."""
    out = io.BytesIO()
    font.save(out, reorderTables=False)
    return out.getvalue()


def renamed(data: bytes, number: int) -> bytes:
    """The same font under another name."""
    font = TTFont(io.BytesIO(data), lazy=True, recalcTimestamp=False)
    for name_id, pattern in NAMED.items():
        font["name"].setName(pattern.format(f"{number:05d}"), name_id, 3, 1, 0x409)
    return saved(font)


def folder_of(count: int) -> Path:
    """A folder that holds exactly `count` distinct fonts; made once and kept."""
    folder = CACHE / f"fonts-{count}"
    if not folder.exists():
        part, data = CACHE / f".fonts-{count}", small_font()
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for number in range(1, count + 1):
            (part / f"bench-{number:05d}.ttf").write_bytes(renamed(data, number))
        part.rename(folder)
    return folder


if __name__ == "__main__":
    print(folder_of(int(sys.argv[1])))
