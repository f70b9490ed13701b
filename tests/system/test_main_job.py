"""The main job with a real daemon: what is on disk, what is told, and that the same seed makes the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from system.conftest import Daemon, alive, begin, begin_paused, handed_out, stopped, tree_digest, until

pytestmark = pytest.mark.system


def finished(daemon: Daemon, session: str) -> dict:
    return daemon.client.wait(session, timeout=120)


def test_three_real_fonts_make_240_pictures_and_every_count_agrees(daemon: Daemon, fonts: list[str]) -> None:
    session = begin(daemon, fonts, "plates", style_variations=True, enable_special_effects=True)
    status = finished(daemon, session)
    project = daemon.root / "plates"
    images = sorted(project.glob("fonts/*/images/*.png"))
    assert (status["status"], status["exported_samples"], status["exported_images"], len(images)) == ("completed", 120, 240, 240)
    for path in images:
        with Image.open(path) as image:
            image.load()
            assert (image.size, image.mode) == ((256, 64), "L")
    summary = json.loads((project / "summary.json").read_text())
    progress = json.loads((project / "progress.json").read_text())
    assert summary["exported_images"] == progress["exported_images"] == 240
    assert progress["status"] == "completed"
    for folder in (project / "fonts").iterdir():
        lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
        record = json.loads((folder / "metadata.json").read_text())
        checkpoint = json.loads((folder / "progress.json").read_text())
        assert [line["index"] for line in lines] == list(range(1, 41))
        assert record["samples"]["done"] == checkpoint["done_samples"] == 40
        assert checkpoint["completed_images"] == 80 and checkpoint["status"] == "completed"
        for line in lines:
            for half in ("clear", "blurred"):
                assert (folder / line[f"{half}_file_name"]).stat().st_size == line[f"{half}_bytes"]
    assert sorted(path.name for path in (project / "logs").iterdir()) == ["errors.log", "export.log", "performance.log"]
    assert (project / "logs" / "export.log").stat().st_size > 0
    last = json.loads((project / "logs" / "performance.log").read_text().splitlines()[-1])
    assert (last["event"], last["samples"]) == ("finished", 120)
    assert set(last["stages"]) == {"shape", "draw", "blur", "encode", "write", "stall", "wait"}
    assert sum(last["stages"].values()) == pytest.approx(1, abs=1e-3)
    assert not list(project.rglob("*.part")) and not (project / ".fontmill.lock").exists()


def test_workers_pause_and_sigkill_change_no_byte_and_another_seed_does(tmp_path: Path, fonts: list[str]) -> None:
    root = tmp_path / "out"
    root.mkdir()
    rich = {"style_variations": True, "enable_special_effects": True, "color": "rgb"}
    one = Daemon(tmp_path, root, 1)
    assert finished(one, begin(one, fonts, "undisturbed", 150, seed=7, **rich))["status"] == "completed"
    assert finished(one, begin(one, fonts, "other", 20, seed=8, **rich))["status"] == "completed"
    assert one.stop() == 0
    (tmp_path / "two").mkdir()
    two = Daemon(tmp_path / "two", root, 2)
    session = begin_paused(two, fonts, "disturbed", 150, seed=7, **rich)
    paused = two.client.status(session)["exported_samples"]
    two.client.resume(session)
    until(lambda: two.client.status(session)["exported_samples"] > paused, "it goes on")
    two.kill()
    two.start()
    assert finished(two, session)["exported_samples"] == 450
    assert two.stop() == 0
    assert tree_digest(root / "disturbed") == tree_digest(root / "undisturbed")
    first = sorted(root.glob("undisturbed/fonts/*/images/*_001_clear.png"))
    assert all(path.read_bytes() != (root / "other" / path.relative_to(root / "undisturbed").parent / path.name).read_bytes() for path in first)


def test_no_file_appears_once_a_paused_session_is_quiescent(daemon: Daemon, fonts: list[str]) -> None:
    session = begin_paused(daemon, fonts, "quiet", 3000)
    assert daemon.client.status(session)["pause_reasons"] == ["user"]
    before = {path: path.stat().st_mtime_ns for path in (daemon.root / "quiet").rglob("*") if path.is_file()}
    other = begin(daemon, fonts, "witness", 30)
    finished(daemon, other)
    assert {path: path.stat().st_mtime_ns for path in (daemon.root / "quiet").rglob("*") if path.is_file()} == before


def test_nothing_is_left_of_a_killed_daemon(daemon: Daemon, fonts: list[str]) -> None:
    begin(daemon, fonts, "orphans", 100_000)
    pids = until(lambda: len(daemon.pids()) == 2 and daemon.pids(), "both workers are up")
    daemon.kill()
    until(lambda: not any(alive(pid) for pid in pids), "workers leave")


def test_two_sessions_share_the_pool(daemon: Daemon, fonts: list[str]) -> None:
    first, second = begin(daemon, fonts, "first", 100_000), begin(daemon, fonts, "second", 100_000)

    def made() -> dict[str, int]:
        """Of both at one moment."""
        return {session["session_id"]: session["exported_samples"] for session in daemon.client.status()["sessions"]}

    until(lambda: min(made().values()) >= 40, "both get on")
    before = made()
    until(lambda: sum(made().values()) >= sum(before.values()) + 1000, "a while of both")
    after = made()
    done = [after[name] - before[name] for name in (first, second)]
    assert min(done) * 4 >= max(done) - 400, done


def test_cancel_keeps_what_is_made_and_starting_again_goes_on(daemon: Daemon, fonts: list[str]) -> None:
    with stopped(daemon):
        session = begin(daemon, fonts, "cut", 300)
        handed_out(daemon, session)
        cancelled = daemon.client.cancel(session)
    assert (cancelled["status"], cancelled["reason"]) == ("failed", "cancelled")
    daemon.client.wait(session)
    assert begin(daemon, fonts, "cut", 300) == session
    assert finished(daemon, session)["exported_samples"] == 900


def test_completing_early_counts_the_rest_as_skipped(daemon: Daemon, fonts: list[str]) -> None:
    session = begin_paused(daemon, fonts, "early", 2000)
    summary = daemon.client.complete(session)
    assert summary["exported_samples"] > 0
    assert summary["exported_samples"] + summary["skipped_samples"] == summary["total_samples"] == 6000
    assert len(list((daemon.root / "early").glob("fonts/*/images/*.png"))) == 2 * summary["exported_samples"]


def test_a_repeated_key_returns_the_same_session_even_after_a_restart(daemon: Daemon, fonts: list[str]) -> None:
    args = {"output_path": str(daemon.root), "project_name": "keyed", "fonts": fonts, "num_samples": 5}
    first = daemon.client.call("start", args, key="k1")
    daemon.client.wait(first["session_id"])
    daemon.kill()
    daemon.start()
    assert daemon.client.call("start", args, key="k1")["session_id"] == first["session_id"]


def test_one_bad_font_is_refused_with_a_reason_and_the_others_go_on(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"<html>not a font</html>")
    session = begin(daemon, [*fonts, str(bad)], "mixed", 10)
    status = finished(daemon, session)
    assert (status["exported_samples"], status["skipped_samples"], status["status"]) == (30, 10, "completed")
    entry = next(entry for entry in daemon.client.fonts(session)["fonts"] if entry["source"] == str(bad))
    assert entry["status"] == "skipped" and entry["slug"] == "font-unreadable" and entry["reason"]
