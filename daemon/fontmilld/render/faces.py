"""Faces: what is inside a font file, what of it can be drawn, and the open face a worker draws with."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields
from typing import Any, Final

import uharfbuzz as hb

from fontmilld.render import charset, coverage, naming, sketch, strikes
from fontmilld.render.coverage import Coverage
from fontmilld.render.fonttables import Tables
from fontmilld.render.repertoire import repertoire_of
from fontmilld.render.shaping import TypeFace, TypeFont
from fontmilld.render.strikes import Strike

MAX_BYTES: Final = 128 * 2**20
_SFNT: Final = (b"\0\1\0\0", b"OTTO", b"true", b"ttcf")
_PACKED: Final = {b"wOFF": "WOFF", b"wOF2": "WOFF2", b"%!PS": "Type 1", b"\x80\x01%!": "Type 1"}


class FontProblem(Exception):
    """A font that cannot be used: `slug` for programs, `reason` for people, without any path."""

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(f"{slug}: {reason}")
        self.slug = slug
        self.reason = reason

    def __reduce__(self) -> tuple[type[FontProblem], tuple[str, str]]:
        return (FontProblem, (self.slug, self.reason))


@dataclass(frozen=True, slots=True)
class FaceReport:
    """What inspection found out about one face; JSON types only, so that it can cross a pipe.

    `usable` holds the drawable text characters as ranges of `charset.to_ranges`; `scripts` counts them
    by ISO 15924 code. `strikes` are the sizes, in px per em, of a face that is drawn from bitmaps.
    `drawable_by` says how drawability was established. `sketch` is for finding near-duplicates
    (`twins.near_duplicates`).
    """

    sha256: str
    face_index: int
    face_count: int
    family: str
    style: str
    names: dict[str, str]
    os2: dict[str, Any]
    axes: list[dict[str, Any]]
    instances: list[dict[str, Any]]
    licence: str
    licence_evidence: str
    outlines: list[str]
    color_tables: list[str]
    bitmap_tables: list[str]
    units_per_em: int
    glyph_count: int
    mapped_count: int
    usable_count: int
    usable: str
    empty_count: int
    empty: str
    tofu_count: int
    tofu: str
    scripts: dict[str, int]
    unshaped: dict[str, int]
    private_count: int
    strikes: list[int]
    drawable_by: str
    notes: list[str] = field(default_factory=list)
    sketch: dict[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the report as a JSON-able dict, which `Face` accepts."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def count_faces(data: bytes) -> int:
    """Return the number of faces in a font file; raises FontProblem if it is no font at all."""
    _check_container(data)
    count = int(hb.Face(hb.Blob(data)).count)
    if count < 1:
        raise FontProblem("font-unreadable", "the file has a font's signature but holds no face")
    return count


def inspect_face(data: bytes, face_index: int, sha256: str = "") -> FaceReport:
    """Inspect one face of a font file's bytes; raises FontProblem if text cannot be drawn with it.

    `sha256` is the hexadecimal digest of the bytes, where the caller has it. Hostile bytes may take the
    process down: call it in one that is expendable.
    """
    count = count_faces(data)
    if not 0 <= face_index < count:
        raise FontProblem("font-unreadable", f"the file has {count} faces, there is no face {face_index}")
    tables = _read_tables(data, face_index)
    face = TypeFace(data, face_index)
    plain = TypeFont(face)
    ruled = "morx" in tables.rules
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    try:
        found, sizes = coverage.find(face, [plain], ruled, _judged(sha256, tables.outlines_at)), list[int]()
    except coverage.TooLarge as error:
        told = f"its glyphs are many times larger than its em of {int(face.hb.upem)} units, and too many to be looked at one by one"
        raise FontProblem("font-unreadable", told) from error
    if not found.usable and "EBDT" in tables.bitmaps:
        fonts = coverage.strike_fonts(face, _read_strikes(data, face_index))
        found, sizes = coverage.find(face, fonts.values(), ruled), list(fonts)
        plain = fonts[sizes[-1]] if sizes else plain
    if not found.usable:
        raise _nothing_to_draw(tables, found)
    return _report(sha256, face_index, count=count, font=plain, tables=tables, found=found, sizes=sizes)


def font_id_for(report: FaceReport, file_stem: str, face_index: int, taken: Set[str]) -> str:
    """Return a unique id for the face: [a-z0-9_-]{1,80}, starting with a letter or digit, no dots.

    A file of one face is called after its stem, a face of a collection after its names.
    """
    full = naming.slug(f"{report.family} {report.style}")
    wanted = naming.slug(file_stem)
    if report.face_count > 1:
        wanted = full or (f"{wanted}-{face_index}" if wanted else "")
    identity = hashlib.sha256(f"{report.sha256}:{face_index}".encode("ascii")).hexdigest()
    return naming.free_id(wanted or full, identity, taken)


class Face:
    """One face opened for drawing: shaping font, axes, repertoire.

    Takes the file's bytes (kept, not copied) and the record of `inspect_face`, or as much of it as `axes`, `strikes` and
    `usable`, so that a worker need not inspect again. Raises FontProblem if the bytes do not open, KeyError and
    TypeError for a record of another version.
    """

    def __init__(self, data: bytes, face_index: int, record: Mapping[str, Any] | None = None) -> None:
        self.record = record or inspect_face(data, face_index).to_record()
        self.face_index = face_index
        self.axes = {axis["tag"]: axis for axis in self.record["axes"]}
        self._face = TypeFace(data, face_index)
        if not self._face.glyph_count:
            raise FontProblem("font-unreadable", "the font file no longer opens")
        self._plain = TypeFont(self._face)
        self._strikes = coverage.strike_fonts(self._face, _read_strikes(data, face_index)) if self.record["strikes"] else {}
        self.repertoire = repertoire_of(self.record["usable"], bool(self._plain.nominal(0x20)))

    @property
    def strikes(self) -> tuple[int, ...]:
        """Return the sizes, px per em, that a bitmap face is drawn at; none for a face with outlines."""
        return tuple(self._strikes)

    def font(self, axes: Iterable[tuple[str, float]] = (), bold: float = 0.0, strike: int = 0) -> TypeFont:
        """Return the font at variation `axes` (design units), emboldened by `bold` em; or that of a strike."""
        if strike:
            return self._strikes[strike]
        chosen = dict(axes)
        return TypeFont(self._face, chosen, bold) if chosen or bold else self._plain


# Most faces of a family have the same characters.
@functools.lru_cache(maxsize=4)
def _described(usable: frozenset[int]) -> tuple[str, Mapping[str, int]]:
    """Return characters as ranges, and how many of each script there are."""
    return charset.to_ranges(usable), charset.count_scripts(usable)


def _read_tables(data: bytes, face_index: int) -> Tables:
    try:
        return Tables.read(data, face_index)
    except MemoryError:
        raise
    except Exception as error:  # fontTools raises whatever the damage makes it raise
        raise FontProblem("font-unreadable", f"its tables are damaged ({_brief(error)})") from error


def _check_container(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 2**20:.0f} MiB"
        raise FontProblem("font-too-large", f"the file has {size}, the limit is {MAX_BYTES // 2**20} MiB")
    if not data:
        raise FontProblem("font-unreadable", "the file is empty")
    for magic, kind in _PACKED.items():
        if data.startswith(magic):
            raise FontProblem("font-unreadable", f"{kind} is not read here; convert it to TTF or OTF")
    if data[:4] not in _SFNT:
        raise FontProblem("font-unreadable", "the file is not a TrueType or OpenType font")


# One: a face that was inspected is opened next, and reading its bitmaps is nearly all of the cost of either.
@functools.lru_cache(maxsize=1)
def _read_strikes(data: bytes, face_index: int) -> dict[int, Strike]:
    try:
        return strikes.read(data, face_index)
    except MemoryError:
        raise
    except Exception as error:  # fontTools raises whatever the damage makes it raise
        raise FontProblem("font-unreadable", f"its bitmaps are damaged ({_brief(error)})") from error


def _nothing_to_draw(tables: Tables, found: Coverage) -> FontProblem:
    if found.unshaped:
        return FontProblem("font-no-drawable-glyphs", _unshaped_note(tables, found))
    if tables.colors and not found.tofu:
        kinds = ", ".join(tables.colors)
        return FontProblem("font-color-only", f"its glyphs are colour pictures ({kinds}), not outlines")
    if tables.bitmaps:
        kinds = ", ".join(tables.bitmaps)
        return FontProblem("font-bitmap-only", f"its glyphs are bitmaps ({kinds}) of a kind that is not read here")
    if not tables.outlines:
        return FontProblem("font-unreadable", "it has no glyph outlines (no glyf, CFF or CFF2 table)")
    return FontProblem(
        "font-no-drawable-glyphs",
        f"it maps {found.mapped} characters, {len(found.empty)} of them to empty glyphs and "
        f"{len(found.tofu)} to the missing-glyph box; none can be drawn",
    )


def _unshaped_note(tables: Tables, found: Coverage) -> str:
    lacking = ", ".join(f"{script} ({count})" for script, count in found.unshaped.items())
    why = "its shaping rules are for Graphite only" if "Silf" in tables.rules else "it has no shaping rules for them"
    return f"characters of these scripts are left out, {why}: {lacking}"


def _notes(tables: Tables, found: Coverage) -> list[str]:
    notes = [] if tables.names else ["it has no name table"]
    if all(map(charset.is_private, found.usable)):
        notes.append("all its characters are private-use: labels mean something with this font only")
    if tables.colors:
        notes.append("it has colour glyphs; only outlines are drawn")
    return [*notes, _unshaped_note(tables, found)] if found.unshaped else notes


@functools.lru_cache(maxsize=1)
def _judged(sha256: str, outlines_at: int) -> dict[int, str]:
    """Return what is known of the glyphs at one place of a file: ten faces of a collection may share 45,000."""
    del sha256, outlines_at
    return {}


def _report(
    sha256: str,
    face_index: int,
    *,
    count: int,
    font: TypeFont,
    tables: Tables,
    found: Coverage,
    sizes: list[int],
) -> FaceReport:
    names, face = tables.names, font.face.hb
    licence, evidence = naming.guess_licence(*(names.get(key, "") for key in ("licence", "licence_url", "copyright")))
    usable, scripts = _described(found.usable)
    return FaceReport(
        sha256=sha256,
        face_index=face_index,
        face_count=count,
        family=names.get("typographic_family") or names.get("family", ""),
        style=names.get("typographic_style") or names.get("style", ""),
        names=names,
        os2=tables.os2,
        axes=tables.axes,
        instances=tables.instances,
        licence=licence,
        licence_evidence=evidence,
        outlines=list(tables.outlines),
        color_tables=list(tables.colors),
        bitmap_tables=list(tables.bitmaps),
        units_per_em=int(face.upem),
        glyph_count=int(face.glyph_count),
        mapped_count=found.mapped,
        usable_count=len(found.usable),
        usable=usable,
        empty_count=len(found.empty),
        empty=charset.to_ranges(found.empty),
        tofu_count=len(found.tofu),
        tofu=charset.to_ranges(found.tofu),
        scripts=dict(scripts),
        unshaped=dict(found.unshaped),
        private_count=found.private,
        strikes=sizes,
        drawable_by=f"bitmaps of {len(sizes)} strikes" if sizes else f"outlines rasterised at {coverage.PROBE_PX} px",
        notes=_notes(tables, found),
        sketch=sketch.sketch(font, found.usable),
    )


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:120] if text else type(error).__name__
