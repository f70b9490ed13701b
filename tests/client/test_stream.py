"""The event stream: whatever is lost, repeated or restarted, every event comes once, in order, or a gap says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill import plans, stream, wire
from fontmill.errors import FontmillError
from fontmill.plans import Connect, Emit, Peer, Receive, Send, Sleep


def event(boot: str, seq: int, kind: str = "batch", session: str | None = "s") -> dict[str, Any]:
    return {"v": 1, "boot": boot, "seq": seq, "t": 0.0, "kind": kind, "session": session, "d": {}}


class Service:
    """A daemon with a ring of `size`; `step` lets it do the next thing of a script whenever the client waits."""

    def __init__(self, script: list[str], size: int) -> None:
        self.script, self.size = list(script), size
        self.boots, self.seq, self.up = 1, 0, True
        self.published: list[tuple[str, int]] = []
        self.ring: list[dict[str, Any]] = []
        self.socket: list[list[bytes]] = []
        self.replies: list[list[bytes]] = []
        self.now = 0.0
        self.peer = Peer(self.probe, self.probe, lambda: self.now)

    @property
    def boot(self) -> str:
        return f"b{self.boots}"

    def probe(self) -> Any:
        if not self.up:
            raise FontmillError("not-running")
        return (self.boots, 0, 0)

    def step(self, seconds: float) -> None:
        self.now += seconds
        action = self.script.pop(0) if self.script else "rest"
        if action == "crash":
            self.up = False
        elif not self.up:
            self.boots, self.seq, self.ring, self.up = self.boots + 1, 0, [], True
        elif action in ("send", "lose", "repeat", "rubbish"):
            self.publish(action)

    def publish(self, action: str) -> None:
        self.seq += 1
        made = event(self.boot, self.seq)
        self.published.append((self.boot, self.seq))
        self.ring = [*self.ring, made][-self.size:]
        frames = wire.event_frames(made)
        self.socket += {"send": [frames], "lose": [], "repeat": [frames, frames], "rubbish": [[b"x", b"\xc1"]]}[action]

    def perform(self, effect: plans.Effect) -> Any:
        match effect:
            case Connect():
                return True
            case Send(frames):
                request = wire.parse_request(wire.parse_frames(frames, 1 << 20))
                after = request.args["since"] if request.args["boot"] == self.boot else 0
                events = [e for e in self.ring if e["seq"] > after]
                result = {"boot": self.boot, "seq": self.seq, "complete": True, "events": events}
                self.replies.append(wire.ok_reply(request.id, result, self.seq, self.boot))
            case Receive(seconds, events):
                waiting = self.socket if events else self.replies
                if waiting:
                    return waiting.pop(0)
                self.step(seconds)
            case Sleep(seconds):
                self.step(seconds)
        return None


def collect(service: Service, session: str | None = None) -> list[dict[str, Any]]:
    """What a subscriber who joined at the start is told until nothing more happens."""
    plan = stream.follow(service.peer, stream.Tracker("b1", 0), session, 5.0, 1000.0)
    told: list[dict[str, Any]] = []
    quiet = 0
    effect = next(plan)
    while quiet < 40:
        if isinstance(effect, Emit):
            told.append(effect.event)
            effect = plan.send(None)
            continue
        quiet = 0 if service.script or service.socket else quiet + 1
        effect = plan.send(service.perform(effect))
    return told


def accounted(told: list[dict[str, Any]]) -> tuple[list[tuple[str, int]], set[tuple[str, int]], set[str]]:
    """Events told, events a gap stands for, and boots whose end is said to be unknown."""
    marks = [(e["boot"], e["seq"]) for e in told if e["kind"] != stream.GAP]
    missing: set[tuple[str, int]] = set()
    unknown_ends: set[str] = set()
    for gap in (e for e in told if e["kind"] == stream.GAP):
        if gap["d"]["reason"] == "daemon-restarted":
            unknown_ends.add(gap["d"]["boot"])
        else:
            missing |= {(gap["boot"], n) for n in range(gap["d"]["after"] + 1, gap["d"]["until"] + 1)}
    return marks, missing, unknown_ends


@given(st.lists(st.sampled_from(["send", "send", "lose", "repeat", "rubbish", "crash", "rest"]), max_size=40), st.integers(1, 8))
def test_nothing_is_missed_repeated_or_reordered(script: list[str], size: int) -> None:
    service = Service(script, size)
    marks, missing, unknown_ends = accounted(collect(service))
    assert marks == sorted(set(marks), key=lambda mark: (int(mark[0][1:]), mark[1]))
    assert set(marks) <= set(service.published)
    for mark in set(service.published) - set(marks):
        skipped_boot = all(other != mark[0] for other, _ in marks) and mark[0] != service.boot
        assert mark in missing or mark[0] in unknown_ends or (skipped_boot and unknown_ends)
    assert not missing & set(marks)


def test_a_large_ring_heals_every_loss() -> None:
    service = Service(["send", "lose", "lose", "send", "lose", "rubbish", "repeat", "lose"], 100)
    told = collect(service)
    assert [(e["boot"], e["seq"]) for e in told] == service.published


def test_a_restart_after_a_farewell_is_no_gap() -> None:
    tracker = stream.Tracker("b1", 4)
    tracker.advance(event("b1", 5, "daemon-stopping", None))
    answer = {"boot": "b2", "seq": 1, "complete": True, "events": [event("b2", 1, "daemon-started", None)]}
    assert [e["kind"] for e in tracker.replay(answer)] == ["daemon-started"]


def test_a_restart_without_one_is() -> None:
    tracker = stream.Tracker("b1", 4)
    answer = {"boot": "b2", "seq": 9, "complete": False, "events": [event("b2", 8), event("b2", 9)]}
    told = list(tracker.replay(answer))
    assert [(e["kind"], e["d"].get("reason")) for e in told] == [
        ("gap", "daemon-restarted"), ("gap", "overrun"), ("batch", None), ("batch", None)]
    assert (tracker.boot, tracker.seq) == ("b2", 9)


def test_a_session_hears_its_own_events_and_every_gap() -> None:
    service = Service([], 2)
    service.ring = [event("b1", 3, session="other"), event("b1", 4, session="mine")]
    service.seq = 4
    assert [(e["kind"], e["session"]) for e in collect(service, "mine")] == [("gap", None), ("batch", "mine")]


def test_patience_ends() -> None:
    service = Service(["crash"], 2)
    service.up = False
    service.step = lambda seconds: setattr(service, "now", service.now + seconds)  # type: ignore[method-assign]
    with pytest.raises(FontmillError) as caught:
        plan = stream.follow(service.peer, stream.Tracker("b1", 0), None, 5.0, 3.0)
        effect = next(plan)
        while True:
            effect = plan.send(service.perform(effect))
    assert caught.value.slug == "not-running"
    assert 3 <= service.now < 6


def test_an_event_that_an_answer_knew_of_already_does_not_turn_the_status_back() -> None:
    answer = {"session_id": "s", "status": "paused"}
    plan = stream.statuses(Peer(lambda: (1, 0, 0), lambda: (1, 0, 0), lambda: 0.0), "s", 10.0, 10.0)
    waiting = [wire.event_frames({**event("b1", seq, "progress"), "d": {"status": "active"}}) for seq in (4, 5, 6)]
    told, subscribed, sent, result = [], [], [], None
    while len(told) < 2:
        effect = plan.send(result)
        result = None
        match effect:
            case Emit(status):
                told.append(status)
            case Send(frames):
                sent.append(wire.parse_request(wire.parse_frames(frames, 1 << 20)))
            case Receive(_, True):
                result = waiting.pop(0)
            case Receive():
                result = wire.ok_reply(sent[-1].id, answer, 5, "b1")
            case plans.Subscribe(topics):
                subscribed.append(topics)
    assert told == [answer, {"status": "active"}]
    assert (waiting, subscribed) == ([], [(b"s/progress", b"s/session-")])
