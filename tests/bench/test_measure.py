"""The way CPU time is counted, held to a known load: orphans, detached daemons and unwaited children included."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from answers import UnavailableError
from costs import counted
from places import scratch, sweep
from rounds import interleave, ratios, spread

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
# The parent leaves at once; its child, in a session of its own, has a child and leaves too.
ORPHANS = """
import os, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        burn(1.0)
        os._exit(0)
    burn(0.5)
    os._exit(0)
"""


def run(code: str):
    return counted([sys.executable, "-S", "-c", textwrap.dedent(code)])


def test_a_known_load_is_counted() -> None:
    cost = run(BURN.format(seconds=1.0))
    assert cost.rc == 0
    assert 0.9 <= cost.cpu_s < 1.9


def test_orphans_and_detached_processes_are_counted_and_waited_for() -> None:
    empty, cost = run("pass"), run(ORPHANS)
    assert 1.4 <= cost.cpu_s - empty.cpu_s < 2.4
    assert cost.settle_s > cost.wall_s


def test_the_exit_status_comes_through() -> None:
    assert run("raise SystemExit(7)").rc == 7


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2.0, 6.0], [1.0, 2.0]) == {"min": 2.0, "median": 2.5, "max": 3.0}
    assert spread([3.0, 1.0, 2.0]) == {"min": 1.0, "median": 2.0, "max": 3.0}


@pytest.mark.parametrize("workers", [2])
def test_workers_of_a_forkserver_are_counted(workers: int, tmp_path: Path) -> None:
    script = tmp_path / "load.py"
    script.write_text(textwrap.dedent(f"""
        import multiprocess, time
        def burn():
            end = time.process_time() + 1.0
            while time.process_time() < end: pass
        if __name__ == "__main__":
            context = multiprocess.get_context("forkserver")
            children = [context.Process(target=burn) for _ in range({workers})]
            for child in children: child.start()
            for child in children: child.join()
    """))
    cost = counted([sys.executable, script])
    assert 0.9 * workers <= cost.cpu_s < 1.9 * workers


def test_no_round_is_begun_beyond_the_budget_and_the_first_one_always() -> None:
    calls: list[str] = []
    programs = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    assert {name: len(found) for name, found in interleave(3, programs).items()} == {"a": 3, "b": 3}
    assert calls == ["a", "b", "b", "a", "a", "b"], "every other round the other way round"
    assert {name: len(found) for name, found in interleave(3, programs, budget=0.0).items()} == {"a": 1, "b": 1}


def test_a_program_that_fails_leaves_the_rounds_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def once(calls: list[int]) -> int:
        if calls:
            raise UnavailableError("no more")
        calls.append(1)
        return 1

    def never() -> int:
        raise UnavailableError("not here")

    calls: list[int] = []
    found = interleave(3, {"whole": lambda: 2, "part": lambda: once(calls), "none": never})
    assert found == {"whole": [2, 2, 2], "part": [1], "none": []}
    assert ratios(found["whole"], found["part"])["median"] == 2.0
    assert "none is left out of round 1" in capsys.readouterr().err


def test_only_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    nobody = 1 << 40  # no process has such a number
    left, other = tmp_path / f"fontmill-bench-{nobody}-x", tmp_path / "fontmill-bench-notes"
    mine = tmp_path / f"fontmill-bench-{os.getpid()}-x"
    for folder in (left, other, mine):
        folder.mkdir()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {other.name, mine.name}


def test_a_scratch_folder_in_memory_goes_when_it_is_done_with() -> None:
    with scratch("tmpfs") as folder:
        (folder / "file").touch()
    assert not folder.exists()


def test_a_scratch_folder_on_disk_stays_until_the_suite_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FONTMILL_BENCH_DISK", str(tmp_path))
    monkeypatch.setenv("FONTMILL_BENCH_OWNER", str(os.getppid()))
    with scratch("disk") as folder:
        assert folder.parent == tmp_path
    with scratch("disk"):
        assert folder.exists()
    sweep(tmp_path, done=os.getppid())
    assert not list(tmp_path.iterdir())


def test_a_script_that_runs_by_itself_removes_its_folders_on_disk(tmp_path: Path) -> None:
    script = "from places import scratch\nwith scratch('disk') as folder: (folder / 'file').touch()\nassert folder.exists()"
    environment = {**os.environ, "FONTMILL_BENCH_DISK": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("FONTMILL_BENCH_OWNER", None)
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert not list(tmp_path.iterdir())
