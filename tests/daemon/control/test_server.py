"""The control socket on real ipc: whatever comes in, one answer goes out, and the loop lives on."""

from __future__ import annotations

import os
import stat
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zmq.utils.monitor import recv_monitor_message

from fontmill import verbs, wire
from fontmill.errors import FontmillError
from fontmilld.control.access import AccessPolicy, Peer
from fontmilld.control.events import EventStream, Topics
from fontmilld.control.server import ControlServer
from fontmilld.loop import Loop

LONG = 10_000


class Stub:
    """Handlers that do what `acts` says, else echo the arguments."""

    def __init__(self) -> None:
        self.acts: dict[str, Callable] = {}
        self.seen: list[tuple[str, dict]] = []

    def call(self, op, args, call):
        self.seen.append((op, args))
        act = self.acts.get(op)
        if act is None:
            call.answer({"op": op})
        else:
            act(call)


class Bench:
    def __init__(self, path: str, policy: AccessPolicy | None = None) -> None:
        self.path = path
        self.loop = Loop()
        self.stub = Stub()
        self.server = ControlServer(self.loop, path, policy or AccessPolicy.for_this_user(), "boot", lambda: 0.0)
        self.server.serve(self.stub)
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()
        self.context = zmq.Context()

    def client(self) -> zmq.Socket:
        sock = self.context.socket(zmq.DEALER)
        sock.setsockopt(zmq.LINGER, 0)
        sock.setsockopt(zmq.RCVTIMEO, LONG)
        sock.connect(f"ipc://{self.path}")
        return sock

    def raw(self, *frames: bytes) -> dict:
        with self.client() as sock:
            sock.send_multipart(frames)
            return wire.parse_frames(sock.recv_multipart(), 1 << 20)

    def ask(self, op: str, deadline: int | None = None, **args) -> dict:
        return self.raw(*wire.Request(b"1", op, args, deadline).frames())

    def lives(self) -> bool:
        return self.ask("ping")["ok"] is True

    def close(self) -> None:
        done = threading.Event()
        self.loop.post(lambda: (self.server.close(), self.loop.stop(), done.set()))
        assert done.wait(10)
        self.thread.join(10)
        self.loop.close()
        self.context.destroy(linger=0)


@pytest.fixture
def bench(tmp_path):
    made = Bench(str(tmp_path / "s" / "control.sock"))
    yield made
    made.close()


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return condition()


def slug(reply: dict) -> str:
    return reply["e"]["n"]


def test_an_answer_carries_the_id_and_the_place_in_the_event_stream(bench):
    reply = bench.ask("ping")
    assert reply["ok"] and reply["id"] == b"1" and reply["boot"] == "boot" and reply["seq"] == 0


@pytest.mark.parametrize(("frames", "expected"), [
    ([b""], "bad-frame"),
    ([b"FM1"], "bad-frame"),
    ([b"XX", b"\x80"], "bad-frame"),
    ([b"FM1", b"\xc1"], "bad-frame"),
    ([b"FM1", b"\x80", b""], "bad-frame"),
    ([b"FM1", wire.pack([1, 2])], "bad-frame"),
    ([b"FM1", wire.pack({"v": 99, "id": b"1", "op": "ping"})], "version-mismatch"),
    ([b"FM1", wire.pack({"v": 1, "id": b"", "op": "ping"})], "bad-request"),
    ([b"FM1", wire.pack({"v": 1, "id": b"1", "op": 7})], "bad-request"),
    ([b"FM1", wire.pack({"v": 1, "id": b"1", "op": "ping", "a": []})], "bad-request"),
    ([b"FM1", wire.pack({"v": 1, "id": b"1", "op": "ping", "dl": -1})], "bad-request"),
    ([b"FM1", wire.pack({"v": 1, "id": b"1", "op": "ping", "key": ""})], "bad-request"),
    ([b"FM1", wire.pack({"v": 1, "id": b"1", "op": "__class__"})], "unknown-verb"),
])
def test_what_is_no_request_gets_its_error_and_no_handler_sees_it(bench, frames, expected):
    assert slug(bench.raw(*frames)) == expected
    assert bench.stub.seen == []
    assert bench.lives()


