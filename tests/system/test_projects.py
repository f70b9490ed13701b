"""Verbs on whole projects with a real daemon: verify finds all damage and nothing else, repair restores bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fontmill import FontmillError
from system.conftest import Daemon, begin, begin_paused, fontmill, tree_digest, until

pytestmark = pytest.mark.system


def made(daemon: Daemon, fonts: list[str], project: str, samples: int = 30) -> str:
    session = begin(daemon, fonts, project, samples)
    assert daemon.client.wait(session, timeout=120)["status"] == "completed"
    return session


def damage(project: Path) -> dict[str, str]:
    """Delete, truncate and flip one bit of an image each, and put a stranger beside them."""
    images = sorted(project.glob("fonts/*/images/*.png"))
    images[3].unlink()
    images[40].write_bytes(images[40].read_bytes()[:-5])
    flipped = bytearray(images[90].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    images[90].write_bytes(flipped)
    stranger = images[0].with_name("notes.txt")
    stranger.write_text("mine")
    kinds = {images[3]: "missing", images[40]: "truncated", images[90]: "different", stranger: "foreign"}
    return {str(path.relative_to(project)): kind for path, kind in kinds.items()}


def test_full_verify_finds_all_damage_and_nothing_else_and_repair_restores_every_byte(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts, "whole")
    project = daemon.root / "whole"
    before = tree_digest(project)
    socket = ("--socket", daemon.socket)
    clean = fontmill(*socket, "verify", session, "--json")
    assert clean.returncode == 0 and json.loads(clean.stdout)["ok"], clean.stdout
    expected = damage(project)
    found = fontmill(*socket, "verify", session, "--json")
    assert found.returncode == 1
    assert {entry["file"]: entry["kind"] for entry in json.loads(found.stdout)["damaged"]} == expected
    repaired = fontmill(*socket, "repair", session, "--json")
    assert repaired.returncode == 0, repaired.stderr
    assert json.loads(repaired.stdout)["remade_samples"] == 3
    assert "left as they are: 1 foreign file;" in repaired.stderr and "3 damaged; to be made anew: 3 pairs\n" in repaired.stderr
    stranger = next(project.rglob("notes.txt"))
    assert stranger.read_text() == "mine"
    stranger.unlink()
    assert tree_digest(project) == before
    assert json.loads(fontmill(*socket, "verify", str(project), "--json").stdout)["ok"]


def test_quick_verify_misses_a_flipped_bit_that_full_and_deep_find(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "levels", 20)
    image = sorted((daemon.root / "levels").glob("fonts/*/images/*.png"))[5]
    data = bytearray(image.read_bytes())
    data[-20] ^= 4
    image.write_bytes(data)
    verdicts = {level: daemon.client.call("verify", {"session": session, "level": level}, timeout=120)["ok"]
                for level in ("quick", "full", "deep")}
    assert verdicts == {"quick": True, "full": False, "deep": False}


def test_deep_verify_tells_an_edited_label_once_and_the_text_counts_what_is_foreign_apart(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "edited", 5)
    project = daemon.root / "edited"
    labels = next(project.glob("fonts/*/metadata.jsonl"))
    first, _, rest = labels.read_bytes().partition(b"\n")
    edited = first.replace(b'"text":"', b'"text":"Z', 1)
    assert edited != first
    labels.write_bytes(edited + b"\n" + rest)
    (project / "notes.txt").write_text("mine")
    found = fontmill("--socket", daemon.socket, "verify", session, "--level", "deep", "--json")
    assert [(one["kind"], one["index"]) for one in json.loads(found.stdout)["damaged"]] == [("redraws-differently", 1), ("foreign", 0)]
    shown = fontmill("--socket", daemon.socket, "verify", session)
    assert shown.returncode == 1 and shown.stdout.rstrip().endswith("1 damaged, 1 foreign")


def test_deep_verify_of_an_undamaged_project_draws_everything_again_and_agrees(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts, "deep", 15)
    answer = daemon.client.call("verify", {"session": session, "level": "deep"}, timeout=120)
    assert answer["ok"], answer


def test_a_project_from_elsewhere_is_detected_and_adopted_with_its_fonts_at_another_place(
    daemon: Daemon, fonts: list[str], tmp_path: Path,
) -> None:
    made(daemon, fonts, "reference", 60)
    session = begin_paused(daemon, fonts, "moving", 60)
    daemon.stop()
    there = tmp_path / "there"
    (there / "out").mkdir(parents=True)
    moved = there / "out" / "moving"
    shutil.move(daemon.root / "moving", moved)
    new_fonts = there / "fonts"
    new_fonts.mkdir()
    for number, font in enumerate(fonts):
        shutil.copy(font, new_fonts / f"renamed{number}.ttf")
    record = json.loads((moved / "session.json").read_text())
    for font in record["fonts"]:
        font["source"] = "/gone/" + Path(font["source"]).name
    (moved / "session.json").write_text(json.dumps(record))
    other = Daemon(there, there / "out")
    try:
        (found,) = other.client.call("detect", {"path": str(there / "out")})["sessions"]
        assert (found["session_id"], found["completed"], found["known"]) == (session, False, False)
        adopted = other.client.call("adopt", {"path": str(moved), "fonts": [str(new_fonts)]})
        assert adopted["session_id"] == session
        other.client.resume(session)
        assert other.client.wait(session, timeout=120)["exported_samples"] == 180
    finally:
        other.stop()
    assert tree_digest(moved) == tree_digest(daemon.root / "reference")


def test_delete_removes_what_is_ours_and_forgets_the_session(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "gone", 5)
    (daemon.root / "gone" / "mine.txt").write_text("x")
    answer = daemon.client.call("delete", {"session": session})
    assert answer == {"session_id": session, "project_path": str(daemon.root / "gone"), "exported_samples": 5, "foreign_files": ["mine.txt"]}
    assert [path.name for path in (daemon.root / "gone").rglob("*") if path.is_file()] == ["mine.txt"]
    with pytest.raises(FontmillError, match="no session"):
        daemon.client.status(session)


def test_other_versions_are_refused_where_something_is_left_to_draw_and_only_there(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "older", 5)
    project = daemon.root / "older"
    record = json.loads((project / "session.json").read_text())
    record["fingerprint"]["numpy"] = "1.0"
    (project / "session.json").write_text(json.dumps(record))
    images = tree_digest(project)
    assert begin(daemon, fonts[:1], "older", 5) == session
    assert daemon.client.status(session)["status"] == "completed" and tree_digest(project) == images
    assert json.loads((project / "session.json").read_text())["fingerprint"]["numpy"] == "1.0"
    next(project.glob("fonts/*/metadata.jsonl")).write_bytes(b"")  # though summary.json says that it is complete
    for _ in range(2):
        with pytest.raises(FontmillError, match=r"numpy is .* and was '1\.0'") as refused:
            begin(daemon, fonts[:1], "older", 5)
        assert refused.value.slug == "fingerprint-differs" and "`--force`" in refused.value.action
    assert begin(daemon, fonts[:1], "older", 5, force=True) == session
    assert daemon.client.wait(session, timeout=120)["exported_samples"] == 5


def test_a_font_that_vanished_fails_its_samples_and_retry_failed_takes_them_up(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    made(daemon, fonts[:2], "reference", 40)
    mine = [tmp_path / Path(font).name for font in fonts[:2]]
    for font, copy in zip(fonts, mine, strict=False):
        shutil.copy(font, copy)
    session = begin_paused(daemon, [str(path) for path in mine], "vanishing", 40)
    daemon.stop()
    mine[1].rename(tmp_path / "away")
    daemon.start()
    daemon.client.wait(session)
    daemon.client.resume(session)
    status = daemon.client.wait(session, timeout=120)
    assert status["status"] == "completed" and status["failed_samples"] > 0
    assert status["exported_samples"] + status["failed_samples"] == 80
    (tmp_path / "away").rename(mine[1])
    daemon.client.call("retry-failed", {"session": session})
    assert daemon.client.wait(session, timeout=120)["exported_samples"] == 80
    assert tree_digest(daemon.root / "vanishing") == tree_digest(daemon.root / "reference")


def test_verify_refuses_a_path_outside_the_allowed_roots(daemon: Daemon) -> None:
    with pytest.raises(FontmillError) as refused:
        daemon.client.call("verify", {"session": "/etc/nothing"})
    assert refused.value.slug in ("path-not-allowed", "denied")


def test_a_folder_needs_no_service_to_be_verified_and_repaired(tmp_path: Path, fonts: list[str]) -> None:
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    made = fontmill("run", "--fonts", fonts[0], "--out", str(tmp_path / "out"), "--project", "p", "--samples", "10", **alone)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "out" / "p"
    before = tree_digest(project)
    next(project.rglob("*_003_clear.png")).unlink()
    assert fontmill("verify", str(project), **alone).returncode == 1
    assert fontmill("repair", str(project), **alone).returncode == 0
    assert fontmill("verify", str(project), **alone).returncode == 0
    assert tree_digest(project) == before
    told = fontmill("status", str(project), "--json", **alone)
    assert (told.returncode, json.loads(told.stdout)["status"]) == (0, "completed")
    assert "the project itself said last" in told.stderr
    named = fontmill("--socket", str(tmp_path / "none.sock"), "verify", str(project), **alone)
    assert named.returncode == 3, "who names a daemon wants that one"
    assert not list(tmp_path.glob("fontmill-run-*"))
    for folder in (tmp_path / "nowhere", tmp_path / "out"):
        lost = fontmill("verify", str(folder), **alone)
        assert (lost.returncode, f"There is no project in {folder}." in lost.stderr) == (1, True)
        assert "`fontmill detect`" in lost.stderr
    made_anew = fontmill("rebuild", str(project), next((project / "fonts").iterdir()).name, "3", "--out", str(tmp_path / "new" / "folder"), **alone)
    assert made_anew.returncode == 0, made_anew.stderr


def test_a_daemon_that_minds_other_folders_is_not_asked_about_one_outside_its_roots(tmp_path: Path, fonts: list[str]) -> None:
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    made = fontmill("run", "--fonts", fonts[0], "--out", str(tmp_path / "out"), "--project", "p", "--samples", "10", **alone)
    assert made.returncode == 0, made.stderr
    project, other = tmp_path / "out" / "p", tmp_path / "other"
    other.mkdir()
    daemon = Daemon(tmp_path, other, 1)
    (tmp_path / "fontmill").symlink_to(Path(daemon.socket).parent)
    try:
        next(project.rglob("*_003_clear.png")).unlink()
        assert fontmill("verify", str(project), **alone).returncode == 1
        assert fontmill("repair", str(project), **alone).returncode == 0
        assert fontmill("verify", str(project), **alone).returncode == 0
        named = fontmill("verify", str(project), "--socket", daemon.socket, **alone)
        assert named.returncode == 4, "who names a daemon wants that one"
    finally:
        daemon.stop()


def test_a_session_at_work_can_be_verified(daemon: Daemon, fonts: list[str]) -> None:
    session = begin(daemon, fonts, "busy", 20_000)
    until(lambda: daemon.client.status(session)["exported_samples"] > 200, "it runs")
    for _ in range(3):
        assert daemon.client.call("verify", {"session": session}, timeout=120)["damaged"] == []
    assert daemon.client.status(session)["status"] == "active"


def test_repair_makes_what_was_damaged_and_not_what_a_user_left_out(daemon: Daemon, fonts: list[str]) -> None:
    session = begin_paused(daemon, fonts, "early", 20_000)
    whole = daemon.client.complete(session)
    project = daemon.root / "early"
    before = tree_digest(project)
    next(project.rglob("*_00003_clear.png")).unlink()
    assert daemon.client.call("repair", {"session": session}, timeout=120)["remade_samples"] == 1
    status = daemon.client.wait(session, timeout=120)
    assert status["status"] == "completed"
    assert (status["exported_samples"], status["skipped_samples"]) == (whole["exported_samples"], whole["skipped_samples"])
    assert tree_digest(project) == before


def test_a_folder_needs_no_service_to_tell_of_itself_and_to_be_completed(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    session = begin_paused(daemon, fonts[:1], "left", 20_000)
    made = daemon.client.status(session)["exported_samples"]
    project = str(daemon.root / "left")
    daemon.stop()
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    why = fontmill("why", project, **alone)
    assert why.returncode == 0 and "A user paused it" in why.stdout, why.stderr
    (daemon.root / "left" / "progress.json").unlink()
    shown = fontmill("status", project, "--json", **alone)
    told = json.loads(shown.stdout)
    assert (told["session_id"], told["status"], told["exported_samples"]) == (session, "interrupted", made)
    assert "nobody works on it now" in shown.stderr
    (font,) = json.loads(fontmill("fonts", project, "--json", **alone).stdout)["fonts"]
    assert (font["done_samples"], font["total_samples"]) == (made, 20_000)
    named = fontmill("--socket", str(tmp_path / "none.sock"), "fonts", project, **alone)
    assert named.returncode == 3, "who names a daemon wants that one"
    unasked = fontmill("complete", project, **alone)
    assert unasked.returncode == 2 and f"leave out the other {20_000 - made:,}, and nobody is there to ask" in unasked.stderr
    done = fontmill("complete", project, "--json", "--yes", **alone)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["exported_samples"], summary["skipped_samples"]) == (made, 20_000 - made)
    again = json.loads(fontmill("complete", project, "--json", **alone).stdout)
    assert (again["exported_samples"], again["skipped_samples"]) == (made, 20_000 - made), "nothing changes by saying it twice"
    assert fontmill("verify", project, **alone).returncode == 0


def test_a_cancelled_session_is_not_revived_by_repair(daemon: Daemon, fonts: list[str]) -> None:
    session = begin(daemon, fonts, "cut", 20_000)
    until(lambda: daemon.client.status(session)["exported_samples"] > 50, "it runs")
    daemon.client.cancel(session)
    daemon.client.wait(session)
    next((daemon.root / "cut").rglob("*_00003_clear.png")).unlink()
    for verb in ("repair", "retry-failed"):
        with pytest.raises(FontmillError) as caught:
            daemon.client.call(verb, {"session": session}, timeout=120)
        assert caught.value.slug == "cancelled"
    assert begin(daemon, fonts, "cut", 20_000) == session, "who starts it again goes on"


def test_damaged_labels_count_the_pairs_that_are_remade(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "labels", 20)
    labels = next((daemon.root / "labels").rglob("metadata.jsonl"))
    labels.write_bytes(labels.read_bytes()[:-40])
    assert daemon.client.call("repair", {"session": session}, timeout=120)["remade_samples"] <= 20
    assert daemon.client.wait(session, timeout=120)["exported_samples"] == 20


def test_a_summary_that_was_deleted_is_missed_and_written_anew(daemon: Daemon, fonts: list[str]) -> None:
    session = made(daemon, fonts[:1], "summary", 10)
    project = daemon.root / "summary"
    before = tree_digest(project)
    (project / "summary.json").unlink()
    found = daemon.client.call("verify", {"session": session, "level": "quick"}, timeout=120)
    assert [(entry["file"], entry["kind"]) for entry in found["damaged"]] == [("summary.json", "missing")]
    repaired = fontmill("--socket", daemon.socket, "repair", session)
    assert repaired.returncode == 0 and "1 damaged; to be made anew: 1 document\n" in repaired.stderr, repaired.stderr
    assert repaired.stdout.startswith("made anew: 1 document\n")
    assert tree_digest(project) == before and (project / "summary.json").is_file()
    (project / "README.md.part").write_text("half")
    swept = fontmill("--socket", daemon.socket, "repair", session)
    assert swept.returncode == 0 and "removed: 1 leftover of writing that was cut short\n" in swept.stderr, swept.stderr
    assert daemon.client.call("verify", {"session": session, "level": "full"}, timeout=120)["ok"]
    assert fontmill("--socket", daemon.socket, "repair", session).stdout == "nothing to repair\n"


@pytest.mark.parametrize("summary_too", [False, True])
def test_repair_by_an_edited_session_is_refused_and_changes_nothing(summary_too: bool, tmp_path: Path, fonts: list[str]) -> None:
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    made = fontmill("run", "--fonts", fonts[0], "--out", str(tmp_path / "out"), "--project", "p", "--samples", "10", **alone)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "out" / "p"
    for name in ("session.json", *(["summary.json"] if summary_too else [])):
        told = json.loads((project / name).read_text())
        told["config"]["seed"] += 1
        (project / name).write_text(json.dumps(told))
    next(project.rglob("*_003_clear.png")).unlink()
    found = json.loads(fontmill("verify", str(project), "--level", "quick", "--json", **alone).stdout)
    assert summary_too or ("session.json", "different") in {(entry["file"], entry["kind"]) for entry in found["damaged"]}
    before = tree_digest(project)
    refused = fontmill("repair", str(project), **alone)
    told = "draws differently now than its label says" if summary_too else "session.json tells another configuration"
    assert refused.returncode in (1, 6) and told in refused.stderr
    assert tree_digest(project) == before
