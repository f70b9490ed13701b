"""The index of sessions: found by path and by font, kept over restarts, rebuilt from the trees."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmill.model import ExportSession, FontInfo
from fontmilld.core.progress import FontProgressTracker
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import LinuxKernel
from fontmilld.store.state import SessionStateManager
from fontmilld.testing.export import SmallExport, small_session


@pytest.fixture
def state(tmp_path: Path):
    manager = SessionStateManager(str(tmp_path / "state"))
    yield manager
    manager.close()


def session(number: int, output: str = "/data", **fonts: str) -> ExportSession:
    found = tuple(FontInfo(name, f"/f/{name}", sha256=f"sha-{name}", family=family, total_samples=7) for name, family in fonts.items())
    return replace(small_session(), session_id=f"s{number}", project_name=f"p{number}", output_path=output,
                   created_at=f"2026-01-0{number}", fonts=found)


def ids(found: list) -> list[str]:
    return [known.session_id for known in found]


def test_a_saved_session_is_loaded_as_it_was(state):
    state.save_session_state(session(1, inter="Inter"))
    assert state.load_session_state("s1") == session(1, inter="Inter")


def test_two_daemons_never_share_a_state_directory(state, tmp_path):
    with pytest.raises(FontmillError) as caught:
        SessionStateManager(str(tmp_path / "state"))
    assert (caught.value.slug, "--state-dir" in caught.value.action) == ("busy", True)
    state.close()
    SessionStateManager(str(tmp_path / "state")).close()


def test_a_state_directory_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FontmillError) as caught:
        SessionStateManager(str(tmp_path / "file" / "state"))
    assert (caught.value.slug, "--state-dir" in caught.value.action) == ("path-unwritable", True)


def test_an_unknown_session_is_an_error(state):
    with pytest.raises(FontmillError) as caught:
        state.load_session_state("none")
    assert caught.value.slug == "unknown-session"


def test_sessions_are_found_by_output_path_and_by_project(state):
    for number, path in ((1, "/data"), (2, "/data"), (3, "/database"), (4, "/")):
        state.save_session_state(session(number, path))
    assert ids(state.find_sessions_by_path("/data")) == ["s1", "s2"]
    assert ids(state.find_sessions_by_path("/data/")) == ["s1", "s2"]
    assert ids(state.find_sessions_by_path("/data/p2")) == ["s2"]
    assert ids(state.find_sessions_by_path("/")) == ["s4"]
    assert ids(state.find_sessions_by_path("/p4")) == ["s4"]
    assert ids(state.find_sessions_by_path("/dat%")) == []


def test_sessions_are_found_by_font_id_family_and_digest(state):
    state.save_session_state(session(1, inter="Inter", lato="Lato"))
    state.save_session_state(session(2, lato="Lato"))
    assert ids(state.find_sessions_by_fonts(["lato"])) == ["s1", "s2"]
    assert ids(state.find_sessions_by_fonts(["INTER"])) == ["s1"]
    assert ids(state.find_sessions_by_fonts(["sha-inter", "sha-lato"])) == ["s1", "s2"]
    assert ids(state.find_sessions_by_fonts(["none"])) == []


def test_status_and_reasons_are_kept_over_a_restart(state, tmp_path):
    state.save_session_state(session(1))
    state.save_status("s1", "paused", ("user", "disk"), "full")
    state.close()
    (known,) = SessionStateManager(str(tmp_path / "state")).sessions()
    assert (known.status, known.reasons, known.detail, known.path) == ("paused", ("disk", "user"), "full", "/data/p1")


def test_a_pause_outlives_the_opening_of_the_tree_unless_the_session_is_begun_again(state):
    state.save_session_state(session(1))
    state.save_status("s1", "paused", ("user",))
    state.save_session_state(session(1), pause_stays=True)
    assert [(known.status, known.reasons) for known in state.sessions()] == [("paused", ("user",))]
    state.save_session_state(session(1), "completed", pause_stays=True)
    state.save_session_state(session(1), pause_stays=True)
    assert [(known.status, known.reasons) for known in state.sessions()] == [("active", ())]
    state.save_status("s1", "paused", ("user",))
    state.save_session_state(session(1))
    assert [(known.status, known.reasons) for known in state.sessions()] == [("active", ())]


def test_saving_again_updates_and_keeps_what_is_known_of_fonts(state):
    state.save_session_state(session(1, inter="Inter"))
    tracker = FontProgressTracker()
    tracker.register_font("inter", 7, done=7)
    state.update_font_progress("s1", tracker.font_progress("inter", 0.0))
    state.save_session_state(session(1, "/elsewhere", inter="Inter"))
    assert state.get_font_status("s1", "inter") == "completed"
    assert ids(state.find_sessions_by_path("/elsewhere")) == ["s1"]


def test_ended_sessions_are_told_with_their_fonts_the_latest_ones(state):
    for number, status in ((1, "completed"), (2, "active"), (3, "failed"), (4, "completed")):
        state.save_session_state(session(number, inter="Inter"))
        tracker = FontProgressTracker()
        tracker.register_font("inter", 7, done=number)
        state.save_status(f"s{number}", status, (), "why", tracker.fonts(0.0))
    assert [ended.known.session_id for ended in state.ended_sessions(9)] == ["s1", "s3", "s4"]
    one, two = state.ended_sessions(2)
    assert (one.known.status, one.known.detail, one.session) == ("failed", "why", session(3, inter="Inter"))
    assert [font.done_samples for font in (*one.fonts, *two.fonts)] == [3, 4]


def test_a_font_can_be_registered_later(state):
    state.save_session_state(session(1))
    state.register_font("s1", FontInfo("lato", "/f/lato", family="Lato"))
    assert state.get_font_status("s1", "lato") == "pending"
    state.register_font("s1", FontInfo("bad", "/f/bad", slug="font-unreadable"))
    assert state.get_font_status("s1", "bad") == "skipped"
    with pytest.raises(FontmillError):
        state.get_font_status("s1", "none")


def test_a_key_names_its_first_session_for_good(state, tmp_path):
    state.save_session_state(session(1))
    state.remember_key("key", "s1", "request")
    state.remember_key("key", "s2", "other")
    state.close()
    again = SessionStateManager(str(tmp_path / "state"))
    found = again.find_key("key")
    assert found is not None
    assert (found.session_id, found.request) == ("s1", "request")
    assert again.find_key("none") is None


def test_a_forgotten_session_takes_its_fonts_and_keys_along(state):
    state.save_session_state(session(1, inter="Inter"))
    state.remember_key("key", "s1")
    state.delete_session_state("s1")
    assert state.sessions() == []
    assert state.find_sessions_by_fonts(["inter"]) == []
    assert state.find_key("key") is None


def test_every_thread_may_use_it(state):
    state.save_session_state(session(1))
    seen: list[list[str]] = []
    thread = threading.Thread(target=lambda: seen.append(ids(state.sessions())))
    thread.start()
    thread.join()
    assert seen == [["s1"]]


@pytest.mark.parametrize("damage", [b"", b"not a database" * 500, None])
def test_a_damaged_database_is_moved_aside_and_begun_anew(tmp_path, damage):
    folder = str(tmp_path / "state")
    manager = SessionStateManager(folder)
    for number in range(1, 9):
        manager.save_session_state(session(number, **{f"f{n}": "F" for n in range(60)}))
    manager.close()
    path = Path(folder, "sessions.sqlite")
    data = path.read_bytes()
    path.write_bytes(damage if damage is not None else data[:6000] + b"\xff" * 9000 + data[15000:])
    again = SessionStateManager(folder)
    assert again.sessions() == []
    assert again.recreated == (damage != b"")
    again.save_session_state(session(9))
    assert ids(again.sessions()) == ["s9"]
    again.close()


def test_a_database_of_a_newer_daemon_is_left_alone(state, tmp_path):
    with state._transaction() as db:
        db.execute("PRAGMA user_version = 99")
    state.close()
    with pytest.raises(FontmillError) as caught:
        SessionStateManager(str(tmp_path / "state"))
    assert caught.value.slug == "unsupported-schema"


def test_the_index_is_rebuilt_from_the_trees(state, tmp_path):
    output = tmp_path.resolve() / "out"
    done, begun = output / "done", output / "begun"
    run = SmallExport(LinuxKernel(), path=str(done))
    run.run()
    tree = LocalTree(str(begun), create=True)
    create_project_structure(tree, replace(small_session(), session_id="begun", project_name="begun"))
    (output / "not-a-project").mkdir()
    (output / "damaged").mkdir()
    (output / "damaged" / "session.json").write_bytes(b"{")
    (output / "done" / "deep").mkdir()
    assert sorted(ids(state.rebuild([str(tmp_path)]))) == sorted(["begun", small_session().session_id])
    assert state.rebuild([str(tmp_path)]) == []
    found = {known.session_id: known for known in state.sessions()}
    assert (found["begun"].status, found["begun"].reasons, found["begun"].path) == ("paused", ("user",), str(begun))
    assert found[small_session().session_id].status == "completed"
    assert found[small_session().session_id].path == str(done)
    (ended,) = state.ended_sessions(9)
    assert sum(font.done_samples for font in ended.fonts) == sum(font.total_samples for font in small_session().fonts)


def test_the_state_directory_is_private(state, tmp_path):
    assert os.stat(tmp_path / "state").st_mode & 0o077 == 0
