"""Whoever waits for a session is answered once, and who no longer waits takes no room."""

from __future__ import annotations

from fontmilld.testing.house import House
from fontmilld.waiting import MAX_WAITING


def test_those_who_wait_are_answered_once_when_the_session_ends():
    house = House()
    session = house.start(settle=False)
    answers = []
    for quiescent in (True, False):
        house.manager.wait(session.id, quiescent, answers.append)
    assert answers == []
    house.run(5)
    assert [answer["status"] for answer in answers] == ["completed"] * 2
    house.manager.wait(session.id, True, answers.append)
    assert len(answers) == 3


def test_those_who_gave_up_waiting_are_forgotten():
    house = House()
    session = house.start(settle=False)
    for _ in range(MAX_WAITING):
        house.manager.wait(session.id, True, print, lambda: False)
    answers = []
    house.manager.wait(session.id, True, answers.append)
    house.run(5)
    assert len(answers) == 1


def test_cancelling_while_somebody_waits_for_the_summary_answers_him():
    house = House()
    session = house.start(settle=False, samples=1000)
    answers = []
    house.manager.complete_session(session.id, answers.append)
    house.manager.cancel_session(session.id)
    house.run(5)
    assert len(answers) == 1
