"""A project whose labels are kept compressed, on a real daemon: killed, completed, damaged, repaired; always the same bytes."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from fontmill import FontmillError
from system.conftest import Daemon, begin, fontmill, tree_digest, until

pytestmark = pytest.mark.system

READER = Path(__file__).parents[2] / "docs/dataset.md"


def verdict(daemon: Daemon, session: str) -> dict:
    return daemon.client.call("verify", {"session": session, "level": "full"}, timeout=120)


def documented_reader() -> type:
    code = next(block for block in re.findall(r"```python\n(.*?)```", READER.read_text(), re.S) if "class Pairs" in block)
    names: dict = {}
    exec(code, names)
    return names["Pairs"]


def test_killed_completed_damaged_and_repaired_a_compressed_project_has_the_bytes_of_an_undisturbed_one(daemon: Daemon, fonts: list[str]) -> None:
    daemon.client.wait(begin(daemon, fonts, "plain", 40), timeout=120)
    daemon.client.wait(begin(daemon, fonts, "undisturbed", 40, compress_metadata=True), timeout=120)
    wanted = tree_digest(daemon.root / "undisturbed")
    session = begin(daemon, fonts, "disturbed", 40, compress_metadata=True)
    until(lambda: daemon.client.status(session)["exported_samples"] > 0, "some samples are on record")
    daemon.kill()
    daemon.start()
    assert daemon.client.wait(session, timeout=120)["exported_samples"] == 120
    project = daemon.root / "disturbed"
    assert tree_digest(project) == wanted
    for packed in sorted(project.glob("fonts/*/metadata.jsonl.gz")):
        labels = daemon.root / "plain" / packed.relative_to(project).with_suffix("")
        assert gzip.decompress(packed.read_bytes()) == labels.read_bytes()
    assert not list(project.glob("fonts/*/metadata.jsonl"))
    assert verdict(daemon, session)["ok"] and tree_digest(project) == wanted

    sorted(project.glob("fonts/*/images/*.png"))[7].unlink()
    packed = sorted(project.glob("fonts/*/metadata.jsonl.gz"))[1]
    packed.write_bytes(packed.read_bytes()[:-100])
    kinds = {entry["kind"] for entry in verdict(daemon, session)["damaged"]}
    assert "missing" in kinds and not verdict(daemon, session)["ok"]
    daemon.client.call("repair", {"session": session}, timeout=120)
    daemon.client.wait(session, timeout=120)
    assert tree_digest(project) == wanted
    assert verdict(daemon, session)["ok"]


def test_a_complete_compressed_project_is_read_rebuilt_started_again_and_refused_without_the_option(
    daemon: Daemon, fonts: list[str], tmp_path: Path,
) -> None:
    session = begin(daemon, fonts[:1], "again", 10, compress_metadata=True)
    daemon.client.wait(session, timeout=120)
    project = daemon.root / "again"
    before = tree_digest(project)
    pairs = documented_reader()(project)
    blurred, clear, text = pairs[3]
    assert len(pairs) == 10 and blurred.size == clear.size and text
    font = next((project / "fonts").iterdir()).name
    rebuilt = fontmill("--socket", daemon.socket, "rebuild", str(project), font, "7", "--json", "--out", str(tmp_path))
    assert rebuilt.returncode == 0 and '"as_recorded":true' in rebuilt.stdout.replace(" ", ""), rebuilt.stdout + rebuilt.stderr
    assert begin(daemon, fonts[:1], "again", 10, compress_metadata=True) == session
    assert daemon.client.wait(session, timeout=120)["status"] == "completed"
    assert verdict(daemon, session)["ok"] and tree_digest(project) == before
    assert "gunzip -k" in (project / "README.md").read_text()
    assert [found["completed"] for found in daemon.client.call("detect", {"path": str(project)})["sessions"]] == [True]
    with pytest.raises(FontmillError) as refused:
        begin(daemon, fonts[:1], "again", 10)
    assert refused.value.slug == "project-differs" and "compress_metadata" in refused.value.message
    assert json.loads((project / "session.json").read_text())["config"]["compress_metadata"] is True
