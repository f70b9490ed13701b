"""Reading and rewriting the labels file `metadata.jsonl`, which is the journal. Streams; never holds a file.

The one place that knows that the labels of a complete project may lie in `metadata.jsonl.gz`: whoever reads here gives
the name of the labels file, and offsets and sizes are those of the text, in either form.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Set
from typing import Final

from fontmilld.core import layout
from fontmilld.core.labels import MAX_LINE, read_claim
from fontmilld.core.ranges import RangeSet
from fontmilld.store import gzipped
from fontmilld.store.tree import Tree

_BLOCK: Final = 1 << 20


def is_packed(tree: Tree, name: str) -> bool:
    """Whether the labels are there in compressed form only."""
    return tree.size(name) is None and tree.size(name + layout.PACKED_SUFFIX) is not None


def file_of(tree: Tree, name: str) -> str:
    """The file that the labels are read from."""
    return name + layout.PACKED_SUFFIX if is_packed(tree, name) else name


def size(tree: Tree, name: str) -> int | None:
    """Bytes of the labels; None when there are none."""
    there = tree.size(name)
    if there is None and is_packed(tree, name):
        return gzipped.unpacked_size(tree, name + layout.PACKED_SUFFIX)
    return there


def blocks(tree: Tree, name: str, start: int = 0) -> Iterator[bytes]:
    """The labels from `start`, in blocks; nothing when there are none."""
    # Never opened in vain: a tree lets go of a folder in which a file was not found, and a writer may be at work in it.
    if not is_packed(tree, name):
        came = False
        for block in tree.stream(name, start):
            came = True
            yield block
        if came or not is_packed(tree, name):  # a session that ends may pack them between the two looks
            return
    yield from gzipped.unpacked(tree, name + layout.PACKED_SUFFIX, start)


def read(tree: Tree, name: str, start: int, length: int) -> bytes:
    """`length` bytes of the labels from `start`, fewer at their end."""
    if not is_packed(tree, name):
        piece = tree.read(name, start, length)
        if piece or not is_packed(tree, name):  # see `blocks`
            return piece
    return b"".join(_bounded(gzipped.unpacked(tree, name + layout.PACKED_SUFFIX, start), length))


def drop_cache(tree: Tree, name: str) -> None:
    """See Tree.drop_cache."""
    tree.drop_cache(name)
    tree.drop_cache(name + layout.PACKED_SUFFIX)


def digest(pieces: Iterable[bytes]) -> str:
    """SHA-256, in hex."""
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    return sha256.hexdigest()


def lines(tree: Tree, name: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(offset, line with its newline) from `start`, which must be the beginning of a line, to `end`.

    What follows the last newline comes as it is, without one. A line longer than MAX_LINE comes in pieces
    that are no claims.
    """
    offset, rest = start, b""
    for block in _bounded(blocks(tree, name, start), None if end is None else end - start):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            yield offset, piece + b"\n"
            offset += len(piece) + 1
        if len(rest) > MAX_LINE:
            yield offset, rest
            offset, rest = offset + len(rest), b""
    if rest:
        yield offset, rest


def _bounded(pieces: Iterable[bytes], left: int | None) -> Iterator[bytes]:
    for block in pieces:
        if left is None:
            yield block
            continue
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def line_of(tree: Tree, name: str, index: int) -> bytes:
    """The line that claims `index`; b"" when there is none."""
    for _, line in lines(tree, name):
        claim = read_claim(line)
        if claim is not None and claim.index == index:
            return line
    return b""


def prefix(tree: Tree, name: str, length: int) -> Iterator[bytes]:
    """The first `length` bytes, in blocks."""
    return _bounded(blocks(tree, name), length)


def without(tree: Tree, name: str, drop: RangeSet) -> Iterator[bytes]:
    """The journal less the lines of `drop` and whatever is no claim, in blocks."""
    return _joined(line for _, line in lines(tree, name) if _kept(line, drop))


def _kept(line: bytes, drop: RangeSet) -> bool:
    claim = read_claim(line)
    return claim is not None and line.endswith(b"\n") and claim.index not in drop


def less(tree: Tree, name: str, dropped: Set[int], end: int) -> Iterator[bytes]:
    """The journal up to `end` less the lines at these offsets, in blocks."""
    return _joined(line for offset, line in lines(tree, name, 0, end) if offset not in dropped)


def in_order(tree: Tree, name: str) -> Iterator[bytes]:
    """The journal with its lines in index order, in blocks. Holds 16 bytes and an integer a line."""
    indices, offsets = array("Q"), array("Q")
    end = 0
    for offset, line in lines(tree, name):
        claim = read_claim(line)
        if claim is not None:
            indices.append(claim.index)
            offsets.append(offset)
            end = offset + len(line)
    offsets.append(end)
    order = sorted(range(len(indices)), key=indices.__getitem__)
    return _joined(read(tree, name, offsets[a], offsets[b + 1] - offsets[a]) for a, b in _runs(order))


def _runs(order: list[int]) -> Iterator[tuple[int, int]]:
    """Stretches of consecutive line numbers, so that each is one read."""
    start = 0
    for at in range(1, len(order) + 1):
        if at == len(order) or order[at] != order[at - 1] + 1:
            yield order[start], order[at - 1]
            start = at


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
