"""Where things lie: the scripts, what they keep, the programs they run, scratch folders."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"
ENVS = Path(os.environ.get("FONTMILL_BENCH_ENVS", BENCH / ".envs"))  # the peers'
CACHE = Path(os.environ.get("FONTMILL_BENCH_CACHE", BENCH / ".cache"))  # words, fonts, the unfinished suite
FLOOR = BENCH / "floor" / "floor"
BIN = Path(sys.executable).parent
SCRATCH = "fontmill-bench-"


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """An empty folder on `tmpfs` (/dev/shm) or `disk` (FONTMILL_BENCH_DISK, else /var/tmp), removed at the end.

    What killed runs left there is removed first.
    """
    base = Path("/dev/shm" if kind == "tmpfs" else os.environ.get("FONTMILL_BENCH_DISK", "/var/tmp"))
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(base: Path) -> None:
    """Remove the scratch folders of processes that are gone."""
    for folder in base.glob(f"{SCRATCH}*-*"):
        owner = folder.name.removeprefix(SCRATCH).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def write_file(path: Path, text: str) -> None:
    """Write in one piece, so that scripts that run side by side never read half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def tree_bytes(folder: Path) -> tuple[int, int]:
    """Number and bytes of the PNG files below a folder."""
    sizes = [p.stat().st_size for p in folder.rglob("*.png")]
    return len(sizes), sum(sizes)
