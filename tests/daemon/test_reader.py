"""What a project's folder says of it without a daemon: the counts of its checkpoints, and who works on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fontmill.errors import FontmillError, how_to_go_on
from fontmilld.core.ranges import RangeSet
from fontmilld.reader import follow, read
from fontmilld.store.kernel import LinuxKernel
from fontmilld.store.lock import TreeLock
from fontmilld.testing.export import SmallExport, small_session


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "project"
    SmallExport(LinuxKernel(), small_session(10, 2), path=str(path), unfit=RangeSet.span(2, 3)).run()
    return path


def test_a_complete_project_says_what_it_has_and_what_failed(project: Path) -> None:
    status = read("status", str(project))
    assert (status["status"], status["project_path"], status["owner"]) == ("completed", str(project), None)
    assert [status[f"{kind}_samples"] for kind in ("total", "exported", "failed", "skipped")] == [20, 16, 4, 0]
    fonts = read("fonts", str(project))["fonts"]
    assert [(font["font_id"], font["status"], font["done_samples"], font["failed_samples"]) for font in fonts] == [
        ("font-0", "completed", 8, 2), ("font-1", "completed", 8, 2)]
    assert all(font["reason"] for font in fonts)
    assert read("why", str(project))["lines"][0] == "It is complete."
    assert "2 samples are missing, font-0: " in read("why", str(project))["lines"][1]


def test_a_project_that_nobody_works_on_any_more_says_so(project: Path) -> None:
    for name in ("summary.json", "progress.json"):
        (project / name).unlink(missing_ok=True)
    told = read("status", str(project))
    assert (told["status"], told["phase"], told["owner"], told["processing_rate"]) == ("interrupted", "interrupted", None, 0.0)
    line, *_ = read("why", str(project))["lines"]
    assert line.startswith("Nobody works on it") and line.endswith(how_to_go_on(str(project)))
    (project / "progress.json").write_text(json.dumps({"status": "paused", "pause_reasons": ["user", "nonsense", 7]}))
    assert read("status", str(project))["pause_reasons"] == ["user"]
    first, *_, last = read("why", str(project))["lines"]
    assert "A user paused it" in first and last.endswith(how_to_go_on(str(project)))


def test_a_run_that_has_just_begun_is_told_with_its_owner(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "project"
    path.mkdir()
    (path / "session.json").write_bytes(json.dumps({"schema_version": 1, **small_session(10, 2).to_dict()}).encode())
    with TreeLock(str(path), "daemon"):
        status = read("status", str(path))
        assert (status["status"], status["total_samples"], status["exported_samples"]) == ("active", 20, 0)
        assert status["owner"] == {"pid": os.getpid(), "host": os.uname().nodename}
        assert read("why", str(path))["lines"] == [f"Process {os.getpid()} on {os.uname().nodename} works on it."]
    assert read("status", str(path))["owner"] is None


def test_a_run_under_way_is_told_with_its_own_rate_and_one_that_has_ended_with_none(project: Path) -> None:
    (project / "summary.json").unlink()
    figures = {"processing_rate": 81.5, "estimated_time_remaining": 12.0, "bottleneck": "cpu"}
    (project / "progress.json").write_text(json.dumps({"status": "active", **figures}))
    with TreeLock(str(project), "daemon"):
        told = read("status", str(project))
        assert {name: told[name] for name in figures} == figures
        (project / "progress.json").write_text(json.dumps({"status": "active", "processing_rate": "fast", "estimated_time_remaining": []}))
        assert read("status", str(project))["processing_rate"] == 0.0
        (project / "progress.json").write_text(json.dumps({"status": "active", **figures}))
    told = read("status", str(project))
    assert (told["processing_rate"], told["bottleneck"]) == (0.0, "")


@pytest.mark.parametrize(("reasons", "left"), [
    (["drain", "user"], ("paused", ["user"])), (["fault"], ("paused", ["fault"])), (["drain"], ("interrupted", [])),
    (["disk", "memory"], ("interrupted", [])),
])
def test_a_reason_that_goes_by_itself_holds_only_while_somebody_works_on_the_project(
    project: Path, reasons: list[str], left: tuple[str, list[str]],
) -> None:
    (project / "summary.json").unlink()
    (project / "progress.json").write_text(json.dumps({"status": "paused", "pause_reasons": reasons}))
    with TreeLock(str(project), "daemon"):
        assert read("status", str(project))["pause_reasons"] == reasons
    status = read("status", str(project))
    assert (status["status"], status["pause_reasons"]) == left
    told = " ".join(read("why", str(project))["lines"])
    assert "shutting down" not in told and "Nobody works on it" in told


def test_a_project_is_followed_by_its_last_word_for_as_long_as_somebody_works_on_it(project: Path) -> None:
    (project / "summary.json").unlink()
    lock = TreeLock(str(project), "daemon")
    told = {**read("status", str(project)), "status": "active", "exported_samples": 7, "performance": {}}
    (project / "progress.json").write_text("")
    words = [json.dumps(told), "{", json.dumps({**told, "exported_samples": 9}), json.dumps({**told, "session_id": "another"}), ""]

    def pause(seconds: float) -> None:
        assert seconds > 0
        (project / "progress.json").write_text(words.pop(0))
        if not words:
            lock.release()

    statuses = list(follow(str(project), pause))
    assert [status["exported_samples"] for status in statuses] == [16, 7, 16, 9, 16, 16]
    assert [status["owner"] is None for status in statuses] == [False] * 5 + [True]
    assert all(sorted(status) == sorted(statuses[0]) for status in statuses)


def test_a_project_that_nobody_works_on_is_told_once(project: Path) -> None:
    assert [status["status"] for status in follow(str(project), lambda _: pytest.fail("it waits"))] == ["completed"]


@pytest.mark.parametrize("told", ["", "[]", '{"status": 7, "pause_reasons": "user", "last_updated": []}', '{"status": "paused"}'])
def test_no_progress_file_is_believed_further_than_it_can_be(project: Path, told: str) -> None:
    (project / "summary.json").unlink()
    (project / "progress.json").write_text(told)
    for verb in ("status", "fonts", "why"):
        assert read(verb, str(project))["owner"] is None


@pytest.mark.parametrize("program", [("fontmilld.reader", "status"), ("fontmilld.reader", "why"), ("fontmilld.verifier", "full")])
def test_a_session_file_that_is_damaged_is_told_with_what_helps_and_not_with_verify_and_repair(project: Path, program: tuple[str, str]) -> None:
    os.truncate(project / "session.json", 100)
    done = subprocess.run([sys.executable, "-m", *program, str(project)], capture_output=True, check=False)
    error = FontmillError(**json.loads(done.stdout)["error"])
    assert error.slug == "tree-corrupt" and "`session.json`" in error.message
    assert "from a copy" in error.action and "new folder" in error.action and "stay usable" in error.action
    assert "repair" not in str(error)


def test_a_folder_without_a_session_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FontmillError) as caught:
        read("status", str(tmp_path.resolve()))
    assert caught.value.slug == "unknown-session"


def test_the_program_prints_the_reply_of_the_verb(project: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "fontmilld.reader", "fonts", str(project)], capture_output=True, check=True)
    assert json.loads(done.stdout) == read("fonts", str(project))
