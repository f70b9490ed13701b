"""Reading a font file whole, once: what is no regular file of a sane size is refused, never waited for."""

from __future__ import annotations

import hashlib
import os
import stat

from fontmill.errors import FontmillError

MAX_FONT_BYTES = 256 << 20


def read_font(source: str) -> bytes:
    """The font file's bytes, read once so that a change under our feet cannot change a picture (I2)."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FONT_BYTES:
                raise FontmillError("font-changed", "The font file is no longer a regular file of a sane size.")
            # Room for the largest there may be costs half of what drawing a pair does.
            return file.read(found.st_size + 1)
    except OSError as error:
        raise FontmillError("font-changed", "The font file can no longer be read.") from error


def font_digest(data: bytes) -> str:
    """sha256 of a font file, in hex."""
    return hashlib.sha256(data).hexdigest()
