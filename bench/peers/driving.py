"""What the drivers share. They run inside a peer's environment: standard library only."""

from __future__ import annotations

import argparse
import random
import shutil
from pathlib import Path

LINE = 16  # characters: pictures of 256 px in the mean where a peer sizes them by their text


def arguments() -> argparse.Namespace:
    """The command line of every driver."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, nargs="+", required=True)
    random.seed(0)
    return parser.parse_args()


def phrases(words: Path, count: int) -> list[str]:
    """Lines of random words, about as long as those of the other programs."""
    known = words.read_text(encoding="utf-8").split()
    lines = []
    for _ in range(count):
        line = random.choice(known)
        while len(longer := f"{line} {random.choice(known)}") <= LINE:
            line = longer
        lines.append(line)
    return lines


def font_folder(out: Path, fonts: list[Path]) -> Path:
    """A folder with copies of the fonts, for programs that want one."""
    folder = out / "fonts-in"
    folder.mkdir(parents=True)
    for font in fonts:
        shutil.copy(font, folder / font.name)
    return folder
