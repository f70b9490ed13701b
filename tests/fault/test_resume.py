"""A large session that was killed is ready to render again in a moment: recovery looks up what was promised, no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import SMALL, RigDaemon, figure, finish
from system.conftest import begin, until

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("pairs", [3000, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_a_large_session_is_soon_ready_to_render_again(
    pairs: int, launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str],
) -> None:
    daemon = launch(tmp_path / "out")
    samples = pairs // len(fonts)
    session = begin(daemon, fonts, "large", samples, **SMALL)
    until(lambda: daemon.client.status(session)["exported_samples"] >= pairs * 0.9, "most of it is made", deadline=600)
    daemon.kill()
    began = time.monotonic()
    daemon.start()
    answering = time.monotonic() - began
    status = until(lambda: (s := daemon.client.status(session))["phase"] != "preparing" and s, "ready", deadline=60)
    ready = time.monotonic() - began
    figure("resume", pairs=pairs, on_record=status["exported_samples"], daemon_answers_after=round(answering, 3),
           ready_after=round(ready, 3), opening=round(ready - answering, 3))
    assert status["exported_samples"] >= pairs * 0.9
    assert finish(daemon, session)["exported_samples"] == samples * len(fonts)
