"""A real limit of memory (cgroup): fontmill stops giving out work before the kernel kills, and goes on by itself."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fault.rig import SMALL, RigDaemon, Undisturbed, differences, figure, finish, leftovers, need
from system.conftest import begin, handed_out, stopped, tree_digest, until

pytestmark = [pytest.mark.fault, pytest.mark.root]
SAMPLES = 1000
LIMIT = 2 << 30
V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class Group:
    """A cgroup of its own with a limit; processes are begun in it."""

    def __init__(self) -> None:
        v1 = (V1 / "memory.limit_in_bytes").exists()
        self.folder = (V1 if v1 else V2) / f"fontmill-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir()
        self._usage = self.folder / ("memory.usage_in_bytes" if v1 else "memory.current")
        self._cache = [f"{'total_' if v1 else ''}{kind}_file" for kind in ("inactive", "active")]
        try:
            (self.folder / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(LIMIT))
        except OSError:  # version 2 without the memory controller here
            self.folder.rmdir()
            raise

    def within(self, *words: str) -> list[str]:
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs"), *words]

    @property
    def share(self) -> float:
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return (int(self._usage.read_text()) - sum(int(stat[kind]) for kind in self._cache)) / LIMIT

    @contextlib.contextmanager
    def filled_to(self, share: float) -> Iterator[None]:
        """A neighbour takes memory until so much of the limit is in use, and gives it back at the end."""
        code = "import sys; held = b'\\1' * int(sys.argv[1]); print(flush=True); sys.stdin.read()"
        words = self.within(sys.executable, "-c", code, str(int((share - self.share) * LIMIT)))
        neighbour = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert neighbour.stdout is not None and neighbour.stdout.readline(), "the neighbour has its memory"
            yield
        finally:
            neighbour.communicate(b"")

    def close(self) -> None:
        until(lambda: not (self.folder / "cgroup.procs").read_text(), "the group is empty", deadline=60)
        self.folder.rmdir()


@pytest.fixture
def group(cleanup: contextlib.ExitStack) -> Group:
    need()
    try:
        made = Group()
    except OSError as error:
        pytest.skip(f"this machine lends no memory cgroup ({error})")  # CI has no say in it either
    cleanup.callback(made.close)
    return made


def test_short_memory_pauses_recycles_the_largest_worker_and_goes_on_by_itself(
    group: Group, launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(tmp_path / "out", within=group.within)
    with contextlib.ExitStack() as stack:
        with stopped(daemon) as workers:
            session = begin(daemon, fonts, "tight", SAMPLES, **SMALL)
            handed_out(daemon, session)
            stack.enter_context(group.filled_to(0.84))
            began = time.monotonic()
            until(lambda: daemon.client.status(session)["pause_reasons"] == ["memory"], "it pauses")
            paused = time.monotonic() - began
        until(lambda: daemon.client.status(session)["quiescent"], "quiet")
        assert set(daemon.pids()) == set(workers), "below the last mark every worker stays"
        with group.filled_to(0.94):
            until(lambda: set(daemon.pids()) - set(workers), "a worker is recycled", deadline=60)
    began = time.monotonic()
    until(lambda: daemon.client.status(session)["pause_reasons"] == [], "it goes on by itself")
    back = time.monotonic() - began
    status = finish(daemon, session)
    assert "it is the largest" in daemon.log.read_text()
    assert (status["exported_samples"], status["failed_samples"]) == (SAMPLES * len(fonts), 0)
    assert differences(tree_digest(daemon.root / "tight"), wanted) == []
    assert leftovers(daemon.root / "tight") == []
    figure("memory", paused_after=round(paused, 3), resumed_after=round(back, 3))
