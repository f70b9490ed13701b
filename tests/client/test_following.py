"""`wait` and `watch` of a folder that no daemon knows: followed for as long as somebody works on it, and told how to go on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fontmill.cli import following
from fontmill.errors import how_to_go_on

fake = sys.modules["fake_daemon"]
Cli = Callable[..., Any]
OWNER = {"pid": 4711, "host": "mill"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a session, where no daemon runs."""
    monkeypatch.delenv("FONTMILL_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("fontmill.endpoint.SYSTEM_SOCKET", str(tmp_path / "none.sock"))
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates/session.json").touch()
    return tmp_path / "plates"


@pytest.fixture
def reads(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the reader of the folder say these statuses, with an owner but for the last one, and go on for ever with `more`."""
    def script(*statuses: dict[str, Any], more: str = "") -> None:
        lines = [json.dumps({**status, "owner": OWNER}) for status in statuses[:-1]]
        lines.append(json.dumps({**statuses[-1], "owner": None}) if not more else json.dumps({**statuses[-1], "owner": OWNER}))
        program = f"import time\nfor line in {lines!r}: print(line, flush=True)\nwhile {bool(more)}: print({lines[-1]!r}, flush=True); time.sleep(0.01)\n"
        (project / "reader.py").write_text(program)
        monkeypatch.setattr(following, "program", lambda module: [sys.executable, str(project / "reader.py"), module])
    return script


@pytest.mark.parametrize(("last", "code", "advised"), [
    ({"status": "completed", "exported_samples": 40}, 0, False), ({"status": "completed", "exported_samples": 39, "failed_samples": 1}, 7, False),
    ({"status": "failed", "reason": "cancelled"}, 1, False), ({"status": "paused", "pause_reasons": ["user"]}, 7, True), ({"status": "interrupted"}, 7, True),
])
def test_wait_for_a_folder_that_nobody_works_on_returns_at_once_with_its_outcome_and_says_how_to_go_on(
    cli: Cli, project: Path, reads: Any, last: dict[str, Any], code: int, advised: bool,
) -> None:
    reads(fake.status(**last))
    done = cli("wait", project, "--json")
    assert (done.code, json.loads(done.out)) == (code, {**fake.status(**last), "owner": None})
    advice = f"Nobody works on it. {how_to_go_on(str(project))}\n"
    assert done.err == (advice if advised else "")
    shown = cli("wait", project).out
    assert shown.startswith(f"plates: {last['status']}") and "pairs/s" not in shown
    assert ("(nobody works on it)" in shown) == (last["status"] == "interrupted")


def test_wait_for_a_folder_that_somebody_works_on_lasts_until_that_is_over(cli: Cli, project: Path, reads: Any) -> None:
    reads(fake.status(), fake.status(status="paused"), fake.status(), fake.status(status="completed", exported_samples=40))
    done = cli("wait", project, "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "completed")
    assert done.err == "No daemon knows it; process 4711 on mill works on it, and its folder is followed.\n"


def test_wait_for_a_folder_ends_when_whoever_works_on_it_has_paused(
    cli: Cli, project: Path, reads: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "SETTLED_AFTER", 0.1)
    reads(fake.status(status="paused", pause_reasons=["disk"]), more="of the same")
    done = cli("wait", project, "--json")
    assert (done.code, json.loads(done.out)["status"]) == (7, "paused")


def test_wait_for_a_folder_keeps_its_timeout(cli: Cli, project: Path, reads: Any) -> None:
    reads(fake.status(), more="of the same")
    done = cli("wait", project, "--timeout", "0.2")
    assert (done.code, done.err.splitlines()[-1]) == (5, "fontmill: The session was still active after 0.2 s. Try again, or give a longer --timeout.")


def test_watch_of_a_folder_shows_how_it_goes_and_ends_with_it(cli: Cli, project: Path, reads: Any) -> None:
    reads(fake.status(), fake.status(), fake.status(exported_samples=20), fake.status(status="completed", exported_samples=40))
    done = cli("watch", project, "--json")
    first, second, last = map(json.loads, done.out.splitlines())
    assert (done.code, first["kind"], first["session"], first["d"]["exported_samples"]) == (0, "progress", "5e55104a", 10)
    assert (second["d"]["exported_samples"], last["status"], last["owner"]) == (20, "completed", None)
    shown = cli("watch", project)
    assert shown.code == 0 and "20 of 40 pairs" in shown.out and shown.out.splitlines()[-1].startswith("plates: completed, 40 of 40 pairs")


@pytest.mark.parametrize("command", ["wait", "watch"])
@pytest.mark.parametrize("program", ["", "print('{')", """print('{"error": {"slug": "tree-corrupt", "message": "", "details": {}}}')"""])
def test_a_folder_that_cannot_be_read_is_an_error(
    cli: Cli, project: Path, command: str, program: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    (project / "reader.py").write_text(program)
    monkeypatch.setattr(following, "program", lambda _: [sys.executable, str(project / "reader.py")])
    done = cli(command, project)
    assert (done.code, done.out) == (1, "") and done.err.startswith("fontmill: ") and done.err.count("\n") == 1


@pytest.mark.parametrize("command", ["wait", "watch"])
def test_who_names_a_daemon_wants_that_one(cli: Cli, project: Path, command: str) -> None:
    assert cli("--socket", project / "none.sock", command, project).code == 3
    assert cli(command, project.parent).code == 3, "no project lies there"
