"""A text, a preset and extra pictures of the user's own, on a real daemon: kept, resumed, refused when changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fontmill import FontmillError
from system.conftest import Daemon, begin, begin_paused, fontmill, tree_digest, until

pytestmark = pytest.mark.system

TEXT = "Kilroy was here\nسرد جہاز\nमौसम अच्छा है\n12345 roses\n"
PRESET = 'light = "linear"\nstep = [ { kind = "disc", radius = [1.0, 2.0] }, { kind = "gaussian-noise", sigma = [1.0, 2.0] } ]\n'
OPTIONS = {"text": "user:3,codes", "text_content": TEXT, "masks": True, "psf_images": True, "preset": "mine",
           "preset_source": PRESET, "text_lines": 2, "style_variations": True, "png_level": 6}


def labels(project: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(project.glob("fonts/*/metadata.jsonl")) for line in path.read_text().splitlines()]


def test_killed_and_resumed_the_extra_files_are_the_same_and_say_what_they_should(daemon: Daemon, fonts: list[str]) -> None:
    daemon.client.wait(begin(daemon, fonts, "undisturbed", 60, **OPTIONS), timeout=120)
    session = begin(daemon, fonts, "disturbed", 60, **OPTIONS)
    until(lambda: daemon.client.status(session)["exported_samples"] > 0, "some samples are on record")
    daemon.kill()
    daemon.start()
    assert daemon.client.wait(session, timeout=120)["exported_samples"] == 180
    project = daemon.root / "disturbed"
    assert tree_digest(project) == tree_digest(daemon.root / "undisturbed")
    assert (project / "text.txt").read_text() == TEXT
    for label in labels(project):
        folder = project / "fonts" / label["clear_file_name"].split("/")[1].rsplit("_", 2)[0]
        assert label["recipe"]["preset"] == "mine" and label["psf"][0]["kind"] == "disc"
        assert label["text_source"] == "codes" or all(word in TEXT for word in label["text"].split())
        with Image.open(folder / label["mask_file_name"]) as mask, Image.open(folder / label["clear_file_name"]) as clear:
            assert mask.size == clear.size
            present = {value for _, value in mask.getcolors()} - {0}
            assert present <= set(range(1, len(label["clusters"]) + 1)) and present
        with Image.open(folder / label["kernel_file_name"]) as psf:
            assert psf.size[0] == label["psf"][0]["size"] and psf.getextrema()[1] == 255


def test_another_text_is_another_project_and_the_same_text_goes_on(daemon: Daemon, fonts: list[str]) -> None:
    session = begin(daemon, fonts[:1], "texts", 10, text="user", text_content="first words\n")
    daemon.client.wait(session, timeout=120)
    with pytest.raises(FontmillError) as refused:
        begin(daemon, fonts[:1], "texts", 10, text="user", text_content="first word\n")
    assert refused.value.slug == "project-differs" and "text_sha256" in refused.value.message
    assert begin(daemon, fonts[:1], "texts", 10, text="user", text_content="first words\n") == session


def test_a_project_carried_elsewhere_has_its_text_with_it(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    daemon.client.wait(begin(daemon, fonts, "reference", 200, **OPTIONS), timeout=120)
    session = begin_paused(daemon, fonts, "carried", 200, **OPTIONS)
    daemon.stop()
    there = tmp_path / "there"
    there.mkdir()
    moved = there / "carried"
    shutil.move(daemon.root / "carried", moved)
    other = Daemon(there, there)
    try:
        other.client.call("adopt", {"path": str(moved)})
        other.client.resume(session)
        assert other.client.wait(session, timeout=120)["exported_samples"] == 600
    finally:
        other.stop()
    assert tree_digest(moved) == tree_digest(daemon.root / "reference")


def test_a_missing_mask_is_repaired_and_a_missing_text_says_what_to_do(daemon: Daemon, fonts: list[str]) -> None:
    session = begin(daemon, fonts[:1], "holes", 10, text="user", text_content=TEXT, masks=True)
    daemon.client.wait(session, timeout=120)
    project = daemon.root / "holes"
    before = tree_digest(project)
    mask = sorted(project.glob("fonts/*/images/*_mask.png"))[3]
    mask.unlink()
    found = daemon.client.call("verify", {"session": session}, timeout=120)
    assert [entry["file"] for entry in found["damaged"]] == [str(mask.relative_to(project))]
    assert fontmill("--socket", daemon.socket, "repair", session).returncode == 0
    assert tree_digest(project) == before
    (project / "text.txt").unlink()
    deep = daemon.client.call("verify", {"session": session}, timeout=120)
    assert [(entry["file"], entry["kind"]) for entry in deep["damaged"]] == [("text.txt", "missing")]
    begin(daemon, fonts[:1], "holes", 10, text="user", text_content=TEXT, masks=True)
    assert daemon.client.call("verify", {"session": session, "level": "deep"}, timeout=120)["ok"]


def test_run_takes_files_and_refuses_a_wrong_preset_and_a_licence(tmp_path: Path, fonts: list[str]) -> None:
    (tmp_path / "text.txt").write_text("Hello wide world\n")
    (tmp_path / "mine.toml").write_text(PRESET)
    (tmp_path / "wrong.toml").write_text('light = "linear"\nstep = [ { kind = "dust" } ]\n')
    words = ["run", "--fonts", fonts[0], "--out", str(tmp_path), "--project", "p", "--samples", "5", "--text-file", str(tmp_path / "text.txt")]
    wrong = fontmill(*words, "--preset", str(tmp_path / "wrong.toml"))
    assert wrong.returncode == 2 and "preset wrong.step[0].kind: 'dust' is not one of" in wrong.stderr
    licence = fontmill(*words, "--licences", "MIT")
    assert licence.returncode == 1 and "licence" in licence.stderr
    assert not (tmp_path / "p").exists()
    done = fontmill(*words, "--preset", str(tmp_path / "mine.toml"), "--licences", "OFL-1.1", "--masks", "--json")
    assert done.returncode == 0, done.stderr
    assert {label["text_source"] for label in labels(tmp_path / "p")} == {"user"}
