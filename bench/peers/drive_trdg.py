"""Text lines from TRDG's own command: white background, no skew, no blur, PNG, one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from driving import arguments, font_folder, phrases


def main() -> None:
    """64 px high, at least 256 px wide."""
    args = arguments()
    folder, lines = font_folder(args.out, args.fonts), args.out / "lines.txt"
    lines.write_text("\n".join(phrases(args.words, args.images)) + "\n", encoding="utf-8")
    (args.out / "data").mkdir()
    done = subprocess.run([str(Path(sys.executable).parent / "trdg"), "-c", str(args.images), "-i", str(lines), "-f", "64", "-wd", "256", "-al", "1",
                    "-b", "1", "-e", "png", "-t", "1", "-na", "2", "-fd", str(folder), "--output_dir", str(args.out / "data")], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