@pytest.mark.parametrize(("op", "args", "field"), [
    ("pause", {}, "session"),
    ("pause", {"session": 5}, "session"),
    ("start", {"output_path": "relative", "project_name": "p", "fonts": ["/f"]}, "output_path"),
    ("start", {"output_path": "/o", "project_name": "p", "fonts": []}, "fonts"),
    ("start", {"output_path": "/o", "project_name": "p", "fonts": ["/f", 5]}, "fonts[1]"),
    ("start", {"output_path": "/o", "project_name": "p", "fonts": ["/f"], "num_samples": 0}, "num_samples"),
])
def test_an_argument_that_is_not_valid_is_named(bench, op, args, field):
    reply = bench.ask(op, **args)
    assert slug(reply) == "invalid-argument" and reply["e"]["d"]["field"] == field
    assert bench.stub.seen == []


def test_arguments_arrive_complete_and_without_what_nobody_knows(bench):
    bench.ask("wait", session="s", unheard_of=1)
    assert bench.stub.seen == [("wait", verbs.validate("wait", {"session": "s"}))]


def test_an_answer_that_does_not_come_in_time_is_told_and_comes_no_more(bench):
    calls = []
    bench.stub.acts["wait"] = calls.append
    with bench.client() as sock:
        sock.send_multipart(wire.Request(b"a", "wait", {"session": "s"}, 1).frames())
        assert slug(wire.parse_frames(sock.recv_multipart(), 1 << 20)) == "timed-out"
        bench.loop.post(lambda: calls[0].answer({"late": True}))
        sock.send_multipart(wire.Request(b"b", "ping").frames())
        assert wire.parse_frames(sock.recv_multipart(), 1 << 20)["id"] == b"b", "one answer a request"


def test_an_answer_may_come_later_and_only_once(bench):
    bench.stub.acts["wait"] = lambda call: bench.loop.post(lambda: [call.answer({"n": n}) for n in range(3)])
    assert bench.ask("wait", session="s")["r"] == {"n": 0}
    assert bench.lives()


def raises(error: Exception) -> Callable:
    def act(call):
        raise error
    return act


def test_an_error_of_a_handler_is_the_answer(bench):
    bench.stub.acts["ping"] = raises(FontmillError("unknown-session"))
    assert slug(bench.ask("ping")) == "unknown-session"


def test_a_bug_in_a_handler_is_answered_with_an_id_and_without_its_text(bench):
    bench.stub.acts["ping"] = raises(RuntimeError("/secret/path"))
    reply = bench.ask("ping")
    assert slug(reply) == "internal" and "secret" not in str(reply) and reply["e"]["d"]["error_id"]
    bench.stub.acts.clear()
    assert bench.lives()


@pytest.mark.parametrize("unsendable", [object(), {"n": 1 << 70}, {"s": {1, 2}}])
def test_an_answer_that_cannot_be_sent_is_an_error_and_not_silence(bench, unsendable):
    bench.stub.acts["ping"] = lambda call: call.answer(unsendable)
    assert slug(bench.ask("ping")) == "internal"


def test_peers_that_vanish_cost_nobody_else_his_answer(bench):
    held = []
    bench.stub.acts["wait"] = held.append
    for _ in range(20):
        with bench.client() as sock:
            sock.send_multipart(wire.Request(b"x", "wait", {"session": "s"}).frames(), copy=True)
            bench.lives()
    bench.loop.post(lambda: [call.answer({}) for call in held])
    assert bench.lives()


def test_a_message_that_is_too_large_costs_the_connection_only(bench):
    with bench.client() as sock:
        sock.send_multipart([b"FM1", b"x" * (2 * wire.MAX_REQUEST_BYTES)])
        assert bench.lives()


def test_a_message_of_very_many_frames_is_refused_and_holds_nobody_up_for_long(bench):
    with bench.client() as sock:
        sock.send_multipart([b""] * 100_000)
        assert slug(wire.parse_frames(sock.recv_multipart(), 1 << 20)) == "bad-frame"
    assert bench.server._parts == []
    assert bench.lives()


def test_a_deadline_of_nothing_is_over_at_once(bench):
    bench.stub.acts["status"] = lambda call: None
    assert slug(bench.ask("status", deadline=0)) == "timed-out"


def test_an_answered_call_holds_its_arguments_no_longer(bench):
    calls = []
    bench.stub.acts["status"] = lambda call: (calls.append(call), call.answer({}))
    bench.ask("status", session="s" * 1000)
    assert calls[0].request.args == {}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.one_of(st.binary(max_size=60), st.just(b"FM1")), min_size=1, max_size=4), min_size=1, max_size=8))
