"""Real processes: messages both ways, deaths seen at once, and nobody left behind."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from multiprocess import forkserver

from fontmilld.pool.messages import BatchDone, BatchFailed, ProbeTask, Ready, decode, encode
from fontmilld.pool.process import CHILD_NICENESS, KEPT_BYTES, RECEIVE_BYTES, Launcher, LocalChild, Wedged

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import children  # noqa: E402

LONG = 60.0


@pytest.fixture(scope="module")
def launcher():
    return Launcher()


@pytest.fixture
def launch(launcher):
    born: list[LocalChild] = []

    def start(main, **more) -> LocalChild:
        born.append(launcher.launch(main, **more))
        return born[-1]

    yield start
    for child in born:
        child.signal(signal.SIGKILL)
        child.wait(LONG)
        child.close()


def heard(child: LocalChild, count: int = 1):
    """`count` messages, or what came before the end of the stream; None for the end alone."""
    got: list = []
    end = time.monotonic() + LONG
    while len(got) < count:
        assert select.select([child.fileno()], [], [], max(0, end - time.monotonic()))[0], "nothing came"
        messages = child.receive()
        if messages is None:
            return got or None
        got += messages
    return got


def test_messages_go_both_ways_in_order(launch):
    child = launch(children.echo)
    assert isinstance(heard(child)[0], Ready)
    sent = [ProbeTask(n, f"/fonts/{n}.ttf") for n in range(50)]
    for message in sent:
        child.send(message)
    assert heard(child, 50) == sent


def test_children_let_their_supervisor_go_first(launch):
    child = launch(children.echo)
    assert isinstance(heard(child)[0], Ready)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + CHILD_NICENESS)


def test_a_large_message_arrives_whole(launch):
    child = launch(children.echo)
    heard(child)
    large = BatchDone(7, b"x" * 3_000_000, 0, (), 0)
    child.send(large)
    assert heard(child) == [large]


def test_a_killed_child_is_seen_and_its_signal_is_known(launch):
    child = launch(children.echo)
    heard(child)
    child.signal(signal.SIGKILL)
    assert heard(child) is None
    assert child.wait(LONG) == -signal.SIGKILL
    child.signal(signal.SIGKILL)  # harmless
    child.send(ProbeTask(1, "/x"))  # harmless


def test_last_words_are_heard_before_the_end(launch):
    child = launch(children.crash)
    assert heard(child) == [BatchFailed(1, "internal", "last words")]
    assert heard(child) is None
    assert child.wait(LONG) == -signal.SIGABRT


@pytest.mark.parametrize("main", [children.babble, children.announce_too_much])
def test_bytes_that_are_no_message_wedge_only_that_child(launch, main):
    child, good = launch(main), launch(children.echo)
    with pytest.raises(Wedged):
        heard(child)
    assert isinstance(heard(good)[0], Ready)


def test_a_child_that_does_not_read_does_not_hold_its_supervisor_up(launch):
    child = launch(children.deaf)
    heard(child)
    with pytest.raises(Wedged):
        for number in range(100_000):
            child.send(ProbeTask(number, "/" + "x" * 4000))


def test_a_stack_is_left_on_request(launch, tmp_path):
    file = tmp_path / "stack"
    child = launch(children.echo, stack_file=str(file))
    heard(child)
    child.signal(signal.SIGUSR1)
    end = time.monotonic() + LONG
    while "children.py" not in file.read_text():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_child_leaves_when_its_supervisor_closes_the_socket(launch):
    child = launch(children.echo)
    heard(child)
    child.close()
    assert child.wait(LONG) == 0


def test_nobody_is_left_after_the_supervisor_is_killed():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import children, select\n"
        "from fontmilld.pool.process import CHILD_NICENESS, KEPT_BYTES, RECEIVE_BYTES, Launcher\n"
        "def main():\n"
        "    launcher = Launcher()\n"
        "    born = [launcher.launch(m) for m in (children.echo, children.echo, children.deaf)]\n"
        "    for child in born:\n"
        "        select.select([child.fileno()], [], [])\n"
        "    print(*(child.pid for child in born), flush=True)\n"
        "    sys.stdin.read()\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(HERE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    parent.kill()
    parent.wait(LONG)
    end = time.monotonic() + LONG
    while left := [pid for pid in pids if children.is_running(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.005)
    parent.stdin.close()
    parent.stdout.close()


def test_the_forkserver_is_the_only_process_beside_the_children():
    script = (
        "import psutil, select\n"
        "from fontmilld.pool.process import Launcher\n"
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "print(*(child.name() for child in psutil.Process().children()), sep='\\n')\n"
    )
    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True, timeout=LONG).stdout
    assert told.splitlines() == ["fontmill-fork"]


def test_a_server_that_cannot_import_what_children_need_does_not_keep_anybody_waiting():
    script = (
        "import select, sys\n"
        "sys.modules['cv2'] = None\n"
        "from fontmilld.pool.process import Launcher\n"
        "launcher = Launcher()\n"
        f"print(len(select.select([launcher.ready], [], [], {LONG})[0]))\n"
    )
    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True, timeout=2 * LONG).stdout
    assert told == "1\n"


@pytest.mark.parametrize("message", [Ready(7, {"a": "b"}), BatchDone(1, b"x\n", 1, ((3, "text-unfit", "no"),), 5, {"render": 1.0})])
def test_a_message_is_decoded_as_it_was_encoded(message):
    got = decode(encode(message)[4:])
    assert got.serial == message.serial if isinstance(message, BatchDone) else got == message


@pytest.mark.parametrize("seed", range(5))
def test_messages_are_whole_wherever_the_stream_was_cut(seed):
    draw = random.Random(seed)
    sizes = [draw.choice((0, 10, 3000, RECEIVE_BYTES - 40, RECEIVE_BYTES, 3 * RECEIVE_BYTES, KEPT_BYTES + 5)) for _ in range(12)]
    sent = [BatchDone(number, draw.randbytes(size), 1, (), size) for number, size in enumerate(sizes)]
    stream = b"".join(map(encode, sent))
    cuts = sorted({0, len(stream), *(draw.randrange(len(stream)) for _ in range(40)), *range(50_000, len(stream), 50_000)})
    ours, theirs = socket.socketpair()
    child, got = LocalChild(SimpleNamespace(pid=0), ours), []
    with ours, theirs:
        for start, end in pairwise(cuts):
            theirs.sendall(stream[start:end])
            got += child.receive() or []
        theirs.close()
        assert child.receive() is None
    assert got == sent


def stop_the_forkserver() -> int:
    pid = forkserver._forkserver._forkserver_pid
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)  # it is stopped from here on
    return pid


def test_a_forkserver_that_is_stopped_is_not_waited_for(launch):
    pid = stop_the_forkserver()
    try:
        with pytest.raises(OSError, match=f"{pid}, is stopped; `kill -CONT {pid}`"):
            launch(children.echo)
    finally:
        os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, os.WCONTINUED)
    assert isinstance(heard(launch(children.echo))[0], Ready)


def test_a_supervisor_whose_forkserver_is_stopped_ends_all_the_same():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import children, select, signal\n"
        "from test_process import stop_the_forkserver\n"
        "from fontmilld.pool.process import Launcher\n"
        "def main():\n"
        "    launcher = Launcher()\n"
        "    child = launcher.launch(children.echo)\n"
        "    select.select([child.fileno()], [], [])\n"
        "    stop_the_forkserver()\n"
        "    child.signal(signal.SIGKILL)\n"
        "    launcher.close()\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(HERE)], check=True, timeout=LONG)
