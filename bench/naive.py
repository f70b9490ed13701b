"""How fast is the loop everyone writes first? Pillow, NumPy noise, default PNG settings, one core.

    python bench/naive.py --out DIR --samples N [--color gray|rgb] --fonts FILE...

Written without malice: each font is opened once, a label line is written for each pair.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from material import fonts, word_file
from places import tree_bytes

WIDTH, HEIGHT, EM, MARGIN = 256, 64, 32, 8
NOISE_SIGMA = 3.0  # that of the preset `plain`


def choose_text(font: ImageFont.FreeTypeFont, words: list[str]) -> str:
    """Random words until the line is full; at least one."""
    text = random.choice(words)
    while True:
        longer = f"{text} {random.choice(words)}"
        if font.getlength(longer) > WIDTH - 2 * MARGIN:
            return text
        text = longer


def make_pair(font: ImageFont.FreeTypeFont, text: str, mode: str, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """A clear picture, and the same blurred with noise on it."""
    white = 255 if mode == "L" else (255, 255, 255)
    ink = random.randrange(64) if mode == "L" else tuple(random.randrange(64) for _ in range(3))
    clear = Image.new(mode, (WIDTH, HEIGHT), white)
    ImageDraw.Draw(clear).text((WIDTH // 2, HEIGHT // 2), text, font=font, fill=ink, anchor="mm")
    soft = np.asarray(clear.filter(ImageFilter.GaussianBlur(2)), dtype=np.float64)
    noisy = np.clip(soft + rng.normal(0, NOISE_SIGMA, soft.shape), 0, 255).astype(np.uint8)
    return clear, Image.fromarray(noisy)


def make_font(path: Path, out: Path, samples: int, mode: str, words: list[str]) -> None:
    """All pairs of one font."""
    images = out / "fonts" / path.stem / "images"
    images.mkdir(parents=True)
    font = ImageFont.truetype(str(path), EM)
    rng = np.random.default_rng(0)
    with (images.parent / "metadata.jsonl").open("w") as labels:
        for index in range(1, samples + 1):
            text = choose_text(font, words)
            names = [images / f"{path.stem}_{index:06d}_{half}.png" for half in ("clear", "blurred")]
            for name, picture in zip(names, make_pair(font, text, mode, rng), strict=True):
                picture.save(name)
            labels.write(json.dumps({"index": index, "text": text, "clear_file_name": names[0].name, "blurred_file_name": names[1].name}) + "\n")


def main() -> None:
    """Make the pairs and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=500, help="pairs per font")
    parser.add_argument("--color", choices=("gray", "rgb"), default="gray")
    parser.add_argument("--fonts", type=Path, nargs="+", default=None)
    args = parser.parse_args()
    files = args.fonts or fonts()
    words = word_file().read_text().split()
    random.seed(0)
    wall, cpu = time.monotonic(), time.process_time()
    for path in files:
        make_font(path, args.out, args.samples, "L" if args.color == "gray" else "RGB", words)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    pairs = args.samples * len(files)
    print(json.dumps({"program": "naive", "pairs": pairs, "color": args.color, "cpu_s": round(cpu, 4), "wall_s": round(wall, 4),
                      "pairs_per_cpu_s": round(pairs / cpu, 1), "bytes_per_pair": round(tree_bytes(args.out)[1] / pairs)}))


if __name__ == "__main__":
    main()
