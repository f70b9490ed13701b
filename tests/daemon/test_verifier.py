"""Verification by a process of its own: the same verdict as in one thread, whatever the number of processes."""

import json
import subprocess
import sys

import pytest

from fontmill.errors import FontmillError
from fontmilld import verifier
from fontmilld.store.files import LocalTree
from fontmilld.store.kernel import LinuxKernel
from fontmilld.store.sessions import load_session
from fontmilld.store.verify import validate_session_integrity
from fontmilld.testing.export import SmallExport, small_session


@pytest.fixture
def project(tmp_path):
    path = tmp_path.resolve() / "project"
    SmallExport(LinuxKernel(), small_session(40, 3), path=str(path)).run()
    return path


def damage(project):
    images = sorted(project.rglob("*.png"))
    images[3].unlink()
    images[50].write_bytes(images[50].read_bytes()[:-1] + b"?")
    images[100].write_bytes(b"")
    (project / "fonts" / "font-1" / "images" / "mine.txt").write_bytes(b"foreign")


def in_one_thread(project, level):
    tree = LocalTree(str(project))
    try:
        return validate_session_integrity(tree, load_session(tree, str(project)), level)
    finally:
        tree.close()


def order(found):
    return sorted((one.file, one.kind, one.font_id, one.index) for one in found.damaged)


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("processes", [1, 2, 7])
def test_many_processes_find_what_one_thread_finds(project, level, processes, monkeypatch):
    monkeypatch.setattr(verifier, "PIECE_BYTES", 4000)
    whole = verifier.verify(str(project), level, processes)
    assert whole.ok and whole.checked == in_one_thread(project, level).checked
    damage(project)
    found, wanted = verifier.verify(str(project), level, processes), in_one_thread(project, level)
    assert (found.ok, found.checked, order(found)) == (wanted.ok, wanted.checked, order(wanted))
    assert len(found.damaged) == (4 if level == "full" else 3)


def test_the_program_prints_the_reply_of_the_verb(project):
    done = subprocess.run([sys.executable, "-m", "fontmilld.verifier", "full", str(project)], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"ok": True, "checked": in_one_thread(project, "full").checked, "damaged": [], "left_out": 0, "parts": []}


def test_what_is_no_project_is_an_error_with_a_slug(tmp_path):
    done = subprocess.run([sys.executable, "-m", "fontmilld.verifier", "full", str(tmp_path)], capture_output=True, check=False)
    assert done.returncode == 1
    assert set(json.loads(done.stdout)["error"]) == {"slug", "message", "details", "action"}


def test_a_part_that_fails_fails_the_whole(project, monkeypatch):
    def refuse(*_):
        raise FontmillError("storage-failed")

    monkeypatch.setattr(verifier, "run_check", refuse)
    with pytest.raises(FontmillError) as failed:
        verifier.verify(str(project), "full", 2)
    assert failed.value.slug == "storage-failed"
    monkeypatch.setattr(verifier, "run_check", lambda *_: 1 / 0)
    with pytest.raises(FontmillError) as failed:
        verifier.verify(str(project), "full", 2)
    assert failed.value.slug == "internal"
