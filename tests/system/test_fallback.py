"""When the output fails for good the session goes on in a fallback path, and repair brings the parts together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.conftest import Daemon, begin, begin_paused, fontmill, handed_out, stopped, tree_digest, until

pytestmark = [pytest.mark.system, pytest.mark.root]


def chattr(flag: str, project: Path) -> None:
    """Make every image folder of a project immutable (`+i`), which fails writes even of root, or mutable again."""
    subprocess.run(["chattr", flag, *map(str, project.glob("fonts/*/images"))], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An output folder whose projects can be made to refuse every new file under a running session."""
    if os.geteuid() != 0:
        pytest.fail("needs root, for chattr") if os.environ.get("CI") else pytest.skip("needs root, for chattr")
    folder = tmp_path / "out" / "disk"
    folder.mkdir(parents=True)
    yield folder
    if (folder / "torn").is_dir():
        chattr("-i", folder / "torn")


def torn(daemon: Daemon, disk: Path, fonts: list[str], **more: object) -> str:
    """A session whose path refuses new files while its workers hold work; the first batches are made."""
    session = begin_paused(daemon, fonts, "torn", 150, output_path=str(disk), **more)
    with stopped(daemon):
        daemon.client.resume(session)
        handed_out(daemon, session)
        chattr("+i", disk / "torn")
    return session


def test_a_session_whose_path_fails_goes_on_in_the_fallback_and_repair_makes_it_whole(
    tmp_path: Path, disk: Path, fonts: list[str],
) -> None:
    root = tmp_path / "out"
    spare = root / "spare"
    spare.mkdir()
    daemon = Daemon(tmp_path, root)
    try:
        whole = begin(daemon, fonts, "whole", 150)
        assert daemon.client.wait(whole, timeout=120)["status"] == "completed"
        session = torn(daemon, disk, fonts, fallback_paths=[str(spare)])
        status = daemon.client.wait(session, timeout=120)
        assert (status["status"], status["output_path"], status["exported_samples"]) == ("completed", str(spare), 450)
        (part,) = status["parts"]
        assert part["path"] == str(disk / "torn") and 0 < part["samples"] < 450
        here = len(list((spare / "torn").glob("fonts/*/images/*_clear.png")))
        assert here + part["samples"] == 450
        daemon.kill()
        daemon.start()
        again = daemon.client.start(output_path=str(disk), project_name="torn", fonts=fonts, num_samples=150, fallback_paths=[str(spare)])
        assert (again["session_id"], again["project_path"], again["resumed"]) == (session, str(spare / "torn"), True)
        assert daemon.client.wait(session, timeout=120)["parts"] == [part]
        answer = daemon.client.call("repair", {"session": str(spare / "torn")}, timeout=120)
        assert (answer["gathered_samples"], answer["remade_samples"], answer["damaged"]) == (part["samples"], 0, 0)
        mended = daemon.client.wait(session, timeout=120)
        assert (mended["status"], mended["exported_samples"], mended["parts"]) == ("completed", 450, [])
        assert tree_digest(spare / "torn") == tree_digest(root / "whole")
    finally:
        if daemon.process.poll() is None:
            daemon.stop()


def test_a_folder_tells_without_a_daemon_that_pairs_lie_elsewhere_and_repair_draws_anew_what_is_gone(
    tmp_path: Path, disk: Path, fonts: list[str],
) -> None:
    spare = tmp_path / "out" / "spare"
    spare.mkdir()
    daemon = Daemon(tmp_path, tmp_path / "out")
    try:
        whole = begin(daemon, fonts, "whole", 150)
        assert daemon.client.wait(whole, timeout=120)["status"] == "completed"
        session = torn(daemon, disk, fonts, fallback_paths=[str(spare)])
        (part,) = daemon.client.wait(session, timeout=120)["parts"]
    finally:
        if daemon.process.poll() is None:
            daemon.stop()
    here, there = str(spare / "torn"), f"{part['samples']} pairs not in this folder, but in {disk / 'torn'}"
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    told = fontmill("verify", here, **alone)
    assert told.returncode == 0 and there in told.stdout
    assert there in fontmill("status", here, **alone).stdout
    assert f"moved to   {here}" in fontmill("status", str(disk / "torn"), **alone).stdout
    assert f"went on in {here}" in fontmill("why", str(disk / "torn"), **alone).stdout
    refused = fontmill("retry-failed", str(disk / "torn"), **alone)
    assert refused.returncode == 1 and f"went on in {here}" in refused.stderr
    chattr("-i", disk / "torn")
    (disk / "torn").rename(disk / "away")
    told = fontmill("verify", here, **alone)
    assert told.returncode == 1 and f"out-of-reach        {disk / 'torn'}" in told.stdout
    assert f"{450 - part['samples']} pairs survive" in fontmill("status", here, **alone).stdout
    assert "draws them anew" in fontmill("why", here, **alone).stdout
    mended = fontmill("repair", here, **alone)
    assert mended.returncode == 0 and f"its {part['samples']} pairs are drawn anew" in mended.stderr, mended
    assert fontmill("verify", here, **alone).returncode == 0
    assert tree_digest(spare / "torn") == tree_digest(tmp_path / "out" / "whole")


def test_without_a_fallback_the_session_pauses_with_the_reason_and_goes_on_when_the_path_is_back(
    tmp_path: Path, disk: Path, fonts: list[str],
) -> None:
    daemon = Daemon(tmp_path, tmp_path / "out")
    try:
        session = torn(daemon, disk, fonts)
        status = until(lambda: (s := daemon.client.status(session))["pause_reasons"] and s, "it pauses")
        assert status["pause_reasons"] == ["fault"] and status["status"] == "paused"
        chattr("-i", disk / "torn")
        daemon.client.resume(session)
        assert daemon.client.wait(session, timeout=120)["exported_samples"] == 450
    finally:
        if daemon.process.poll() is None:
            daemon.stop()
