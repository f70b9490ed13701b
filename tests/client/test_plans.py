"""The plans of a call and of waiting, driven by hand: no sockets, no time but our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fontmill import plans, wire
from fontmill.errors import FontmillError
from fontmill.plans import Connect, Peer, Receive, Send, Sleep


class World:
    """Performs effects. `reply(request, number)` gives frames to deliver or None; `identity` names the daemon."""

    def __init__(self, reply: Callable[[wire.Request, int], list[bytes] | None]) -> None:
        self.now, self.identity, self.listening = 100.0, (1, 1, 1), True
        self.reply, self.sent, self.inbox = reply, [], []
        self.connected: Any = None
        self.at: dict[float, Callable[[], None]] = {}
        self.peer = Peer(self.probe, self.probe, lambda: self.now)

    def probe(self) -> Any:
        if not self.listening:
            raise FontmillError("not-running")
        return self.identity

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for moment in sorted(m for m in self.at if m <= self.now):
            self.at.pop(moment)()

    def run(self, plan: plans.Plan[Any]) -> Any:
        result: Any = None
        while True:
            try:
                effect = plan.send(result)
            except StopIteration as end:
                return end.value
            result = self.perform(effect)

    def perform(self, effect: plans.Effect) -> Any:
        match effect:
            case Connect(identity):
                fresh, self.connected = self.connected != identity, identity
                return fresh
            case Send(frames):
                request = wire.parse_request(wire.parse_frames(frames, wire.MAX_REQUEST_BYTES))
                self.sent.append(request)
                answer = self.reply(request, len(self.sent)) if self.connected == self.identity else None
                self.inbox += [answer] if answer else []
            case Receive(seconds):
                if self.inbox:
                    return self.inbox.pop(0)
                self.advance(seconds)
            case Sleep(seconds):
                self.advance(seconds)
        return None


def ok(request: wire.Request, result: Any = None) -> list[bytes]:
    return wire.ok_reply(request.id, result, 5, "boot")


def fails(world: World, plan: plans.Plan[Any]) -> FontmillError:
    with pytest.raises(FontmillError) as caught:
        world.run(plan)
    return caught.value


def test_an_answer() -> None:
    world = World(lambda request, _: ok(request, {"a": 1}))
    assert world.run(plans.call(world.peer, "ping", {"x": 2}, 3.0, "k")) == plans.Reply({"a": 1}, "boot", 5)
    assert (world.sent[0].op, world.sent[0].args, world.sent[0].deadline_ms, world.sent[0].key) == ("ping", {"x": 2}, 3000, "k")


def test_late_answers_to_other_calls_are_dropped() -> None:
    world = World(lambda request, _: ok(request, "mine"))
    world.inbox = [wire.ok_reply(b"other", "not mine", 1, "b"), wire.error_reply(b"older", FontmillError("busy"))]
    assert world.run(plans.call(world.peer, "ping", {}, 3.0)).result == "mine"


def test_a_flood_of_late_answers_does_not_outlast_the_deadline() -> None:
    world = World(lambda *_: None)

    def perform(effect: plans.Effect) -> Any:
        if isinstance(effect, Receive):
            world.advance(0.1)
            return wire.ok_reply(b"other", None, 1, "b")
        return World.perform(world, effect)

    world.perform = perform  # type: ignore[method-assign]
    assert fails(world, plans.call(world.peer, "ping", {}, 3.0)).slug == "timed-out"


def test_the_deadline_is_kept() -> None:
    world = World(lambda *_: None)
    assert fails(world, plans.call(world.peer, "pause", {}, 3.0)).slug == "timed-out"
    assert world.now == pytest.approx(103.0, abs=0.01)
    assert len(world.sent) == 1


def test_an_error_without_an_id_is_ours() -> None:
    world = World(lambda *_: wire.error_reply(b"", FontmillError("bad-frame")))
    assert fails(world, plans.call(world.peer, "ping", {}, 3.0)).slug == "bad-frame"


def test_nobody_there_is_said_at_once() -> None:
    world = World(lambda *_: None)
    world.listening = False
    assert fails(world, plans.call(world.peer, "ping", {}, 3.0)).slug == "not-running"
    assert (world.now, world.sent) == (100.0, [])


def test_a_daemon_that_dies_is_noticed_long_before_the_deadline() -> None:
    world = World(lambda *_: None)
    world.at[100.1] = lambda: setattr(world, "listening", False)
    assert fails(world, plans.call(world.peer, "pause", {}, 600.0)).slug == "not-running"
    assert world.now < 102


@pytest.mark.parametrize(("op", "key"), [("status", None), ("start", "key")])
def test_a_safe_request_is_sent_again_to_a_restarted_daemon(op: str, key: str | None) -> None:
    world = World(lambda request, number: ok(request, number) if number == 2 else None)
    world.at[100.1] = lambda: setattr(world, "identity", (2, 2, 2))
    assert world.run(plans.call(world.peer, op, {}, 60.0, key)).result == 2
    assert world.sent[0].id == world.sent[1].id
    assert world.sent[0].key == world.sent[1].key == key
    assert world.sent[1].deadline_ms < world.sent[0].deadline_ms


def test_other_requests_are_not_repeated() -> None:
    world = World(lambda *_: None)
    world.at[100.1] = lambda: setattr(world, "identity", (2, 2, 2))
    assert fails(world, plans.call(world.peer, "cancel", {}, 60.0)).slug == "not-running"
    assert len(world.sent) == 1


def test_a_lost_answer_to_a_keyed_request_is_asked_for_once_more() -> None:
    world = World(lambda request, number: ok(request, "second") if number == 2 else None)
    assert world.run(plans.call(world.peer, "start", {}, 60.0, "key")).result == "second"
    world = World(lambda *_: None)
    assert fails(world, plans.call(world.peer, "start", {}, 60.0, "key")).slug == "timed-out"
    assert len(world.sent) == 2


def test_what_cannot_be_sent_is_an_invalid_argument() -> None:
    world = World(lambda *_: None)
    assert fails(world, plans.call(world.peer, "start", {"seed": 2**70}, 1.0)).slug == "invalid-argument"


def waiting(world: World, timeout: float | None = None) -> plans.Plan[Any]:
    return plans.wait(world.peer, {"session": "s", "quiescent": True}, timeout, 30.0, 15.0)


def test_wait_asks_in_slices_until_the_session_ends() -> None:
    done = {"status": "completed", "quiescent": True}
    answers: list[Any] = [None, {"status": "active"}, FontmillError("timed-out"), {"status": "paused", "quiescent": False}, done]

    def reply(request: wire.Request, number: int) -> list[bytes] | None:
        answer = answers[number - 1]
        if isinstance(answer, FontmillError):
            return wire.error_reply(request.id, answer)
        return None if answer is None else ok(request, answer)

    world = World(reply)
    assert world.run(waiting(world)) == done
    assert [request.deadline_ms for request in world.sent] == [30_000] * 5


def test_wait_keeps_its_timeout() -> None:
    world = World(lambda *_: None)
    assert fails(world, waiting(world, 70.0)).slug == "timed-out"
    assert world.now == pytest.approx(170.0, abs=1.0)


def test_wait_survives_a_restart() -> None:
    def die() -> None:
        world.listening = False
        world.at[world.now + 5] = revive

    def revive() -> None:
        world.listening, world.identity = True, (2, 2, 2)

    world = World(lambda request, _: ok(request, {"status": "completed"}) if world.identity == (2, 2, 2) else None)
    world.at[110.0] = die
    assert world.run(waiting(world))["status"] == "completed"


def test_a_restarted_daemon_may_still_be_finding_its_sessions() -> None:
    def reply(request: wire.Request, number: int) -> list[bytes] | None:
        if world.identity == (1, 1, 1):
            return None
        found = ok(request, {"status": "completed"})
        return found if number > 4 else wire.error_reply(request.id, FontmillError("unknown-session"))

    world = World(reply)
    world.at[110.0] = lambda: setattr(world, "identity", (2, 2, 2))
    assert world.run(waiting(world))["status"] == "completed"


def test_wait_has_an_end_to_its_patience() -> None:
    world = World(lambda *_: None)
    world.at[110.0] = lambda: setattr(world, "listening", False)
    assert fails(world, waiting(world)).slug == "not-running"
    assert world.now < 130


def test_wait_says_not_running_at_once_at_first() -> None:
    world = World(lambda *_: None)
    world.listening = False
    assert fails(world, waiting(world)).slug == "not-running"
    assert world.now == 100.0


def test_wait_does_not_bear_other_errors() -> None:
    world = World(lambda request, _: wire.error_reply(request.id, FontmillError("unknown-session")))
    assert fails(world, waiting(world)).slug == "unknown-session"
