"""FontProgressTracker: counts, rates and remaining time of one session. Times come in as arguments.

`now` is a monotonic time in seconds, `at` an ISO 8601 UTC string. Rates are samples per second of the
time in which the session was running, so a pause neither slows them nor lengthens the remaining time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fontmill.model import (
    IMAGES_PER_SAMPLE,
    FontProgress,
    FontStatus,
    OverallProgress,
    PerformanceMetrics,
    ProcessingStats,
)

RATE_TIME_CONSTANT = 15.0
"""Seconds of running time after which a figure's weight has fallen to 1/e."""
RATE_MIN_SECONDS = 0.5
"""No rate is told before this much running time: one early batch says nothing."""
BOTTLENECK_SECONDS = 30.0
"""Seconds of workers' time after which what held them up has fallen to 1/e of its weight."""
_IDLE: Final[Mapping[str, str]] = {"stall": "disk", "wait": "dispatch"}
"""The stages in which no processor works, and what they wait for."""


@dataclass(frozen=True, slots=True)
class RateMeter:
    """A bias-free exponentially weighted rate: decayed count over decayed time, both from zero.

    From the first second on it is the true mean of what it saw, unlike a plain moving average.
    """

    count: float = 0.0
    seconds: float = 0.0
    since: float | None = None

    def started(self, now: float) -> RateMeter:
        """The clock runs from `now`; harmless when it runs already."""
        return self if self.since is not None else replace(self, since=now)

    def stopped(self, now: float) -> RateMeter:
        """The clock stands still until `started`."""
        return replace(self.fed(0, now), since=None)

    def fed(self, amount: float, now: float) -> RateMeter:
        """`amount` samples finished by `now`."""
        elapsed = max(0.0, now - self.since) if self.since is not None else 0.0
        keep = math.exp(-elapsed / RATE_TIME_CONSTANT)
        since = now if self.since is not None else None
        return RateMeter(self.count * keep + amount, self.seconds * keep + elapsed, since)

    def rate(self, now: float) -> float:
        """Samples per second of running time; 0.0 while too little was seen."""
        seen = self.fed(0, now)
        return seen.count / seen.seconds if seen.seconds >= RATE_MIN_SECONDS else 0.0


@dataclass(slots=True)
class _FontTally:
    total: int
    status: FontStatus = "pending"
    done: int = 0
    failed: int = 0
    skipped: int = 0
    last_index: int = 0
    errors: int = 0
    last_error: str | None = None
    start_time: str | None = None
    completion_time: str | None = None
    meter: RateMeter = field(default_factory=RateMeter)

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed - self.skipped


