"""`metadata.jsonl.gz`: gzip in members of bounded size, so that no reader and no writer ever holds a whole file.

Any gunzip reads it. Each member's header tells, in an extra field, how long it is packed and unpacked, so that a reader
gets to any line without unpacking what is before it. No time, no name, libdeflate at one level: the same labels give
the same bytes (I3), as long as the fingerprint's `deflate` is the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import deflate

from fontmilld.store.tree import Tree

MEMBER: Final = 1 << 20
_MOST: Final = 2 * MEMBER
_LEVEL: Final = 6
# Magic, deflate, FEXTRA, no time, no extra flags, unknown system; 12 bytes of extra field: `FM`, 8 bytes, both lengths.
_HEADER: Final = struct.Struct("<4sIBBH2sHII")
_FIXED: Final = (b"\x1f\x8b\x08\x04", 0, 0, 255, 12, b"FM", 8)
_TRAILER: Final = struct.Struct("<II")


class _Member(NamedTuple):
    """Where a member's packed data and its text begin, and how long they are, in bytes."""

    packed_at: int
    packed: int
    at: int
    length: int


def packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The gzip members of a text, one after another. Where they are cut does not hang on how it is divided into blocks."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= _MOST:
            cut = held.find(b"\n", MEMBER - 1, _MOST) + 1 or _MOST
            yield _pack(bytes(held[:cut]))
            del held[:cut]
    while held:
        cut = held.find(b"\n", MEMBER - 1) + 1 or len(held)
        yield _pack(bytes(held[:cut]))
        del held[:cut]


def _pack(text: bytes) -> bytes:
    data = bytes(deflate.deflate_compress(text, _LEVEL))
    return _HEADER.pack(*_FIXED, len(data), len(text)) + data + _TRAILER.pack(deflate.crc32(text), len(text))


def unpacked(tree: Tree, name: str, start: int = 0) -> Iterator[bytes]:
    """The text from `start`, in blocks; ends where no member of ours follows.

    A member whose data is damaged comes as zeros and a newline, as long as it says it was: no line is taken from it, and
    the lines behind it stay where they were.
    """
    for member in _members(tree, name):
        if member.at + member.length > start:
            yield _unpack(tree, name, member)[max(0, start - member.at):]


def unpacked_size(tree: Tree, name: str) -> int:
    """Bytes of the text, by the headers alone."""
    return sum(member.length for member in _members(tree, name))


def _members(tree: Tree, name: str) -> Iterator[_Member]:
    at = packed_at = 0
    while len(header := tree.read(name, packed_at, _HEADER.size)) == _HEADER.size:
        *fixed, length_packed, length = _HEADER.unpack(header)
        if tuple(fixed) != _FIXED or not 0 < length <= _MOST or length_packed > _MOST + MEMBER:
            return
        yield _Member(packed_at + _HEADER.size, length_packed, at, length)
        at += length
        packed_at += _HEADER.size + length_packed + _TRAILER.size


def _unpack(tree: Tree, name: str, member: _Member) -> bytes:
    piece = tree.read(name, member.packed_at, member.packed + _TRAILER.size)
    data, trailer = piece[: member.packed], piece[member.packed :]
    try:
        text = bytes(deflate.deflate_decompress(data, member.length))
    except deflate.DeflateError:
        text = b""
    if len(text) == member.length and trailer == _TRAILER.pack(deflate.crc32(text), len(text)):
        return text
    return bytes(member.length - 1) + b"\n"
