"""The loop: timers in order, posts from anywhere, and no callback that can end it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fontmilld.loop import Loop


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_timers_come_in_order_of_time_and_then_of_asking(loop):
    seen = []
    loop.call_later(0.004, lambda: seen.append("late"))
    for name in "abc":
        loop.call_later(0.001, lambda name=name: seen.append(name))
    loop.call_later(0.006, loop.stop)
    loop.run()
    assert seen == ["a", "b", "c", "late"]


def test_a_callback_that_fails_ends_nothing(loop):
    seen = []

    def fail():
        raise RuntimeError("bug")

    loop.post(fail)
    loop.call_later(0, fail)
    loop.after_turn(fail)
    loop.post(lambda: seen.append(1))
    loop.call_later(0.002, loop.stop)
    loop.run()
    assert seen == [1]


def test_posts_of_other_threads_all_arrive_in_the_order_of_each_thread(loop):
    seen = []
    threads = [threading.Thread(target=lambda t=t: [loop.post(lambda n=n: seen.append((t, n))) for n in range(500)]) for t in range(4)]

    def start():
        for thread in threads:
            thread.start()

    loop.post(start)
    loop.after_turn(lambda: loop.stop() if len(seen) == 2000 else None)
    loop.run()
    for thread in threads:
        thread.join()
        assert thread.is_alive() is False
    assert all([n for who, n in seen if who == t] == list(range(500)) for t in range(4))


def test_a_reader_that_removes_another_in_the_same_turn_silences_it(loop):
    pipes = [os.pipe() for _ in range(2)]
    seen = []
    for read, write in pipes:
        os.write(write, b"x")

        def on(read=read):
            seen.append(read)
            for other, _ in pipes:
                loop.remove_reader(other)

        loop.add_reader(read, on)
    loop.after_turn(lambda: loop.stop() if loop.turns > 2 else loop.post(lambda: None))
    loop.run()
    assert len(seen) == 1
    loop.remove_reader(pipes[0][0])
    for fd in (fd for pipe in pipes for fd in pipe):
        os.close(fd)


def test_a_signal_is_handled_on_the_loop(loop):
    before = signal.getsignal(signal.SIGUSR2)
    got = []
    try:
        loop.on_signals((signal.SIGUSR2,), lambda number: (got.append(number), loop.stop()))
        loop.post(lambda: os.kill(os.getpid(), signal.SIGUSR2))
        loop.run()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert got == [signal.SIGUSR2]
