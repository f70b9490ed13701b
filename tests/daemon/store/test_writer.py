"""What the writer thread promises the loop: nothing is lost, nothing is silent, nothing blocks."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Iterator

import pytest

from fontmill.errors import FontmillError
from fontmilld.core.ranges import RangeSet
from fontmilld.store import writer as w
from fontmilld.store.exporter import create_project_structure
from fontmilld.store.files import LocalTree
from fontmilld.store.ledger import SessionStore
from fontmilld.testing.disk import FOREVER, Fault, SimulatedDisk
from fontmilld.testing.export import PROJECT, SmallExport, small_session

LONG = 60.0


class Bench:
    """A writer over a simulated disk; `next` waits for its next report."""

    def __init__(self, durability: str = "batch") -> None:
        self.disk = SimulatedDisk()
        self.export = SmallExport(self.disk, small_session(durability=durability))
        self.reports: queue.SimpleQueue[w.Report] = queue.SimpleQueue()
        self.gate = threading.Event()
        self.gate.set()
        self.store: SessionStore | None = None
        self.writer = w.SessionWriter(self.open, self.reports.put)

    def open(self) -> tuple[SessionStore, str]:
        tree = LocalTree(PROJECT, create=True, kernel=self.disk)
        create_project_structure(tree, self.export.session)
        self.store = SessionStore(tree, self.export.session)
        return self.store, "opened"

    def start(self) -> Bench:
        self.writer.start()
        assert self.next() == w.Opened("opened")
        return self

    def next(self) -> w.Report:
        return self.reports.get(timeout=LONG)

    def batch(self, first: int, last: int, font: str = "font-0"):
        assert self.store is not None
        return self.export.render(self.store, font, first, last)

    def hold(self) -> threading.Event:
        """Keep the thread busy until the returned event is set."""
        gate, entered = threading.Event(), threading.Event()

        def wait(store: SessionStore) -> None:
            entered.set()
            gate.wait(LONG)

        self.writer.call("hold", wait)
        assert entered.wait(LONG)
        return gate

    def fail_from_now(self, how: str, times: int = 1, code: int = errno.EIO, ahead: int = 1) -> None:
        self.disk.faults = (Fault(len(self.disk.calls) + ahead, how, code, times),)  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench().start()
    yield bench
    bench.writer.stop(settle=False)
    assert bench.writer.join(LONG)


def test_a_batch_is_told_durable(bench):
    record = bench.batch(1, 3)
    bench.writer.append(record)
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == (record.key,)
    assert report.durable


def test_what_gathers_while_the_disk_is_busy_is_committed_with_one_barrier(bench):
    gate = bench.hold()
    records = [bench.batch(1, 3), bench.batch(1, 2, "font-1"), bench.batch(4, 6)]
    before = bench.disk.calls.count("syncfs")
    for record in records:
        bench.writer.append(record)
    gate.set()
    assert isinstance(bench.next(), w.Answer)
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == tuple(record.key for record in records)
    assert bench.disk.calls.count("syncfs") == before + 1


@pytest.mark.parametrize("hurry", ["call", "commit", "stop"])
def test_batches_that_come_soon_after_a_commit_wait_for_others_but_no_command_waits_for_them(bench, monkeypatch, hurry):
    monkeypatch.setattr(w, "GROUP_SECONDS", LONG)
    bench.writer.append(bench.batch(1, 3))
    assert isinstance(bench.next(), w.Durable)
    records = [bench.batch(4, 6), bench.batch(1, 2, "font-1")]
    before = bench.disk.calls.count("syncfs")
    for record in records:
        bench.writer.append(record)
    {"call": lambda: bench.writer.call("any", lambda store: None), "commit": bench.writer.retry_commit, "stop": bench.writer.stop}[hurry]()
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == tuple(record.key for record in records)
    assert bench.disk.calls.count("syncfs") == before + 1


def test_many_batches_do_not_wait(bench, monkeypatch):
    monkeypatch.setattr(w, "GROUP_SECONDS", LONG)
    monkeypatch.setattr(w, "GROUP_BATCHES", 2)
    bench.writer.append(bench.batch(1, 1))
    assert isinstance(bench.next(), w.Durable)
    records = [bench.batch(2, 2), bench.batch(1, 1, "font-1")]
    for record in records:
        bench.writer.append(record)
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == tuple(record.key for record in records)


def test_a_call_sees_all_that_was_handed_over_before_it(bench):
    gate = bench.hold()
    bench.writer.append(bench.batch(1, 3))
    bench.writer.call("done", lambda store: store.state("font-0").done)
    gate.set()
    assert isinstance(bench.next(), w.Answer)
    assert isinstance(bench.next(), w.Durable)
    assert bench.next() == w.Answer("done", RangeSet.span(1, 3))


def test_the_record_of_a_finished_font_goes_with_the_next_batch_and_leaves_nothing_beside_it_till_then(bench):
    def finish(number: int) -> None:
        bench.writer.append(bench.batch(1, 7, f"font-{number}"))
        assert isinstance(bench.next(), w.Durable)
        bench.writer.call("font", lambda store: store.finish_font(f"font-{number}", {"family": "F"}))
        assert isinstance(bench.next(), w.Answer)

    def names(number: int) -> set[str]:
        return {name.rpartition("/")[2] for name in bench.disk.files(PROJECT) if name.startswith(f"fonts/font-{number}/meta")}

    finish(0)
    assert names(0) == {"metadata.jsonl"}
    finish(1)
    assert names(0) == {"metadata.jsonl", "metadata.json"}
    bench.writer.stop()
    assert bench.writer.join(LONG)
    assert names(1) == {"metadata.jsonl", "metadata.json"}


def test_of_many_finished_fonts_few_are_held_in_memory():
    bench = Bench()
    bench.export.session = small_session(samples=1, fonts=200)
    bench.start()

    def finish(store: SessionStore) -> None:
        for number in range(200):
            store.finish_font(f"font-{number}", {})

    bench.writer.call("fonts", finish)
    assert bench.next() == w.Answer("fonts")
    bench.hold().set()  # whatever was to be committed after the call has been
    assert sum(name.endswith("/metadata.json") for name in bench.disk.files(PROJECT)) == 200
    assert not any(name.endswith(".part") for name in bench.disk.files(PROJECT))
    bench.writer.stop()
    assert bench.writer.join(LONG)


def test_an_append_that_fails_is_refused_and_can_be_made_again(bench):
    record = bench.batch(1, 3)
    bench.fail_from_now("error", code=errno.ENOSPC)
    bench.writer.append(record)
    report = bench.next()
    assert isinstance(report, w.Refused)
    assert (report.batches, report.error.slug) == ((record.key,), "disk-full")
    bench.writer.append(record)
    assert isinstance(bench.next(), w.Durable)


def test_a_commit_that_finds_the_disk_full_is_delayed_and_loses_nothing(bench):
    record = bench.batch(1, 3)
    bench.fail_from_now("error", times=FOREVER, code=errno.ENOSPC, ahead=4)  # create, write, close; then the checkpoint
    bench.writer.append(record)
    report = bench.next()
    assert isinstance(report, w.CommitDelayed)
    assert (report.batches, report.error.slug) == ((record.key,), "disk-full")
    bench.disk.faults = ()
    bench.writer.retry_commit()
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == (record.key,)


def test_a_delayed_commit_that_goes_through_within_a_call_is_told(bench):
    record = bench.batch(1, 3)
    bench.fail_from_now("error", times=2, code=errno.ENOSPC, ahead=4)
    bench.writer.append(record)
    assert isinstance(bench.next(), w.CommitDelayed)
    bench.writer.call("settle", lambda store: store.settle())
    assert isinstance(bench.next(), w.CommitDelayed)
    report = bench.next()
    assert isinstance(report, w.Durable)
    assert report.batches == (record.key,)
    assert isinstance(bench.next(), w.Answer)


def test_after_a_failed_barrier_everything_is_refused_until_reset(bench):
    bench.writer.append(bench.batch(1, 3))
    assert isinstance(bench.next(), w.Durable)
    lost, late = bench.batch(4, 6), bench.batch(7, 7)
    bench.disk.faults = (Fault(_next_sync(bench), "lost"),)
    bench.writer.append(lost)
    report = bench.next()
    assert isinstance(report, w.BarrierFailed)
    assert report.batches == (lost.key,)
    bench.writer.append(late)
    assert isinstance(bench.next(), w.Refused)
    bench.writer.reset()
    report = bench.next()
    assert isinstance(report, w.Reset)
    assert report.epoch == 1
    assert report.fonts["font-0"].done == RangeSet.span(1, 3)
    bench.writer.append(late)
    refused = bench.next()
    while isinstance(refused, w.Durable):
        refused = bench.next()
    assert isinstance(refused, w.Refused), "a batch begun before the reset may have lost images"
    bench.writer.append(bench.batch(4, 6))
    assert isinstance(bench.next(), w.Durable)


def _next_sync(bench: Bench) -> int:
    """The number of the sync that the next append leads to: write, close, create, write, close, syncfs."""
    return len(bench.disk.calls) + 6


def test_a_reset_that_fails_says_so_and_can_be_tried_again(bench):
    record = bench.batch(1, 3)
    bench.disk.faults = (Fault(len(bench.disk.calls) + 7, "lost"), Fault(len(bench.disk.calls) + 8, "error", times=30))
    bench.writer.append(record)
    assert isinstance(bench.next(), w.BarrierFailed)
    bench.writer.reset()
    assert isinstance(bench.next(), w.BarrierFailed)
    bench.disk.faults = ()
    bench.writer.reset()
    assert isinstance(bench.next(), w.Reset)


def test_an_unexpected_error_in_a_call_is_an_answer_not_a_death(bench):
    bench.writer.call("bad", lambda store: 1 // 0)
    report = bench.next()
    assert isinstance(report, w.Answer)
    assert report.error is not None
    assert report.error.slug == "internal"
    bench.writer.append(bench.batch(1, 3))
    assert isinstance(bench.next(), w.Durable)


def test_a_tree_that_cannot_be_opened_is_told():
    def fail() -> tuple[SessionStore, None]:
        raise FontmillError("path-unwritable")

    reports: queue.SimpleQueue[w.Report] = queue.SimpleQueue()
    writer = w.SessionWriter(fail, reports.put)
    writer.start()
    report = reports.get(timeout=LONG)
    assert isinstance(report, w.OpenFailed)
    assert report.error.slug == "path-unwritable"
    assert writer.join(LONG)


@pytest.mark.parametrize("durability", ["batch", "relaxed"])
def test_stop_makes_everything_durable_first(durability):
    bench = Bench(durability).start()
    bench.writer.append(bench.batch(1, 3))
    bench.writer.stop()
    reports = [bench.next(), bench.next()]
    assert isinstance(reports[0], w.Durable)
    assert reports[0].durable == (durability == "batch")
    assert reports[1] == w.Stopped(None)
    assert bench.writer.join(LONG)
    cut = bench.disk.after_power_cut(1)
    assert cut.files(PROJECT)["fonts/font-0/metadata.jsonl"].count(b"\n") == 3


def test_a_hung_disk_shows_in_the_beat_and_an_idle_one_does_not():
    now = [0.0]
    bench = Bench()
    bench.writer = w.SessionWriter(bench.open, bench.reports.put, clock=lambda: now[0])
    bench.start()
    gate = bench.hold()
    now[0] = 30.0
    assert bench.writer.stalled_for == 30.0
    gate.set()
    assert isinstance(bench.next(), w.Answer)
    bench.writer.stop()
    assert isinstance(bench.next(), w.Stopped)
    bench.writer.join(LONG)
    now[0] = 90.0
    assert bench.writer.stalled_for == 0.0
