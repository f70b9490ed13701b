"""The examples of docs/python.md and of the README run as they stand, one after the other, with a real daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_examples_run_as_they_stand(daemon: Any, fonts: list[str], tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    shutil.copy(fonts[0], tmp_path / "fonts")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) == page.count("```") / 2 > 5
    readme = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    blocks.insert(1, next(block for block in readme if "Client()" in block).replace("street", "avenue"))
    program = "\n".join(blocks).replace("/home/me/data", str(daemon.root)).replace("/home/me/fonts", str(tmp_path / "fonts"))
    program = program.replace("Client()", f"Client({daemon.socket!r})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said.count("completed 20 of 20") == 2, "of the page, and of the README"
    assert any(line.startswith("True ") and line.endswith(" []") for line in said), "verified"
    assert "completed True" in said and said[-1].startswith("unknown-session ")
