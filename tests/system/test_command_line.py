"""The command line as a user meets it: `run` without a service, and one clear line for every bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fontmill.vocabulary import DAEMON
from system.conftest import Daemon, begin, begin_paused, fontmill, stopped, tree_digest, until

pytestmark = pytest.mark.system


def run_words(out: Path, fonts: list[str], project: str = "p", samples: int = 20) -> list[str]:
    return ["run", "--fonts", *fonts, "--out", str(out), "--project", project, "--samples", str(samples)]


def test_run_needs_no_service_and_a_second_run_finds_it_complete(tmp_path: Path, fonts: list[str]) -> None:
    first = fontmill(*run_words(tmp_path, fonts), "--json")
    assert first.returncode == 0, first.stderr
    status = json.loads(first.stdout.splitlines()[-1])
    assert (status["status"], status["exported_samples"]) == ("completed", 60)
    before = tree_digest(tmp_path / "p")
    again = fontmill(*run_words(tmp_path, fonts), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["exported_samples"] == 60
    assert tree_digest(tmp_path / "p") == before


def test_interrupting_run_pauses_and_the_same_command_continues(tmp_path: Path, fonts: list[str]) -> None:
    words = [sys.executable, "-m", "fontmill", *run_words(tmp_path, fonts, samples=2500)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    until(lambda: list(tmp_path.glob("p/fonts/*/progress.json")), "the first checkpoint")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "run the same command to continue" in out + err
    assert not (tmp_path / "p" / ".fontmill.lock").exists()
    end = fontmill(*run_words(tmp_path, fonts, samples=2500), "--json")
    assert end.returncode == 0, end.stderr
    assert json.loads(end.stdout.splitlines()[-1])["exported_samples"] == 7500


def test_wait_and_watch_of_a_folder_follow_a_run_to_its_end_without_a_service(tmp_path: Path, fonts: list[str]) -> None:
    alone = {"XDG_RUNTIME_DIR": str(tmp_path)}
    words = [sys.executable, "-m", "fontmill", *run_words(tmp_path / "out", fonts[:1], samples=400)]
    run = subprocess.Popen(words, env={**os.environ, **alone}, stdin=subprocess.DEVNULL)
    project = tmp_path / "out" / "p"
    try:
        until((project / "session.json").exists, "the project is begun")
        waited = fontmill("wait", str(project), "--json", **alone)
        assert waited.returncode == 0, waited.stderr
        told = json.loads(waited.stdout)
        assert (told["status"], told["exported_samples"], told["owner"]) == ("completed", 400, None)
        assert run.wait(120) == 0
        watched = fontmill("watch", str(project), **alone)
        assert (watched.returncode, watched.stdout, watched.stderr) == (0, "p: completed, 400 of 400 pairs, fonts 1/1\n", "")
    finally:
        run.kill()


def test_nothing_is_imported_from_the_folder_that_a_command_is_given_in(tmp_path: Path, fonts: list[str]) -> None:
    for module in ("random", "queue", "numpy", "fontmilld"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('a file of the user')")
    program = Path(sys.executable).with_name("fontmill")
    done = subprocess.run([program, *run_words(tmp_path / "out", fonts)], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("change", "status"), [
    ({"--fonts": "/nowhere/at/all"}, 2),
    ({"--samples": "0"}, 2),
    ({"--width": "1000000"}, 2),
    ({"--project": "../out"}, 2),
    ({"--preset": "none"}, 2),
    ({"--out": "/proc/forbidden"}, 4),
])
def test_bad_input_gets_one_line_the_right_status_and_leaves_nothing(
    tmp_path: Path, fonts: list[str], change: dict[str, str], status: int,
) -> None:
    options = {"--fonts": fonts[0], "--out": str(tmp_path / "o"), "--project": "p", "--samples": "5"} | change
    got = fontmill("run", *(word for pair in options.items() for word in pair))
    assert got.returncode == status, got.stderr
    assert got.stderr.startswith("fontmill: ") and len(got.stderr.splitlines()) == 1
    assert "Traceback" not in got.stderr and not (tmp_path / "o").exists()


def test_only_bad_fonts_fail_with_the_reason_and_leave_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"\0" * 100)
    got = fontmill(*run_words(tmp_path / "o", [str(bad)]))
    refused, error = got.stderr.splitlines()
    assert got.returncode == 1 and refused.startswith("refused: ") and error.startswith("fontmill: Every font was refused")
    assert "bad.ttf" in refused and not (tmp_path / "o").exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="drops the capability that only root has")
def test_an_output_that_cannot_be_written_is_denied(tmp_path: Path, fonts: list[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "fontmill", *run_words(locked, fonts)]
    got = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert got.returncode == 4, got.stderr
    assert list(locked.iterdir()) == []


def test_without_a_daemon_the_answer_is_not_running(tmp_path: Path) -> None:
    got = fontmill("--socket", str(tmp_path / "no.sock"), "status")
    assert got.returncode == 3 and len(got.stderr.splitlines()) == 1


def test_an_unknown_session_and_an_unknown_verb_are_told_apart(daemon: Daemon) -> None:
    assert fontmill("--socket", daemon.socket, "status", "nobody").returncode == 1
    assert fontmill("--socket", daemon.socket, "frobnicate").returncode == 2


def test_output_outside_the_allowed_roots_is_denied(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    got = fontmill("--socket", daemon.socket, "start", "--fonts", fonts[0], "--out", str(tmp_path / "elsewhere"), "--project", "p")
    assert got.returncode == 4 and not (tmp_path / "elsewhere").exists()


def test_every_client_verb_works_against_the_service(daemon: Daemon, fonts: list[str]) -> None:
    socket = ("--socket", daemon.socket)
    with stopped(daemon):
        started = fontmill(*socket, "start", "--fonts", *fonts, "--out", str(daemon.root), "--project", "verbs", "--samples", "400", "--json")
        session = json.loads(started.stdout)["session_id"]
        assert json.loads(fontmill(*socket, "pause", session, "--no-wait", "--json").stdout)["status"] == "paused"
    paused = json.loads(fontmill(*socket, "pause", session, "--json").stdout)
    assert (paused["status"], paused["quiescent"]) == ("paused", True)
    assert json.loads(fontmill(*socket, "resume", session[:9], "--json").stdout)["status"] == "active"
    waited = fontmill(*socket, "wait", str(daemon.root / "verbs"), "--json")
    assert waited.returncode == 0 and json.loads(waited.stdout)["exported_samples"] == 1200
    for words in (["status"], ["status", session], ["list"], ["fonts", session], ["events"]):
        got = fontmill(*socket, *words, "--json")
        assert got.returncode == 0, got.stderr
        assert json.loads(got.stdout.splitlines()[-1])
    assert fontmill(*socket, "shutdown").returncode == 0
    assert daemon.process.wait(60) == 0


def test_what_the_daemon_tells_of_itself_is_described(daemon: Daemon) -> None:
    assert sorted(daemon.client.status()["daemon"]) == sorted(name for key in DAEMON for name in key.names)


def test_why_health_metrics_and_config_tell_what_an_operator_asks(daemon: Daemon, fonts: list[str]) -> None:
    socket = ("--socket", daemon.socket)
    session = begin_paused(daemon, fonts[:1], "asked", 20_000)
    assert "fontmill resume" in fontmill(*socket, "why", session).stdout
    until(lambda: fontmill(*socket, "health").returncode == 0, "all is well")
    (told,) = daemon.client.metrics()["sessions"]
    assert told["session_id"] == session and told["stats"]["samples"] > 0
    shown = json.loads(fontmill(*socket, "config", "--json").stdout)
    assert shown["allow_root"] == [str(daemon.root)]


def test_sessions_are_found_by_path_and_by_font(daemon: Daemon, fonts: list[str]) -> None:
    socket = ("--socket", daemon.socket)
    for project, chosen in (("one", fonts[:1]), ("two", fonts[1:2])):
        daemon.client.wait(begin(daemon, chosen, project, 3), timeout=120)

    def found(*words: str) -> list[str]:
        return [s["project_name"] for s in json.loads(fontmill(*socket, "list", *words, "--json").stdout)["sessions"]]

    amiri = daemon.client.fonts(str(daemon.root / "two"))["fonts"][0]["family"]
    assert found() == found("--out", str(daemon.root)) == ["one", "two"]
    assert found("--out", str(daemon.root / "one")) == ["one"]
    assert found("--with-fonts", amiri.upper()) == ["two"]
    assert found("--out", str(daemon.root / "one"), "--with-fonts", amiri) == []


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_service_that_is_begun_with_closed_streams_ends_well(closed: str, tmp_path: Path) -> None:
    socket = tmp_path / "s/control.sock"
    words = [sys.executable, "-m", "fontmilld", "--socket", str(socket), "--state-dir", str(tmp_path / "state")]
    service = subprocess.Popen(["sh", "-c", f'exec "$@" {closed}', "sh", *words], stderr=subprocess.PIPE, text=True)
    try:
        until(socket.exists, "it listens")
        until(lambda: fontmill("--socket", str(socket), "ping").returncode == 0, "it answers")
    finally:
        service.terminate()
        told = service.communicate(timeout=60)[1]
    assert service.returncode == 0 and "Traceback" not in told


def test_a_private_service_without_standard_input_ends_at_once(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fontmilld", "--private", "--socket", str(tmp_path / "s/control.sock"), "--state-dir", str(tmp_path / "state")]
    assert subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *words], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("limit", ["-t 30", "-v 1900000"])
def test_limits_that_are_set_already_cost_no_font(limit: str, tmp_path: Path, fonts: list[str]) -> None:
    words = [sys.executable, "-m", "fontmill", *run_words(tmp_path, fonts, samples=3), "--json"]
    done = subprocess.run(["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["exported_samples"] == 9


def test_too_few_files_that_may_be_open_are_told_of_before_anything_begins(tmp_path: Path, fonts: list[str]) -> None:
    words = [sys.executable, "-m", "fontmill", *run_words(tmp_path, fonts)]
    done = subprocess.run(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *words], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, list(tmp_path.iterdir())) == (4, [])
    assert done.stderr.startswith("fontmill: No more than 64 files may be open at a time") and "ulimit -n" in done.stderr
