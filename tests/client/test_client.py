"""Both clients on real sockets, against a daemon that answers from a script."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from fontmill import AsyncClient, Client, stream, wire
from fontmill.errors import FontmillError

fake = sys.modules["fake_daemon"]


def slug(action: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(FontmillError) as caught:
        action(*args, **options)
    return caught.value.slug


def kinds(events: Iterator[dict[str, Any]], n: int) -> list[str]:
    return [event["kind"] for event in islice(events, n)]


def test_every_verb_sends_its_name_and_arguments(daemon: Any, client: Client) -> None:
    for op in ("hello", "pause", "resume", "status", "list", "fonts", "cancel", "complete", "shutdown", "start"):
        daemon.answers[op] = lambda request: {"op": request.op, "args": dict(request.args)}
    assert client.hello()["args"] == {"min": wire.PROTOCOL_MIN, "max": wire.PROTOCOL_VERSION}
    for op in ("pause", "resume", "fonts", "cancel", "complete", "status"):
        assert getattr(client, op)(Path("/data/plates")) == {"op": op, "args": {"session": "/data/plates"}}
    assert client.status() == {"op": "status", "args": {}}
    assert client.list()["op"] == "list"
    assert client.shutdown()["op"] == "shutdown"
    started = client.start("/data", "plates", [Path("/fonts")], num_samples=5, color=None)
    assert started["args"] == {"output_path": "/data", "project_name": "plates", "fonts": ["/fonts"], "num_samples": 5}


def test_errors_of_the_daemon(daemon: Any, client: Client) -> None:
    daemon.answers["cancel"] = FontmillError("wrong-state", "It is over.", {"a": 1})
    with pytest.raises(FontmillError) as caught:
        client.cancel("s")
    assert (caught.value.slug, caught.value.message, caught.value.details) == ("wrong-state", "It is over.", {"a": 1})
    assert slug(client.call, "no-such-verb") == "unknown-verb"


def test_a_slip_in_the_name_of_an_argument_is_refused_before_anything_is_sent(daemon: Any, client: Client) -> None:
    with pytest.raises(FontmillError) as caught:
        client.start("/data", "plates", ["/fonts"], num_sample=5)
    assert (caught.value.slug, "Did you mean num_samples?" in caught.value.message) == ("invalid-argument", True)
    assert daemon.requests == []


def test_a_deadline_passes_and_the_late_answer_is_dropped(daemon: Any, client: Client) -> None:
    release = threading.Event()
    daemon.answers["status"] = lambda request: release.wait(60) and {"late": True}
    daemon.answers["list"] = {"sessions": []}
    assert slug(client.call, "status", timeout=0.05) == "timed-out"
    release.set()
    assert client.list() == {"sessions": []}


def test_silence_times_out(daemon: Any, client: Client) -> None:
    daemon.answers["pause"] = fake.SILENCE
    assert slug(client.call, "pause", {"session": "s"}, timeout=0.05) == "timed-out"


def test_an_answer_that_is_no_fontmill_message(daemon: Any, client: Client) -> None:
    daemon.answers["list"] = [b"HTTP", b"200"]
    assert slug(client.list) == "bad-frame"
    daemon.answers["list"] = [b"FM1", wire.pack({"v": 9})]
    assert slug(client.list) == "version-mismatch"


def test_nobody_there(folder: Path) -> None:
    with Client(folder / "control.sock", timeout=60) as client:
        assert slug(client.ping) == "not-running"
        assert slug(client.wait, "s") == "not-running"
        assert slug(client.subscribe) == "not-running"


def test_a_killed_daemon_is_noticed(daemon: Any, client: Client) -> None:
    client.ping()
    daemon.die()
    assert slug(client.call, "ping", timeout=60) == "not-running"


def test_a_client_outlives_a_restart(daemon: Any, client: Client) -> None:
    client.ping()
    daemon.stop()
    again = fake.FakeDaemon(daemon.path.parent, "boot-2").start()
    try:
        assert client.ping()["boot"] == "boot-2"
    finally:
        again.stop()


def test_start_is_sent_again_with_the_same_key_when_its_answer_is_lost(daemon: Any, client: Client) -> None:
    answers = iter([fake.SILENCE, {"session_id": "s"}])
    daemon.answers["start"] = lambda request: next(answers)
    assert client.start("/data", "plates", ["/fonts"], timeout=4) == {"session_id": "s"}
    first, second = daemon.requests
    assert first.key == second.key
    assert first.key


def test_wait_lasts_until_the_end(daemon: Any, client: Client) -> None:
    answers = iter([fake.status(), fake.status(status="completed", quiescent=True)])
    daemon.answers["wait"] = lambda request: next(answers)
    assert client.wait("s")["status"] == "completed"
    assert daemon.requests[0].args == {"session": "s", "quiescent": True}


def test_a_tick_can_end_a_wait(daemon: Any) -> None:
    daemon.answers["wait"] = fake.SILENCE
    with Client(daemon.path, tick=lambda: 1 / 0) as client, pytest.raises(ZeroDivisionError):  # type: ignore[arg-type, return-value]
        client.wait("s")


def test_threads_share_a_client(daemon: Any, client: Client) -> None:
    daemon.answers["status"] = lambda request: {"session": request.args["session"]}
    wrong: list[Any] = []

    def ask(name: str) -> None:
        wrong.extend(name for _ in range(20) if client.status(name) != {"session": name})

    threads = [threading.Thread(target=ask, args=(f"s{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(daemon.requests) == 80


def test_events_come_in_order_and_losses_are_healed(daemon: Any, client: Client) -> None:
    events = client.subscribe()
    daemon.publish("one")
    daemon.publish("two", lost=True)
    daemon.publish("three")
    assert kinds(events, 3) == ["one", "two", "three"]
    daemon.publish("four", lost=True)
    assert kinds(events, 1) == ["four"]


def test_a_ring_that_lost_events_makes_a_gap(daemon: Any, client: Client) -> None:
    events = client.subscribe()
    daemon.ring_size = 1
    for kind in ("one", "two", "three"):
        daemon.publish(kind, lost=True)
    gap, three = islice(events, 2)
    assert (gap["kind"], gap["d"]["after"], gap["d"]["until"], three["kind"]) == ("gap", 0, 2, "three")


def test_a_subscription_from_a_mark(daemon: Any, client: Client) -> None:
    for kind in ("one", "two", "three"):
        daemon.publish(kind)
    assert kinds(client.subscribe(since=("boot-1", 1)), 2) == ["two", "three"]


def test_a_subscription_to_one_session(daemon: Any, client: Client) -> None:
    daemon.answers["status"] = fake.status(session_id="full-id")
    events = client.subscribe("full")
    daemon.publish("theirs", "other")
    daemon.publish("mine", "full-id")
    assert kinds(events, 1) == ["mine"]


class Driven:
    """`AsyncClient` on a loop that runs whenever an answer is asked for: what holds for `Client.statuses` is asked of it, too."""

    def __init__(self, socket: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(socket, timeout=60)
        self._told: list[Any] = []

    def statuses(self, session: Any) -> Iterator[dict[str, Any]]:
        told = self._client.statuses(session)
        self._told.append(told)

        async def following() -> dict[str, Any]:
            return await anext(told)

        return (self._loop.run_until_complete(following()) for _ in count())

    def close(self) -> None:
        for told in self._told:
            self._loop.run_until_complete(told.aclose())
        self._client.close()
        self._loop.close()


@pytest.fixture(params=["Client", "AsyncClient"])
def either(request: pytest.FixtureRequest, daemon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Both clients in turn."""
    monkeypatch.setattr(stream, "IDLE_CHECK", 0.1)
    made = Client(daemon.path, timeout=60) if request.param == "Client" else Driven(daemon.path)
    yield made
    made.close()


