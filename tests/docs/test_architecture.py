"""Every function that docs/architecture.md names exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| method | function |")[2]
NAMES = sorted(set(re.findall(r"`(fontmilld\.[\w.]+)`", TABLE)))
METHOD = re.compile(r"^  ([a-z]\w+)\(", re.MULTILINE)


def _find(name: str) -> object:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def test_the_table_is_there() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_a_named_function_exists(name: str) -> None:
    assert callable(_find(name))


def test_every_method_of_the_specification_has_a_home() -> None:
    specification = ROOT.parent / "shared" / "original-design.md"
    if not specification.exists():
        pytest.skip("the original specification does not lie beside this checkout")
    methods = set(METHOD.findall(specification.read_text(encoding="utf-8")))
    rows = set(re.findall(r"^\| (\w+) \| `", TABLE, re.MULTILINE))
    assert methods - rows == set()