class FontProgressTracker:
    """Counts per font and overall. I4: total = done + failed + skipped + left, at every moment."""

    def __init__(self) -> None:
        self._fonts: dict[str, _FontTally] = {}
        self._unfinished: dict[str, None] = {}
        self._sums: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._meter = RateMeter()
        self._stages: dict[str, float] = {}
        self._lately: dict[str, float] = {}

    def register_font(self, font: str, total: int, done: int = 0, failed: int = 0, skipped: int = 0, last_index: int = 0) -> None:
        """Add a font with what earlier runs left; `done + failed + skipped <= total`."""
        tally = _FontTally(total, "pending", done, failed, skipped, last_index)
        if tally.left == 0:
            tally.status = _ended(tally)
        self._add(font, tally)

    def restore_font(self, known: FontProgress) -> None:
        """Add a font of a session that has ended, as it stood then."""
        self._add(known.font_name, _FontTally(
            known.total_samples, known.status, known.done_samples, known.failed_samples, known.skipped_samples,
            known.last_image_index, known.error_count, known.last_error, known.start_time, known.completion_time))

    def _add(self, font: str, tally: _FontTally) -> None:
        self._fonts[font] = tally
        self._statuses[tally.status] += 1
        for name, count in (("total", tally.total), ("done", tally.done), ("failed", tally.failed), ("skipped", tally.skipped)):
            self._sums[name] += count
        self._note_left(font, tally)

    def _note_left(self, font: str, tally: _FontTally) -> None:
        if tally.left:
            self._unfinished[font] = None
        else:
            self._unfinished.pop(font, None)

    def run_clock(self, now: float) -> None:
        """The session is running from `now` on."""
        self._meter = self._meter.started(now)

    def stop_clock(self, now: float) -> None:
        """The session is paused from `now` on."""
        self._meter = self._meter.stopped(now)
        for tally in self._fonts.values():
            if tally.meter.since is not None:
                tally.meter = tally.meter.stopped(now)

    def start_font(self, font: str, now: float, at: str) -> bool:
        """startFontProcessing; True when the font was not started before."""
        tally = self._fonts[font]
        tally.meter = tally.meter.started(now)
        if tally.status != "pending":
            return False
        tally.start_time = tally.start_time or at
        self._set_status(tally, "processing")
        return True

    def update(self, font: str, done: int, last_index: int, now: float) -> None:
        """updateImageProgress: `done` more pairs are checkpointed."""
        tally = self._fonts[font]
        tally.done += done
        tally.last_index = max(tally.last_index, last_index)
        tally.meter = tally.meter.fed(done, now)
        self._note_left(font, tally)
        self._sums["done"] += done
        self._meter = self._meter.fed(done, now)

    def fail(self, font: str, count: int, reason: str) -> None:
        """`count` samples were given up for `reason`."""
        tally = self._fonts[font]
        tally.failed += count
        tally.errors += count
        tally.last_error = reason
        self._note_left(font, tally)
        self._sums["failed"] += count

    def skip(self, font: str, count: int, reason: str) -> None:
        """`count` samples will not be tried."""
        tally = self._fonts[font]
        tally.skipped += count
        tally.last_error = reason
        self._note_left(font, tally)
        self._sums["skipped"] += count

    def reopen(self, font: str, failed: int = 0, skipped: int = 0, done: int = 0) -> None:
        """Take counts back, because those samples are tried again."""
        tally = self._fonts[font]
        tally.failed -= failed
        tally.skipped -= skipped
        tally.done -= done
        self._sums.subtract({"failed": failed, "skipped": skipped, "done": done})
        self._note_left(font, tally)
        if tally.left:
            tally.completion_time = None
            self._set_status(tally, "pending")

    def complete_font(self, font: str, at: str) -> FontStatus:
        """completeFontProcessing: nothing is left of the font; returns its final status."""
        tally = self._fonts[font]
        tally.completion_time = at
        self._set_status(tally, _ended(tally))
        return tally.status

    def is_finished(self, font: str) -> bool:
        """Whether every sample of the font is accounted for."""
        return font not in self._unfinished

    @property
    def done(self) -> int:
        """Samples made, of all fonts."""
        return self._sums["done"]

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The fonts with samples that are not accounted for."""
        return tuple(self._unfinished)

    def _set_status(self, tally: _FontTally, status: FontStatus) -> None:
        self._statuses[tally.status] -= 1
        self._statuses[status] += 1
        tally.status = status

    def font_progress(self, font: str, now: float) -> FontProgress:
        """getFontProgress. Raises KeyError for a font that is not registered."""
        t = self._fonts[font]
        rate = t.meter.rate(now) if t.status == "processing" else 0.0
        return FontProgress(
            font_name=font, status=t.status, total_samples=t.total, done_samples=t.done,
            failed_samples=t.failed, skipped_samples=t.skipped,
            total_images=t.total * IMAGES_PER_SAMPLE, completed_images=t.done * IMAGES_PER_SAMPLE,
            failed_images=t.failed * IMAGES_PER_SAMPLE, last_image_index=t.last_index,
            start_time=t.start_time, completion_time=t.completion_time, processing_rate=round(rate, 3),
            estimated_time_remaining=_remaining(t.left, rate), error_count=t.errors, last_error=t.last_error,
        )

    def fonts(self, now: float) -> tuple[FontProgress, ...]:
        """getFontProgress of every font."""
        return tuple(self.font_progress(font, now) for font in self._fonts)

    def overall(self, now: float) -> OverallProgress:
        """getOverallProgress."""
        total, done = self._sums["total"], self._sums["done"]
        failed, skipped = self._sums["failed"], self._sums["skipped"]
        rate = self._meter.rate(now)
        names: tuple[FontStatus, ...] = ("pending", "processing", "completed", "failed", "skipped")
        return OverallProgress(
            total_samples=total, exported_samples=done, failed_samples=failed, skipped_samples=skipped,
            total_images=total * IMAGES_PER_SAMPLE, exported_images=done * IMAGES_PER_SAMPLE,
            failed_images=failed * IMAGES_PER_SAMPLE, processing_rate=round(rate, 3),
            estimated_time_remaining=_remaining(total - done - failed - skipped, rate),
            fonts={name: self._statuses[name] for name in names},
        )

    def estimated_time_remaining(self, now: float) -> float | None:
        """getEstimatedTimeRemaining, in seconds; None while no rate is known."""
        return self.overall(now).estimated_time_remaining

    def record_work(self, samples: int, written: int, stages: dict[str, float], retries: int = 0) -> None:
        """A batch came back: bytes written and seconds per stage (`stall`, `wait`, and those of the processor)."""
        for name, count in (("batches", 1), ("samples", samples), ("bytes", written), ("retries", retries)):
            self._sums[name] += count
        keep = math.exp(-sum(stages.values()) / BOTTLENECK_SECONDS)
        self._lately = {stage: seconds * keep for stage, seconds in self._lately.items()}
        for known in (self._stages, self._lately):
            for stage, seconds in stages.items():
                known[stage] = known.get(stage, 0.0) + seconds

    def record_death(self) -> None:
        """A worker died with a batch of this session."""
        self._sums["deaths"] += 1

    def _busy(self) -> float:
        return sum(seconds for stage, seconds in self._stages.items() if stage not in _IDLE)

    def stats(self) -> ProcessingStats:
        """getProcessingStats."""
        s = self._sums
        return ProcessingStats(
            batches=s["batches"], samples=s["samples"], bytes_written=s["bytes"],
            render_seconds=round(self._busy() - self._stages.get("write", 0.0), 6),
            write_seconds=round(self._stages.get("write", 0.0) + self._stages.get("stall", 0.0), 6),
            retries=s["retries"], worker_deaths=s["deaths"],
        )

    def metrics(self, now: float) -> PerformanceMetrics:
        """getPerformanceMetrics; `stages` are shares of all worker seconds, summing to 1 when anything was seen."""
        spent, busy = sum(self._stages.values()), self._busy()
        rate = self._meter.rate(now)
        per_sample = self._sums["bytes"] / self._sums["samples"] if self._sums["samples"] else 0.0
        return PerformanceMetrics(
            samples_per_second=round(rate, 3),
            samples_per_cpu_second=round(self._sums["samples"] / busy, 3) if busy > 0 else 0.0,
            bytes_per_second=round(rate * per_sample, 1),
            stages={name: round(value / spent, 4) for name, value in sorted(self._stages.items())} if spent else {},
            bottleneck=self.bottleneck,
        )

    @property
    def bottleneck(self) -> str:
        """`cpu`, `disk` or `dispatch`: what took most of the workers' time lately; "" when nothing was seen."""
        return _bottleneck(self._lately)


def _ended(tally: _FontTally) -> FontStatus:
    if tally.done:
        return "completed"
    return "failed" if tally.failed else "skipped"


def _remaining(left: int, rate: float) -> float | None:
    if left == 0:
        return 0.0
    return round(left / rate, 1) if rate > 0 else None


def waited_for_storage(stages: Mapping[str, float]) -> dict[str, float]:
    """The seconds of a batch that was long in coming because the storage had not taken earlier ones: `wait` is `stall`."""
    return {**stages, "stall": stages.get("stall", 0.0) + stages.get("wait", 0.0), "wait": 0.0}


def _bottleneck(stages: Mapping[str, float]) -> str:
    """The widest of: computing (`cpu`), standing still for the storage (`disk`), waiting for work (`dispatch`)."""
    if not stages:
        return ""
    shares: dict[str, float] = {}
    for stage, seconds in stages.items():
        name = _IDLE.get(stage, "cpu")
        shares[name] = shares.get(name, 0.0) + seconds
    return max(shares, key=lambda name: shares[name])
