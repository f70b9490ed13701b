"""croissant.json: the data set described in MLCommons Croissant, as its library mlcroissant writes it. Pure.

`datePublished`, which Croissant recommends, is left out: the same session must give the same bytes.

mlcroissant itself would bring pandas, SciPy and an RDF store into the daemon (370 MB); the tests hold this
file against it instead: valid, readable, and what the library writes when it has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.documents.accounts import UNKNOWN, Account

_SPDX: Final = frozenset({"OFL-1.1", "Apache-2.0", "MIT", "Ubuntu-font-1.0"})
_CONTEXT: Final = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5",
    "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex",
    "repeated": "cr:repeated", "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}
# What a label holds but for its pictures: name, type, whether it is a list, and what it says.
_COLUMNS: Final = (
    ("index", "sc:Integer", False, "Number of the pair within its font, from 1."),
    ("font_id", "sc:Text", False, "The font; its folder in `fonts`."),
    ("width", "sc:Integer", False, "Width of the clear picture, px."),
    ("height", "sc:Integer", False, "Height of the clear picture, px."),
    ("blurred_width", "sc:Integer", False, "Width of the blurred picture, px."),
    ("blurred_height", "sc:Integer", False, "Height of the blurred picture, px."),
    ("scale", "sc:Integer", False, "How many times larger the clear picture is."),
    ("mode", "sc:Text", False, "L or RGB."),
    ("text", "sc:Text", False, "What stands there: NFC, in logical order."),
    ("script", "sc:Text", False, "ISO 15924 code."),
    ("language", "sc:Text", False, "Language of the words; empty where there are none."),
    ("direction", "sc:Text", False, "ltr or rtl."),
    ("text_source", "sc:Text", False, "Where the text comes from: words, charset, numbers, codes or file."),
    ("order", "sc:Text", True, "The steps of the degradation, in order."),
    ("text_box", "sc:Integer", True, "Box of the ink: x, y, width, height, px."),
    ("clusters", "sc:Float", True, "Each character: where it begins in the text, its length, and its box: left, top, right, bottom, px."),
    ("psnr", "sc:Float", False, "Between the halves, dB."),
    ("snr", "sc:Float", False, "Of the blurred half, dB."),
)
# What a label holds as objects: name, whether it is a list of them, what it says, and those members that every one has.
_OBJECTS: Final = (
    ("recipe", False, "All that was drawn by lot; some of it.", (
        ("preset", "sc:Text", "preset", "The preset."), ("size", "sc:Float", "style.size", "Of the type, px per em."),
        ("light", "sc:Text", "degradation.light", "linear or gamma: the light that was blurred."),
    )),
    ("psf", True, "Each blur kernel.", (
        ("kind", "sc:Text", "kind", "Disc, motion, gaussian ..."), ("size", "sc:Integer", "size", "Its width and height, px."),
        ("centroid", "sc:Float", "centroid", "Where its centre of mass is: x, y, px."),
        ("moments", "sc:Float", "moments", "Second moments: xx, xy, yy, px."),
        ("raw_offset", "sc:Float", "raw_offset", "By how much it was moved to centre it: x, y, px."),
    )),
    ("noise", True, "Each noise.", (("kind", "sc:Text", "kind", "The model."), ("seed", "sc:Integer", "seed", "What it was drawn from."))),
)
_OF_A_PICTURE: Final = (("bytes", "sc:Integer", "Bytes of the {0} picture's file."), ("sha256", "sc:Text", "SHA-256 of the {0} picture's file."))
_PICTURES: Final = {
    "clear": "The clear picture.", "blurred": "The blurred picture.",
    "mask": "At each pixel the number of the character that covers it.", "kernel": "The blur kernel.",
}


def croissant(session: ExportSession, accounts: Sequence[Account]) -> bytes:
    """The file's bytes."""
    used = [account for account in accounts if account.done]
    total = sum(account.done for account in used)
    kinds = session.config.image_kinds
    licences = sorted({_licence(account) for account in used}) or [UNKNOWN]
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": session.project_name,
        "description": f"{total} pairs of a clear and a blurred picture of text in {len(used)} fonts, made by fontmill. "
                       "Records of `pairs` name their pictures, which are records of the other sets.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": f"{session.project_name}: made by fontmill with preset {session.config.preset} and seed {session.config.seed}",
        "license": licences[0] if len(licences) == 1 else licences,
        "url": "README.md",
        "version": "1.0.0",
        "distribution": [
            _files("labels", "application/jsonlines", _labels_told(session.config.compress_metadata), layout.samples_file("*")),
            *(_files(f"{kind}-files", "image/png", _PICTURES[kind], f"{layout.images_dir('*')}/*_{kind}.png") for kind in kinds),
        ],
        "recordSet": [_pairs(kinds), *map(_pictures, kinds)],
    }
    return orjson.dumps(described, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _labels_told(compressed: bool) -> str:
    return f"One line a pair. Kept compressed: gunzip -k {layout.packed_file('*')} first." if compressed else "One line a pair."


def _licence(account: Account) -> str:
    return f"https://spdx.org/licenses/{account.licence}" if account.licence in _SPDX else account.licence


def _files(name: str, encoding: str, description: str, includes: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": name, "name": name, "description": description, "encodingFormat": encoding, "includes": includes}


def _pairs(kinds: Sequence[str]) -> dict[str, Any]:
    fields = []
    for name, kind, several, told in _COLUMNS:
        field = _field("pairs", name, kind, told, "labels", {"column": name})
        fields.append({**field, "repeated": True} if several else field)
    fields += [_object(*described) for described in _OBJECTS]
    for kind in kinds:
        name = f"{kind}_file_name"
        field = _field("pairs", name, "sc:Text", f"Its record in `{kind}`.", "labels", {"column": name})
        field["source"]["transform"] = {"regex": f"{layout.IMAGES_DIR}/(.+)"}
        fields.append(field)
        fields += [_field("pairs", f"{kind}_{name}", of, told.format(kind), "labels", {"column": f"{kind}_{name}"}) for name, of, told in _OF_A_PICTURE]
    return {"@type": "cr:RecordSet", "@id": "pairs", "name": "pairs", "description": "The labels.", "field": fields}


def _object(name: str, several: bool, told: str, members: Sequence[tuple[str, str, str, str]]) -> dict[str, Any]:
    fields = []
    for member, kind, path, about in members:
        field = _field(f"pairs/{name}", member, kind, about, "labels", {"column": name})
        field["source"]["transform"] = {"jsonPath": path}
        fields.append(field)
    described = {"@type": "cr:Field", "@id": f"pairs/{name}", "name": name, "description": told, "subField": fields}
    return {**described, "repeated": True} if several else described


def _pictures(kind: str) -> dict[str, Any]:
    files = f"{kind}-files"
    return {
        "@type": "cr:RecordSet", "@id": kind, "name": kind, "description": _PICTURES[kind], "key": {"@id": f"{kind}/file_name"},
        "field": [
            _field(kind, "file_name", "sc:Text", "Name of the file.", files, {"fileProperty": "filename"}),
            _field(kind, "image", "sc:ImageObject", _PICTURES[kind], files, {"fileProperty": "content"}),
        ],
    }


def _field(records: str, name: str, kind: str, told: str, files: str, extract: dict[str, str]) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": files}, "extract": extract}
    return {"@type": "cr:Field", "@id": f"{records}/{name}", "name": name, "description": told, "dataType": kind, "source": source}
