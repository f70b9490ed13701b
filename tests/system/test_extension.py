"""The example package of docs/examples, really installed: its effect and degradation draw, and are in the labels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from system.conftest import fontmill

pytestmark = pytest.mark.system
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "fontmill-worn"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package and its entry points, as `pip install` makes them."""
    folder = tmp_path_factory.mktemp("site")
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "fontmill-worn")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
                    "--target", str(folder), str(source)], check=True, timeout=120)
    return folder


def run(out: Path, fonts: list[str], *words: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    paths = [str(site), os.environ.get("PYTHONPATH", "")] if site else [os.environ.get("PYTHONPATH", "")]
    return fontmill("run", "--fonts", fonts[0], "--out", str(out), "--project", "worn", "--samples", "20", *words,
                    PYTHONPATH=os.pathsep.join(filter(None, paths)))


def test_an_installed_effect_and_degradation_draw_and_are_told_in_labels_and_fingerprint(
    tmp_path: Path, fonts: list[str], installed: Path,
) -> None:
    words = ("--preset", str(EXAMPLE / "worn.toml"), "--effects", "double")
    got = run(tmp_path, fonts, *words, site=installed)
    assert got.returncode == 0, got.stderr
    labels = [json.loads(line) for path in tmp_path.glob("worn/fonts/*/metadata.jsonl") for line in path.open()]
    dusty = [step for label in labels for step in label["recipe"]["degradation"]["steps"] if step["kind"] == "dust"]
    doubled = [effect for label in labels for effect in label["recipe"]["effects"]]
    assert 8 < len(dusty) < 20 and all(step["specks"] for step in dusty)
    assert doubled and {effect["kind"] for effect in doubled} == {"double"}
    session = json.loads((tmp_path / "worn" / "session.json").read_text())
    assert session["fingerprint"]["fontmill.degradations:dust"] == session["fingerprint"]["fontmill.effects:double"] == "fontmill-worn 1.0.0"
    images = {path.name: path.read_bytes() for path in tmp_path.glob("worn/fonts/*/images/*")}
    (tmp_path / "again").mkdir()
    assert run(tmp_path / "again", fonts, *words, site=installed).returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("again/worn/fonts/*/images/*")} == images


def test_without_the_package_its_names_are_unknown_and_a_project_begun_with_it_does_not_go_on(
    tmp_path: Path, fonts: list[str], installed: Path,
) -> None:
    preset = run(tmp_path, fonts, "--preset", str(EXAMPLE / "worn.toml"))
    assert preset.returncode == 2 and "'dust' is not one of" in preset.stderr
    effect = run(tmp_path, fonts, "--effects", "double")
    assert effect.returncode == 2 and "'double' is not one of" in effect.stderr
    assert run(tmp_path, fonts, "--preset", "plain", site=installed).returncode == 0
    next(tmp_path.glob("worn/fonts/*/images/*_001_clear.png")).unlink()  # so that something is left to draw
    without = run(tmp_path, fonts, "--preset", "plain")
    assert without.returncode == 6 and "fontmill-worn" in without.stderr
