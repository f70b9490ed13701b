"""Random numbers: SHAKE-128 read in blocks, one key a sample, one input a concern.

The key is a hash of (seed, font bytes, face, index), so a sample's numbers depend on nothing that was
drawn before it. Each concern (text, style, noise...) is part of the input, so switching
effects on leaves the text and the PSF of every sample as they were.
"""

from __future__ import annotations

import functools
import hashlib
import math
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, TypeVar

from fontmilld.native import core

T = TypeVar("T")

_BLOCK: Final = 21  # what one permutation of SHAKE-128 gives
_UNPACK: Final = struct.Struct(f"<{_BLOCK}Q").unpack
_PLACE: Final = struct.Struct("<HHI").pack
_TO_UNIT: Final = 2.0**-53
_FORMAT: Final = b"fontmill-stream-2"


class Concern(IntEnum):
    """What a stream is read for. Values are part of the format: append, never renumber."""

    TEXT = 1
    STYLE = 2
    LAYOUT = 3
    EFFECT = 4
    PSF = 5
    NOISE = 6
    GEOMETRY = 7


@functools.lru_cache(maxsize=8)
def _begun(seed: int, font_sha256: str, face_index: int) -> hashlib.blake2b:
    """Return the hash of a font's samples up to their index, not to be changed."""
    return hashlib.blake2b(f"{seed}:{font_sha256}:{face_index}:".encode("ascii"), digest_size=16, key=_FORMAT)


class SampleStreams:
    """All random streams of one sample."""

    def __init__(self, seed: int, font_sha256: str, face_index: int, sample_index: int) -> None:
        # A copy of a hash costs a quarter of a new one.
        hashed = _begun(seed, font_sha256, face_index).copy()
        hashed.update(b"%d" % sample_index)
        self._key = hashed.digest()

    def of(self, concern: Concern, attempt: int = 0) -> Stream:
        """Return the stream of `concern`, from its beginning; every attempt has numbers of its own."""
        return _FASTEST(self._key, concern, attempt)


class Stream:
    """A reader of uniform 64-bit words: block n is SHAKE-128 of (key, concern, attempt, n).

    `key` is at most 159 bytes; `concern` and `attempt` are below 2**16. The compiled core has an equal.
    """

    __slots__ = ("_attempt", "_block", "_concern", "_key", "_words")

    def __init__(self, key: bytes, concern: int, attempt: int) -> None:
        self._key = key
        self._concern = concern
        self._attempt = attempt
        self._block = 0
        self._words: list[int] = []

    def word(self) -> int:
        """Return the next word, uniform over [0, 2**64)."""
        if not self._words:
            place = _PLACE(self._concern, self._attempt, self._block)
            words = _UNPACK(hashlib.shake_128(self._key + place).digest(8 * _BLOCK))
            self._words = [*reversed(words)]
            self._block += 1
        return self._words.pop()

    def unit(self) -> float:
        """Return a float uniform over [0, 1)."""
        return (self.word() >> 11) * _TO_UNIT

    def uniform(self, low: float, high: float) -> float:
        """Return a float uniform over [low, high), rounded to 4 decimals so that JSON holds it exactly."""
        return round(low + (high - low) * self.unit(), 4)

    def below(self, bound: int) -> int:
        """Return an integer uniform over [0, bound); `bound` must be positive and below 2**32."""
        return (self.word() >> 32) * bound >> 32

    def normal(self, sigma: float) -> float:
        """Return a normal deviate of standard deviation `sigma`, cut off at three, to 4 decimals."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.unit()))
        deviate = radius * math.cos(2.0 * math.pi * self.unit())
        return round(sigma * max(-3.0, min(3.0, deviate)), 4)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.unit() < probability

    def choice(self, items: Sequence[T]) -> T:
        """Return one item, all equally likely; `items` must not be empty."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """Return one item of (item, weight) pairs; weights are positive and need not sum to 1."""
        # Not sum(): from Python 3.12 on it rounds floats in another way.
        total = 0.0
        for _, weight in items:
            total += weight
        at = self.unit() * total
        for item, weight in items:
            at -= weight
            if at < 0:
                return item
        return items[-1][0]


_FASTEST: Final[type[Stream]] = core.Stream if core is not None else Stream
