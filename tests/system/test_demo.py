"""What the README's first command runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

DEMO = Path(__file__).resolve().parents[2] / "demo" / "run.py"


@pytest.mark.system
def test_the_demo_makes_a_dataset_and_a_contact_sheet_of_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(DEMO), str(tmp_path), "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fonts = len(list(tmp_path.glob("demo/fonts/*")))
    assert fonts >= 5
    assert len(list(tmp_path.glob("demo/fonts/*/images/*.png"))) == fonts * 2 * 2
    with Image.open(tmp_path / "demo-sheet.png") as sheet:
        assert min(sheet.size) > 100
