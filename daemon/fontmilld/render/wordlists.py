"""The word lists of the package wordfreq, read from its files: importing it costs more than all lists do."""

from __future__ import annotations

import gzip
import importlib.util
import re
from pathlib import Path
from typing import Final

import msgpack  # type: ignore[import-untyped]

_HEADER: Final = {"format": "cB", "version": 1}
# The library leaves these out of its lists, too: it reckons how common numbers are.
_NUMBER: Final = re.compile(r"\d[\d.,]")


def top_words(tag: str, count: int) -> list[str]:
    """Return the `count` most common words of a language, the same that `wordfreq.top_n_list` gives.

    Words of equal frequency come in alphabetical order. Raises OSError or ValueError if the package has no
    such list.
    """
    with gzip.open(_file(tag)) as packed:
        # A list of lists, of which the first few are read: each holds the words of one frequency.
        unpacker = msgpack.Unpacker(packed, read_size=1 << 14)
        bands = unpacker.read_array_header() - 1
        if unpacker.unpack() != _HEADER:
            raise ValueError(f"the word list of {tag!r} is in another format")
        words: list[str] = []
        while len(words) < count and bands:
            more: list[str] = []
            while len(words) + len(more) < count and bands:  # most bands have a few words: they are judged together
                more += unpacker.unpack()
                bands -= 1
            words += [word for word in more if not (word[:1].isdigit() and _NUMBER.match(word))]
        return words[:count]


def _file(tag: str) -> Path:
    found = importlib.util.find_spec("wordfreq")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package wordfreq is not installed")
    return Path(found.origin).with_name("data") / f"small_{tag}.msgpack.gz"
