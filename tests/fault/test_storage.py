"""Storage that answers with errors, half does what it was asked, or does not answer at all (scripted FUSE)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fault.rig import (
    SMALL,
    RigDaemon,
    Undisturbed,
    differences,
    figure,
    finish,
    is_mounted,
    leftovers,
    need_fuse,
    unmount,
)
from system.conftest import begin, stopped, tree_digest, until

pytestmark = [pytest.mark.fault, pytest.mark.root]
HERE = Path(__file__).parent
SAMPLES = 40


class Storage:
    """A mounted pass-through file system that follows a script of faults, which may change while it runs."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.root, self.point, self.control = folder / "real", folder / "fuse", folder / "control.json"
        self.root.mkdir()
        self.point.mkdir()
        self.script()
        words = [sys.executable, str(HERE / "fault_fuse.py"), str(self.root), str(self.point), str(self.control)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, **env})
        until(lambda: is_mounted(self.point), "the storage is there", deadline=60)

    def script(self, *rules: dict[str, Any]) -> None:
        fresh = self.control.with_suffix(".new")
        fresh.write_text(json.dumps(rules))
        fresh.replace(self.control)

    @property
    def hits(self) -> int:
        log = Path(f"{self.control}.log")
        return len(log.read_text().splitlines()) if log.exists() else 0

    def close(self) -> None:
        self.script()
        unmount(self.point)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def storage(cleanup: contextlib.ExitStack, tmp_path: Path) -> Storage:
    need_fuse()
    storage = Storage(tmp_path)
    cleanup.callback(storage.close)
    return storage


IMAGE, LABELS = r"images/.*\.png", r"metadata\.jsonl$"
TROUBLE: dict[str, dict[str, Any]] = {
    "EIO on pictures": {"op": "write", "path": IMAGE, "errno": "EIO", "after": 20, "times": 2},
    "ESTALE on pictures": {"op": "create", "path": IMAGE, "errno": "ESTALE", "after": 15, "times": 2},
    "short writes of pictures": {"op": "write", "path": IMAGE, "short": 0.5, "times": 30},
    "close error on a picture": {"op": "flush", "path": IMAGE, "errno": "EIO", "after": 10, "times": 1},
    "EIO on labels": {"op": "write", "path": LABELS, "errno": "EIO", "after": 1, "times": 1},
    "short writes of labels": {"op": "write", "path": LABELS, "short": 0.3, "times": 5},
    "EIO at the barrier": {"op": "fsync", "path": IMAGE, "errno": "EIO", "after": 12, "times": 1},
    "EIO at the labels' barrier": {"op": "fsync", "path": LABELS, "errno": "EIO", "after": 1, "times": 1},
    "ESTALE at a checkpoint": {"op": "rename", "path": r"fonts/.*/progress\.json$", "errno": "ESTALE", "after": 2, "times": 1},
    "slow": {"op": "write", "delay": 0.01, "prob": 0.3},
}


@pytest.mark.parametrize("name", TROUBLE)
def test_passing_trouble_changes_nothing(
    name: str, storage: Storage, launch: Callable[..., RigDaemon], fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(storage.point)
    storage.script(TROUBLE[name])
    status = finish(daemon, begin(daemon, fonts, "trouble", SAMPLES, **SMALL))
    assert storage.hits > 0
    assert (status["status"], status["exported_samples"], status["failed_samples"]) == ("completed", SAMPLES * len(fonts), 0), status
    assert daemon.stop() == 0
    assert differences(tree_digest(storage.root / "trouble"), wanted) == []
    assert leftovers(storage.root / "trouble") == []
    figure("storage-trouble", scene=name, hits=storage.hits, differing=0)


def test_storage_that_keeps_unlinked_files_under_another_name_can_be_used(
    cleanup: contextlib.ExitStack, tmp_path: Path, launch: Callable[..., RigDaemon], fonts: list[str],
) -> None:
    need_fuse()
    storage = Storage(tmp_path, FAULT_LINKS="1")
    cleanup.callback(storage.close)
    daemon = launch(storage.point)
    assert finish(daemon, begin(daemon, fonts, "hidden", SAMPLES, **SMALL))["status"] == "completed"


def test_a_picture_that_cannot_be_written_is_given_up_with_its_reason_and_taken_up_again(
    storage: Storage, launch: Callable[..., RigDaemon], fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(storage.point)
    storage.script({"op": "create", "path": r"_007_clear\.png", "errno": "EIO"})
    session = begin(daemon, fonts, "spot", SAMPLES, **SMALL)
    status = finish(daemon, session)
    assert (status["status"], status["failed_samples"]) == ("completed", len(fonts)), status
    assert status["exported_samples"] == (SAMPLES - 1) * len(fonts)
    assert (storage.root / "spot" / "logs" / "errors.log").read_text().count("samples-failed") >= len(fonts)
    storage.script()
    daemon.client.call("retry-failed", {"session": session})
    until(lambda: daemon.client.status(session)["failed_samples"] == 0, "taken up again")
    assert finish(daemon, session)["exported_samples"] == SAMPLES * len(fonts)
    assert daemon.stop() == 0
    assert differences(tree_digest(storage.root / "spot"), wanted) == []


@pytest.mark.parametrize("path", [IMAGE, LABELS], ids=["pictures", "labels"])
def test_status_answers_while_the_storage_hangs(
    path: str, storage: Storage, launch: Callable[..., RigDaemon], fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(storage.point)
    with stopped(daemon):
        session = begin(daemon, fonts, "hung", SAMPLES, **SMALL)
        before = storage.hits
        storage.script({"op": "write", "path": path, "hang": True})
    until(lambda: storage.hits > before, "a write hangs")
    seconds = []
    for _ in range(300):
        began = time.perf_counter()
        daemon.client.status(session)
        seconds.append(time.perf_counter() - began)
        time.sleep(0.005)
    seconds.sort()
    p99 = seconds[int(len(seconds) * 0.99)]
    figure("hung-storage", writes=path, p50_ms=round(seconds[150] * 1000, 2), p99_ms=round(p99 * 1000, 2),
           worst_ms=round(seconds[-1] * 1000, 2), load=os.getloadavg()[0])
    assert daemon.client.status(session)["status"] == "active"
    storage.script()
    status = finish(daemon, session)
    assert (status["status"], status["exported_samples"]) == ("completed", SAMPLES * len(fonts)), status
    assert daemon.stop() == 0
    assert differences(tree_digest(storage.root / "hung"), wanted) == []
