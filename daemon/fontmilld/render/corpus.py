"""What is written: phrases that one face can draw, from words, from its characters, or numbers."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from dataclasses import dataclass
from typing import Final, NamedTuple

from fontmilld.render import charset, usertext
from fontmilld.render.faces import FontProblem
from fontmilld.render.languages import LANGUAGES, Language, direction_of, letters_of, words_without
from fontmilld.render.pseudowords import Letters
from fontmilld.render.repertoire import Repertoire
from fontmilld.render.settings import RenderSettings
from fontmilld.render.stream import Stream

LANGUAGES_PER_SCRIPT: Final = 4
_FEWEST_WORDS: Final = 100
_UNSPACED: Final = frozenset({"Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Hani", "Hira", "Kana", "Bopo"})
_STRONG: Final = {"ltr": frozenset({"L"}), "rtl": frozenset({"R", "AL"})}

# How many usable characters make a face count fully as a face of the script; nearly every face has
# some Latin, which should not crowd out the script the face was made for.
_FULL: Final = (
    {"Latn": 400, "Cyrl": 100, "Grek": 80, "Arab": 150, "Hebr": 27, "Deva": 90, "Thai": 70}
    | {"Hani": 3000, "Hang": 2000, "Hira": 80, "Kana": 80, "Beng": 80, "Taml": 60}
)  # fmt: skip
_FULL_OTHERWISE: Final = 50
_LEAST_SHARE: Final = 0.1
_FEWEST_CHARACTERS: Final = 16
_WORDLESS_SHARE: Final = 0.5

# Positional forms are what shaping is for; as text they are relics of older encodings.
_FORMS: Final = ("<initial>", "<medial>", "<final>", "<isolated>")


class Phrase(NamedTuple):
    """Text parts of one script and direction, joined by `joiner`, in at most `most_lines` lines."""

    parts: tuple[str, ...]
    joiner: str
    script: str
    language: str
    direction: str
    source: str
    most_lines: int = 1

    @property
    def text(self) -> str:
        """Return the text, NFC, in logical order, lines parted by newlines, parts spread evenly."""
        count = min(self.most_lines, len(self.parts))
        if count == 1:
            return unicodedata.normalize("NFC", self.joiner.join(self.parts))
        ends = [len(self.parts) * n // count for n in range(count + 1)]
        lines = (self.joiner.join(self.parts[a:b]) for a, b in itertools.pairwise(ends))
        return unicodedata.normalize("NFC", "\n".join(lines))

    def shortened(self, parts: int) -> Phrase | None:
        """Return the first `parts` parts of the phrase, or None if that is nothing or nothing less."""
        if not 0 < parts < len(self.parts):
            return None
        return Phrase(self.parts[:parts], *self[1:])


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    language: Language
    words: tuple[str, ...]
    cased: bool


@dataclass(frozen=True, slots=True)
class _Alphabet:
    script: str
    characters: tuple[str, ...]


class Corpus:
    """The phrases of a repertoire, from the sources that the settings name.

    Raises FontProblem "font-no-text" if nothing that they offer can be drawn. `lacking` names the
    sources of which nothing can be drawn: the others take their share.
    """

    def __init__(self, repertoire: Repertoire, settings: RenderSettings) -> None:
        usable = repertoire.usable
        self._repertoire = repertoire
        self._settings = settings
        self._joiner = " " if repertoire.has_space else ""
        wanted = settings.text_weights
        self._alphabets = _find_alphabets(usable)
        self._vocabularies = _find_vocabularies(repertoire) if "words" in wanted else {}
        self._digits = [chr(c) for c in range(0x30, 0x3A) if c in usable]
        self._marks = [c for c in ".,:-/" if ord(c) in usable]
        self._capitals = [chr(c) for c in range(0x41, 0x5B) if c in usable]
        self._passages = usertext.passages(settings.text_content, repertoire) if "user" in wanted else []
        self._scripts = self._weigh_scripts()
        self._letters = {a.script: Letters.of(a.script, usable) for a in self._alphabets}
        self._sources = [(name, weight) for name, weight in wanted.items() if self._offers(name)]
        self.lacking: Final = tuple(name for name in wanted if not self._offers(name))
        if not self._sources:
            raise FontProblem("font-no-text", self._why_nothing())

    def _offers(self, source: str) -> bool:
        if source == "user":
            return bool(self._passages)
        if source in ("numbers", "codes"):
            return bool(self._digits)
        return bool(self._alphabets or self._digits)

    def _why_nothing(self) -> str:
        named = ", ".join(self._settings.text_weights)
        if not self._alphabets and not self._digits:
            return "none of its characters can stand alone in a line of text"
        if "user" in self._settings.text_weights:
            return f"it can draw no word of the text that was given (text source: {named})"
        return f"it has no digits 0 to 9, and the text source is {named}"

    def _weigh_scripts(self) -> list[tuple[_Alphabet, float]]:
        """Weigh scripts by how much of them the face has; where words are wanted, those without go second."""
        weights = {a.script: _weight(self._repertoire, a.script) for a in self._alphabets}
        wordless = {s: w for s, w in weights.items() if self._vocabularies and s not in self._vocabularies}
        share = min(1.0, _WORDLESS_SHARE / sum(wordless.values())) if wordless else 1.0
        weights |= {script: weight * share for script, weight in wordless.items()}
        return [(a, weights[a.script]) for a in self._alphabets]

    def draw(self, stream: Stream, brevity: int) -> Phrase:
        """Draw a phrase; `brevity` 0 is free, 1 asks for short text, 2 for the least there is."""
        source = self._sources[0][0] if len(self._sources) == 1 else stream.weighted(self._sources)
        phrase = self._from(source, stream, brevity)
        lines = 1 if brevity else self._settings.text_lines
        return phrase._replace(most_lines=lines) if lines > 1 else phrase

    def _from(self, source: str, stream: Stream, brevity: int) -> Phrase:
        if source == "user":
            return self._user(stream, brevity)
        if source == "codes":
            return self._code(stream, brevity)
        if source == "numbers" or not self._alphabets:
            return self._number(stream, brevity)
        alphabet = stream.weighted(self._scripts)
        if source == "words" and brevity < 2:
            choices = self._vocabularies.get(alphabet.script)
            if choices:
                return self._words(stream, stream.choice(choices), brevity)
            if self._letters[alphabet.script].consonants:
                return self._pseudo(stream, alphabet.script, brevity)
        return self._characters(stream, alphabet, brevity)

    def _count(self, stream: Stream, least: int, most: int, brevity: int) -> int:
        """Draw a number of parts for each line asked for."""
        if brevity:
            return (1 + stream.below(min(3, most))) if brevity == 1 and least > 1 else 1
        return sum(least + stream.below(most - least + 1) for _ in range(self._settings.text_lines))

    def _words(self, stream: Stream, vocabulary: _Vocabulary, brevity: int) -> Phrase:
        language, asked = vocabulary.language, self._settings
        count = 1 if brevity else self._count(stream, asked.text_min_words, asked.text_max_words, 0)
        words = [stream.choice(vocabulary.words) for _ in range(count)]
        if brevity:
            words = [min((stream.choice(vocabulary.words) for _ in range(8)), key=len)]
        style = stream.weighted((("lower", 0.6), ("title", 0.25), ("upper", 0.15)))
        if vocabulary.cased and style != "lower":
            words = [self._recased(word, style) for word in words]
        joiner = self._joiner if language.spaced else ""
        parts = tuple(words) if joiner or not language.spaced else tuple(words[:1])
        return self._phrase(parts, joiner, language.script, language.tag, "words")

    def _pseudo(self, stream: Stream, script: str, brevity: int) -> Phrase:
        asked, letters = self._settings, self._letters[script]
        count = 1 if brevity else self._count(stream, asked.text_min_words, asked.text_max_words, 0)
        words = tuple(letters.word(stream, 1 if brevity else 2) for _ in range(count))
        joiner = "" if script in _UNSPACED else self._joiner
        parts = words if joiner or script in _UNSPACED else words[:1]
        return self._phrase(parts, joiner, script, "", "pseudo-words")

    def _user(self, stream: Stream, brevity: int) -> Phrase:
        asked, passage = self._settings, stream.choice(self._passages)
        words = chosen = passage.words
        if brevity:
            chosen = (min((stream.choice(words) for _ in range(8)), key=len),)
        else:
            count = self._count(stream, asked.text_min_words, asked.text_max_words, 0)
            start = stream.below(max(1, len(words) - count + 1))
            chosen = words[start : start + (count if self._joiner else 1)]
        joiner = "" if passage.script in _UNSPACED else self._joiner
        return self._phrase(chosen, joiner, passage.script, "", "user")

    def _recased(self, word: str, style: str) -> str:
        changed = unicodedata.normalize("NFC", word.upper() if style == "upper" else word.capitalize())
        return changed if self._repertoire.can_draw(changed) else word

    def _characters(self, stream: Stream, alphabet: _Alphabet, brevity: int) -> Phrase:
        parts = tuple(stream.choice(alphabet.characters) for _ in range(self._length(stream, brevity)))
        return self._phrase(parts, "", alphabet.script, "", "charset")

    def _length(self, stream: Stream, brevity: int) -> int:
        asked = self._settings
        return self._count(stream, asked.text_min_chars, asked.text_max_chars, brevity)

    def _number(self, stream: Stream, brevity: int) -> Phrase:
        count = self._length(stream, brevity)
        parts: list[str] = []
        for at in range(count):
            inner = 0 < at < count - 1 and parts[-1] in self._digits
            pick_mark = inner and bool(self._marks) and stream.chance(0.2)
            parts.append(stream.choice(self._marks if pick_mark else self._digits))
        return self._phrase(tuple(parts), "", "Latn", "", "numbers")

    def _code(self, stream: Stream, brevity: int) -> Phrase:
        """Draw groups of capitals and digits, as on plates and parcels, parted by hyphens."""
        count = self._length(stream, brevity)
        parts: list[str] = []
        for at in range(count):
            part = "-" in self._marks and 1 < at < count - 1 and parts[-1] != "-" and stream.chance(0.15)
            letters = bool(self._capitals) and stream.chance(0.5)
            parts.append("-" if part else stream.choice(self._capitals if letters else self._digits))
        return self._phrase(tuple(parts), "", "Latn", "", "codes")

    def _phrase(self, parts: tuple[str, ...], joiner: str, script: str, language: str, source: str) -> Phrase:
        return Phrase(parts, joiner, script, language, direction_of(script), source)


@functools.lru_cache(maxsize=4)
def corpus_of(repertoire: Repertoire, settings: RenderSettings) -> Corpus:
    """Return the corpus, the same object for the latest ones: faces of a family mostly have one repertoire."""
    return Corpus(repertoire, settings)


def _weight(repertoire: Repertoire, script: str) -> float:
    usable = repertoire.scripts.get(script, 0)
    return max(_LEAST_SHARE, min(1.0, usable / _FULL.get(script, _FULL_OTHERWISE)))


def _find_alphabets(usable: frozenset[int]) -> list[_Alphabet]:
    """Group what can stand alone by script; characters of the other direction stay out of a line."""
    groups: dict[str, list[str]] = {}
    for cp in sorted(usable):
        if script := _alphabet_of(cp):
            groups.setdefault(script, []).append(chr(cp))
    if set(groups) <= {"Latn"}:
        ascii_text = [chr(c) for c in range(0x21, 0x7F) if c in usable]
        groups["Latn"] = sorted({*groups.get("Latn", []), *ascii_text})
    # A few stray letters (a micro sign is Greek) do not make a face one of that script.
    most = max(map(len, groups.values()), default=0)
    fewest = min(_FEWEST_CHARACTERS, most)
    return [_Alphabet(s, tuple(chars)) for s, chars in sorted(groups.items()) if len(chars) >= max(1, fewest)]


@functools.lru_cache(maxsize=1 << 16)
def _alphabet_of(cp: int) -> str:
    """Return the script in whose alphabet the character can stand alone; "" for none."""
    character = chr(cp)
    script = charset.script_of(cp)
    if script in {"Zinh", "Zzzz", "Brai"} or not charset.is_base(cp):
        # Private-use characters have no script; shape them like Latin.
        script = "Latn" if charset.is_private(cp) else ""
    if script == "Zyyy" or not script or unicodedata.normalize("NFC", character) != character:
        return ""
    if unicodedata.decomposition(character).startswith(_FORMS):
        return ""
    return script if unicodedata.bidirectional(character) in _STRONG[direction_of(script)] else ""


def _find_vocabularies(repertoire: Repertoire) -> dict[str, list[_Vocabulary]]:
    """Return, by script, the first few languages of which enough words can be drawn."""
    found: dict[str, list[_Vocabulary]] = {}
    for language in LANGUAGES:
        have = found.setdefault(language.script, [])
        if len(have) == LANGUAGES_PER_SCRIPT or not language.letters & repertoire.scripts.keys():
            continue
        words = words_without(language, repertoire.missing_of(letters_of(language)))
        if len(words) >= _FEWEST_WORDS:
            have.append(_Vocabulary(language, words, words[0].upper() != words[0]))
    return {script: have for script, have in found.items() if have}