def test_random_frames_never_kill_the_loop(bench, messages):
    with bench.client() as sock:
        for frames in messages:
            sock.send_multipart(frames)
        for _ in messages:
            assert wire.parse_frames(sock.recv_multipart(), 1 << 20)["ok"] is False
    assert bench.lives()


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(1 << 63), 1 << 63), st.floats(), st.text(max_size=9), st.binary(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)), max_leaves=8)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(verbs.VERBS)), st.data())
def test_random_arguments_get_one_answer_each(bench, op, data):
    names = [arg.name for arg in verbs.VERBS[op].args] or ["x"]
    args = data.draw(st.dictionaries(st.sampled_from(names), values, max_size=6))
    envelope = {"v": 1, "id": b"i", "op": op, "a": args} | data.draw(st.dictionaries(st.sampled_from(["id", "dl", "key", "a"]), values, max_size=1))
    reply = bench.raw(b"FM1", wire.pack(envelope))
    assert reply["ok"] is True or slug(reply) in {"invalid-argument", "bad-request"}


def test_folder_and_sockets_are_private(tmp_path):
    before = os.umask(0)
    try:
        bench = Bench(str(tmp_path / "new" / "control.sock"))
    finally:
        os.umask(before)
    try:
        mode = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "new", *(tmp_path / "new").iterdir()]}
        assert mode == {"new": 0o750, "control.sock": 0o660, "events.sock": 0o660, "control.sock.lock": 0o600}
        assert bench.lives()
    finally:
        bench.close()
    assert not (tmp_path / "new" / "control.sock").exists()


def test_a_second_daemon_on_the_same_socket_is_refused_and_disturbs_nobody(bench):
    with pytest.raises(FontmillError) as caught:
        ControlServer(Loop(), bench.path, AccessPolicy.for_this_user(), "other", lambda: 0.0)
    assert caught.value.slug == "busy"
    assert bench.lives()


def test_a_socket_left_by_a_killed_daemon_is_taken_over(tmp_path):
    path = tmp_path / "control.sock"
    path.touch()
    bench = Bench(str(path))
    assert bench.lives()
    bench.close()


@pytest.mark.parametrize(("name", "expected"), [("x" * 200, "invalid-argument"), ("events.sock", "invalid-argument")])
def test_a_socket_path_that_cannot_work_is_refused_in_words(tmp_path, name, expected):
    with pytest.raises(FontmillError) as caught:
        ControlServer(Loop(), str(tmp_path / name), AccessPolicy.for_this_user(), "b", lambda: 0.0)
    assert caught.value.slug == expected


def test_a_folder_that_others_can_write_to_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(FontmillError) as caught:
        ControlServer(Loop(), str(tmp_path / "open" / "c.sock"), AccessPolicy.for_this_user(), "b", lambda: 0.0)
    assert caught.value.slug == "denied"


def test_the_kernel_names_the_caller(bench):
    peers = []
    bench.stub.acts["ping"] = lambda call: (peers.append(call.peer), call.answer({}))
    bench.lives()
    assert peers[0] == Peer(os.getuid(), os.getgid(), os.getpid())


class Strangers(AccessPolicy):
    """Everybody is what `known` says."""

    __slots__ = ()
    known = None

    def role(self, peer):
        return self.known


@pytest.mark.parametrize("role", [None, "viewer", "operator", "admin"])
def test_a_role_reaches_its_verbs_and_no_further(tmp_path, role):
    Strangers.known = role
    bench = Bench(str(tmp_path / "c.sock"), Strangers(0))
    rank = ["viewer", "operator", "admin"]
    try:
        for op, verb in verbs.VERBS.items():
            reply = bench.ask(op)
            allowed = role is not None and rank.index(role) >= rank.index(verb.role)
            assert (reply["ok"] or slug(reply) != "denied") == allowed, op
    finally:
        bench.close()


