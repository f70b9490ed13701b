"""What most fonts' tables say, read without the tables of fontTools, which take five times as long, and as much again to be loaded.

Whatever is out of the ordinary, damage above all, raises Unusual: then fontTools is to read the font, and to judge it.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping
from typing import Final, NamedTuple

from fontTools.misc.encodingTools import getEncoding

_MAGIC: Final = (b"\0\1\0\0", b"OTTO", b"true")
_HEADER: Final = 12
_ENTRY: Final = struct.Struct(">4s4xLL")
_NAMES: Final = struct.Struct(">2xHH")
_NAME: Final = struct.Struct(">6H")
# Bytes that OS/2 has in each of its versions.
_OS2_SIZES: Final = {0: 78, 1: 86, 2: 96, 3: 96, 4: 96, 5: 100}
_VARIATIONS: Final = struct.Struct(">LH2x4H")
_VARIATIONS_VERSION: Final = 0x10000
_AXIS: Final = struct.Struct(">4s3l2H")
_FIXED: Final = 1 << 16
_OS2: Final = struct.Struct(">H2xHHH48x4s")
_WINDOWS_ENGLISH: Final = (3, 0x409)
_MAC_ENGLISH: Final = (1, 0)


class Unusual(Exception):
    """The font is not one that can be read here."""


class Place(NamedTuple):
    """Where in its file a table is."""

    offset: int
    length: int


class OS2(NamedTuple):
    """Of the table OS/2: weight (100..900), width (1..9), fsType and the vendor's four characters."""

    weight: int
    width: int
    fs_type: int
    vendor: str


class Axis(NamedTuple):
    """Of the table fvar: an axis, its range in design units, and the number of its name."""

    tag: str
    minimum: float
    default: float
    maximum: float
    flags: int
    name_id: int


class Instance(NamedTuple):
    """Of the table fvar: a named instance, with a coordinate for each axis."""

    name_id: int
    coordinates: tuple[float, ...]


def directory(data: bytes) -> dict[str, Place]:
    """Return the tables of a file of one face by their tags."""
    if data[:4] not in _MAGIC or len(data) < _HEADER:
        raise Unusual
    entries = data[_HEADER : _HEADER + _ENTRY.size * int.from_bytes(data[4:6], "big")]
    if len(entries) != _ENTRY.size * int.from_bytes(data[4:6], "big"):
        raise Unusual
    return {tag.decode("latin-1"): Place(offset, length) for tag, offset, length in _ENTRY.iter_unpack(entries)}


def contents(data: bytes, place: Place) -> bytes:
    """Return a table's bytes."""
    table = data[place.offset : place.offset + place.length]
    if len(table) != place.length:
        raise Unusual
    return table


def os2(table: bytes) -> OS2:
    """Read the table OS/2."""
    if len(table) < _OS2_SIZES.get(int.from_bytes(table[:2], "big"), len(table) + 1):
        raise Unusual
    _, weight, width, fs_type, vendor = _OS2.unpack_from(table)
    if not vendor.isascii():
        raise Unusual
    return OS2(weight, width, fs_type, vendor.decode("ascii"))


def variations(table: bytes) -> tuple[list[Axis], list[Instance]]:
    """Read the table fvar."""
    if len(table) < _VARIATIONS.size:
        raise Unusual
    version, start, axes, axis_size, instances, instance_size = _VARIATIONS.unpack_from(table)
    end = start + axes * axis_size + instances * instance_size
    if version != _VARIATIONS_VERSION or axis_size < _AXIS.size or instance_size < 4 + 4 * axes or end > len(table):
        raise Unusual
    found = [_axis(table, start + number * axis_size) for number in range(axes)]
    start += axes * axis_size
    coordinates = struct.Struct(f">H2x{axes}l")
    read = (coordinates.unpack_from(table, start + number * instance_size) for number in range(instances))
    return found, [Instance(name_id, tuple(place / _FIXED for place in places)) for name_id, *places in read]


def _axis(table: bytes, at: int) -> Axis:
    tag, minimum, default, maximum, flags, name_id = _AXIS.unpack_from(table, at)
    if not tag.isascii():
        raise Unusual
    return Axis(tag.decode("ascii"), minimum / _FIXED, default / _FIXED, maximum / _FIXED, flags, name_id)


def names(table: bytes, wanted: Container[int]) -> Mapping[int, str]:
    """Return of the table `name` the `wanted` names by their ids, in English where there is a choice."""
    if len(table) < _NAMES.size:
        raise Unusual
    count, start = _NAMES.unpack_from(table)
    records, strings = table[_NAMES.size : _NAMES.size + _NAME.size * count], table[start:]
    english: dict[int, str] = {}
    mac: dict[int, str] = {}
    last: dict[int, str] = {}
    for platform, encoding, language, name_id, length, offset in _NAME.iter_unpack(records[: len(records) // _NAME.size * _NAME.size]):
        if name_id not in wanted or name_id in english or offset + length > len(strings):
            continue
        text = _decoded(strings[offset : offset + length], platform, encoding, language)
        if text is None:
            continue
        last[name_id] = text
        if (platform, language) == _WINDOWS_ENGLISH:
            english[name_id] = text
        elif (platform, language) == _MAC_ENGLISH:
            mac.setdefault(name_id, text)
    return {name_id: english.get(name_id) or mac.get(name_id) or text for name_id, text in last.items()}


def _decoded(string: bytes, platform: int, encoding: int, language: int) -> str | None:
    codec = getEncoding(platform, encoding, language, "ascii")
    try:
        if codec != "utf_16_be" or len(string) % 2 == 0:
            text = string.decode(codec)
            if text and text[0] != "\0":
                return text
        # Bytes too few, or characters that look like halves of others: fontTools knows what was meant.
        from fontTools.ttLib.tables._n_a_m_e import makeName  # noqa: PLC0415  it loads much that is for few fonts

        return str(makeName(string, 0, platform, encoding, language).toUnicode())
    except UnicodeDecodeError:
        return None
