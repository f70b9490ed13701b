"""The command lines of what is measured: fontmill, the floor, the naive loop."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from answers import UnavailableError
from costs import Counted
from material import word_file
from places import BENCH, BIN, FLOOR

STYLED = ("--style-variations", "--special-effects")


def fontmill(*args: str | Path) -> list[str]:
    """A fontmill command line."""
    program = BIN / "fontmill"
    if not program.exists():
        raise UnavailableError("fontmill is not installed beside this Python: `make install`")
    return [str(program), *map(str, args)]


def fontmill_run(folder: Path, files: Sequence[Path], samples: int, *options: str, project: str = "bench") -> list[str]:
    """`fontmill run` of a project below `folder`."""
    return fontmill("run", "--fonts", *files, "--out", folder, "--project", project, "--samples", str(samples), "--json", *options)


def completed(run: Counted, pairs: int) -> Counted:
    """The run, if it made all its pairs."""
    if run.rc != 0:
        raise UnavailableError(f"fontmill run exited {run.rc}: {run.stderr[-600:] or run.stdout[-600:]}")
    status = run.last_json()
    if status["exported_samples"] != pairs:
        raise UnavailableError(f"{status['exported_samples']} pairs made, {pairs} expected")
    return run


def floor_run(folder: Path, files: Sequence[Path], samples: int, color: str, *options: str) -> list[str]:
    """The floor program's command line. Raises UnavailableError where it is not built."""
    if not FLOOR.exists():
        raise UnavailableError("the floor is not built: python bench/floor/build.py")
    return [str(FLOOR), "--out", str(folder), "--words", str(word_file()), "--samples", str(samples), "--color", color, *options, *map(str, files)]


def naive_run(folder: Path, files: Sequence[Path], samples: int, color: str) -> list[str]:
    """The naive loop's command line."""
    return [sys.executable, str(BENCH / "naive.py"), "--out", str(folder), "--samples", str(samples), "--color", color, "--fonts", *map(str, files)]
