"""One owner per tree (I6): the living are respected, the dead are succeeded at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fontmill.errors import FontmillError
from fontmilld.core.layout import LOCK_FILE
from fontmilld.store import lock as locking
from fontmilld.store.lock import STALE_AFTER, Owner, TreeLock, is_stale, read_owner

ME = Owner("machine-1", "one", "boot-1", "pid:[1]", 100, "5000", "daemon", "nonce")
YOUNG, OLD = 1.0, STALE_AFTER + 1

OWNER_PROCESS = """
import sys
from fontmilld.store.lock import TreeLock
lock = TreeLock(sys.argv[1], "other")
print("owned", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path: Path) -> str:
    path = tmp_path.resolve() / "project"
    path.mkdir()
    return str(path)


@pytest.fixture
def other(project: str):
    """Another process that owns the project."""
    path = os.pathsep.join(p for p in sys.path if p)
    process = subprocess.Popen([sys.executable, "-c", OWNER_PROCESS, project], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
    assert process.stdout is not None
    assert process.stdout.readline() == b"owned\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def lock_files(project: str) -> list[str]:
    return sorted(name for name in os.listdir(project) if name.startswith(LOCK_FILE))


def test_an_owned_project_is_refused_and_the_owner_named(project, other):
    with pytest.raises(FontmillError) as caught:
        TreeLock(project, "mine")
    assert caught.value.slug == "project-owned"
    assert caught.value.details["pid"] == other.pid
    assert caught.value.details["host"] == os.uname().nodename
    assert lock_files(project) == [LOCK_FILE]


def test_the_project_of_a_killed_owner_is_taken_at_once(project, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with TreeLock(project, "mine") as lock:
        assert read_owner(project) == lock.owner
        assert lock.beat()


def test_release_leaves_nothing(project):
    lock = TreeLock(project, "mine")
    assert read_owner(project) == lock.owner
    lock.release()
    lock.release()
    assert lock_files(project) == []
    assert read_owner(project) is None


def test_the_same_process_cannot_own_a_project_twice(project):
    with TreeLock(project, "one"), pytest.raises(FontmillError, match="owns this project"):
        TreeLock(project, "two")
    TreeLock(project, "three").release()


def test_an_owner_whose_lock_was_taken_away_notices_and_leaves_the_new_one_alone(project):
    lock = TreeLock(project, "mine")
    os.unlink(f"{project}/{LOCK_FILE}")
    with TreeLock(project, "thief"):
        assert not lock.beat()
        lock.release()
        assert lock_files(project) == [LOCK_FILE]


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"pid": "x"}'])
def test_a_damaged_lock_of_nobody_is_taken(project, content):
    Path(project, LOCK_FILE).write_bytes(content)
    with TreeLock(project, "mine"):
        pass


def test_a_lock_from_before_a_reboot_is_taken(project):
    Path(project, LOCK_FILE).write_text(json.dumps(asdict(replace(Owner.me("old"), boot_id="earlier"))))
    with TreeLock(project, "mine"):
        pass


def test_private_files_of_killed_acquirers_are_swept(project):
    Path(project, f"{LOCK_FILE}.{'a' * 32}").write_bytes(b"")
    with TreeLock(project, "mine"):
        assert lock_files(project) == [LOCK_FILE]


@pytest.mark.parametrize("kind", ["link", "fifo", "dir"])
def test_something_else_in_the_lock_s_place_is_refused(project, kind, tmp_path):
    place = Path(project, LOCK_FILE)
    if kind == "link":
        place.symlink_to(tmp_path / "outside")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(FontmillError):
        TreeLock(project, "mine")
    assert not (tmp_path / "outside").exists()
    assert lock_files(project) == [LOCK_FILE]


def test_only_one_of_many_takes_over(project):
    """Processes that all find the same dead owner: exactly one succeeds."""
    Path(project, LOCK_FILE).write_text(json.dumps(asdict(replace(Owner.me("dead"), boot_id="earlier"))))
    path = os.pathsep.join(p for p in sys.path if p)
    script = OWNER_PROCESS.replace('lock = TreeLock(sys.argv[1], "other")', """
from fontmill.errors import FontmillError
try:
    lock = TreeLock(sys.argv[1], "other")
except FontmillError:
    print("refused", flush=True); raise SystemExit
""")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env={**os.environ, "PYTHONPATH": path})
        for _ in range(4)
    ]
    answers = [process.stdout.readline() for process in processes]
    for process in processes:
        process.communicate()
    assert sorted(answers) == [b"owned\n", b"refused\n", b"refused\n", b"refused\n"]


STRANGER = replace(ME, host="machine-2", boot_id="boot-9")
TABLE = [
    # owner, flock, age, local, stale
    (ME, "refused", OLD, True, False),
    (STRANGER, "refused", OLD, False, False),
    (ME, "granted", YOUNG, True, True),
    (ME, "granted", YOUNG, False, True),
    (replace(ME, boot_id="boot-0"), "granted", YOUNG, True, True),
    (replace(ME, boot_id="boot-0"), "unsupported", YOUNG, False, True),
    (STRANGER, "granted", YOUNG, True, True),
    (STRANGER, "granted", YOUNG, False, False),
    (STRANGER, "granted", OLD, False, True),
    (STRANGER, "unsupported", YOUNG, True, False),
    (STRANGER, "unsupported", OLD, False, True),
    (ME, "unsupported", OLD, False, False),
    (replace(ME, pid=101), "unsupported", YOUNG, False, True),
    (replace(ME, started="4999"), "unsupported", YOUNG, False, True),
    (replace(ME, pid_space="pid:[2]"), "unsupported", YOUNG, False, False),
    (replace(ME, pid_space="pid:[2]"), "unsupported", OLD, False, True),
    (None, "granted", YOUNG, True, True),
    (None, "granted", YOUNG, False, False),
    (None, "granted", OLD, False, True),
    (None, "unsupported", OLD, True, False),
]


@pytest.mark.parametrize(("owner", "flock", "age", "local", "stale"), TABLE)
def test_who_counts_as_dead(owner, flock, age, local, stale):
    """The process 100 that started at 5000 lives on machine-1; there is no other."""
    alive = {100: "5000"}
    assert is_stale(owner, ME, flock, age=age, local=local, start_time=lambda pid: alive.get(pid, "")) is stale


def test_without_flock_and_hard_links_there_is_still_one_owner(project, monkeypatch):
    def no_link(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(locking.os, "link", no_link)
    monkeypatch.setattr(locking, "_flock", lambda fd: "unsupported")
    with TreeLock(project, "one"):
        with pytest.raises(FontmillError, match="owns this project"):
            TreeLock(project, "two")
        assert lock_files(project) == [LOCK_FILE]
    assert lock_files(project) == []
