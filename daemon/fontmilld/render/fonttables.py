"""What a font's tables say about it, read with fontTools; no outlines are touched here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from fontTools.ttLib import TTFont

# A damaged name table is worth one refusal, not a line in the log for each of its 14,000 records.
logging.getLogger("fontTools").setLevel(logging.CRITICAL)

_NAME_IDS: Final = {
    0: "copyright",
    1: "family",
    2: "style",
    3: "unique_id",
    4: "full_name",
    5: "version",
    6: "postscript_name",
    7: "trademark",
    8: "manufacturer",
    9: "designer",
    13: "licence",
    14: "licence_url",
    16: "typographic_family",
    17: "typographic_style",
}
_NAME_LIMIT: Final = 400

_OUTLINE_TABLES: Final = ("glyf", "CFF ", "CFF2")
_BITMAP_TABLES: Final = ("EBDT", "CBDT", "bdat", "sbix")
_COLOR_TABLES: Final = ("COLR", "CBDT", "sbix", "SVG ")
_RULE_TABLES: Final = ("GSUB", "morx", "Silf")


def read_names(font: TTFont) -> dict[str, str]:
    """Return the names worth recording, in English where there is a choice, cut to 400 characters."""
    if "name" not in font:
        return {}
    table = font["name"]
    found = {}
    for name_id, key in _NAME_IDS.items():
        text = (table.getDebugName(name_id) or "").strip()
        if text:
            found[key] = " ".join(text.split())[:_NAME_LIMIT]
    return found


def read_axes(font: TTFont) -> list[dict[str, Any]]:
    """Return the variation axes: tag, name, minimum, default, maximum in design units."""
    if "fvar" not in font:
        return []
    names = font.get("name")
    return [
        {
            "tag": axis.axisTag,
            "name": (names.getDebugName(axis.axisNameID) if names else None) or axis.axisTag,
            "minimum": float(axis.minValue),
            "default": float(axis.defaultValue),
            "maximum": float(axis.maxValue),
            "hidden": bool(axis.flags & 1),
        }
        for axis in font["fvar"].axes
    ]


def read_instances(font: TTFont) -> list[dict[str, Any]]:
    """Return the named instances of a variable font with their coordinates."""
    if "fvar" not in font:
        return []
    names = font.get("name")
    return [
        {
            "name": (names.getDebugName(inst.subfamilyNameID) if names else None) or "",
            "coordinates": {tag: float(value) for tag, value in inst.coordinates.items()},
        }
        for inst in font["fvar"].instances
    ]


def read_os2(font: TTFont) -> dict[str, Any]:
    """Return weight (100..900), width (1..9), vendor and fsType; empty without an OS/2 table."""
    if "OS/2" not in font:
        return {}
    os2 = font["OS/2"]
    return {
        "weight": int(os2.usWeightClass),
        "width": int(os2.usWidthClass),
        "vendor": str(os2.achVendID).strip("\0 "),
        "fs_type": int(os2.fsType),
    }


@dataclass(frozen=True, slots=True)
class Tables:
    """What the tables of one face say. `outlines_at` is where in the file its outlines begin (-1 without),
    by which faces that share them are known."""

    names: dict[str, str]
    os2: dict[str, Any]
    axes: list[dict[str, Any]]
    instances: list[dict[str, Any]]
    outlines: tuple[str, ...]
    bitmaps: tuple[str, ...]
    colors: tuple[str, ...]
    rules: tuple[str, ...]
    outlines_at: int

    @classmethod
    def read(cls, font: TTFont) -> Tables:
        """Read them; raises what fontTools raises for damaged ones."""
        return cls(
            names=read_names(font),
            os2=read_os2(font),
            axes=read_axes(font),
            instances=read_instances(font),
            outlines=_present(font, _OUTLINE_TABLES),
            bitmaps=_present(font, _BITMAP_TABLES),
            colors=_present(font, _COLOR_TABLES),
            rules=_present(font, _RULE_TABLES),
            outlines_at=next((int(font.reader.tables[tag].offset) for tag in _OUTLINE_TABLES if tag in font), -1),
        )


def _present(font: TTFont, tables: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `tables` that the font has, without padding blanks."""
    return tuple(tag.strip() for tag in tables if tag in font)
