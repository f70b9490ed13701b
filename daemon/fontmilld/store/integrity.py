"""verifyFileIntegrity: whether the storage holds an image as its label tells."""

from __future__ import annotations

import hashlib

from fontmilld.core.labels import Image
from fontmilld.store.tree import ImageFolder


def damage_of(folder: ImageFolder, image: Image) -> str:
    """The kind of damage, or "", by every byte, read from the storage and not from its cache."""
    data = folder.read_back(image.file_name, image.size + 1)
    if data is None or len(data) != image.size:
        return misfit(None if data is None else len(data), image.size)
    return "" if hashlib.sha256(data).hexdigest() == image.sha256 else "different"


def misfit(size: int | None, wanted: int) -> str:
    """The kind of damage of a file of `size` bytes, None for no file; "" for one of the size that is wanted."""
    if size is None:
        return "missing"
    return "" if size == wanted else "truncated" if size < wanted else "different"


def verify_file_integrity(folder: ImageFolder, image: Image) -> bool:
    """Whether the storage (not its cache) holds exactly these bytes."""
    return not damage_of(folder, image)
