"""Names of fonts: file-safe ids, and what the name table says about the licence."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Set
from typing import Final

MAX_ID: Final = 80

# Loaders take a path element with one of these words in it for the name of a split, and read that
# part of the dataset only; the last ones cannot be file names on some systems.
_RESERVED: Final = frozenset(
    {"train", "training", "test", "testing", "dev", "val", "valid", "validation", "eval", "evaluation"}
    | {"con", "prn", "aux", "nul"}
)

_LICENCES: Final = (
    ("OFL-1.1", r"open font licen[sc]e|scripts\.sil\.org/ofl|openfontlicense\.org"),
    ("Apache-2.0", r"apache licen[sc]e|apache\.org/licenses"),
    ("Ubuntu-font-1.0", r"ubuntu font licen[sc]e"),
    ("Bitstream-Vera", r"bitstream vera|dejavu-fonts\.org/wiki/license"),
    # Version 1 of the Liberation licence is the GPL with exceptions.
    ("GPL", r"gnu general public licen[sc]e|\bgpl\b|liberation fonts? licen[sc]e"),
    ("IPA", r"ipa font licen[sc]e"),
    ("Arphic-1999", r"arphic public licen[sc]e"),
    ("MIT", r"\bmit licen[sc]e"),
    ("CC0-1.0", r"creativecommons\.org/publicdomain|\bcc0\b"),
    ("GUST", r"gust font licen[sc]e"),
)


def slug(text: str) -> str:
    """Return `text` in [a-z0-9_-], starting with a letter or digit; "" if nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")


def free_id(wanted: str, identity: str, taken: Set[str]) -> str:
    """Return a file-safe id near `wanted` that is not in `taken`.

    `identity` (hexadecimal digest of the face) gives the suffix on a collision, so that which twin
    gets which suffix does not hang on file order more than it must.
    """
    base = _unreserve(wanted)[:MAX_ID].strip("-_") or f"font-{identity[:8]}"
    if base not in taken:
        return base
    for length in range(6, len(identity) + 1):
        candidate = f"{base[: MAX_ID - length - 1]}-{identity[:length]}"
        if candidate not in taken:
            return candidate
    return _counted(base, taken)


def _counted(base: str, taken: Set[str]) -> str:
    number = 2
    while f"{base[: MAX_ID - 12]}-{number}" in taken:
        number += 1
    return f"{base[: MAX_ID - 12]}-{number}"


def _unreserve(text: str) -> str:
    # A letter in front is enough: loaders look for the word between non-letters.
    return "".join(f"f{p}" if p in _RESERVED else p for p in re.split(r"([^a-z]+)", text))


# The faces of a family say the same.
@functools.lru_cache(maxsize=16)
def guess_licence(licence: str, url: str, copyright_notice: str) -> tuple[str, str]:
    """Return (SPDX-like guess or "unknown", the words in the name table that it stands on)."""
    evidence = " | ".join(filter(None, (licence, url, copyright_notice)))
    for guess, pattern in _LICENCES:
        found = re.search(pattern, evidence, re.IGNORECASE)
        if found:
            return guess, evidence[max(0, found.start() - 60) : found.end() + 60].strip()
    return "unknown", evidence[:160]