@pytest.mark.parametrize("named", ["", None, 7])
def test_statuses_and_events_of_no_session_are_refused_before_anything_is_asked(daemon: Any, client: Client, either: Any, named: Any) -> None:
    assert slug(either.statuses, named) == "invalid-argument"
    if named is not None:
        assert slug(client.subscribe, named) == "invalid-argument"
    assert "status" not in [request.op for request in daemon.requests]


def test_statuses_tell_of_progress_and_of_turns_and_are_sent_nothing_else(daemon: Any, either: Any) -> None:
    daemon.answers["status"] = fake.status(session_id="full-id", exported_samples=0)
    statuses = either.statuses("full")
    assert next(statuses)["exported_samples"] == 0
    assert next(statuses)["exported_samples"] == 0  # the subscription stands now
    daemon.publish("batch", "full-id", status="active")
    daemon.publish("progress", "other", status="active", exported_samples=1)
    daemon.publish("progress", "full-id", **fake.status(session_id="full-id", exported_samples=2))
    told = next(status for status in statuses if status["exported_samples"])
    assert (told["exported_samples"], told["status"]) == (2, "active")
    daemon.answers["status"] = fake.status(session_id="full-id", exported_samples=3, status="paused")
    daemon.publish("session-paused", "full-id", reason="user")
    told = next(status for status in statuses if status["exported_samples"] == 3)
    assert told["status"] == "paused"


