"""Many sessions: idempotent starts, a drain that ends, and a restart that goes on."""

from __future__ import annotations

import errno

import pytest

from fontmill.errors import FontmillError
from fontmilld.starting import MAX_SESSIONS
from fontmilld.testing.house import House


def test_the_same_key_gives_the_same_session_whenever_it_comes():
    house = House()
    house.busy = house.probes.hold = True
    answers = []
    for _ in range(3):
        house.manager.create_session(house.request(key="k"), answers.append)
    house.loop.settle()
    assert answers == []
    house.probes.hold = False
    for answer in house.probes.held:
        answer()
    house.loop.settle()
    house.manager.create_session(house.request(key="k"), answers.append)
    house.loop.settle()
    assert len({answer["session_id"] for answer in answers}) == 1 and len(answers) == 4
    assert len(house.manager.sessions()) == 1


def test_a_second_start_in_the_same_project_takes_up_the_session_that_runs():
    house = House()
    session = house.start(settle=False, samples=500)
    house.manager.pause_session(session.id)
    answers = []
    house.manager.create_session(house.request(samples=500), answers.append)
    house.manager.create_session(house.request(samples=501), answers.append)
    house.loop.settle()
    assert answers[0]["session_id"] == session.id and answers[0]["resumed"]
    assert answers[1].slug == "project-differs"


def test_a_start_with_no_good_font_is_refused_with_the_reasons_and_leaves_nothing():
    house = House()
    answers = []
    house.manager.create_session(house.request(fonts=("/f/bad1.ttf", "/f/bad2.ttf")), answers.append)
    house.loop.settle()
    assert answers[0].slug == "no-usable-fonts" and len(answers[0].details["refused"]) == 2
    assert house.disk.files() == {}
    assert house.manager.sessions() == []


def test_a_session_is_found_by_id_prefix_and_path_and_by_nothing_else():
    house = House()
    one, two = house.start("aaa"), house.start("aab")
    find = house.manager.find
    assert find(one.id) is one and find("aaa") is one and find("/out/aab/") is two
    for name, slug in (("aa", "ambiguous-session"), ("zzz", "unknown-session"), ("/out", "unknown-session")):
        with pytest.raises(FontmillError) as caught:
            find(name)
        assert caught.value.slug == slug
        assert (f": {one.id}, {two.id}." in caught.value.message) == (slug == "ambiguous-session")


def test_no_name_is_no_session():
    house = House()
    house.start()
    with pytest.raises(FontmillError) as caught:
        house.manager.find("")
    assert caught.value.slug == "unknown-session"


def test_the_limit_of_sessions_counts_those_that_are_being_started():
    house = House()
    house.probes.hold = True
    for number in range(MAX_SESSIONS):
        house.manager.create_session(house.request(f"p{number}"), print)
    with pytest.raises(FontmillError) as caught:
        house.manager.create_session(house.request("one-more", key="k"), print)
    assert caught.value.slug == "too-many-sessions"


def test_a_start_right_after_a_cancel_goes_on_once_the_tree_is_free():
    house = House()
    session = house.start(settle=False, samples=500)
    house.manager.cancel_session(session.id)
    answers = []
    house.manager.create_session(house.request(samples=500), answers.append)
    house.loop.settle()
    assert answers == [], "the cancelled session still has batches out"
    house.run(10)
    assert answers[0]["session_id"] == session.id
    assert house.manager.find(session.id).status()["status"] == "completed"


def test_a_drain_finishes_what_is_out_gives_nothing_more_and_refuses_new_sessions():
    house = House()
    session = house.start(settle=False, samples=1000)
    out = len(house.waiting)
    house.manager.drain()
    assert not house.manager.drained
    house.run(5)
    assert house.manager.drained and len(house.drawn) == out
    assert session.status()["pause_reasons"] == ["drain"]
    with pytest.raises(FontmillError) as caught:
        house.manager.create_session(house.request("q"), print)
    assert caught.value.slug == "shutting-down"
    assert house.notes[session.id] == ("active", ()), "the next life goes on by itself"


def test_a_session_that_opens_during_the_drain_draws_nothing():
    house = House()
    house.busy = house.probes.hold = True
    answers = []
    house.manager.create_session(house.request(), answers.append)
    house.loop.settle()
    house.manager.drain()
    for answer in house.probes.held:
        answer()
    house.run(5)
    assert house.drawn == []


