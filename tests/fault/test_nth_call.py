"""The real system calls of a small export, failed or cut by a kill at the nth of its kind (strace), sampled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fault.rig import chance, doses, figure, need
from fontmilld.core import layout

pytestmark = [pytest.mark.fault, pytest.mark.root]
EXPORT = """
import sys
from fontmilld.store.kernel import LinuxKernel
from fontmilld.testing.export import SmallExport
SmallExport(LinuxKernel(), path=sys.argv[1], boot_id="one").run_stubbornly()
"""
CALLS = {"renameat": 12, "unlinkat": 6, "fdatasync": 4, "fsync": 8, "syncfs": 6, "mkdirat": 6, "ftruncate": 2, "write": 60}
FAULTS = ("error=EIO", "error=ENOSPC", "error=ESTALE", "signal=KILL")


def run(folder: Path, *under: str) -> int:
    words = [*under, sys.executable, "-c", EXPORT, str(folder / "project")]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False).returncode


def compared(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != layout.PROGRESS_FILE
    }


@pytest.mark.parametrize(("points", "seed"), doses(16, 400, 4))
def test_the_export_goes_on_from_any_call_that_failed(points: int, seed: int, tmp_path: Path) -> None:
    need("strace")
    (tmp_path / "whole").mkdir()
    assert run(tmp_path / "whole") == 0
    wanted, luck = compared(tmp_path / "whole"), chance(seed)
    assert wanted
    interrupted = 0
    calls = list(CALLS)
    for number in range(points):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        call = calls[number % len(calls)]
        fault = luck.choice(FAULTS)
        when = luck.randint(1, CALLS[call])
        code = run(folder, "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}")
        interrupted += code != 0
        assert run(folder) == 0, f"{call} {fault} {when}"
        assert compared(folder) == wanted, f"{call} {fault} {when}"
    figure("nth-call", seed=seed, points=points, ended_early=interrupted, differing=0)
