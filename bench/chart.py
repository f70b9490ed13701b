"""Draws the picture that the README shows: pairs per CPU-second, one bar a program.

    python bench/chart.py [--results DIR] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from common import RESULTS

# All text is ASCII: the typeface that comes with Pillow has little else.
SCALE = 2  # drawn twice as large, for sharp text on dense screens
WIDTH, LEFT, RIGHT, ROW, HEAD, FOOT = 860, 300, 90, 34, 64, 58
INK, FAINT, PAPER, OURS, THEIRS, FLOOR = "#1f2328", "#6e7781", "#ffffff", "#1a7f64", "#9aa4ae", "#d0d7de"

NOTES = (
    "[1] makes no pairs: two plain images (RGB PNG or JPEG) counted as one pair; start-up not counted",
    "[2] runs only with old releases of its libraries pinned by hand",
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One program's rate."""

    label: str
    rate: float
    color: str


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of the last suite in a results file."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [record for record in records if record.get("suite") == records[-1].get("suite")]


def median(record: dict[str, Any]) -> float | None:
    """A record's median rate, if it has one."""
    found = record.get("pairs_per_cpu_s")
    return float(found["median"]) if found else None


def own_bars(results: Path) -> list[Bar]:
    """fontmill, the naive loop and the floor: gray, one worker, tmpfs."""
    bars = []
    names = {"naive": ("naive Pillow loop", THEIRS), "floor": ("C++ floor (no service, no shaping)", FLOOR),
             "plain": ("fontmill, plain", OURS), "default": ("fontmill, default preset, styles, effects", OURS)}
    for record in lines(results / "endtoend.jsonl"):
        if record.get("color") != "gray" or record.get("disk") != "tmpfs" or record.get("workers", 1) != 1:
            continue
        label, color = names[record.get("preset") or record["program"]]
        if (rate := median(record)) is not None:
            bars.append(Bar(label, rate, color))
    return bars


def peer_bars(results: Path) -> list[Bar]:
    """The peers that ran; two plain images count as a pair."""
    records = [record for record in lines(results / "peers.jsonl") if "peer" in record]
    return [Bar(peer_label(record["peer"]), rate, THEIRS) for record in records if (rate := median(record)) is not None]


def peer_label(name: str) -> str:
    """The peer, and whether it ran only with old libraries."""
    plain = name.removesuffix("-pinned")
    return f"{plain} [1]" if plain == name else f"{plain} [1] [2]"


def draw(bars: list[Bar], out: Path) -> None:
    """The picture; longest bar on top."""
    bars = sorted(bars, key=lambda bar: -bar.rate)
    image = Image.new("RGB", (WIDTH * SCALE, (HEAD + ROW * len(bars) + FOOT) * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    put(pen, 16, 16, "Pairs of 256x64 pictures per CPU-second", 19, INK)
    put(pen, 16, 40, "one core, gray, memory file system; more is better", 13, FAINT)
    for number, bar in enumerate(bars):
        draw_bar(pen, bar, HEAD + number * ROW, bar.rate / bars[0].rate)
    for number, note in enumerate(NOTES):
        put(pen, 16, HEAD + ROW * len(bars) + 12 + 18 * number, note, 12, FAINT)
    out.parent.mkdir(parents=True, exist_ok=True)
    image.save(out, optimize=True)


def draw_bar(pen: ImageDraw.ImageDraw, bar: Bar, top: int, share: float) -> None:
    """Label, bar, number."""
    length = max(2, round((WIDTH - LEFT - RIGHT) * share))
    put(pen, LEFT - 12, top + ROW // 2, bar.label, 14, INK, "rm")
    pen.rectangle([LEFT * SCALE, (top + 6) * SCALE, (LEFT + length) * SCALE, (top + ROW - 6) * SCALE], fill=bar.color)
    put(pen, LEFT + length + 8, top + ROW // 2, f"{bar.rate:,.0f}", 14, INK, "lm")


def put(pen: ImageDraw.ImageDraw, x: int, y: int, text: str, size: int, color: str, anchor: str = "la") -> None:
    """Text at a place, sizes in unscaled px."""
    pen.text((x * SCALE, y * SCALE), text, fill=color, font=ImageFont.load_default(size * SCALE), anchor=anchor)


def main() -> None:
    """Draw what the results say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    bars = own_bars(args.results) + peer_bars(args.results)
    if bars:
        draw(bars, args.out or args.results / "bars.png")


if __name__ == "__main__":
    main()
