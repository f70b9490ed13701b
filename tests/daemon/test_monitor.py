"""The watches tell of both edges, say nothing in between, and outlive trouble."""

from __future__ import annotations

import queue
import threading

import pytest

from fontmilld import monitor
from fontmilld.core.pacing import Room
from fontmilld.core.pressure import Advice
from fontmilld.memory import Use

FULL, MIDDLE, ROOMY = (Room(1 << 40, free, 0, 0) for free in (1 << 20, 300 << 20, 1 << 39))
SHORT = "1.0 MiB are free, and it goes on at 512.0 MiB."


@pytest.fixture
def told_of(monkeypatch):
    monkeypatch.setattr(monitor, "POLL_SECONDS", 0.001)
    watches = []

    def watch(looks) -> list[str]:
        told: queue.SimpleQueue[str] = queue.SimpleQueue()
        left, done = list(looks), threading.Event()

        def look(path):
            if not left:
                done.set()
                return MIDDLE
            found = left.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        watches.append(monitor.SpaceWatch("/x", lambda callback: callback(), told.put, look))
        watches[-1].start()
        assert done.wait(60)
        return [told.get() for _ in range(told.qsize())]

    yield watch
    for one in watches:
        one.stop()


def test_both_edges_are_told_and_nothing_between_them(told_of):
    assert told_of([MIDDLE, FULL, MIDDLE, MIDDLE, ROOMY]) == [SHORT, ""]


def test_a_file_system_that_cannot_be_asked_is_asked_again(told_of):
    assert told_of([OSError("stale"), FULL, OSError("stale"), ROOMY]) == [SHORT, ""]


def test_the_real_file_system_is_measured(tmp_path):
    room = monitor.measure(str(tmp_path))
    assert 0 < room.free_bytes <= room.total_bytes
    with pytest.raises(OSError, match="No such file"):
        monitor.measure(str(tmp_path / "none"))


def test_the_advice_about_memory_reaches_the_loop_with_the_share(monkeypatch):
    monkeypatch.setattr(monitor, "POLL_SECONDS", 0.001)
    told: queue.SimpleQueue[tuple[Advice, float]] = queue.SimpleQueue()
    pressures, done = [0.5, 0.75, 0.85, 0.5], threading.Event()

    def look() -> Use:
        if len(pressures) == 1:
            done.set()
            return Use(pressures[0] + 0.1, pressures[0])
        return Use(pressures[0] + 0.1, pressures.pop(0))

    watch = monitor.MemoryWatch(lambda callback: callback(), lambda advice, share: told.put((advice, share)), look)
    watch.start()
    assert done.wait(60)
    watch.stop()
    got = [told.get(timeout=60) for _ in range(3)]
    assert got == [(Advice.WARN, 0.85), (Advice.STOP, pytest.approx(0.95)), (Advice.GO, 0.6)]
    assert (watch.share, watch.short) == (0.6, False)


def test_what_is_in_use_is_known_before_the_first_second_is_over(monkeypatch):
    monkeypatch.setattr(monitor, "POLL_SECONDS", 3600.0)
    told: queue.SimpleQueue[Advice] = queue.SimpleQueue()
    watch = monitor.MemoryWatch(lambda callback: callback(), lambda advice, share: told.put(advice), lambda: Use(0.9, 0.85))
    watch.start()
    assert [told.get(timeout=60) for _ in range(2)] == [Advice.WARN, Advice.STOP]
    assert (watch.share, watch.short) == (0.9, True)
    watch.stop()
