"""A user's own text, cut into passages that one face can draw: one script and direction each, NFC."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final

from fontmilld.render import charset
from fontmilld.render.languages import RTL
from fontmilld.render.repertoire import Repertoire

_LONGEST: Final = 40
_SHARED: Final = frozenset({"Zyyy", "Zinh"})
_LTR_CLASS: Final = "L"
_RTL_CLASSES: Final = frozenset({"R", "AL"})
# Numbers run against a right-to-left line; a line of one direction cannot hold them.
_NUMBER_CLASSES: Final = frozenset({"EN", "AN"})


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that follow one another in the text. `script` is that of most of their letters."""

    words: tuple[str, ...]
    script: str


def passages(content: str, repertoire: Repertoire) -> list[Passage]:
    """Return the passages of `content` that can be drawn; words that cannot end a passage."""
    found = []
    for line in unicodedata.normalize("NFC", content).splitlines():
        words: list[str] = []
        rtl: bool | None = None
        for word in [*line.split(), ""]:
            way = _direction(word) if word and repertoire.can_draw(word) and _stands(word) else None
            fits = way is not None and (rtl is None or way == rtl)
            if words and not fits:
                found.append(Passage(tuple(words), _script(words)))
                words, rtl = [], None
            if way is not None:
                words += _cut(word)
                rtl = way
    return found


def _stands(word: str) -> bool:
    return charset.is_base(ord(word[0]))


def _direction(word: str) -> bool | None:
    """Return True for right to left, False for left to right, None for a mixture."""
    classes = {unicodedata.bidirectional(c) for c in word}
    if classes & _RTL_CLASSES:
        return None if _LTR_CLASS in classes or classes & _NUMBER_CLASSES else True
    return False


def _cut(word: str) -> list[str]:
    """Cut what is too long for a line, as in scripts without spaces, before characters that can start one."""
    pieces = [""]
    for character in word:
        if len(pieces[-1]) >= _LONGEST // 4 and len(word) > _LONGEST // 2 and charset.is_base(ord(character)):
            pieces.append("")
        pieces[-1] += character
    return pieces


def _script(words: list[str]) -> str:
    scripts = Counter(charset.script_of(ord(c)) for word in words for c in word)
    for shared in _SHARED:
        scripts.pop(shared, None)
    if not scripts:
        return "Latn"
    rtl = [script for script in scripts if script in RTL]
    best: str = (Counter({s: scripts[s] for s in rtl}) if rtl else scripts).most_common(1)[0][0]
    return best
