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
))
_CLAIM: Final = re.compile(
    rb'\{"index":([1-9][0-9]{0,9}),'
    rb'"clear_file_name":"images/([^"/\\]+)","blurred_file_name":"images/([^"/\\]+)",'
    rb'"clear_bytes":([0-9]{1,12}),"blurred_bytes":([0-9]{1,12}),'
    rb'"clear_sha256":"([0-9a-f]{64})","blurred_sha256":"([0-9a-f]{64})"[,}]'
)


class Half(NamedTuple):
    """What a line says of one image file: name within `images/`, size in bytes, SHA-256 in hex."""

    file_name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a line promises."""

    index: int
    clear: Half
    blurred: Half

    @property
    def halves(self) -> tuple[Half, Half]:
        """Both images, in the order of `layout.HALVES`."""
        return self.clear, self.blurred


def label_line(index: int, clear_name: str, blurred_name: str, label: Mapping[str, Any]) -> bytes:
    """The complete line, newline included. `label` is the renderer's: sizes, digests and all the rest.

    The claim's keys come first, the others follow in the order of `label`. Raises KeyError when a size or
    digest is missing, TypeError when a value is not JSON.
    """
    claim = (
        f'{{"index":{index},"clear_file_name":"{layout.IMAGES_DIR}/{clear_name}",'
        f'"blurred_file_name":"{layout.IMAGES_DIR}/{blurred_name}",'
        f'"clear_bytes":{label["clear_bytes"]},"blurred_bytes":{label["blurred_bytes"]},'
        f'"clear_sha256":"{label["clear_sha256"]}","blurred_sha256":"{label["blurred_sha256"]}"'
    ).encode("ascii")
    rest = orjson.dumps({key: value for key, value in label.items() if key not in _CLAIM_KEYS})
    return claim + (b"," + rest[1:] if len(rest) > 2 else b"}") + b"\n"


def read_claim(line: bytes) -> Claim | None:
    """The claim of a line (with or without its newline), or None when it is not one of ours.

    Looks at the fixed keys and the closing brace only; `is_sound` parses the whole line.
    """
    match = _CLAIM.match(line)
    if match is None or not line.endswith((b"}\n", b"}")):
        return None
    index, clear, blurred, clear_bytes, blurred_bytes, clear_sha, blurred_sha = match.groups()
    return Claim(
        int(index),
        Half(clear.decode("latin-1"), int(clear_bytes), clear_sha.decode("ascii")),
        Half(blurred.decode("latin-1"), int(blurred_bytes), blurred_sha.decode("ascii")),
    )


def is_sound(line: bytes) -> bool:
    """Whether the line is JSON from end to end."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