@pytest.mark.parametrize("batches", [1, 3, 10])
def test_a_killed_daemon_goes_on_where_it_was_and_ends_in_the_same_tree(batches):
    house = House()
    session = house.start(settle=False, samples=200)
    house.busy = True
    house.work_off(batches)
    house.loop.settle()
    back = house.restarted()
    back.restore(session)
    back.run(5)
    assert back.manager.find(session.id).status()["status"] == "completed"
    whole = House()
    whole.start(samples=200)
    same = [n for n in whole.files() if n.startswith("fonts/") and not n.endswith("progress.json")]
    assert {n: back.files()[n] for n in same} == {n: whole.files()[n] for n in same}


def test_a_session_that_its_user_paused_stays_paused_over_a_restart():
    house = House()
    session = house.start(settle=False, samples=500)
    house.manager.pause_session(session.id)
    house.run(5)
    back = house.restarted()
    back.restore(session)
    back.run(5)
    again = back.manager.find(session.id)
    assert again.status()["pause_reasons"] == ["user"] and back.drawn == []
    back.manager.resume_session(again.id)
    back.run(5)
    assert again.status()["status"] == "completed"


def test_a_fault_is_found_out_anew_by_the_next_life():
    house = House()
    session = house.start(settle=False, samples=500)
    house.fault(errno.EACCES)
    house.run(5)
    assert session.status()["pause_reasons"] == ["fault"]
    back = house.restarted()
    back.restore(session)
    back.run(5)
    assert back.manager.find(session.id).status()["status"] == "completed", "after a power cut the storage is well again"


def test_a_session_that_had_ended_is_restored_as_ended_whatever_the_index_says():
    house = House()
    session = house.start()
    house.notes[session.id] = ("paused", ("user",))
    back = house.restarted()
    back.restore(session)
    back.run(1)
    assert back.manager.find(session.id).status()["status"] == "completed"


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_session_that_ended_is_still_told_of_by_the_next_life(end):
    house = House()
    session = house.start(settle=False, fonts=("/f/a.ttf", "/f/bad.ttf"))
    if end == "cancelled":
        house.manager.cancel_session(session.id)
    house.run(5)
    before = session.status()
    back = house.restarted()
    back.restore(session)
    again = back.manager.find(session.id)
    changing = {"processing_rate", "bottleneck", "last_updated", "estimated_time_remaining"}
    then, now = [before, *session.fonts()], [again.status(), *again.fonts()]
    assert [{k: v for k, v in told.items() if k not in changing} for told in now] == \
        [{k: v for k, v in told.items() if k not in changing} for told in then]
    answers = []
    back.manager.wait(session.id, True, answers.append)
    assert answers[0]["status"] == before["status"]
    for ask in (back.manager.pause_session, back.manager.resume_session, back.manager.cancel_session):
        with pytest.raises(FontmillError) as caught:
            ask(session.id)
        assert caught.value.slug == "wrong-state"
        assert ("complete" in caught.value.message) == (before["status"] == "completed")
        assert "`fontmill" in caught.value.action, "how to go on"
    assert back.drawn == []


def test_workers_that_keep_dying_pause_the_sessions_and_resume_lifts_it():
    house = House(workers=1)
    session = house.start(settle=False, samples=1000)
    house.busy = True
    for _ in range(8):
        house.processes.born[-1].die(-9)
        house.loop.advance(4)
    assert session.status()["pause_reasons"] == ["crashloop"]
    house.manager.resume_session(session.id)
    house.run(60)
    assert session.status()["status"] == "completed"


def test_short_memory_pauses_every_session_and_those_that_come_and_goes_by_itself():
    house = House()
    ended = house.start("ended", samples=2)
    one = house.start("one", settle=False, samples=500)
    house.manager.memory_is_short("91% in use")
    two = house.start("two", samples=500)
    house.run(5)
    assert [s.status()["pause_reasons"] for s in (one, two, ended)] == [["memory"], ["memory"], []]
    assert one.quiescent and house.told("session-paused", one.id) == [{"reason": "memory", "detail": "91% in use"}]
    drawn = len(house.drawn)
    house.run(5)
    assert len(house.drawn) == drawn
    house.manager.pause_session(one.id)
    house.manager.memory_is_back()
    house.run(5)
    assert (one.status()["pause_reasons"], two.status()["status"]) == (["user"], "completed")


def test_short_memory_is_no_reason_to_stay_paused_after_a_restart():
    house = House()
    session = house.start(settle=False, samples=500)
    house.manager.memory_is_short("91% in use")
    house.run(5)
    back = house.restarted()
    back.restore(session)
    back.run(5)
    assert back.manager.find(session.id).status()["status"] == "completed"
