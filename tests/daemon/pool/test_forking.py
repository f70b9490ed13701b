"""The forkserver as a fork of the daemon: what it has of it, what it has not, and when it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import children  # noqa: E402

LONG = 60.0
BEGIN = (
    "import os, select, sys, threading\n"
    "sys.path.insert(0, sys.argv[1])\n"
    "from fontmilld.pool.process import Launcher\n"
    "from multiprocess.forkserver import _forkserver\n"
    "def server(name):\n"
    "    with open(f'/proc/{_forkserver._forkserver_pid}/{name}') as file:\n"
    "        return file.read()\n"
)


def said(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", BEGIN + script, str(HERE)], capture_output=True, text=True, check=False, timeout=LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_server_has_a_name_of_its_own_and_none_of_our_files() -> None:
    script = (
        "secret = os.open(sys.executable, os.O_RDONLY)\n"
        "os.set_inheritable(secret, True)\n"
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "print(server('comm').strip(), len(os.listdir(f'/proc/{_forkserver._forkserver_pid}/task')))\n"
        "folder = f'/proc/{_forkserver._forkserver_pid}/fd'\n"
        "print(sum(os.path.realpath(f'{folder}/{name}') == os.path.realpath(sys.executable) for name in os.listdir(folder)))\n"
    )
    assert said(script).split() == ["fontmill-fork", "1", "0"]


def test_a_child_is_started_without_delay_once_the_server_is_ready() -> None:
    script = (
        "import children\n"
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "print(os.read(launcher.ready, 9))\n"
        "child = launcher.launch(children.echo)\n"
        "select.select([child.fileno()], [], [])\n"
        "print(*(type(message).__name__ for message in child.receive()))\n"
    )
    assert said(script).split() == [r"b'\x00'", "Ready"]


def test_a_process_with_threads_gets_a_server_that_is_a_new_python() -> None:
    script = (
        "import children\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "child = launcher.launch(children.echo)\n"
        "print('multiprocess.forkserver' in server('cmdline'))\n"
    )
    assert said(script).split() == ["True"]


def test_a_server_that_dies_is_replaced() -> None:
    script = (
        "import children, signal\n"
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "os.kill(_forkserver._forkserver_pid, signal.SIGKILL)\n"
        "os.waitid(os.P_PID, _forkserver._forkserver_pid, os.WEXITED | os.WNOWAIT)\n"
        "child = launcher.launch(children.echo)\n"
        "select.select([child.fileno()], [], [])\n"
        "print(*(type(message).__name__ for message in child.receive()))\n"
    )
    assert said(script).split() == ["Ready"]


def test_the_server_ends_with_its_daemon_and_an_interrupt_does_not_end_it() -> None:
    script = (
        "launcher = Launcher()\n"
        "select.select([launcher.ready], [], [])\n"
        "print(_forkserver._forkserver_pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", BEGIN + script, str(HERE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        os.kill(server, signal.SIGINT)
        time.sleep(0.1)
        assert children.is_running(server)
        parent.kill()
    end = time.monotonic() + LONG
    while children.is_running(server):
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("loaded_before", [False, True])
def test_dill_is_not_loaded_and_may_be_later(loaded_before: bool) -> None:
    first = "import dill\n" if loaded_before else ""
    script = first + "import fontmilld.pool.process\nprint('dill' in sys.modules)\nimport dill\nprint(dill.__name__)\n"
    done = subprocess.run([sys.executable, "-c", "import sys\n" + script], capture_output=True, text=True, check=True, timeout=LONG)
    assert done.stdout.split() == [str(loaded_before), "dill"]


def test_a_server_whose_daemon_is_gone_before_it_is_ready_says_nothing() -> None:
    script = BEGIN + "Launcher()\nos._exit(0)\n"
    done = subprocess.run([sys.executable, "-c", script, str(HERE)], capture_output=True, text=True, check=True, timeout=LONG)
    assert done.stderr == ""
