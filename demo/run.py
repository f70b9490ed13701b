"""`make demo`: the main job on real fonts in several scripts, and a picture of the result.

    python demo/run.py DIR [SAMPLES]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fonts import demo_fonts
from sheet import draw

SAMPLES = 40
PROJECT = "demo"


def main() -> int:
    """Run `fontmill run`; the same command again continues, or finds the work done."""
    out = Path(sys.argv[1]).resolve()
    samples = int(sys.argv[2]) if len(sys.argv) > 2 else SAMPLES
    fonts = demo_fonts()
    print(f"Making {samples} pairs with each of {len(fonts)} font files in {out / PROJECT}")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "fontmill"), "run", "--progress",
            "--fonts", *map(str, fonts), "--out", str(out), "--project", PROJECT,
            "--samples", str(samples), "--seed", "7", "--style-variations", "--special-effects", "--color", "rgb",
        ],
        check=False,
    )
    if done.returncode:
        return done.returncode
    sheet = out / "demo-sheet.png"
    draw(out / PROJECT, sheet)
    pictures = sum(1 for _ in (out / PROJECT).glob("fonts/*/images/*.png"))
    print(f"\nDataset:        {out / PROJECT} ({pictures} pictures)\nContact sheet:  {sheet}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
