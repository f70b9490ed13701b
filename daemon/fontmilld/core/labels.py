"""One line of `metadata.jsonl`: how it is built and how its claim is read back. Pure.

A line is a claim: "this pair is in the tree, with these sizes and digests". It starts with fixed keys in a
fixed order, so that a hundred thousand claims can be read without parsing JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from fontmilld.core import layout

MAX_LINE: Final = 1 << 20
_CLAIM_KEYS: Final = frozenset((
    "index", "clear_file_name", "blurred_file_name", "clear_bytes", "blurred_bytes", "clear_sha256", "blurred_sha256",
    "mask_bytes", "mask_sha256", "kernel_bytes", "kernel_sha256",
))
# A picture of 4096 x 4096 pixels in RGB, not compressed at all, has fewer than a hundred million bytes: nobody reads more
# into memory because a label says so.
_CLAIM: Final = re.compile(
    rb'\{"index":([1-9][0-9]{0,9}),'
    rb'"clear_file_name":"images/([^"/\\]+)","blurred_file_name":"images/([^"/\\]+)",'
    rb'"clear_bytes":([0-9]{1,8}),"blurred_bytes":([0-9]{1,8}),'
    rb'"clear_sha256":"([0-9a-f]{64})","blurred_sha256":"([0-9a-f]{64})"'
    rb'(?:,"mask_file_name":"images/([^"/\\]+)","mask_bytes":([0-9]{1,8}),"mask_sha256":"([0-9a-f]{64})")?'
    rb'(?:,"kernel_file_name":"images/([^"/\\]+)","kernel_bytes":([0-9]{1,8}),"kernel_sha256":"([0-9a-f]{64})")?[,}]'
)
_EXTRAS: Final = ("mask", "kernel")


class Image(NamedTuple):
    """What a line says of one image file: name within `images/`, size in bytes, SHA-256 in hex."""

    file_name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a line promises: one pair, its images in the order of `layout.IMAGE_KINDS`."""

    index: int
    images: tuple[Image, ...]


def claim_line(index: int, clear: Image, blurred: Image, members: bytes, extras: Mapping[str, Image] = {}) -> bytes:
    """The complete line, newline included, of a pair of images and of `extras`, a mask and a kernel picture, by kind.

    `members` is the rest of the line's JSON, as it stands between the braces; it may be empty.
    """
    claim = (
        f'{{"index":{index},"clear_file_name":"{layout.IMAGES_DIR}/{clear.file_name}",'
        f'"blurred_file_name":"{layout.IMAGES_DIR}/{blurred.file_name}",'
        f'"clear_bytes":{clear.size},"blurred_bytes":{blurred.size},'
        f'"clear_sha256":"{clear.sha256}","blurred_sha256":"{blurred.sha256}"'
    )
    for kind in _EXTRAS if extras else ():
        if kind in extras:
            image = extras[kind]
            claim += (f',"{kind}_file_name":"{layout.IMAGES_DIR}/{image.file_name}","{kind}_bytes":{image.size},'
                      f'"{kind}_sha256":"{image.sha256}"')
    return b"%b,%b}\n" % (claim.encode("ascii"), members) if members else b"%b}\n" % claim.encode("ascii")


def label_line(
    index: int, clear_name: str, blurred_name: str, label: Mapping[str, Any], extras: Mapping[str, str] = {},
) -> bytes:
    """The complete line, as `claim_line` makes it, of a label as JSON types: sizes, digests and all the rest.

    `extras` are the file names of a mask and a kernel picture, by kind, of which `label` has size and digest too.

    The claim's keys come first, the others follow in the order of `label`. Raises KeyError when a size or
    digest is missing, TypeError when a value is not JSON.
    """
    names = {"clear": clear_name, "blurred": blurred_name} | {kind: extras[kind] for kind in _EXTRAS if kind in extras}
    images = {kind: Image(name, label[f"{kind}_bytes"], label[f"{kind}_sha256"]) for kind, name in names.items()}
    rest = orjson.dumps({key: value for key, value in label.items() if key not in _CLAIM_KEYS})
    return claim_line(index, images.pop("clear"), images.pop("blurred"), rest[1:-1], images)


def read_claim(line: bytes) -> Claim | None:
    """The claim of a line (with or without its newline), or None when it is not one of ours.

    Looks at the fixed keys and the closing brace only; `is_sound` parses the whole line.
    """
    match = _CLAIM.match(line)
    if match is None or not line.endswith((b"}\n", b"}")):
        return None
    # Resume reads a hundred thousand of these before anything is drawn: no loop where two calls do.
    index, clear, blurred, clear_bytes, blurred_bytes, clear_sha, blurred_sha, *more = match.groups()
    images: tuple[Image, ...] = _image(clear, clear_bytes, clear_sha), _image(blurred, blurred_bytes, blurred_sha)
    if any(more):
        images += tuple(_image(*found) for found in (more[:3], more[3:]) if found[0])
    return Claim(int(index), images)


def _image(name: bytes, size: bytes, digest: bytes) -> Image:
    return Image(name.decode("latin-1"), int(size), digest.decode("ascii"))


def is_sound(line: bytes) -> bool:
    """Whether the line is JSON from end to end."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
