"""Sets of code points: compact text form, scripts, what may stand in a line of text."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable

from fontTools import unicodedata as ucd

# Not text: controls, surrogates, unassigned, and what draws nothing by design.
_NEVER = frozenset({"Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"})


def to_ranges(codepoints: Iterable[int]) -> str:
    """Return code points as sorted hexadecimal ranges: {65, 66, 67, 97} -> "41-43,61"."""
    parts: list[str] = []
    start = last = -2
    for cp in [*sorted(set(codepoints)), -1]:
        if cp == last + 1:
            last = cp
            continue
        if start >= 0:
            parts.append(f"{start:x}" if start == last else f"{start:x}-{last:x}")
        start = last = cp
    return ",".join(parts)


def from_ranges(text: str) -> frozenset[int]:
    """Return the code points that `to_ranges` wrote; raises ValueError on anything else."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


def is_text(cp: int) -> bool:
    """Return True if the code point can be part of a label: assigned, public, with ink of its own."""
    category = unicodedata.category(chr(cp))
    return category not in _NEVER and category != "Co"


def is_private(cp: int) -> bool:
    """Return True if the code point means what its font says, in any of the private-use areas."""
    return unicodedata.category(chr(cp)) == "Co"


@functools.lru_cache(maxsize=1 << 16)
def is_drawn(cp: int) -> bool:
    """Return True if the code point is text or private."""
    return is_text(cp) or is_private(cp)


def is_base(cp: int) -> bool:
    """Return True if the code point can stand alone, i.e. is no combining mark."""
    return not unicodedata.category(chr(cp)).startswith("M")


# Words of twenty languages and all characters of a face are asked about, the same ones for most faces.
@functools.lru_cache(maxsize=1 << 16)
def script_of(cp: int) -> str:
    """Return the ISO 15924 code of the character's script ("Zyyy" for what all scripts share)."""
    return str(ucd.script(chr(cp)))


def count_scripts(codepoints: Iterable[int]) -> dict[str, int]:
    """Return how many code points each script has, most first, without the shared ones."""
    counts = Counter(script_of(cp) for cp in codepoints)
    for shared in ("Zyyy", "Zinh", "Zzzz"):
        counts.pop(shared, None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
