"""Invented words for scripts without a word list: syllables built as the script builds them.

Letters are told apart by their Unicode names. An abugida's syllable is a consonant, at times a second
one joined by the virama, and mostly a vowel sign; Thai and Lao may put a vowel before the consonant.
Other scripts get runs of letters, lower case where there is case. Nothing here is a word of a language;
it only has the shapes, marks and lengths that words have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fontmilld.render import charset
from fontmilld.render.stream import Stream

_LEADING: Final = frozenset("เแโใไເແໂໃໄ")
_VIRAMA_CLASS: Final = 9
_THAI_SIGNS: Final = frozenset({"SARA", "MAIYAMOK", "PAIYANNOI", "LAKKHANGYAO", "RU", "LU"})
_INDIC: Final = frozenset(
    {"Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Thai", "Laoo", "Khmr"}
    | {"Mymr", "Tibt", "Java", "Bali"}
)


# Where the virama joins two consonants into one shape in everyday writing.
_JOINING: Final = frozenset({"Deva", "Beng", "Guru", "Gujr", "Orya", "Telu", "Knda", "Mlym"})


@dataclass(frozen=True, slots=True)
class Letters:
    """What one face has of a script's letters, by their part in a syllable."""

    consonants: tuple[str, ...]
    leading: tuple[str, ...]
    vowels: tuple[str, ...]
    virama: str

    @classmethod
    def of(cls, script: str, usable: Iterable[int]) -> Letters:
        """Sort the usable letters of `script`."""
        own = [chr(cp) for cp in sorted(cp for cp in usable if charset.script_of(cp) == script)]
        own = [c for c in own if unicodedata.normalize("NFC", c) == c]
        if script not in _INDIC:
            small = [c for c in own if unicodedata.category(c) in ("Ll", "Lo") and "<" not in unicodedata.decomposition(c)]
            return cls(tuple(small), (), (), "")
        letters = [c for c in own if unicodedata.category(c) == "Lo" and c not in _LEADING]
        return cls(
            consonants=tuple(c for c in letters if _is_consonant(c)),
            leading=tuple(c for c in own if c in _LEADING),
            vowels=tuple(c for c in own if _is_vowel_sign(c)),
            virama=next((c for c in own if unicodedata.combining(c) == _VIRAMA_CLASS), "") if script in _JOINING else "",
        )

    def word(self, stream: Stream, shortest: int = 1) -> str:
        """Draw a word of `shortest` to four syllables, or of two to nine letters; NFC."""
        if not self.vowels:
            length = 2 + stream.below(8) if shortest > 1 else 1 + stream.below(3)
            return "".join(stream.choice(self.consonants) for _ in range(length))
        count = shortest + stream.below(3)
        return unicodedata.normalize("NFC", "".join(self._syllable(stream) for _ in range(count)))

    def _syllable(self, stream: Stream) -> str:
        first = stream.choice(self.consonants)
        if self.leading and stream.chance(0.2):
            return stream.choice(self.leading) + first
        if self.virama and stream.chance(0.12):
            first += self.virama + stream.choice(self.consonants)
        return first + stream.choice(self.vowels) if stream.chance(0.65) else first


def _is_consonant(character: str) -> bool:
    words = unicodedata.name(character, "").split()
    if words[:1] in (["THAI"], ["LAO"]):
        return ("CHARACTER" in words or "LETTER" in words) and not _THAI_SIGNS & set(words)
    return "LETTER" in words and len(words[-1]) > 1 and words[-1].endswith("A") and words[-1] != "AA"


def _is_vowel_sign(character: str) -> bool:
    name = unicodedata.name(character, "")
    if name.startswith(("THAI CHARACTER SARA", "LAO VOWEL SIGN")):
        return character not in _LEADING and character not in "ำຳ"
    return "VOWEL SIGN" in name and "VOCALIC" not in name and unicodedata.category(character).startswith("M")
