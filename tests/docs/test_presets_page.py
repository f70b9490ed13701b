"""docs/presets.md is made from the presets, is up to date, and gives each its sources; the presets in it are presets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fontmill.cli import reference as pages
from fontmill.pictures import PRESETS
from fontmilld import reference
from fontmilld.render import presetfile, presetlib
from fontmilld.render.kinds import KINDS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert pages.main(["--check", str(DOCS)], reference.PAGES) == 0


def test_it_names_every_preset_and_kind_and_its_toml_is_the_preset() -> None:
    page = reference.presets_page()
    blocks = dict(re.findall(r"^## ([\w-]+)\n.*?```toml\n(.*?)```", page, re.MULTILINE | re.DOTALL))
    for name in PRESETS:
        assert presetfile.read(name, blocks[name]) == presetfile.get(name)
    assert all(f"| `{kind}` |" in page for kind in KINDS)
    assert all(source in page for source in ("Hradis", "TextZoom", "Real-ESRGAN", "RSBlur"))


def test_both_sides_know_the_same_presets() -> None:
    assert set(PRESETS) == set(presetlib.SOURCES)


def test_a_preset_without_a_word_about_its_sources_is_not_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presetlib, "SOURCES", {**presetlib.SOURCES, "new": presetlib.SOURCES["plain"]})
    with pytest.raises(ValueError, match="says nothing of new"):
        reference.presets_page()
