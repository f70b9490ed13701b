"""The tree is loaded at once by what people use: `datasets`, `mlcroissant`, and the reader in docs/dataset.md.

The two libraries bring 340 MB each and live in a Python of their own: `make loaders` makes it and runs this.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fontmill.pictures import PRESETS
from system.conftest import FONT_PACKAGES, font_files, fontmill

PYTHON = os.environ.get("FONTMILL_LOADERS_PYTHON", "")
DOCS = Path(__file__).parents[2] / "docs" / "dataset.md"
DEBIAN = Path("/usr/share/fonts")
needs_loaders = pytest.mark.skipif(not PYTHON, reason="`make loaders` runs this")


def made(out: Path, project: str, fonts: list[Path], samples: int, *words: str) -> Path:
    got = fontmill("run", "--fonts", *map(str, fonts), "--out", str(out), "--project", project, "--samples", str(samples), *words)
    assert got.returncode in (0, 7), got.stderr
    return out / project


def labels(project: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(project.glob("fonts/*/metadata.jsonl")) for line in path.open(encoding="utf-8")]


def read(project: Path, cache: Path) -> dict[str, Any]:
    done = subprocess.run([PYTHON, str(Path(__file__).with_name("read_tree.py")), str(project), str(cache)],
                          capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def check(project: Path, cache: Path, kinds: list[str]) -> None:
    """Both libraries see every pair of the project, with all its pictures."""
    told, known = read(project, cache), labels(project)
    assert told["datasets"]["kinds"] == sorted(kinds)
    assert told["datasets"]["pairs"] == sorted(
        [label["clear_sha256"], label["text"], [label["width"], label["height"]], [label["blurred_width"], label["blurred_height"]]] for label in known)
    croissant = told["croissant"]
    assert croissant["errors"] == [] and all("datePublished" in warning for warning in croissant["warnings"])
    assert croissant["rewritten"] == json.loads((project / "croissant.json").read_text()), "this is what the library itself writes"
    assert len(croissant["pairs"]) == len(known)
    assert described(project) == {name for label in known for name in label}
    for kind in kinds:
        assert croissant["names"][kind] == sorted(label[f"{kind}_file_name"].removeprefix("images/") for label in known)


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Faces under names that loaders take for splits or versions, and what Debian has, 45 in all where it has many."""
    folder = tmp_path_factory.mktemp("fonts")
    source = font_files(FONT_PACKAGES[0])[0]
    odd = [Path(shutil.copy(source, folder / name)) for name in ("test-soehne.ttf", "Inter-4.0.ttf", "validation.ttf", "dev.set.ttf", "train 1.ttf")]
    for number, path in enumerate(odd):  # a face given twice is one font: the copies differ in bytes that no table holds
        path.write_bytes(path.read_bytes() + bytes(number))
    here = [path for package in FONT_PACKAGES for path in font_files(package)]
    debian = sorted(path for path in DEBIAN.rglob("*") if path.suffix in (".ttf", ".otf") and path.is_file())
    return [*odd, *here, *debian][:45]


@needs_loaders
def test_every_pair_of_all_faces_is_a_row_with_both_images_whatever_the_fonts_are_called(tmp_path: Path, fonts: list[Path]) -> None:
    project = made(tmp_path, "test-faces", fonts, 4, "--style-variations", "--special-effects", "--color", "rgb", "--text", "words,codes,charset")
    assert {"ftest-soehne", "inter-4-0"} <= {path.name for path in (project / "fonts").iterdir()}
    check(project, tmp_path / "cache", ["clear", "blurred"])


@needs_loaders
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_gives_columns_of_one_type(tmp_path: Path, fonts: list[Path], preset: str) -> None:
    project = made(tmp_path, preset, fonts[:3], 30, "--preset", preset, "--style-variations", "--special-effects", "--masks", "--psf-images")
    check(project, tmp_path / "cache", ["clear", "blurred", "mask", "kernel"])


def described(project: Path) -> set[str]:
    """The columns of `pairs` in croissant.json."""
    pairs = json.loads((project / "croissant.json").read_text())["recordSet"][0]
    return {field["name"] for field in pairs["field"]}


# The reader in the documentation ---------------------------------------------------------------------------


def documented_reader() -> Any:
    """The class `Pairs` of docs/dataset.md."""
    code = next(block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL) if "class Pairs" in block)
    space: dict[str, Any] = {}
    exec(code, space)
    return space["Pairs"]


def batches(data: Any, size: int) -> list[list[Any]]:
    """What torch.utils.data.DataLoader asks of a map-style data set: its length, and items by number."""
    return [[data[index] for index in range(start, min(start + size, len(data)))] for start in range(0, len(data), size)]


def test_the_documented_reader_gives_every_pair(tmp_path: Path) -> None:
    project = made(tmp_path, "read", [font_files(FONT_PACKAGES[1])[0], font_files(FONT_PACKAGES[2])[0]], 7, "--preset", "textzoom-x2", "--masks", "--psf-images")
    data, known = documented_reader()(project), labels(project)
    assert described(project) == {name for label in known for name in label}
    assert len(data) == len(known) == 14
    items = [item for batch in batches(data, 4) for item in batch]
    for (blurred, clear, text), label in zip(items, known, strict=True):
        assert isinstance(blurred, Image.Image) and blurred.size == (label["blurred_width"], label["blurred_height"])
        assert clear.size == (label["width"], label["height"]) and text == label["text"]
        assert clear.tobytes() != b"" and blurred.tobytes() != b""


@needs_loaders
def test_the_documented_parquet_holds_every_pair(tmp_path: Path) -> None:
    project = made(tmp_path, "packed", [font_files(FONT_PACKAGES[1])[0], font_files(FONT_PACKAGES[2])[0]], 7, "--preset", "plain")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL) if "def labelled(" in block or "def to_parquet(" in block]
    look = """
import sys
to_parquet(sys.argv[1], sys.argv[2], rows_at_once=3)
rows = pyarrow.parquet.read_table(sys.argv[2]).to_pylist()
print(json.dumps([[json.loads(row["label"])["clear_sha256"], len(row["clear"]["bytes"]), row["text"]] for row in rows]))
"""
    done = subprocess.run([PYTHON, "-c", "\n".join([*blocks, look]), str(project), str(tmp_path / "p.parquet")],
                          capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[label["clear_sha256"], label["clear_bytes"], label["text"]] for label in labels(project)]
