"""What a font's tables say about it; no outlines are touched here."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fontmilld.render import plaintables
from fontmilld.render.plaintables import Axis, Instance, Unusual

if TYPE_CHECKING:
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


def _recorded(names: Mapping[int, str | None]) -> dict[str, str]:
    """Return the names worth recording, cut to 400 characters."""
    found = {}
    for name_id, key in _NAME_IDS.items():
        text = " ".join((names.get(name_id) or "").split())
        if text:
            found[key] = text[:_NAME_LIMIT]
    return found


def read_names(font: TTFont) -> dict[str, str]:
    """Return the names worth recording, in English where there is a choice, cut to 400 characters."""
    if "name" not in font:
        return {}
    return _recorded({name_id: font["name"].getDebugName(name_id) for name_id in _NAME_IDS})


def read_variations(font: TTFont) -> tuple[list[Axis], list[Instance]]:
    """Return the variation axes and the named instances of a variable font."""
    if "fvar" not in font:
        return [], []
    fvar = font["fvar"]
    axes = [
        Axis(axis.axisTag, axis.minValue, axis.defaultValue, axis.maxValue, axis.flags, axis.axisNameID)
        for axis in fvar.axes
    ]
    return axes, [Instance(each.subfamilyNameID, tuple(each.coordinates[axis.tag] for axis in axes)) for each in fvar.instances]


def _axes(axes: Iterable[Axis], name_of: Callable[[int], str | None]) -> list[dict[str, Any]]:
    """Return the variation axes: tag, name, minimum, default, maximum in design units."""
    return [
        {
            "tag": axis.tag,
            "name": name_of(axis.name_id) or axis.tag,
            "minimum": float(axis.minimum),
            "default": float(axis.default),
            "maximum": float(axis.maximum),
            "hidden": bool(axis.flags & 1),
        }
        for axis in axes
    ]


def _instances(
    instances: Iterable[Instance], axes: Iterable[Axis], name_of: Callable[[int], str | None],
) -> list[dict[str, Any]]:
    """Return the named instances of a variable font with their coordinates."""
    tags = [axis.tag for axis in axes]
    return [
        {"name": name_of(instance.name_id) or "", "coordinates": dict(zip(tags, map(float, instance.coordinates), strict=True))}
        for instance in instances
    ]


def read_os2(font: TTFont) -> dict[str, Any]:
    """Return weight (100..900), width (1..9), vendor and fsType; empty without an OS/2 table."""
    if "OS/2" not in font:
        return {}
    os2 = font["OS/2"]
    return _os2(int(os2.usWeightClass), int(os2.usWidthClass), int(os2.fsType), str(os2.achVendID))


def _os2(weight: int, width: int, fs_type: int, vendor: str) -> dict[str, Any]:
    return {"weight": weight, "width": width, "vendor": vendor.strip("\0 "), "fs_type": fs_type}


def _nameless(_: int) -> None:
    return None


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
    def read(cls, data: bytes, face_index: int) -> Tables:
        """Read those of one face of a file; raises what fontTools raises for damaged ones."""
        try:
            return cls._plain(data)
        except Unusual:
            pass
        from fontTools.ttLib import TTFont  # noqa: PLC0415  it loads much that is for few fonts

        with TTFont(io.BytesIO(data), fontNumber=face_index, lazy=True) as font:
            offsets = {tag: int(entry.offset) for tag, entry in font.reader.tables.items()}
            names, os2, (axes, instances) = read_names(font), read_os2(font), read_variations(font)
            table = font.get("name") if axes or instances else None
            name_of: Callable[[int], str | None] = table.getDebugName if table else _nameless
            return cls._of(offsets, names, os2, _axes(axes, name_of), _instances(instances, axes, name_of))

    @classmethod
    def _plain(cls, data: bytes) -> Tables:
        """Read a font that is neither in a collection nor out of the ordinary; raises Unusual."""
        places = plaintables.directory(data)
        tables = {tag: plaintables.contents(data, places[tag]) for tag in ("name", "OS/2", "fvar") if tag in places}
        axes, instances = plaintables.variations(tables["fvar"]) if "fvar" in tables else ([], [])
        wanted = {*_NAME_IDS, *(axis.name_id for axis in axes), *(instance.name_id for instance in instances)}
        names = plaintables.names(tables["name"], wanted) if "name" in tables else {}
        os2 = _os2(*plaintables.os2(tables["OS/2"])) if "OS/2" in tables else {}
        offsets = {tag: place.offset for tag, place in places.items()}
        return cls._of(offsets, _recorded(names), os2, _axes(axes, names.get), _instances(instances, axes, names.get))

    @classmethod
    def _of(
        cls,
        offsets: Mapping[str, int],
        names: dict[str, str],
        os2: dict[str, Any],
        axes: list[dict[str, Any]],
        instances: list[dict[str, Any]],
    ) -> Tables:
        return cls(
            names=names,
            os2=os2,
            axes=axes,
            instances=instances,
            outlines=_present(offsets, _OUTLINE_TABLES),
            bitmaps=_present(offsets, _BITMAP_TABLES),
            colors=_present(offsets, _COLOR_TABLES),
            rules=_present(offsets, _RULE_TABLES),
            outlines_at=next((offsets[tag] for tag in _OUTLINE_TABLES if tag in offsets), -1),
        )


def _present(offsets: Mapping[str, int], tables: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `tables` that the font has, without padding blanks."""
    return tuple(tag.strip() for tag in tables if tag in offsets)
