"""Sessions that share one pool get equal shares, whenever they come."""

from __future__ import annotations

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
