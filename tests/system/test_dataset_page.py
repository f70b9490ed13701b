"""The snippets of docs/dataset.md that split and pack a project do what they say. That of Parquet is run by `make loaders`."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from system.conftest import fontmill

PAGE = Path(__file__).parents[2] / "docs" / "dataset.md"


def documented(*names: str) -> dict[str, Any]:
    """What the blocks of the page that define these functions define."""
    space: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if any(f"def {name}(" in block for name in names):
            exec(block, space)
    return space


def project_of(folder: Path, fonts: dict[str, tuple[str, list[str]]]) -> Path:
    for font_id, (family, twins) in fonts.items():
        (folder / "fonts" / font_id).mkdir(parents=True)
        record = {"family": family, **({"near_duplicates": [{"font_id": twin, "scripts": ["Latn"]} for twin in twins]} if twins else {})}
        (folder / "fonts" / font_id / "metadata.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_no_family_and_no_near_duplicates_stand_on_both_sides_of_the_documented_split(tmp_path: Path, share: float) -> None:
    fonts: dict[str, tuple[str, list[str]]] = {f"f{n}-{style}": (f"F{n}", []) for n in range(10) for style in ("regular", "bold")}
    fonts |= {"f0-regular": ("F0", ["f3-bold", "elsewhere"]), "copy": ("Copy", ["f3-regular"]), "nameless": ("", []), "nameless-2": ("", [])}
    held_out = documented("held_out")["held_out"]
    chosen = held_out(project_of(tmp_path, fonts), share)
    assert 0 < len(chosen) <= share * len(fonts) and chosen == held_out(tmp_path, share)
    together = [{"f0-regular", "f0-bold", "f3-regular", "f3-bold", "copy"}, *({f"f{n}-regular", f"f{n}-bold"} for n in range(10))]
    assert all(not chosen & group or group <= chosen for group in together)


def test_the_documented_tar_holds_every_pair_with_its_label_compressed_or_not(tmp_path: Path, fonts: list[str]) -> None:
    done = fontmill("run", "--fonts", *fonts[:2], "--out", str(tmp_path), "--project", "p", "--samples", "4", "--preset", "plain")
    assert done.returncode == 0, done.stderr
    project = tmp_path / "p"
    one, other = sorted(path.name for path in (project / "fonts").iterdir())
    packed = project / "fonts" / one / "metadata.jsonl"
    Path(f"{packed}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    to_tar = documented("labelled")["to_tar"]
    to_tar(project, tmp_path / "all.tar")
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
        assert [name.partition(".")[2] for name in names] == ["clear.png", "blurred.png", "json"] * 8
        label = json.load(tar.extractfile(names[2]))  # type: ignore[arg-type]
        picture = tar.extractfile(names[0])
        assert picture is not None and picture.read() == (project / "fonts" / one / label["clear_file_name"]).read_bytes()
    to_tar(project, tmp_path / "one.tar", {other})
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert {name.rpartition("_")[0] for name in tar.getnames()} == {other}
