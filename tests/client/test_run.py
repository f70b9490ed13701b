"""`fontmill run` from outside: a real process, real signals, and a daemon that pretends to work."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fontmill
from fontmill.cli import private
from fontmill.cli.output import Output
from fontmill.cli.run import Job
from fontmill.errors import FontmillError

fake = sys.modules["fake_daemon"]


class Runner:
    """Runs `fontmill run` where `python -m fontmilld` is the pretender."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temporary, self.memory = folder, folder / "t", folder / "memory"
        self.temporary.mkdir()
        package = folder / "packages/fontmilld"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"import runpy\nrunpy.run_path({fake.__file__!r}, run_name='__main__')\n")
        paths = [str(folder / "packages"), str(Path(fontmill.__file__).parents[1])]
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("FONTMILL", "XDG"))} | {
            "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(self.temporary), "PRETEND_MEMORY": str(self.memory),
        }
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        out = str(self.folder / "out")
        return [sys.executable, "-m", "fontmill", "run", "--out", out, "--project", "plates", "--fonts", "/fonts", *words]

    def start(self, *words: str, pretend: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*words), env={**self.environment, "PRETEND": pretend}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.started.append(process)
        return process

    def run(self, *words: str, pretend: str = "") -> tuple[int, str, str]:
        process = self.start(*words, pretend=pretend)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def made(self) -> int:
        try:
            return int(self.memory.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())

    def daemons(self) -> int:
        """Processes whose command line names our folder, besides the runs."""
        found = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    line = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                found += b"fontmilld" in line and str(self.temporary).encode() in line
        return found


@pytest.fixture
def runner(folder: Path) -> Iterator[Runner]:
    made = Runner(folder)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def on_terminal(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """What a command shows on the terminal that its stderr is, and what it prints on stdout."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env={**environment, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # EIO: the other end is closed
    os.close(ours)
    return shown.decode(errors="replace"), process.communicate(timeout=60)[0]


def interrupted(runner: Runner, pretend: str, number: signal.Signals = signal.SIGINT, *words: str) -> subprocess.Popen[str]:
    process = runner.start(*words, pretend=pretend)
    assert fake.eventually(lambda: runner.made() >= 100)
    process.send_signal(number)
    return process


def test_a_run_from_start_to_end(runner: Runner) -> None:
    code, out, err = runner.run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "completed: 1,000 of 1,000 pairs, 0 failed, 0 skipped"
    assert lines[1] == f"dataset: {runner.folder}/out/plates"
    assert lines[2] == f"report:  {runner.folder}/out/plates/report.html"
    assert "pairs/s" in lines[3]
    assert (runner.leftovers(), runner.daemons()) == ([], 0)


def test_json_is_one_object_and_with_progress_more(runner: Runner) -> None:
    code, out, _ = runner.run("--json")
    assert (code, json.loads(out)["exported_samples"]) == (0, 1000)
    runner.memory.unlink()
    lines = [json.loads(line) for line in runner.run("--json", "--progress")[1].splitlines()]
    assert len(lines) > 1
    assert lines[-1]["status"] == "completed"


def test_bars_on_a_terminal(runner: Runner) -> None:
    shown, output = on_terminal([*runner.command()], runner.environment | {"COLUMNS": "120"})
    assert "\x1b[?25l" in shown
    assert "plates" in shown
    assert "1000/1000" in shown and "completed" in shown
    assert output.startswith("completed: 1,000 of 1,000 pairs")


def test_missing_samples_end_with_7_and_refused_fonts_are_named(runner: Runner) -> None:
    code, out, err = runner.run(pretend="skip")
    assert (code, err) == (7, "refused: /f/bad\ufffd[31m.ttf: cannot be opened\n")
    assert "5 skipped" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_pauses_and_the_same_command_continues(runner: Runner, number: signal.Signals) -> None:
    process = interrupted(runner, "endless", number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "paused at 100 of 1,000 pairs; run the same command to continue\n", "")
    assert (runner.leftovers(), runner.daemons()) == ([], 0)
    code, out, err = runner.run()
    assert code == 0
    assert re.fullmatch(r"continuing plates at 1\d\d of 1,000 pairs\n", err)
    assert re.search(r"^[89]\d\d pairs in", out, re.MULTILINE)
    code, out, err = runner.run()
    assert (code, err) == (0, "plates was complete already\n")


def test_an_interrupt_with_json_ends_with_the_status(runner: Runner) -> None:
    process = interrupted(runner, "endless", signal.SIGINT, "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["pause_reasons"] == ["user"]
    assert err.startswith("paused at 100")


def test_a_second_interrupt_kills_at_once(runner: Runner) -> None:
    process = interrupted(runner, "stay")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("paused at")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (runner.leftovers(), runner.daemons()) == ([], 0)


def test_the_daemon_ends_when_the_run_is_killed_and_the_next_run_sweeps(runner: Runner) -> None:
    process = interrupted(runner, "endless", signal.SIGKILL)
    process.communicate(timeout=60)
    assert fake.eventually(lambda: runner.daemons() == 0)
    (left,) = runner.leftovers()
    old = time.time() - 1000
    os.utime(runner.temporary / left, (old, old))
    assert runner.run()[0] == 0
    assert runner.leftovers() == []


def test_a_daemon_that_dies_is_reported_in_one_line(runner: Runner) -> None:
    code, out, err = runner.run(pretend="die")
    assert (code, out) == (1, "")
    assert err == ("fontmill: The private daemon ended with status 9 after: something terrible. "
                   "Run the same command again to continue; FONTMILL_DEBUG=1 shows the daemon's log.\n")
    assert runner.leftovers() == []


def test_a_daemon_that_does_not_start_speaks_for_itself(runner: Runner) -> None:
    code, out, err = runner.run(pretend="refuse-to-start")
    assert (code, out, err) == (4, "", "fontmill: The state folder cannot be used. Choose another.\n")
    assert runner.leftovers() == []


def test_a_refused_start_ends_the_daemon(runner: Runner) -> None:
    code, out, err = runner.run("--json", pretend="refuse")
    assert code == 4
    assert json.loads(out)["error"]["n"] == "path-unwritable"
    assert err == "fontmill: The output path /data cannot be written. Choose a folder that fontmill's user can write to.\n"
    assert (runner.leftovers(), runner.daemons()) == ([], 0)


def test_the_command_line_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert private.command("/s/control.sock", "/s/state", ["/out", "/fall"], 3) == [
        sys.executable, "-P", "-m", "fontmilld", "--private", "--socket", "/s/control.sock", "--state-dir", "/s/state",
        "--workers", "3", "--allow-root", "/out", "/fall",
    ]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FontmillError) as caught:
        private.command("/s", "/t", ["/out"], None)
    assert (caught.value.slug, "pip install fontmill" in caught.value.action) == ("not-running", True)


def test_no_long_folder_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    bases: Callable[[], Any] = private._bases
    assert str(long) not in list(bases())


def test_a_run_that_waits_for_room_says_once_how_much_is_lacking(capsys: pytest.CaptureFixture[str], daemon: Any) -> None:
    daemon.answers["why"] = {"lines": ["Too little room. 1.0 MiB are free.", "2 samples are missing"]}
    waiting = fake.status(status="paused", pause_reasons=["disk"])
    with fontmill.Client(daemon.path, timeout=60) as client:
        job = Job(SimpleNamespace(output=Output(False)), client, None, None, {})
        assert [job._over(waiting), job._over(waiting)] == [False, False]
    assert capsys.readouterr().err == "waiting for disk space, Ctrl-C stops: Too little room. 1.0 MiB are free.\n"
