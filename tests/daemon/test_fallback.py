"""When a path fails for good the session goes on in the next that works; when none does, it waits and nothing is lost."""

from __future__ import annotations

import errno

import pytest

from fontmill.errors import FontmillError
from fontmilld.core.diagnosis import explain
from fontmilld.session import ManagedSession
from fontmilld.testing.house import House

SAMPLES = 400
FONTS = 2


@pytest.fixture
def house() -> House:
    return House()


def half_done(house: House, *fallbacks: str) -> ManagedSession:
    session = house.start(settle=False, samples=SAMPLES, fallbacks=fallbacks)
    house.busy = True
    house.work_off(6)
    house.loop.settle()
    assert 0 < session.status()["exported_samples"] < FONTS * SAMPLES
    return session


def break_path(house: House) -> None:
    """The path refuses the next change for good."""
    house.fault(errno.EACCES)
    house.run(5)


def now(house: House, session: ManagedSession) -> dict:
    return house.manager.find(session.id).status()


def test_the_next_fallback_is_tried_when_one_cannot_be_opened(house):
    house.out_of_reach = {"/one"}
    session = half_done(house, "/one", "/two")
    kept = {name for name in house.files() if name.endswith(".png")}
    break_path(house)
    status = now(house, session)
    assert (status["status"], status["output_path"], status["exported_samples"]) == ("completed", "/two", FONTS * SAMPLES)
    (part,) = status["parts"]
    assert part["path"] == "/out/p" and 0 < part["samples"] < FONTS * SAMPLES
    assert kept <= house.files().keys(), "what the first path holds stays there"
    assert len(house.told("session-moved")) == 1


def test_when_no_fallback_can_be_opened_the_session_waits_with_the_reason_and_goes_on_when_told(house):
    house.out_of_reach = {"/one", "/two"}
    session = half_done(house, "/one", "/two")
    break_path(house)
    status = now(house, session)
    assert (status["status"], status["pause_reasons"], status["reason"]) == ("paused", ["fault"], "path-unwritable")
    assert status["quiescent"] and 0 < status["exported_samples"] < FONTS * SAMPLES
    house.manager.resume_session(session.id)
    house.run(5)
    assert now(house, session)["status"] == "completed"
    assert now(house, session)["output_path"] == "/out"


def test_the_fonts_of_a_stranded_session_are_still_watched(house):
    house.out_of_reach = {"/one"}
    half_done(house, "/one")
    break_path(house)
    assert house.manager.font_files() == {"/f/a.ttf", "/f/b.ttf"}
    house.probes.changed = {"/f/a.ttf": ("font-unreadable", "The file is not a font.")}
    house.manager.font_file_changed("/f/a.ttf")


def test_who_waits_is_told_that_it_is_stranded(house):
    house.out_of_reach = {"/one"}
    session = half_done(house, "/one")
    answers: list[dict] = []
    house.manager.wait(session.id, True, answers.append)
    break_path(house)
    assert answers[0]["pause_reasons"] == ["fault"]


def stranded_at_restart(house: House) -> tuple[House, ManagedSession]:
    session = half_done(house)
    back = house.restarted()
    back.out_of_reach = {"/out"}
    back.restore(session)
    status = now(back, session)
    assert (status["status"], status["pause_reasons"], status["reason"]) == ("paused", ["fault"], "path-unwritable")
    return back, session


def test_a_tree_that_is_not_mounted_at_start_is_taken_up_by_resume(house):
    back, session = stranded_at_restart(house)
    back.manager.resume_session(session.id)
    back.run(5)
    assert now(back, session)["pause_reasons"] == ["fault"], "still out of reach"
    back.out_of_reach.clear()
    back.manager.resume_session(session.id)
    back.run(5)
    assert (now(back, session)["status"], now(back, session)["exported_samples"]) == ("completed", FONTS * SAMPLES)


def test_a_start_takes_up_a_stranded_project(house):
    back, session = stranded_at_restart(house)
    back.out_of_reach.clear()
    answers: list[dict] = []
    back.manager.create_session(back.request(samples=SAMPLES), answers.append)
    back.run(5)
    assert (answers[0]["session_id"], answers[0]["resumed"]) == (session.id, True)
    assert now(back, session)["status"] == "completed"


@pytest.mark.parametrize("end", ["cancel_session", "drain"])
def test_a_stranded_session_stands_in_nobodys_way(house, end):
    back, session = stranded_at_restart(house)
    back.manager.pause_session(session.id)
    back.manager.cancel_session(session.id) if end == "cancel_session" else back.manager.drain()
    back.run(1)
    assert back.manager.drained
    if end == "cancel_session":
        assert (now(back, session)["status"], back.notes[session.id][0]) == ("failed", "failed")


def test_of_a_session_beneath_no_allowed_root_is_told_why_it_waits_and_where_it_stood(house):
    session = half_done(house)
    house.manager.pause_session(session.id)
    house.run(1)
    house.manager.drain()
    house.run(1)
    stood = now(house, session)
    assert 0 < stood["exported_samples"] < FONTS * SAMPLES
    back = house.restarted()
    back.out_of_reach, back.refusal = {"/out"}, FontmillError("path-not-allowed", "The path /out is outside the allowed roots.")
    back.restore(session)
    status, held = now(back, session), back.manager.find(session.id)
    assert (status["status"], status["reason"]) == ("paused", "path-not-allowed")
    assert {key: status[key] for key in ("total_samples", "exported_samples", "fonts")} == {
        key: stood[key] for key in ("total_samples", "exported_samples", "fonts")}
    assert "The path /out is outside the allowed roots." in " ".join(explain(status, held.pause_details, held.fonts()))
    back.out_of_reach.clear()
    back.manager.resume_session(session.id)
    back.run(5)
    assert (now(back, session)["status"], now(back, session)["exported_samples"]) == ("completed", FONTS * SAMPLES)
