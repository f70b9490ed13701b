"""Rounds in which what is compared runs by turns, and what comes out of them."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from answers import UnavailableError


def interleave(rounds: int, programs: dict[Any, Callable[[], Any]], budget: float = math.inf) -> dict[Any, list[Any]]:
    """Run every program once a round, every other round in the opposite order (A B C, C B A, ...), so that a slow minute hits all.

    After the first round, none is begun that would likely end later than `budget` seconds after the start. A program that
    raises UnavailableError takes no part in later rounds; its results are those of the rounds before, so the n-th
    results of all programs are of the same round. What it said goes to standard error; where none ever
    had a result, the last one's reason is raised.
    """
    results: dict[Any, list[Any]] = {name: [] for name in programs}
    running, began = dict(programs), time.monotonic()
    for number in range(rounds):
        spent = time.monotonic() - began
        if number and spent * (number + 1) / number > budget:
            break
        for name in list(running)[:: -1 if number % 2 else 1]:
            try:
                results[name].append(running[name]())
            except UnavailableError as reason:
                if len(running) == 1 and not any(results.values()):
                    raise
                print(f"{name} is left out of round {number + 1} and later ones: {reason}", file=sys.stderr)
                del running[name]
    return results


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Min, median and max."""
    return {"min": round(min(values), digits), "median": round(statistics.median(values), digits), "max": round(max(values), digits)}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Spread of ours/theirs, round by round, over the rounds that both have."""
    return spread([a / b for a, b in zip(ours, theirs, strict=False)])


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
