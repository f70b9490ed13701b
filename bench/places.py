"""Where things lie: the scripts, what they keep, the programs they run, scratch folders."""

from __future__ import annotations

import atexit
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
OWNER = "FONTMILL_BENCH_OWNER"


def base_of(kind: str) -> Path:
    """Where scratch folders of a kind lie: `tmpfs` is /dev/shm, `disk` FONTMILL_BENCH_DISK or else /var/tmp."""
    return Path("/dev/shm" if kind == "tmpfs" else os.environ.get("FONTMILL_BENCH_DISK", "/var/tmp"))


def owner() -> int:
    """The process that a scratch folder is named after: the suite, else this script."""
    return int(os.environ.get(OWNER, os.getpid()))


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """An empty folder on `tmpfs` or `disk`; what killed runs left there is removed first.

    On tmpfs it is removed at the end; on disk the suite, or the script that runs by itself, removes it when all is measured.
    Until minutes after an inode is freed, ext4 passes over it one by one for each new file (`recently_deleted` in its ialloc.c):
    after the removal of 20,000 files a new one was seen to cost 300 to 600 us of CPU in place of 24.
    """
    base = base_of(kind)
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{owner()}-", dir=base))
    if kind == "disk":
        if owner() == os.getpid():
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yield folder
        return
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(base: Path, done: int = 0) -> None:
    """Remove the scratch folders of processes that are gone, and of the process `done`."""
    for folder in base.glob(f"{SCRATCH}*-*"):
        process = folder.name.removeprefix(SCRATCH).split("-")[0]
        if process.isdigit() and (int(process) == done or not Path(f"/proc/{process}").exists()):
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
