"""Languages with word lists: which script each is written in, and how its words stand in a line."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np

from fontmilld.render import charset
from fontmilld.render.wordlists import top_words

_LIST_SIZE: Final = 3000
_LONGEST: Final = 24
# The lists are case-folded, which turns the final sigma into the other one.
_FOLDED_SIGMA: Final = re.compile("σ$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Language:
    """`script` is what the shaper is told, `letters` the scripts its words are made of (ISO 15924)."""

    tag: str
    script: str
    letters: frozenset[str]
    spaced: bool = True


def _languages(script: str, tags: str) -> tuple[Language, ...]:
    return tuple(Language(tag, script, frozenset({script})) for tag in tags.split())


# In order of preference within a script; the first few that a face can draw are used.
LANGUAGES: Final[tuple[Language, ...]] = (
    *_languages("Latn", "en de fr es pl tr vi cs pt it nl sv"),
    *_languages("Cyrl", "ru uk bg mk"),
    *_languages("Grek", "el"),
    *_languages("Arab", "ar fa ur"),
    *_languages("Hebr", "he"),
    *_languages("Deva", "hi"),
    *_languages("Beng", "bn"),
    *_languages("Taml", "ta"),
    *_languages("Hang", "ko"),
    Language("zh", "Hani", frozenset({"Hani"}), spaced=False),
    Language("ja", "Kana", frozenset({"Hani", "Hira", "Kana"}), spaced=False),
)

RTL: Final = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg", "Samr", "Mand"})


def direction_of(script: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if script in RTL else "ltr"


@functools.lru_cache(maxsize=64)
def common_words(language: Language) -> tuple[str, ...]:
    """Return up to 3,000 common words, NFC, in the language's own letters, most frequent first."""
    lines = unicodedata.normalize("NFC", "\n".join(top_words(language.tag, _LIST_SIZE)))
    if language.script == "Grek":
        lines = _FOLDED_SIGMA.sub("ς", lines)
    # All lists together have 80,000 words: they are judged in one go, by what may not be in them.
    present = _characters_of(lines)
    strange = {character for character in present if not _is_letter(character, language)}
    marks = {character for character in present if not charset.is_base(ord(character))}
    plain = re.compile(f"^{_none_of(strange | marks)}{_none_of(strange)}{{0,{_LONGEST - 1}}}$", re.MULTILINE)
    return tuple(plain.findall(lines))


@functools.lru_cache(maxsize=64)
def letters_of(language: Language) -> frozenset[str]:
    """Return all characters of the language's common words."""
    return frozenset(_characters_of("".join(common_words(language))))


@functools.lru_cache(maxsize=128)
def words_without(language: Language, missing: frozenset[str]) -> tuple[str, ...]:
    """Return the common words that have none of the characters `missing`. Most faces lack the same ones."""
    words = common_words(language)
    return tuple(word for word in words if missing.isdisjoint(word)) if missing else words


def _characters_of(text: str) -> set[str]:
    """Return `set(text)`, for texts so long that making an object of each character is what takes the time."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return set(map(chr, np.flatnonzero(np.bincount(codes)).tolist()))


def _none_of(characters: set[str]) -> str:
    return "[^" + "".join(map(re.escape, sorted({"\n", *characters}))) + "]"


def _is_letter(character: str, language: Language) -> bool:
    if charset.script_of(ord(character)) in language.letters | {"Zinh"}:
        return True
    return character in "'’" or (character == "ー" and "Kana" in language.letters)