@pytest.mark.parametrize("role", [None, "viewer"])
def test_events_are_for_those_who_have_a_role(tmp_path, role):
    Strangers.known = role
    bench = Bench(str(tmp_path / "c.sock"), Strangers(0))
    try:
        with bench.context.socket(zmq.SUB) as sock:
            watched = sock.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
            watched.setsockopt(zmq.RCVTIMEO, LONG)
            sock.subscribe(b"")
            sock.connect(f"ipc://{tmp_path}/events.sock")
            told = recv_monitor_message(watched)["event"]
        assert told == (zmq.EVENT_HANDSHAKE_SUCCEEDED if role else zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    finally:
        bench.close()


@given(st.text(max_size=30))
def test_an_address_that_is_none_names_nobody(address):
    peer = Peer.from_address(address)
    assert peer == Peer() or address.split(":")[1:] == [str(n) if str(n) in address else w for n, w in
                                                        zip((peer.uid, peer.gid, peer.pid), address.split(":")[1:], strict=True)]


def test_an_unknown_caller_has_no_role_even_when_a_list_is_odd():
    policy = AccessPolicy(1000, frozenset({5}), frozenset({6}), frozenset({7}), frozenset({8}), frozenset({9}))
    assert policy.role(Peer()) is None
    assert [policy.role(Peer(uid, gid)) for uid, gid in ((0, 0), (1000, 1), (5, 1), (6, 1), (1, 7), (8, 1), (1, 9), (1, 1))] == [
        "admin", "admin", "admin", "operator", "operator", "viewer", "viewer", None]


@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 10))
def test_the_ring_says_when_something_is_gone_and_never_leaves_a_gap(published, since, ring):
    stream = EventStream("b", lambda frames: None, lambda: 0.0, ring)
    for number in range(published):
        stream.publish("k", "s" if number % 2 else None, {})
    got = stream.since("b", since)
    seqs = [event["seq"] for event in got["events"]]
    assert seqs == list(range(max(since, published - ring) + 1, published + 1)) if since < published else seqs == []
    if got["complete"]:
        assert seqs == list(range(since + 1, published + 1))
    assert not stream.since(uuid.uuid4().hex, since)["complete"]


def test_frames_are_made_of_events_that_somebody_hears():
    topics, sent = Topics(), []
    stream = EventStream("b", sent.append, lambda: 0.0, wanted=topics.wanted)
    topics.told(b"\x01s/progress")
    topics.told(b"\x01s/session-")
    for kind, session in (("progress", "s"), ("batch", "s"), ("progress", "other"), ("session-paused", "s"), ("worker-died", None)):
        stream.publish(kind, session, {})
    assert [wire.parse_event(frames)["seq"] for frames in sent] == [1, 4]
    assert [event["seq"] for event in stream.since("b", 0)["events"]] == [1, 2, 3, 4, 5]
    topics.told(b"\x00s/progress")
    assert not topics.wanted(b"s/progress")
    topics.told(b"\x01")
    assert topics.wanted(b"-/worker-died")


def test_a_message_of_a_clients_own_takes_no_topic_from_others():
    topics = Topics()
    topics.told(b"\x01s/")
    topics.told(b"hello", more=True)
    topics.told(b"\x00s/")
    assert topics.wanted(b"s/batch") and not topics.wanted(b"t/batch")
    for number in range(100):
        topics.told(b"\x01%d" % number)
    assert topics.wanted(b"t/batch")


def test_who_leaves_is_not_published_for(bench):
    with bench.context.socket(zmq.SUB) as sock:
        sock.subscribe(b"s/")
        sock.connect(f"ipc://{os.path.dirname(bench.path)}/events.sock")
        assert eventually(lambda: bench.server._topics.wanted(b"s/batch"))
        assert not bench.server._topics.wanted(b"t/batch")
    assert eventually(lambda: not bench.server._topics.wanted(b"s/batch"))


def test_events_reach_a_subscriber_in_order(bench):
    with bench.context.socket(zmq.SUB) as sock:
        sock.setsockopt(zmq.RCVTIMEO, LONG)
        sock.subscribe(b"")
        sock.connect(f"ipc://{os.path.dirname(bench.path)}/events.sock")
        first = threading.Event()

        def publish() -> None:
            bench.server.events.publish("tick", "s", {"n": bench.server.events.seq})
            if not first.is_set():
                bench.loop.call_later(0.005, publish)

        bench.loop.post(publish)
        one = wire.parse_event(sock.recv_multipart())
        first.set()
        bench.loop.post(lambda: bench.server.events.publish("end", None, {}))
        seqs = [one["seq"]]
        while one["kind"] != "end":
            one = wire.parse_event(sock.recv_multipart())
            seqs.append(one["seq"])
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
