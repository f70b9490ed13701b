"""Workers that stop, hang or keep dying: found, replaced, and nobody's picture is missing."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import SMALL, RigDaemon, Undisturbed, differences, figure, finish, leftovers
from system.conftest import alive, begin, handed_out, stopped, tree_digest, until

pytestmark = pytest.mark.fault
SAMPLES = 250
MANY = 1000


@pytest.fixture
def impatient(launch: Callable[..., RigDaemon], tmp_path: Path) -> RigDaemon:
    """A daemon that takes four silent seconds for a hang."""
    config = tmp_path / "config.toml"
    config.write_text("hang_seconds = 4\n")
    return launch(tmp_path / "out", "--config", str(config))


def test_a_stopped_worker_is_replaced(impatient: RigDaemon, fonts: list[str], undisturbed: Undisturbed) -> None:
    wanted = undisturbed(SAMPLES)
    with stopped(impatient) as pids:
        session = begin(impatient, fonts, "stopped", SAMPLES, **SMALL)
        handed_out(impatient, session)
        victim = pids.pop()
    began = time.monotonic()
    until(lambda: not alive(victim), "the stopped worker is ended", deadline=60)
    ended = time.monotonic() - began
    until(lambda: len(impatient.pids()) == 2 and victim not in impatient.pids(), "it is replaced")
    status = finish(impatient, session)
    assert (status["status"], status["exported_samples"], status["failed_samples"]) == ("completed", SAMPLES * len(fonts), 0), status
    assert "gave no sign of life" in impatient.log.read_text()
    assert differences(tree_digest(impatient.root / "stopped"), wanted) == []
    assert leftovers(impatient.root / "stopped") == []
    figure("hang", kind="SIGSTOP", ended_after=round(ended, 2))


def test_workers_that_keep_dying_pause_the_session_and_the_daemon_lives(
    launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(MANY)
    daemon = launch(tmp_path / "out")
    session = begin(daemon, fonts, "dying", MANY, **SMALL)
    kills, end = 0, time.monotonic() + 240
    while time.monotonic() < end:
        status = daemon.client.status(session)
        if status["pause_reasons"] or status["status"] != "active":
            break
        for pid in daemon.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        time.sleep(0.01)
    assert status["pause_reasons"] == ["crashloop"], status
    status = finish(daemon, session)
    assert status["exported_samples"] + status["failed_samples"] == MANY * len(fonts)
    if status["failed_samples"] == 0:
        assert differences(tree_digest(daemon.root / "dying"), wanted) == []
    figure("crashloop", kills=kills, failed=status["failed_samples"])
