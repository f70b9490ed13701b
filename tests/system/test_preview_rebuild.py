"""A preview before anything is made, and one pair made anew alone, both without a service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fontmilld.render.labels import caption
from fontmilld.render.sheet import contact_sheet
from system.conftest import Daemon, begin, fontmill

pytestmark = pytest.mark.system
OPTIONS = {"masks": True, "psf_images": True, "style_variations": True, "text": "user,words", "text_content": "some words of mine\n"}


def test_a_preview_shows_what_a_session_would_make(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    got = fontmill("--socket", daemon.socket, "preview", "--fonts", *fonts, "--pairs", "3", "--columns", "1", "--seed", "5", "--out", str(sheet), "--json")
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["pairs"] == 3
    daemon.client.wait(begin(daemon, fonts, "made", 1, seed=5), timeout=120)
    folders = sorted((daemon.root / "made" / "fonts").iterdir(), key=lambda folder: [Path(font).stem.lower()[:8] for font in fonts].index(folder.name[:8]))
    pairs = [
        (caption(folder.name, json.loads((folder / "metadata.jsonl").read_text())),
         *((folder / "images" / f"{folder.name}_001_{half}.png").read_bytes() for half in ("clear", "blurred")))
        for folder in folders
    ]
    assert sheet.read_bytes() == contact_sheet(pairs, 1)


def test_a_preview_draws_as_many_pairs_as_asked_for_with_broken_and_double_fonts_among_them(fonts: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "fonts"
    folder.mkdir()
    for name in ("a.ttf", "b.ttf", "c.ttf"):
        shutil.copy(fonts[0], folder / name)
    (folder / "d.ttf").write_bytes(b"no font")
    shutil.copy(fonts[1], folder / "z.ttf")
    got = fontmill("preview", "--fonts", str(folder), "--pairs", "4", "--out", str(tmp_path / "x.png"), XDG_RUNTIME_DIR=str(tmp_path))
    assert (got.returncode, got.stdout) == (0, f"4 pairs of 2 font files: {tmp_path}/x.png\n"), got.stderr
    assert got.stderr.startswith(f"refused: {folder}/d.ttf: ")


def test_a_preview_refuses_what_a_session_would_refuse(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    for words, status in ((("--effects", "nope"), 2), (("--licences", "MIT"), 1), (("--width", "255", "--preset", "textzoom-x2"), 2)):
        got = fontmill("--socket", daemon.socket, "preview", "--fonts", fonts[0], "--out", str(tmp_path / "x.png"), *words)
        assert got.returncode == status and got.stderr.splitlines()[-1].startswith("fontmill: ") and "Traceback" not in got.stderr, got.stderr
    assert not (tmp_path / "x.png").exists()


def test_any_pair_is_rebuilt_alone_byte_for_byte(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    session = begin(daemon, fonts, "whole", 9, **OPTIONS)
    daemon.client.wait(session, timeout=120)
    for folder in sorted((daemon.root / "whole" / "fonts").iterdir()):
        for index in (9, 1, 4):
            answer = daemon.client.call("rebuild", {"session": session, "font": folder.name, "index": index}, timeout=120)
            assert answer["as_recorded"] is True and answer["label"]["index"] == index
            assert sorted(name.rpartition("_")[2] for name in answer["files"]) == ["blurred.png", "clear.png", "kernel.png", "mask.png"]
            assert all((folder / "images" / name).read_bytes() == data for name, data in answer["files"].items())


def test_rebuild_writes_into_a_folder_and_says_when_the_label_tells_otherwise(daemon: Daemon, fonts: list[str], tmp_path: Path) -> None:
    session = begin(daemon, fonts[:1], "changed", 3)
    daemon.client.wait(session, timeout=120)
    folder, = (daemon.root / "changed" / "fonts").iterdir()
    words = ("--socket", daemon.socket, "rebuild", session, folder.name, "2", "--out", str(tmp_path))
    assert fontmill(*words).returncode == 0
    made = sorted(path.name for path in tmp_path.glob("*.png"))
    assert made == [f"{folder.name}_002_blurred.png", f"{folder.name}_002_clear.png"]
    assert all((tmp_path / name).read_bytes() == (folder / "images" / name).read_bytes() for name in made)
    assert fontmill(*words).returncode == 0
    (tmp_path / made[0]).write_bytes(b"mine")
    refused = fontmill(*words)
    assert refused.returncode == 2 and "not replaced" in refused.stderr and (tmp_path / made[0]).read_bytes() == b"mine"
    (tmp_path / made[0]).unlink()
    labels = folder / "metadata.jsonl"
    labels.write_text(labels.read_text().replace('"seed":', '"seed": '))
    differs = fontmill(*words)
    assert differs.returncode == 1 and "NOT as its label says" in differs.stdout
    for more in (("none", "1"), (folder.name, "4"), (folder.name, "x")):
        assert fontmill("--socket", daemon.socket, "rebuild", session, *more).returncode == 2
