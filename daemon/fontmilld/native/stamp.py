"""Which sources a compiled core was made of. hatch_build.py runs this file by its path: it imports nothing of ours."""

from __future__ import annotations

import hashlib
from pathlib import Path


def stamp(folder: Path) -> str:
    """A digest of the C files in `folder`, names and all; "" where there are none."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.glob("*.[ch]"))
    for path in files:
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode() + data)
    return digest.hexdigest() if files else ""
