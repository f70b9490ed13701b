"""The records as they are stored."""

from __future__ import annotations

from fontmill.model import ExportConfig


def test_a_configuration_stored_before_an_option_was_there_has_its_default() -> None:
    stored = ExportConfig(seed=7).to_dict()
    del stored["png_level"]
    assert ExportConfig.from_dict(stored) == ExportConfig(seed=7)


def test_the_level_of_the_pictures_is_part_of_what_decides_bytes() -> None:
    assert ExportConfig(png_level=6).identity() != ExportConfig().identity()
