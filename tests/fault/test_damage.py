"""Damage that somebody did to a finished tree is found, all of it and nothing else, and made good byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fault.rig import SMALL, RigDaemon, Undisturbed, differences, figure, finish
from system.conftest import begin, fontmill, tree_digest

pytestmark = pytest.mark.fault
SAMPLES = 40


def deleted(path: Path) -> str:
    path.unlink()
    return "missing"


def truncated(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-7])
    return "truncated"


def emptied(path: Path) -> str:
    path.write_bytes(b"")
    return "truncated"


def flipped(path: Path) -> str:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    return "different"


def grown(path: Path) -> str:
    path.write_bytes(path.read_bytes() + b"\0")
    return "different"


DAMAGE = (deleted, truncated, emptied, flipped, grown)


def verified(daemon: RigDaemon, project: Path) -> dict[str, str]:
    """What `fontmill verify --json` says is damaged, by file."""
    done = fontmill("verify", str(project), "--json", "--socket", daemon.socket)
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["ok"] else 1), done.stderr
    assert answer["ok"] == (not answer["damaged"]) and answer["checked"] >= 2 * SAMPLES
    return {found["file"]: found["kind"] for found in answer["damaged"]}


def test_all_damage_is_found_and_nothing_else_and_repair_restores_every_byte(
    launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str], undisturbed: Undisturbed,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(tmp_path / "out")
    finish(daemon, begin(daemon, fonts, "hurt", SAMPLES, **SMALL))
    project = tmp_path / "out" / "hurt"
    assert verified(daemon, project) == {}
    luck = random.Random(8)
    pictures = luck.sample(sorted(project.glob("fonts/*/images/*.png")), 15)
    done = {str(path.relative_to(project)): DAMAGE[number % len(DAMAGE)](path) for number, path in enumerate(pictures)}
    foreign = project / "fonts" / "notes.txt"
    foreign.write_text("mine")
    found = verified(daemon, project)
    assert found == {**done, "fonts/notes.txt": "foreign"}
    healthy = {path: path.stat().st_mtime_ns for path in project.glob("fonts/*/images/*.png") if path not in pictures}
    repaired = fontmill("repair", str(project), "--json", "--socket", daemon.socket)
    assert repaired.returncode in (0, 1), repaired.stderr
    finish(daemon, str(project))
    assert foreign.read_text() == "mine"
    foreign.unlink()
    assert verified(daemon, project) == {}
    assert differences(tree_digest(project), wanted) == []
    # A damaged pair is drawn again, both halves of it; no other is touched.
    partners = {path.name.rsplit("_", 1)[0] for path in pictures}
    touched = [p.name for p, at in healthy.items() if p.stat().st_mtime_ns != at and p.name.rsplit("_", 1)[0] not in partners]
    assert touched == []
    figure("damage", done=len(done) + 1, found=len(found), missed=0, false_alarms=0, restored=len(done))


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.json"])
@pytest.mark.parametrize("how", [deleted, truncated, flipped])
def test_damaged_labels_are_found_and_repaired(
    name: str, how: Callable[[Path], str], launch: Callable[..., RigDaemon], tmp_path: Path, fonts: list[str],
    undisturbed: Undisturbed, request: pytest.FixtureRequest,
) -> None:
    wanted = undisturbed(SAMPLES)
    daemon = launch(tmp_path / "out")
    finish(daemon, begin(daemon, fonts, "hurt", SAMPLES, **SMALL))
    project = tmp_path / "out" / "hurt"
    victim = sorted(project.glob(f"fonts/*/{name}"))[0]
    how(victim)
    found = verified(daemon, project)
    assert found and all(Path(file).parts[1] == victim.parent.name for file in found)
    fontmill("repair", str(project), "--json", "--socket", daemon.socket)
    finish(daemon, str(project))
    assert verified(daemon, project) == {}
    assert differences(tree_digest(project), wanted) == []
