"""Heartbeats in shared memory: each worker says when it last moved, at which sample, doing what.

A slot is written by its one worker and read by the supervisor without a lock: each field is one aligned
8-byte store, and a torn set of fields costs at most one look.
"""

from __future__ import annotations

import enum
import time
from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import Any

_FIELDS = 4
_BEAT, _SERIAL, _INDEX, _DOING = range(_FIELDS)


class Doing(enum.IntEnum):
    """What a worker was last seen at."""

    IDLE = 0
    OPENING = 1
    DRAWING = 2
    WRITING = 3
    CHECKING = 4


@dataclass(frozen=True, slots=True)
class Pulse:
    """One reading of a slot. `beat` is in CLOCK_MONOTONIC seconds, which all processes share."""

    beat: float
    serial: int
    index: int
    doing: Doing


class Vitals:
    """One worker's slot in an array of int64."""

    def __init__(self, array: MutableSequence[int], slot: int) -> None:
        self._array = array
        self._at = slot * _FIELDS

    def beat(self, doing: Doing, serial: int = 0, index: int = 0) -> None:
        """Say where the worker is now."""
        array, at = self._array, self._at
        array[at + _DOING] = doing
        array[at + _SERIAL] = serial
        array[at + _INDEX] = index
        array[at + _BEAT] = time.monotonic_ns()

    def read(self) -> Pulse:
        """The last beat."""
        array, at = self._array, self._at
        return Pulse(array[at + _BEAT] / 1e9, array[at + _SERIAL], array[at + _INDEX], _doing(array[at + _DOING]))


def _doing(number: int) -> Doing:
    """A broken child may have scribbled over the shared memory."""
    return Doing(number) if number in Doing.__members__.values() else Doing.IDLE


def make_array(context: Any, slots: int) -> MutableSequence[int]:
    """Shared memory for `slots` workers, from a multiprocess context."""
    array: MutableSequence[int] = context.RawArray("q", slots * _FIELDS)
    return array
