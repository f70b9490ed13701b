"""The reference pages are made from the tables, are up to date, and name everything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fontmill.cli import reference
from fontmill.cli.table import COMMANDS
from fontmill.errors import CATALOGUE
from fontmill.verbs import VERBS
from fontmill.vocabulary import DAEMON, EVENTS, STATUS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_up_to_date() -> None:
    assert reference.main(["--check", str(DOCS)]) == 0


def test_a_stale_page_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "docs/errors.md").write_text("old")
    protocol = tmp_path / "docs/protocol.md"
    protocol.write_text(protocol.read_text().replace("Answer at once.", "Answer some day."))
    assert reference.main(["--check", str(tmp_path / "docs")]) == 1
    assert capsys.readouterr().err.splitlines() == ["stale: errors.md", "stale: protocol.md"]
    assert reference.main(["--write", str(tmp_path / "docs")]) == 0
    assert protocol.read_text() == (DOCS / "protocol.md").read_text()


def test_a_protocol_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        reference.protocol_page("nothing")


def test_the_pages_name_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "40")
    cli, errors, protocol = reference.cli_page(), reference.errors_page(), reference.verb_tables()
    page = (DOCS / "protocol.md").read_text()
    assert all(f"| `{kind}` |" in page for kind in EVENTS)
    assert all(f"`{name}`" in page for key in (*STATUS, *DAEMON) for name in key.names)
    assert all(f"## fontmill {name}\n" in cli for name in COMMANDS)
    assert all(f"`{slug}`" in errors for slug in CATALOGUE)
    assert all(f"### `{name}`" in protocol and all(f"`{arg.name}`" in protocol for arg in verb.args) for name, verb in VERBS.items())
    assert max(map(len, cli.splitlines())) <= reference.COLUMNS


def test_every_verb_is_a_command() -> None:
    assert set(VERBS) & {"start", "pause", "resume", "status", "list", "wait", "fonts", "cancel", "complete", "events",
                         "shutdown", "ping", "hello"} <= set(COMMANDS)
