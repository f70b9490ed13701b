"""Languages with word lists: which script each is written in, and how its words stand in a line."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from typing import Final

from fontmilld.render import charset

_LIST_SIZE: Final = 3000
_LONGEST: Final = 24


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
    # Not at the top: the supervisor imports this module, and never asks for words.
    import wordfreq  # noqa: PLC0415

    words = wordfreq.top_n_list(language.tag, _LIST_SIZE, wordlist="small")
    # The library keeps whole lists, 100 MB for all languages.
    wordfreq.get_frequency_list.cache_clear()
    wordfreq.top_n_list.cache_clear()
    kept = (_spelt(unicodedata.normalize("NFC", word), language) for word in words)
    return tuple(word for word in kept if _is_plain(word, language))


def _spelt(word: str, language: Language) -> str:
    # The lists are case-folded, which turns the final sigma into the other one.
    return f"{word[:-1]}ς" if language.script == "Grek" and word.endswith("σ") else word


def _is_plain(word: str, language: Language) -> bool:
    if not 0 < len(word) <= _LONGEST or not charset.is_base(ord(word[0])):
        return False
    allowed = language.letters | {"Zinh"}
    return all(
        charset.script_of(ord(c)) in allowed or c in "'’" or (c == "ー" and "Kana" in allowed) for c in word
    )
