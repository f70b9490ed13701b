"""Draws the picture that the README shows: pairs per CPU-second, two bars a program, gray and RGB.

    python bench/chart.py [--results DIR] [--out FILE]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from places import RESULTS
from targets import Line, read

# All text is ASCII: the typeface that comes with Pillow has little else.
SCALE = 2  # drawn twice as large, for sharp text on dense screens
WIDTH, LEFT, RIGHT, HEAD, FOOT = 860, 310, 80, 92, 62
BAR, BETWEEN, GAP = 15, 2, 14  # height of a bar, between the two of a program, between programs
INK, FAINT, PAPER = "#1f2328", "#57606a", "#ffffff"
OURS, THEIRS, FLOOR = ("#116149", "#5fb39a"), ("#57606a", "#afb8c1"), ("#8a6d1f", "#d9bf77")
COLORS = ("gray", "rgb")

NOTES = (
    "[1] makes no pairs: two plain RGB images (PNG or JPEG) count as one pair; start-up is not counted",
    "[2] runs only with old releases of its libraries pinned by hand",
)
NAMES = {
    "floor": ("C++ floor (no service, no shaping)", FLOOR), "plain": ("fontmill, plain", OURS),
    "default": ("fontmill, default preset, styles, effects", OURS), "naive": ("naive Pillow loop", THEIRS),
}


@dataclass(slots=True)
class Row:
    """One program's rates by colour."""

    label: str
    colors: tuple[str, str]
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """In unscaled px, with what separates it from the next."""
        return len(self.rates) * (BAR + BETWEEN) - BETWEEN + GAP


def median(record: Line) -> float | None:
    """A record's median rate, if it has one."""
    found: Any = record.get("pairs_per_cpu_s")
    return float(found["median"]) if found else None


def own_rows(results: Path) -> list[Row]:
    """fontmill, the naive loop and the floor: one worker, tmpfs."""
    rows: dict[str, Row] = {}
    for record in read(results, "endtoend"):
        name = record.get("preset") or record.get("program")
        if name not in NAMES or record.get("disk") != "tmpfs" or record.get("workers", 1) != 1:
            continue
        if (rate := median(record)) is not None:
            rows.setdefault(name, Row(*NAMES[name])).rates[record["color"]] = rate
    return list(rows.values())


def peer_rows(results: Path) -> list[Row]:
    """The peers that ran; two plain images count as a pair."""
    found = [(record["peer"], median(record)) for record in read(results, "peers") if "peer" in record]
    return [Row(peer_label(name), THEIRS, {"rgb": rate}) for name, rate in found if rate is not None]


def peer_label(name: str) -> str:
    """The peer, and whether it ran only with old libraries."""
    plain = name.removesuffix("-pinned")
    return f"{plain} [1]" if plain == name else f"{plain} [1] [2]"


def draw(rows: list[Row], out: Path) -> None:
    """The picture; fastest program on top."""
    rows = sorted(rows, key=lambda row: -max(row.rates.values()))
    most = max(rows[0].rates.values())
    bottom = HEAD + sum(row.height for row in rows)
    image = Image.new("RGB", (WIDTH * SCALE, (bottom + FOOT) * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    put(pen, 16, 14, "Pairs of 256x64 pictures per CPU-second", 20, INK)
    put(pen, 16, 42, "one worker, memory file system; fontmill with its daemon and its start; more is better", 13, FAINT)
    legend(pen)
    top = HEAD
    for row in rows:
        draw_row(pen, row, top, most)
        top += row.height
    for number, note in enumerate(NOTES):
        put(pen, 16, bottom + 10 + 19 * number, note, 13, FAINT)
    out.parent.mkdir(parents=True, exist_ok=True)
    image.save(out, optimize=True)


def legend(pen: ImageDraw.ImageDraw) -> None:
    """Dark is gray, light is RGB."""
    for place, shade, text in ((LEFT, 0, "gray"), (LEFT + 76, 1, "RGB")):
        box(pen, place, 68, 14, 12, OURS[shade])
        put(pen, place + 20, 74, text, 13, INK, "lm")


def draw_row(pen: ImageDraw.ImageDraw, row: Row, top: int, most: float) -> None:
    """Label, bars, numbers."""
    put(pen, LEFT - 12, top + (row.height - GAP) // 2, row.label, 14, INK, "rm")
    for color in COLORS:
        if color not in row.rates:
            continue
        length = max(2, round((WIDTH - LEFT - RIGHT) * row.rates[color] / most))
        box(pen, LEFT, top, length, BAR, row.colors[COLORS.index(color)])
        put(pen, LEFT + length + 8, top + BAR // 2, f"{row.rates[color]:,.0f}", 13, INK, "lm")
        top += BAR + BETWEEN


def box(pen: ImageDraw.ImageDraw, x: int, y: int, width: int, height: int, color: str) -> None:
    """A filled rectangle, in unscaled px."""
    pen.rectangle([x * SCALE, y * SCALE, (x + width) * SCALE - 1, (y + height) * SCALE - 1], fill=color)


def put(pen: ImageDraw.ImageDraw, x: int, y: int, text: str, size: int, color: str, anchor: str = "la") -> None:
    """Text at a place, sizes in unscaled px."""
    pen.text((x * SCALE, y * SCALE), text, fill=color, font=ImageFont.load_default(size * SCALE), anchor=anchor)


def main() -> None:
    """Draw what the results say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    rows = own_rows(args.results) + peer_rows(args.results)
    if rows:
        draw(rows, args.out or args.results / "bars.png")


if __name__ == "__main__":
    main()
