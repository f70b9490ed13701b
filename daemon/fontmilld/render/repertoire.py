"""What a face can write: its characters, and what follows from these alone, so that faces which have the same share it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from fontmilld.render import charset


@dataclass(frozen=True, slots=True, eq=False)
class Repertoire:
    """The usable characters of a face; `scripts` counts them by ISO 15924 code. `has_space` says that U+0020 is mapped."""

    usable: frozenset[int]
    scripts: dict[str, int]
    has_space: bool
    # Characters, not numbers: whole word lists are held against them.
    drawable: frozenset[str]

    def can_draw(self, text: str) -> bool:
        """Return True if every character of `text` is usable; the space counts if it is mapped."""
        return self.drawable.issuperset(text)

    def missing_of(self, characters: frozenset[str]) -> frozenset[str]:
        """Return those of `characters` that `can_draw` says no to."""
        return characters - self.drawable


# Few: that of a large face has 60,000 characters.
@functools.lru_cache(maxsize=4)
def repertoire_of(ranges: str, has_space: bool) -> Repertoire:
    """Return the repertoire of the characters that `charset.to_ranges` wrote, the same object for the latest ones."""
    usable = charset.from_ranges(ranges)
    drawable = frozenset(map(chr, usable)) | (frozenset(" ") if has_space else frozenset())
    return Repertoire(usable, charset.count_scripts(usable), has_space, drawable)
