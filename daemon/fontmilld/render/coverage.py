"""What a face can really draw: what drawing each mapped character gives, and whether it can be shaped."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fontTools import unicodedata as ucd

from fontmilld.render import charset, shaping
from fontmilld.render.raster import Rasterizer
from fontmilld.render.shaping import TypeFace, TypeFont
from fontmilld.render.strikes import Strike

PROBE_PX: Final = 24
# Less than a tenth of a pixel's ink, at 24 px per em: a hairline has more, numerical dust has not.
_FAINT: Final = bytes(range(24))
# Glyphs larger than this many em are damage; drawing them would take gigabytes.
_LARGEST: Final = 16 * shaping.EM

# All of a font's glyphs together, in squares of the em: 65,000 that fill theirs are a thirtieth of that.
_MOST: Final = 1 << 21

# The worst first; the compiled core goes by their places.
_JUDGEMENTS: Final = ("empty", "tofu", "ink")

# Scripts whose letters stack, reorder or join by rules that only the font has.
_RULED: Final = (
    frozenset({"Arab", "Syrc", "Mong", "Nkoo", "Adlm", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu"})
    | {"Knda", "Mlym", "Sinh", "Mymr", "Khmr", "Tibt", "Java", "Bali", "Lana", "Cham"}
)  # fmt: skip
# Letter beh, initial form: the shaper composes Arabic of a font's presentation forms where it has them.
_ARABIC_FORM: Final = 0xFE91


class TooLarge(Exception):
    """The glyphs of a font are so large that looking at all of them would take minutes."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Characters by what drawing them gave. `unshaped` maps scripts without shaping rules to how many
    characters with ink they have; those are not in `usable`. `private` counts characters with ink that
    only the font knows the meaning of, left out because it has others."""

    mapped: int
    usable: frozenset[int]
    empty: frozenset[int]
    tofu: frozenset[int]
    unshaped: Mapping[str, int]
    private: int


def find(face: TypeFace, fonts: Iterable[TypeFont], other_rules: bool, judged: dict[int, str] | None = None) -> Coverage:
    """Find what drawing every mapped character of `face` with all of `fonts` gives.

    `other_rules` says that the face has shaping rules which are not in GSUB (an AAT table `morx`).
    `judged` keeps what was found by glyph id, for other faces with the same glyphs. Raises TooLarge.
    """
    tried = [*fonts]
    gids = _glyphs(face, tried)
    known = {} if judged is None else judged
    new = [gid for gid in dict.fromkeys(gids.values()) if gid not in known]
    known.update(zip(new, _judgements(tried, new), strict=True))
    found: dict[str, set[int]] = {judgement: set() for judgement in _JUDGEMENTS}
    for cp, judgement in zip(gids, map(known.__getitem__, gids.values()), strict=True):
        found[judgement].add(cp)
    unruled = frozenset[str]() if other_rules else _without_rules(_ruled_scripts(face))
    usable, unshaped, private = _sifted(frozenset(found["ink"]), unruled)
    return Coverage(
        mapped=len(gids),
        usable=usable,
        empty=frozenset(found["empty"]),
        tofu=frozenset(found["tofu"]),
        unshaped=unshaped,
        private=private,
    )


def strike_fonts(face: TypeFace, strikes: Mapping[int, Strike]) -> dict[int, TypeFont]:
    """Return a font for each strike, by size."""
    return {size: TypeFont(face, strike=strike) for size, strike in strikes.items()}


def _ruled_scripts(face: TypeFace) -> frozenset[str]:
    """Return the tags of the scripts that GSUB has rules for."""
    try:
        return frozenset(face.hb.get_table_script_tags("GSUB"))
    except UnicodeDecodeError:  # uharfbuzz gives up all of them for one that is no text
        gsub = bytes(face.hb.reference_table("GSUB").data)
        at = int.from_bytes(gsub[4:6], "big")
        records = gsub[at + 2 : at + 2 + 6 * int.from_bytes(gsub[at : at + 2], "big")]
        return frozenset(records[start : start + 4].decode("latin-1") for start in range(0, len(records), 6))


@functools.lru_cache(maxsize=64)
def _without_rules(tags: frozenset[str]) -> frozenset[str]:
    """Return the scripts that need rules and have none among those of the font."""
    return frozenset(script for script in _RULED if tags.isdisjoint(ucd.ot_tags_from_script(script)))


# Most faces of a family have the same characters.
@functools.lru_cache(maxsize=4)
def _sifted(inked: frozenset[int], unruled: frozenset[str]) -> tuple[frozenset[int], Mapping[str, int], int]:
    """Return of the characters with ink the usable ones, the others by script, and how many private ones are not told."""
    lacking = unruled - {"Arab"} if _ARABIC_FORM in inked else unruled
    unshaped = {cp for cp in inked if charset.script_of(cp) in lacking} if lacking else set[int]()
    drawn = inked - unshaped
    public = frozenset(cp for cp in drawn if not charset.is_private(cp))
    return public or drawn, charset.count_scripts(unshaped), len(drawn) - len(public) if public else 0


def _glyphs(face: TypeFace, fonts: Sequence[TypeFont]) -> dict[int, int]:
    """Return the glyph ids of the mapped characters that are text or private, 0 for those without one."""
    drawn = _drawn(tuple(face.hb.unicodes))
    if not fonts:
        return dict.fromkeys(drawn, 0)
    if fonts[0].native is not None:
        return dict(zip(drawn, fonts[0].native.nominals(drawn), strict=True))
    return {cp: fonts[0].nominal(cp) or 0 for cp in drawn}


# Most faces of a family have the same characters.
@functools.lru_cache(maxsize=4)
def _drawn(mapped: tuple[int, ...]) -> tuple[int, ...]:
    """Return the characters that are text or private."""
    return tuple(filter(charset.is_drawn, mapped))


def _judgements(fonts: Sequence[TypeFont], gids: list[int]) -> list[str]:
    """Return for each glyph "ink", "empty" or "tofu", the worst that it is in any of the fonts."""
    if len(fonts) == 1 and fonts[0].native is not None:
        codes = fonts[0].native.judge(gids, PROBE_PX, _LARGEST, len(_FAINT), _MOST)
        if len(codes) < len(gids):
            raise TooLarge
        return [_JUDGEMENTS[code] for code in codes]
    probes = [_Probe(font) for font in fonts]
    return [_worst(probes, gid) for gid in gids]


def _worst(probes: Sequence[_Probe], gid: int) -> str:
    judgements = {probe.judge(gid) for probe in probes} or {"empty"}
    if any(probe.area > _MOST * shaping.EM**2 for probe in probes):
        raise TooLarge
    return next(worse for worse in _JUDGEMENTS if worse in judgements)


class _Probe:
    """Tells glyphs with ink of their own from empty ones and from copies of the missing-glyph box.

    `area` is that of the boxes of what was looked at, in units.
    """

    def __init__(self, font: TypeFont) -> None:
        self._font = font
        self._rasterizer = Rasterizer()
        self.area = 0
        self._tofu_box = font.box(0)
        self._tofu_ink = self._ink(0)
        self.area = 0

    def judge(self, gid: int) -> str:
        """Return "ink", "empty" or "tofu" for the glyph of a mapped character."""
        ink = self._ink(gid) if gid else b""
        if not ink.strip(_FAINT):
            return "empty"
        return "tofu" if ink == self._tofu_ink and self._font.box(gid) == self._tofu_box else "ink"

    def _ink(self, gid: int) -> bytes:
        box = self._font.box(gid)
        if box is None or max(map(abs, box)) > _LARGEST:
            return b""
        self.area += (box[2] - box[0]) * (box[3] - box[1])
        return self._rasterizer.glyph_coverage(self._font, gid, PROBE_PX)
