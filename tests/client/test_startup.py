"""The client is thin: what it imports, and how soon it starts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import fontmill

SOURCE = str(Path(fontmill.__file__).parents[1])
HEAVY = ("PIL", "numpy", "fontmilld", "psutil", "multiprocess", "cv2", "rich", "asyncio")


def python(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")]), "FONTMILL_SOCKET": "/nonexistent/control.sock"}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, check=False)


def imported(log: str) -> set[str]:
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in log.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(("words", "status", "without"), [
    (["--help"], 0, (*HEAVY, "zmq", "msgpack")), (["run", "--help"], 0, (*HEAVY, "zmq", "msgpack")), (["status"], 3, HEAVY),
])
def test_nothing_heavy_is_imported(words: list[str], status: int, without: tuple[str, ...]) -> None:
    done = python("-X", "importtime", "-m", "fontmill", *words)
    assert done.returncode == status
    assert "fontmill" in imported(done.stderr)
    assert not imported(done.stderr) & set(without)


@pytest.mark.parametrize("module", ["fontmill.cli.run", "fontmill.cli.sessions", "fontmill.client"])
def test_what_is_for_slips_and_recipes_alone_is_not_imported(module: str) -> None:
    done = python("-X", "importtime", "-c", f"import fontmill.cli.main, {module}")
    assert done.returncode == 0, done.stderr
    others = imported(python("-X", "importtime", "-c", "import argparse, zmq, msgpack").stderr)
    assert not (imported(done.stderr) - others) & {*HEAVY, "difflib", "tomllib"}


@pytest.mark.soak  # a speed, which depends on the machine
def test_it_starts_in_less_than_150_ms_of_processor_time_beyond_python_itself() -> None:
    def seconds(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    bare = min(seconds("-c", "") for _ in range(5))
    assert min(seconds("-m", "fontmill", "status") for _ in range(5)) - bare < 0.15
    assert min(seconds("-m", "fontmill", "--help") for _ in range(5)) - bare < 0.15