def test_statuses_make_up_for_an_event_that_was_lost(daemon: Any, either: Any) -> None:
    daemon.answers["status"] = fake.status(session_id="full-id")
    statuses = either.statuses("full-id")
    next(statuses)
    daemon.publish("session-completed", "full-id", lost=True)
    daemon.answers["status"] = fake.status(session_id="full-id", status="completed")
    assert next(status for status in statuses if status["status"] == "completed")


def test_statuses_go_on_after_a_restart_and_know_when_an_event_is_old(daemon: Any, either: Any) -> None:
    daemon.answers["status"] = fake.status(session_id="s", exported_samples=1)
    statuses = either.statuses("s")
    assert next(statuses)["exported_samples"] == 1
    daemon.stop()
    again = fake.FakeDaemon(daemon.path.parent, "boot-2")
    again.answers["status"] = fake.status(session_id="s", exported_samples=2)
    again.start()
    try:
        assert next(status for status in statuses if status["exported_samples"] != 1)["exported_samples"] == 2
    finally:
        again.stop()


def test_events_go_on_after_a_restart(daemon: Any, client: Client) -> None:
    events = client.subscribe()
    daemon.publish("before")
    assert kinds(events, 1) == ["before"]
    daemon.stop()
    again = fake.FakeDaemon(daemon.path.parent, "boot-2").start()
    try:
        again.publish("daemon-started")
        assert kinds(events, 2) == ["gap", "daemon-started"]
        again.publish("after")
        assert kinds(events, 1) == ["after"]
    finally:
        again.stop()


def test_the_async_client_does_the_same(daemon: Any) -> None:
    daemon.answers["status"] = lambda request: {"session": request.args.get("session")}
    daemon.answers["wait"] = fake.status(status="completed", quiescent=True)
    daemon.answers["cancel"] = fake.SILENCE

    async def scenario() -> None:
        async with AsyncClient(daemon.path, timeout=60) as client:
            answers = await asyncio.gather(*(client.status(f"s{i}") for i in range(10)))
            assert answers == [{"session": f"s{i}"} for i in range(10)]
            assert (await client.wait("s"))["status"] == "completed"
            with pytest.raises(FontmillError) as caught:
                await client.call("cancel", timeout=0.05)
            assert caught.value.slug == "timed-out"
            events = await client.subscribe()
            daemon.publish("one", lost=True)
            daemon.publish("two")
            assert [(await anext(events))["kind"] for _ in range(2)] == ["one", "two"]

    asyncio.run(scenario())


def test_a_subscription_of_the_async_client_is_iterated_over_with_await_and_without(daemon: Any) -> None:
    async def scenario() -> None:
        async with AsyncClient(daemon.path, timeout=60) as client:
            awaited = await client.subscribe()
            daemon.publish("one")
            assert (await anext(awaited))["kind"] == "one"
            seen = []
            async for event in client.subscribe(since=("boot-1", 0)):
                seen.append(event["kind"])
                if len(seen) == 1:
                    daemon.publish("two")
                else:
                    break
            assert seen == ["one", "two"]
            with pytest.raises(FontmillError):
                async for _ in client.subscribe(""):
                    pass

    asyncio.run(scenario())


FORGOTTEN = """
import gc, sys
from fontmill import Client

class Holder:
    def __init__(self, socket):
        self.client, self.me = Client(socket), self
        self.client.ping()
        self.events = self.client.subscribe()

def forget(socket):
    Holder(socket)

forget(sys.argv[1])
gc.collect()
Holder(sys.argv[1])
"""


def test_a_client_that_nobody_closed_never_holds_up_the_program(daemon: Any) -> None:
    done = subprocess.run([sys.executable, "-c", FORGOTTEN, str(daemon.path)], timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
