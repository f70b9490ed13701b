"""PNG files for speed: one IDAT chunk, compressed by the compiled core, or by libdeflate without filters.

The core's compressor (native/png.c) knows pictures of text: runs along the row and like the row above, one filter for
the whole picture where a sample says that it pays, a code of the picture's own. At half of libdeflate's time the files are
smaller. libdeflate comes with its package, so no bytes hang on the host's zlib. ISA-L was tried twice: for the same
input it gives other bytes now and then (2 in 100 kernel pictures, most of 5 x 5 px, and 1 in 4,200 others, between two
runs of the same job), which breaks I2.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import Any, Final

import deflate
import numpy as np

from fontmilld.native import core

Picture = np.ndarray[Any, np.dtype[np.uint8]]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES: Final = {1: 0, 3: 2}
FAST: Final = 1
# Raise the number when the core gives other bytes for the same picture.
ENCODER: Final = "core 1" if core is not None else "libdeflate"
_IDAT: Final = b"IDAT"
_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_NUMBER: Final = struct.Struct(">I").pack


def png(picture: Picture, level: int = FAST) -> bytes:
    """Return a PNG file of a uint8 picture: (rows, cols) becomes mode L, (rows, cols, 3) mode RGB."""
    return from_lines(lines(picture), 1 if picture.ndim == 2 else 3, level)


def lines(picture: Picture) -> Picture:
    """Return the picture as a PNG file holds it, (rows, 1 + cols * channels): each row after its filter byte."""
    height = picture.shape[0]
    found = np.zeros((height, 1 + picture[0].size), dtype=np.uint8)
    found[:, 1:] = picture.reshape(height, -1)
    return found


def from_lines(rows: Picture, channels: int, level: int = FAST) -> bytes:
    """Return a PNG file of rows as `lines` returns them, contiguous in memory.

    `level` is 0 (stored), FAST (by the core, where it was compiled) or another of libdeflate's levels, up to 12.
    """
    if level == FAST and core is not None:
        file: bytes = core.png(rows, channels)
        return file
    height, length = rows.shape
    data = bytes(deflate.zlib_compress(rows.tobytes(), level))
    return b"".join((
        _head((length - 1) // channels, height, channels), _NUMBER(len(data)), _IDAT, data,
        _NUMBER(zlib.crc32(data, zlib.crc32(_IDAT))), _END,
    ))  # fmt: skip


@functools.lru_cache(maxsize=8)
def _head(width: int, height: int, channels: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    return b"".join((_SIGNATURE, _NUMBER(len(header) - 4), header, _NUMBER(zlib.crc32(header))))
