"""Sessions that share one pool get equal shares, whenever they come."""

from __future__ import annotations

import signal
from typing import Any

from fontmilld.inspection import Redraw
from fontmilld.session import ManagedSession
from fontmilld.testing.house import House


def test_two_sessions_share_the_pool_evenly():
    house = House()
    one = house.start("one", 4000, ("/f/a.ttf",), settle=False)
    two = house.start("two", 4000, ("/f/b.ttf",), settle=False)
    house.busy = True
    for _ in range(60):
        house.work_off()
        house.loop.advance(0.2)
    shares = [s.status()["exported_samples"] for s in (one, two)]
    assert min(shares) > 0
    assert min(shares) / max(shares) > 0.8, shares


def test_a_session_that_comes_late_does_not_starve_the_one_that_was_there():
    house = House()
    house.busy = True
    one = house.start("one", 100_000, ("/f/a.ttf",), settle=False)
    for _ in range(60):
        house.work_off()
        house.loop.advance(0.2)
    two = house.start("two", 100_000, ("/f/b.ttf",), settle=False)
    before = one.status()["exported_samples"]
    for _ in range(40):
        house.work_off()
        house.loop.advance(0.2)
    gained = one.status()["exported_samples"] - before, two.status()["exported_samples"]
    assert min(gained) / max(gained) > 0.7, gained


def test_a_session_that_was_paused_for_long_gets_its_share_and_no_more():
    house = House()
    house.busy = True
    sessions = [house.start(name, 100_000, (f"/f/{name}.ttf",), settle=False) for name in ("one", "two")]
    house.manager.pause_session(sessions[1].id)
    for _ in range(60):
        house.work_off()
        house.loop.advance(0.2)
    house.manager.resume_session(sessions[1].id)
    before = [s.status()["exported_samples"] for s in sessions]
    for _ in range(40):
        house.work_off()
        house.loop.advance(0.2)
    gained = [s.status()["exported_samples"] - b for s, b in zip(sessions, before, strict=True)]
    assert min(gained) / max(gained) > 0.7, gained


def without_workers(house: House) -> None:
    house.processes.refuse = 1 << 30
    for child in house.processes.born:
        child.die(-signal.SIGKILL)
    house.loop.settle()


def redraw(session: ManagedSession, answers: list[Any]) -> Redraw:
    return Redraw(session.session, session.path, session.session.fonts[0].font_id, 1, answers.append)


def test_who_waits_for_a_worker_is_told_when_none_can_be_started():
    house = House()
    session, answers = house.start(), []
    without_workers(house)
    house.manager.run_errand(redraw(session, answers))
    house.loop.advance(20)
    house.manager.run_errand(redraw(session, answers))
    assert [answer.slug for answer in answers] == ["no-workers", "no-workers"]
    assert "Resource temporarily unavailable" in answers[0].message


def test_sessions_pause_when_no_worker_can_be_started_for_long_and_say_why():
    house = House()
    session = house.start(samples=400, settle=False)
    without_workers(house)
    house.loop.advance(10)
    assert session.status()["status"] == "active", "it may be a hiccup"
    house.loop.advance(120)
    assert session.status()["pause_reasons"] == ["crashloop"]
    assert session.pause_details["crashloop"] == "No render process can be started: Resource temporarily unavailable."
    house.processes.refuse = 0
    house.loop.advance(60)
    house.manager.resume_session(session.id)
    house.run(5)
    assert session.status()["status"] == "completed"
