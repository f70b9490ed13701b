"""A real daemon, real fonts, real signals. Waiting is always for an event, with a deadline."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest

from fontmill import Client

FONT_PACKAGES = ("fontpkg-inter", "fontpkg-amiri", "fontpkg-noto-sans-devanagari")
DEADLINE = 120.0


def font_files(package: str) -> list[Path]:
    found = [Path(str(file.locate())) for file in files(package) or () if file.suffix in (".ttf", ".otf")]
    return sorted(found)


def until(true: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """Poll a condition of another process; there is nothing to wait on."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {deadline} s: {what}")


class Daemon:
    """One fontmilld on a socket of its own. `kill` is SIGKILL."""

    def __init__(self, folder: Path, root: Path, workers: int = 2, *more: str) -> None:
        self.folder = folder
        self.root = root
        self.workers = workers
        self.socket = str(folder / "s" / "control.sock")
        self.words = [sys.executable, "-m", "fontmilld", "--socket", self.socket, "--state-dir", str(folder / "state"),
                      "--allow-root", str(root), "--workers", str(workers), *more]
        self.log = folder / "daemon.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        self.client = Client(self.socket, timeout=60)
        until(self._answers, f"the daemon answers; {self.log.read_text()[-2000:]}")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return bool(self.client.ping())
        except Exception:
            return False

    def pids(self) -> list[int]:
        return [int(pid) for pid in self.client.status()["daemon"]["worker_pids"]]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.client.close()
        return code


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with two workers that may write beneath `tmp_path / "out"`."""
    root = tmp_path / "out"
    root.mkdir()
    daemon = Daemon(tmp_path, root)
    yield daemon
    if daemon.process.poll() is None:
        daemon.kill()


@pytest.fixture(scope="session")
def fonts() -> list[str]:
    """One real file of each of three font packages: Latin, Arabic, Devanagari."""
    return [str(font_files(package)[0]) for package in FONT_PACKAGES]


def begin(daemon: Daemon, fonts: list[str], project: str, samples: int = 40, **more: Any) -> str:
    options = {"output_path": str(daemon.root), "project_name": project, "fonts": fonts, "num_samples": samples, **more}
    return str(daemon.client.start(**options)["session_id"])


@contextlib.contextmanager
def stopped(daemon: Daemon) -> Iterator[list[int]]:
    """The daemon's workers stand still: they are given work and make nothing, however fast or slow the machine is."""
    until(lambda: daemon.client.status()["daemon"]["workers_ready"] == daemon.workers, "every worker is up")
    pids = daemon.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield pids
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def handed_out(daemon: Daemon, session: str) -> None:
    until(lambda: daemon.client.status(session)["in_flight_samples"] > 0, "the workers are given work")


def begin_paused(daemon: Daemon, fonts: list[str], project: str, samples: int, **more: Any) -> str:
    """A session of which the first batches are made and nothing else, paused and quiet."""
    with stopped(daemon):
        session = begin(daemon, fonts, project, samples, **more)
        handed_out(daemon, session)
        daemon.client.pause(session)
    paused = daemon.client.wait(session)
    assert paused["status"] == "paused" and paused["quiescent"] and 0 < paused["exported_samples"] < paused["total_samples"], paused
    return session


def tree_digest(project: Path) -> dict[str, str]:
    """Everything that must be equal between two runs: images, labels, font records, the card's text."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "fonts").rglob("*")) if path.is_file() and path.name != "progress.json"
    }


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def fontmill(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "fontmill", *words], capture_output=True, text=True, timeout=240,
                          check=False, env={**os.environ, **env}, stdin=subprocess.DEVNULL)
