"""A running daemon notices that a font or its configuration has changed, and goes on with what is good."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from system.conftest import Daemon, begin, begin_paused, tree_digest, until

pytestmark = pytest.mark.system
SAMPLES = 400


def test_a_font_that_changes_under_a_session_is_given_up_and_taken_up_again_when_it_is_back(
    tmp_path: Path, fonts: list[str],
) -> None:
    root = tmp_path / "out"
    root.mkdir()
    mine = [str(shutil.copy(font, tmp_path / f"font{number}.ttf")) for number, font in enumerate(fonts)]
    victim = Path(mine[1])
    daemon = Daemon(tmp_path, root)
    try:
        whole = begin(daemon, mine, "whole", SAMPLES)
        assert daemon.client.wait(whole)["exported_samples"] == 3 * SAMPLES
        session = begin_paused(daemon, mine, "torn", SAMPLES)  # no worker is at it any more

        def changed() -> int:
            victim.write_bytes(victim.read_bytes()[:20_000] + b"rubbish")  # again and again, until it is looked at
            return int(daemon.client.status(session)["failed_samples"])

        until(changed, "the change is noticed")
        entry = next(font for font in daemon.client.fonts(session)["fonts"] if font["source"] == str(victim))
        assert entry["reason"].startswith("The font file changed since the session started; now it is refused")
        assert '"event":"font-changed"' in (root / "torn/logs/export.log").read_text()
        daemon.client.resume(session)
        status = daemon.client.wait(session)
        assert (status["status"], status["exported_samples"] + status["failed_samples"]) == ("completed", 3 * SAMPLES)
        shutil.copy(fonts[1], victim)
        daemon.client.call("retry-failed", {"session": session}, timeout=120)
        assert daemon.client.wait(session)["exported_samples"] == 3 * SAMPLES
        assert tree_digest(root / "torn") == tree_digest(root / "whole")
    finally:
        daemon.stop()


def test_a_changed_configuration_is_taken_over_as_far_as_that_is_safe(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    config = tmp_path / "fontmill.toml"
    config.write_text("hang_seconds = 50\n")
    daemon = Daemon(tmp_path, root, 2, "--config", str(config))
    try:
        numbers = iter(range(51, 1000))

        def taken_over() -> bool:
            config.write_text(f"hang_seconds = {next(numbers)}\nviewer_uids = [12345]\n")
            return "taken over: hang_seconds; after a restart: viewer_uids" in daemon.log.read_text()

        until(taken_over, "the change is taken over")
        config.write_text("hang_seconds = nonsense\n")
        until(lambda: "the changed configuration is not taken over" in daemon.log.read_text(), "nonsense is refused")
        assert daemon.client.ping()
    finally:
        daemon.stop()
